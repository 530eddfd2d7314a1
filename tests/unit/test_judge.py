"""True if what was read is complete."""

import random
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sc_pandas import CustomerFilter
from sc_pandas.contract import id_of
from sc_pandas.reading.counted import is_the_whole
from sc_pandas.reading.judge import BOOKENDS, NOT_VERIFIED, ONE_RESPONSE, PageSeen, judge_bookends, weakest
from sc_pandas.reading.plan import PagePlan


def pages(*ids: list[int | None], total: int | None = None) -> list[PageSeen]:
    count = sum(map(len, ids)) if total is None else total
    return [page(number, each, count) for number, each in enumerate(ids, 1)]


def page(number: int, ids: list[int | None], total: int) -> PageSeen:
    return PageSeen(number, np.array([each for each in ids if each is not None], np.int64), len(ids), total)


GOOD = pages([1, 2, 3], [4, 5, 6], [7])
PLAN = PagePlan(7, 3)
ENDS = [GOOD[0], GOOD[-1]]


@pytest.mark.parametrize("seen", [GOOD, pages([9, 8, 7], [6, 5, 4], [3])], ids=["rising", "falling"])
def test_a_list_that_stood_still_is_proven(seen: list[PageSeen]) -> None:
    """A limit may leave rows of the last page over."""
    judgement = judge_bookends(PLAN, seen, [seen[0], seen[-1]])
    assert (judgement.verdict, judgement.is_proven) == (BOOKENDS, True)
    assert (judgement.expected, judgement.got) == (7, 7)
    assert judge_bookends(PagePlan(7, 3, 4), seen[:2], seen[:2]).is_proven


TABLE: dict[str, tuple[list[PageSeen], list[PageSeen], str]] = {
    "total moved on a page": ([GOOD[0], page(2, [4, 5, 6], 8), GOOD[2]], ENDS, "total_moved"),
    "total moved at the end": (GOOD, [GOOD[0], page(3, [7], 8)], "total_moved"),
    "an id came twice": (pages([1, 2, 3], [3, 4, 5], [6]), ENDS, "repeated_ids"),
    "a row without id": (pages([1, 2, 3], [4, None, 6], [7]), ENDS, "no_key"),
    "too few rows": (pages([1, 2, 3], [4, 5], [7], total=7), ENDS, "row_count"),
    "too many rows": (pages([1, 2, 3], [4, 5, 6], [7, 8], total=7), ENDS, "row_count"),
    "no order": (pages([1, 2, 3], [7, 5, 6], [4]), ENDS, "unordered_ids"),
    "order turns between pages": (pages([1, 2, 3], [6, 5, 4], [7]), ENDS, "unordered_ids"),
    "first page changed": (GOOD, [page(1, [1, 2, 4], 7), GOOD[2]], "bookend_moved"),
    "last page changed": (GOOD, [GOOD[0], page(3, [8], 7)], "bookend_moved"),
    "last page is empty now": (GOOD, [GOOD[0], page(3, [], 7)], "bookend_moved"),
}


@pytest.mark.parametrize("case", TABLE)
def test_each_sign_of_movement_is_named_and_nothing_is_proven(case: str) -> None:
    seen, again, reason = TABLE[case]
    judgement = judge_bookends(PLAN, seen, again)
    assert (judgement.verdict, judgement.reason) == (NOT_VERIFIED, reason)
    error = judgement.error()
    assert (error.reason, error.expected) == (reason, 7)
    if reason == "repeated_ids":
        assert error.extra == (3,)


