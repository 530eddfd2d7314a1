"""The judge of order of asking, on lists that move while up to 16 calls are in flight: pure, on a virtual clock."""

import heapq
import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sc_pandas.client import Page
from sc_pandas.contract import PageRows
from sc_pandas.reading.judge import ORDER, Judgement
from sc_pandas.reading.order import Ascending, Ask, Run, by_order, runs_of

SERVED = 10


@dataclass
class MovingList:
    """Customers join with the highest id (or with any, `below` of them) and leave anywhere, so many a second."""

    customers: int
    seed: int = 0
    joins: float = 0.0
    leaves: float = 0.0
    descending: bool = False
    below: float = 0.0
    clock: float = 0.0
    calls: int = 0
    left: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.ids = list(range(1000, 1000 + 10 * self.customers, 10))
        self.lived = set(self.ids)
        self.next_at = {"join": self._after(self.joins), "leave": self._after(self.leaves)}

    def _after(self, rate: float) -> float:
        return self.clock + self.random.expovariate(rate) if rate else 1e18

    def until(self, moment: float) -> None:
        while (at := min(self.next_at.values())) <= moment:
            self.clock = at
            what = min(self.next_at, key=lambda each: self.next_at[each])
            if what == "join":
                below = self.random.random() < self.below
                self.ids.append(self.random.choice(self.ids) + 1 if below else max(self.ids, default=1000) + 10)
                self.ids = sorted(set(self.ids))
                self.next_at[what] = self._after(self.joins)
            else:
                if self.ids:
                    self.left.add(self.ids.pop(self.random.randrange(len(self.ids))))
                self.next_at[what] = self._after(self.leaves)
        self.clock = moment

    def answer(self, number: int, moment: float) -> Page:
        self.until(moment)
        self.calls += 1
        ids = self.ids[::-1] if self.descending else self.ids
        items: list[dict[str, Any]] = [{"UserID": each} for each in ids[SERVED * (number - 1) : SERVED * number]]
        return Page(PageRows(items), len(ids))

    def read(self, *, may_join: bool = False) -> tuple[str, set[int]]:
        """Read it; give the verdict or the reason, and who came."""
        first = self.answer(1, 0.3)
        if len(first.items) >= first.total:
            return "one response", self.stayed
        judge = by_order(first, may_join=may_join)
        if isinstance(judge, Judgement):
            return judge.reason, set()
        came = {item["UserID"] for item in first.items}
        now = 0.3
        for runs in judge.phases():
            under_way = [(now + self._half(), place, 0.0, next(run, None)) for place, run in enumerate(runs)]
            under_way = [each for each in under_way if each[3] is not None]
            heapq.heapify(under_way)
            while under_way:
                at, place, _, ask = heapq.heappop(under_way)
                assert isinstance(ask, Ask)
                page = self.answer(ask.number, at)
                if judge.is_news(ask, page):
                    came |= {item["UserID"] for item in page.items}
                ends = at + self._half()
                now = max(now, ends)
                try:
                    heapq.heappush(under_way, (ends + self._half(), place, 0.0, runs[place].send(page)))
                except StopIteration:
                    continue
        judgement = judge.judgement()
        return (judgement.verdict if judgement.is_proven else judgement.reason), came

    def _half(self) -> float:
        return 0.1 + 0.1 * self.random.random()

    @property
    def pages(self) -> int:
        return -(-len(self.ids) // SERVED)

    @property
    def stayed(self) -> set[int]:
        return self.lived - self.left


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("customers", [11, 19, 20, 21, 99, 100, 1_037])
def test_at_rest_a_list_takes_at_most_two_calls_more(customers: int, descending: bool) -> None:  # noqa: FBT001
    moving = MovingList(customers, descending=descending)
    verdict, came = moving.read()
    assert verdict == ORDER
    assert came == moving.lived
    assert moving.calls <= moving.pages + 2


@pytest.mark.fault("C01", "C02")
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("joins", "leaves"), [(0.1, 0), (1, 0), (10, 0), (1, 0.1), (1, 1), (10, 2), (0, 1)])
@pytest.mark.parametrize("descending", [False, True])
def test_nobody_who_stays_is_lost(seed: int, joins: float, leaves: float, descending: bool) -> None:  # noqa: FBT001
    moving = MovingList(1_500, seed, joins, leaves, descending)
    verdict, came = moving.read()
    assert verdict == ORDER
    assert moving.stayed <= came
    if not leaves:
        assert moving.calls <= (2 * moving.pages if descending else moving.pages + 6)


@pytest.mark.fault("C01")
@settings(max_examples=60, deadline=None)
@given(
    customers=st.integers(11, 400),
    seed=st.integers(0, 10**6),
    joins=st.sampled_from([0, 0.5, 5, 50]),
    leaves=st.sampled_from([0, 0.5, 5, 20]),
    descending=st.booleans(),
    may_join=st.booleans(),
)
def test_any_movement_is_seen_or_does_no_harm(
    customers: int, seed: int, joins: float, leaves: float, *, descending: bool, may_join: bool
) -> None:
    moving = MovingList(customers, seed, joins, leaves, descending)
    verdict, came = moving.read(may_join=may_join)
    if verdict == ORDER:
        assert moving.stayed <= came


def test_who_joins_below_the_end_leads_to_the_next_way() -> None:
    told = 0
    for seed in range(15):
        moving = MovingList(1_000, seed, joins=3, below=1.0)
        verdict, came = moving.read()
        assert verdict != ORDER or moving.stayed <= came
        told += verdict != ORDER
    assert told >= 13


def test_a_broken_order_of_asking_loses_customers(monkeypatch: pytest.MonkeyPatch) -> None:
    """These lists show a wrong order: read forwards, an ascending list loses who stayed, or is in doubt."""

    def forwards(_judge: Ascending, run: Run) -> range:
        return range(run.low, run.high + 1)

    monkeypatch.setattr(Ascending, "numbers", forwards)
    monkeypatch.setattr(Ascending, "_doubt", lambda *_: None)
    lost = 0
    for seed in range(6):
        moving = MovingList(3_000, seed, 1, 1)
        lost += len(moving.stayed - moving.read()[1])
    assert lost > 5


@pytest.mark.parametrize("swapped", [5, 10, 15, 487, 990])
@pytest.mark.parametrize("descending", [False, True])
def test_ids_out_of_order_anywhere_are_never_proven(swapped: int, descending: bool) -> None:  # noqa: FBT001
    moving = MovingList(1_000, descending=descending)
    for distance in (1, 5, 10):
        ids = list(range(1000, 11_000, 10))
        place = min(swapped, len(ids) - distance - 1)
        ids[place], ids[place + distance] = ids[place + distance], ids[place]
        moving.ids = ids
        assert moving.read()[0] == "unordered_ids"


@given(st.integers(1, 5_000), st.integers(0, 40))
def test_runs_cover_all_pages_once(pages: int, low: int) -> None:
    runs = runs_of(low + 1, low + pages)
    assert [n for run in runs for n in range(run.low, run.high + 1)] == list(range(low + 1, low + pages + 1))
    assert len(runs) <= 16


def test_a_list_that_grows_faster_than_it_is_read_is_given_up() -> None:
    """Newcomers push whoever is unseen on by more than a page a call; nobody may chase them for ever."""
    moving = MovingList(11, 2551, joins=50.0, descending=True)
    assert moving.read(may_join=True)[0] == "total_moved"
    assert moving.calls < 100
