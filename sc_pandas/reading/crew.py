"""Calls in parallel: results in order, or each of several runs advancing by its own answers."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue
from typing import Final, Self, TypeVar

from sc_pandas.client import IN_FLIGHT

T = TypeVar("T")
R = TypeVar("R")
# Yields what it wants asked next and is sent the answer.
Run = Generator[T, R, None]


# What this side needs for an answer, about: more calls in flight than come meanwhile would only be in each other's way.
_WORK_S: Final = 0.002


class Crew:
    """Up to 16 calls in flight, fewer where the server answers faster than that; the first failure stops the rest."""

    def __init__(
        self,
        cancel: threading.Event,
        in_flight: int | None = None,
        latency_s: Callable[[], float | None] = lambda: None,
    ) -> None:
        self._stop = cancel
        self._in_flight = IN_FLIGHT if in_flight is None else min(in_flight, IN_FLIGHT)
        self._latency_s = latency_s
        self._pool = ThreadPoolExecutor(self._in_flight, thread_name_prefix="sc_pandas")

    @property
    def _at_once(self) -> int:
        """Calls that it takes now to be as fast as the server lets us."""
        latency_s = self._latency_s()
        return self._in_flight if latency_s is None else min(self._in_flight, 2 + int(latency_s / _WORK_S))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_exc: object) -> None:
        if kind is not None:
            self._stop.set()
        # After a failure nobody waits for answers that are still under way.
        self._pool.shutdown(wait=kind is None, cancel_futures=True)

    def in_order(self, places: Iterable[T], get: Callable[[T], R]) -> Iterator[tuple[T, R]]:
        """Yield the results in the order of `places`, asking ahead as far as calls may be in flight."""
        waiting: list[tuple[T, Future[R]]] = []
        ahead = iter(places)
        while True:
            while len(waiting) < 2 * self._at_once and (place := next(ahead, None)) is not None:
                waiting.append((place, self._pool.submit(get, place)))
            if not waiting:
                return
            place, future = waiting.pop(0)
            yield place, future.result()

    def drive(self, runs: Sequence[Run[T, R]], get: Callable[[T], R]) -> Iterator[tuple[T, R]]:
        """Ask what each run wants next and send it the answer; give questions and answers as they come.

        A run asks again only when its own answer has come. Where there are more runs than calls may be in flight,
        they take turns.
        """
        ready = deque((run, ask) for run in runs for ask in _advance(run))
        under_way: dict[Future[R], tuple[Run[T, R], T]] = {}
        done: SimpleQueue[Future[R]] = SimpleQueue()
        while ready or under_way:
            while ready and len(under_way) < self._at_once:
                run, ask = ready.popleft()
                future = self._pool.submit(get, ask)
                under_way[future] = run, ask
                future.add_done_callback(done.put)
            future = done.get()
            run, ask = under_way.pop(future)
            answer = future.result()
            ready.extend((run, following) for following in _advance(run, answer))
            yield ask, answer


def _advance(run: Run[T, R], answer: R | None = None) -> Iterator[T]:
    """Begin a run, or send it its answer; return what it wants next, if anything."""
    with suppress(StopIteration):
        yield run.send(answer)  # type: ignore[arg-type]  # None begins it