@given(st.lists(st.integers(1, 10**6), min_size=4, max_size=60, unique=True), st.integers(1, 10), st.data())
def test_no_single_fault_in_the_ids_is_ever_proven(ids: list[int], size: int, data: Any) -> None:
    ids.sort()
    place = data.draw(st.integers(0, len(ids) - 1))
    fault = data.draw(st.sampled_from(["drop", "double", "swap"]))
    bad = list(ids)
    if fault == "drop":
        del bad[place]
    elif fault == "double":
        bad[place] = ids[place - 1]
    else:
        other = (place + 1) % len(bad)
        bad[place], bad[other] = bad[other], bad[place]
        if len(bad) == 2:
            return
    seen = pages(*([*bad[i : i + size]] for i in range(0, len(bad), size)), total=len(ids))  # type: ignore[arg-type]
    assert not judge_bookends(PagePlan(len(ids), size), seen, [seen[0], seen[-1]]).is_proven


@pytest.mark.parametrize(("item", "want"), [
    ({"UserID": 7}, 7), ({"ID": 7}, 7), ({"CustomerID": "7"}, 7), ({"UserID": None, "ID": 7}, 7),
    ({"UserID": 7, "ID": 8}, 7), ({"UserID": True}, None), ({"UserID": "seven"}, None), ({"UserID": 7.0}, None),
    ({"UserID": Decimal("7.0")}, 7), ({"UserID": Decimal("1.059E3")}, 1059), ({"UserID": Decimal("7.5")}, None),
    ({"UserID": Decimal("1E+999999")}, None), ({"UserID": "9" * 5_000, "ID": 7}, 7), ({"UserID": "٧"}, None),
    ({}, None),
])  # fmt: skip
def test_the_id_of_a_row_is_found_under_its_known_names(item: dict[str, Any], want: int | None) -> None:
    assert id_of(item) == want


@pytest.mark.parametrize(("verdicts", "want"), [
    ([], ONE_RESPONSE), ([ONE_RESPONSE, ONE_RESPONSE], ONE_RESPONSE), ([ONE_RESPONSE, BOOKENDS], BOOKENDS),
    ([ONE_RESPONSE, NOT_VERIFIED, BOOKENDS], NOT_VERIFIED),
])  # fmt: skip
def test_a_union_is_proven_as_far_as_its_weakest_part(verdicts: list[str], want: str) -> None:
    assert weakest(verdicts) == want


@dataclass
class Counts:
    """A shop that is counted: some of old, some of late and some without a date; so many join and leave a count."""

    seed: int
    undated: int
    joins: float
    leaves: float
    calls: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.old, self.late = 500, 20

    def total_of(self, asked: CustomerFilter) -> int:
        self.calls += 1
        self.late += int(self.random.expovariate(1 / self.joins)) if self.joins else 0
        self.old -= self.random.random() < self.leaves
        dated = self.old if asked is CLOSED else self.old + self.late
        return dated + (self.undated if asked is WHOLE else 0)

    def is_the_whole(self) -> bool | None:
        return is_the_whole(DATED, WHOLE, self.total_of, CLOSED)


WHOLE = CustomerFilter()
CLOSED, DATED = (CustomerFilter.of(created_on_to=f"20{year}-01-01") for year in (26, 40))


@pytest.mark.parametrize("joins", [0, 0.3, 1, 3])
@pytest.mark.parametrize("leaves", [0, 0.1, 0.5])
def test_whoever_is_outside_a_part_is_never_overlooked(joins: float, leaves: float) -> None:
    """Counts that grow and shrink show whether a part is the whole: by one pair between which nobody joined."""
    for seed in range(60):
        assert not Counts(seed, 1 + seed % 3, joins, leaves).is_the_whole()
    found = [Counts(seed, 0, joins, leaves).is_the_whole() for seed in range(15)]
    assert found.count(False) == 0
    assert found.count(True) == 15


def test_a_list_at_rest_takes_five_counts_and_a_crowd_is_given_up() -> None:
    for undated in (0, 5):
        still = Counts(0, undated, 0, 0)
        assert (still.is_the_whole(), still.calls) == (not undated, 5)
    crowded = Counts(0, 0, 50, 0)
    assert crowded.is_the_whole() is None
    assert crowded.calls < 40
