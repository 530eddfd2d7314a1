"""A client and a crew on a virtual clock: 16 calls in flight, 0.2 to 0.4 s each, 10,800 in a sliding hour.

One thread plays all of it, call by call, in the order of the instants at which the server answers, so that a read
replays from its seed.  A call's place in time is a `Slot`; a crew takes the slots of its calls ahead, and whoever asks
without a crew asks one call after another.
"""

import contextlib
import heapq
import random
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, Self, TypeVar

from sc_pandas.client import IN_FLIGHT, Expectation, Page, Tally
from sc_pandas.client.bodies import parse_page
from sc_pandas.contract import CALLS_PER_HOUR
from sc_pandas.pacing import Cancelled
from tests.simulation.shop import BEGAN, History, Listing, World, span_of

T = TypeVar("T")
R = TypeVar("R")
PROXY_KEEPS_S: Final = 60.0
_HOUR_S: Final = 3_600.0
_KNOWN: Final = {"pageNumber", "pageSize", "createdOnFrom", "createdOnTo", "rating"}


@dataclass
class VirtualClock:
    """Time that only calls and waits move; the client's clock may be wrong."""

    time_s: float = 0.0
    off_s: float = 0.0

    def monotonic(self) -> float:
        return self.time_s

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self.time_s + self.off_s)

    def sleep(self, seconds: float, cancel: threading.Event | None = None) -> None:
        if cancel is not None and cancel.is_set():
            raise Cancelled
        self.time_s += seconds


class Slot(NamedTuple):
    """When a call begins, when the server answers it, and when the answer is there."""

    begins_s: float
    asked_s: float
    done_s: float


class Network:
    """Stands where the client stands: servers, perhaps a proxy before them, and the quota."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.clock = VirtualClock(off_s=world.client_off_s)
        self.history = History(world)
        self.calls = 0
        self.taken: Slot | None = None
        # Whether an answer showed that it was old: by its age, or by a total below an earlier one's where nobody leaves.
        self.shown = False
        self._told: dict[object, list[tuple[float, int]]] = {}
        self._rng = random.Random(f"network {world.seed}")
        self._began: deque[float] = deque(maxlen=CALLS_PER_HOUR)
        self._served_s = -world.slack_s
        self._replicas = [Listing(world, self.history.first, self._rng) for _ in range(world.replicas)]
        self._kept: dict[tuple[tuple[str, str], ...], tuple[float, Page]] = {}

    def slot(self, at_s: float) -> Slot:
        """Take a call's place in time, not before an instant, and as soon as the quota allows."""
        if len(self._began) == CALLS_PER_HOUR:
            at_s = max(at_s, self._began[0] + _HOUR_S)
        self._began.append(at_s)
        latency_s = 0.2 + 0.2 * self._rng.random()
        return Slot(at_s, at_s + latency_s / 2, at_s + latency_s)

    def release(self) -> None:
        """Free a place in time that was not used: the cache answered."""
        self.taken = None
        self._began.pop()

    def get_page(
        self, _path: str, params: list[tuple[str, str]], expectation: Expectation, *, tally: Tally, **_more: Any
    ) -> Page:
        """Answer one page as of one instant."""
        slot, self.taken = self.taken or self.slot(self.clock.time_s), None
        tally.count_call()
        self.calls += 1
        assert not {name for name, _ in params} - _KNOWN, params
        # A call that itself made calls has seen what came later; no server goes back.
        self._served_s = max(self._served_s, slot.asked_s)
        page = self._through_proxy(params, expectation)
        self._watch(params, page, slot)
        self.clock.time_s = slot.done_s
        return page

    def _watch(self, params: list[tuple[str, str]], page: Page, slot: Slot) -> None:
        world = self.world
        self.shown |= page.age_s > 0
        if world.slack_s and not world.merges and not (world.updates and world.rating):
            told = self._told.setdefault(tuple(params[:-2]), [])
            # Before one that overlaps nobody can say which was first.
            self.shown |= any(done_s <= slot.begins_s and total > page.total for done_s, total in told)
            told.append((slot.done_s, page.total))

    def _through_proxy(self, params: list[tuple[str, str]], expectation: Expectation) -> Page:
        if not self.world.proxy:
            return self._answer(params, expectation)
        key = tuple(params)
        at_s, page = self._kept.get(key, (-PROXY_KEEPS_S * 2, None))
        age_s = self._served_s - at_s
        if page is None or age_s > PROXY_KEEPS_S:
            page = self._answer(params, expectation)
            self._kept[key] = (self._served_s, page)
            return page
        return replace(page, age_s=float(int(age_s))) if self.world.proxy == "age" else page

    def _answer(self, params: list[tuple[str, str]], expectation: Expectation) -> Page:
        world, asked = self.world, dict(params)
        which = self._rng.randrange(world.replicas)
        lag_s = world.lag_s * which / max(1, world.replicas - 1)
        listing = self._replicas[which]
        listing.follow(self.history.upto(self._served_s), self._served_s - lag_s)
        since, until = (_moment(asked.get(name)) for name in ("createdOnFrom", "createdOnTo"))
        span = span_of(world.bounds, since, until, world.zone_h) if world.dates else None
        rows, total = listing.page(span, int(asked["pageNumber"]), int(asked["pageSize"]))
        document = {"Items": [{"UserID": row.number, "Rating": row.rating} for row in rows], "TotalResults": total}
        date = (BEGAN + timedelta(seconds=self._served_s)).replace(microsecond=0)
        return replace(parse_page(document, expectation), date=date)

    def crew(self, cancel: threading.Event, in_flight: int | None = None) -> "VirtualCrew":
        """Return a crew whose calls are in flight together."""
        return VirtualCrew(self, cancel, in_flight)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.strptime(text, "%m/%d/%Y %H:%M")  # noqa: DTZ007  # as the server reads it


class _Flight:
    """Calls under way: each is made when its instant has come, and landed when its answer is there."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._asked: list[tuple[float, int, Slot, Callable[[], Any]]] = []
        self._landed: list[tuple[float, int, Any, BaseException | None]] = []
        self._order = 0

    def __len__(self) -> int:
        return len(self._asked) + len(self._landed)

    def depart(self, at_s: float, call: Callable[[], Any]) -> None:
        """Send a call, not before an instant."""
        slot = self._network.slot(at_s)
        self._order += 1
        heapq.heappush(self._asked, (slot.asked_s, self._order, slot, call))

    def land(self) -> Any:
        """Return the next answer, and put the clock to when it is there."""
        while self._asked and (not self._landed or self._asked[0][0] <= self._landed[0][0]):
            _, order, slot, call = heapq.heappop(self._asked)
            self._ask(order, slot, call)
        done_s, _, answer, error = heapq.heappop(self._landed)
        self._network.clock.time_s = done_s
        if error is not None:
            raise error
        return answer

    def _ask(self, order: int, slot: Slot, call: Callable[[], Any]) -> None:
        network, answer, error = self._network, None, None
        network.clock.time_s, network.taken = slot.begins_s, slot
        try:
            answer = call()
        except Exception as failure:  # noqa: BLE001  # it is raised where the answer would have landed
            error = failure
        if network.taken is not None:
            network.release()
        heapq.heappush(self._landed, (network.clock.time_s, order, answer, error))


class VirtualCrew:
    """What `sc_pandas.reading.crew.Crew` does, on a virtual clock."""

    def __init__(self, network: Network, cancel: threading.Event, in_flight: int | None = None) -> None:
        self._network = network
        self._cancel = cancel
        self._in_flight = IN_FLIGHT if in_flight is None else min(in_flight, IN_FLIGHT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_exc: object) -> None:
        if kind is not None:
            self._cancel.set()

    def in_order(self, places: Iterable[T], get: Callable[[T], R]) -> Iterator[tuple[T, R]]:
        """Return the results in the order of `places`."""
        flight, ahead = _Flight(self._network), iter(places)
        waiting: deque[tuple[int, T]] = deque()
        results: dict[int, tuple[T, R]] = {}
        taken = given = 0
        consumed_s = self._network.clock.time_s
        while True:
            while taken - given < 2 * self._in_flight and (place := next(ahead, None)) is not None:
                waiting.append((taken, place))
                taken += 1
            while waiting and len(flight) < self._in_flight:
                number, place = waiting.popleft()
                flight.depart(self._network.clock.time_s, lambda n=number, p=place: (n, p, get(p)))  # type: ignore[misc]
            if given in results:
                # The consumer may have been busy with calls of its own.
                now_s, self._network.clock.time_s = (
                    self._network.clock.time_s,
                    max(consumed_s, self._network.clock.time_s),
                )
                given += 1
                yield results.pop(given - 1)
                consumed_s = self._network.clock.time_s
                self._network.clock.time_s = max(now_s, consumed_s)
            elif not flight:
                return
            else:
                number, place, result = flight.land()
                results[number] = (place, result)

    def drive(self, runs: Sequence[Generator[T, R, None]], get: Callable[[T], R]) -> Iterator[tuple[T, R]]:
        """Ask what each run wants next and send it the answer; give questions and answers as they come."""
        flight = _Flight(self._network)
        ready: deque[tuple[Generator[T, R, None], T]] = deque()

        def go_on(run: Generator[T, R, None], step: Callable[[], T]) -> None:
            with contextlib.suppress(StopIteration):
                ready.append((run, step()))

        for run in runs:
            go_on(run, run.__next__)
        while ready or flight:
            while ready and len(flight) < self._in_flight:
                following, ask = ready.popleft()
                flight.depart(self._network.clock.time_s, lambda r=following, a=ask: (r, a, get(a)))  # type: ignore[misc]
            run, asked, answer = flight.land()
            go_on(run, lambda r=run, a=answer: r.send(a))  # type: ignore[misc]
            yield asked, answer
