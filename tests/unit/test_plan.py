"""Which requests a question needs."""

from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sc_pandas import CustomerFilter, FilterError
from sc_pandas.contract import Dialect
from sc_pandas.reading.plan import PagePlan, overlap_possible, page_params, split

URL = "https://tt.api.sellercloud.com/rest"


@pytest.mark.parametrize(("total", "served", "limit", "last", "calls", "fast"), [
    (0, 0, None, 1, 1, 1), (1, 1, None, 1, 1, 1), (50, 50, None, 1, 2, 1), (51, 50, None, 2, 3, 2),
    (1_037, 50, None, 21, 23, 21), (20_000, 50, None, 400, 402, 400), (51, 1, None, 51, 53, 51),
    (1_037, 50, 50, 1, 1, 1), (1_037, 50, 51, 2, 4, 2), (1_037, 50, 9_999, 21, 23, 21), (1_037, 10, 5, 1, 1, 1),
])  # fmt: skip
def test_pages_and_calls_follow_from_total_and_served_size(
    total: int, served: int, limit: int | None, last: int, calls: int, fast: int
) -> None:
    plan = PagePlan(total, served, limit)
    assert (plan.last, plan.calls(), plan.calls("fast")) == (last, calls, fast)
    assert plan.one_response == (fast == 1)


@pytest.mark.parametrize(
    ("total", "sorting", "calls", "most"),
    [(50_000, 1, 1_002, 1_105), (50_000, -1, 1_002, 1_105), (50_000, 0, 1_113, 1_633), (75, 1, 3, 23), (49, 1, 1, 1)],
)
def test_a_list_that_moves_takes_more_calls(total: int, sorting: int, calls: int, most: int) -> None:
    """By how its ids are sorted; where one response holds all, and where nothing is proven, it makes no difference."""
    plan = PagePlan(total, 50, sorting=sorting)
    assert (plan.calls(), plan.calls_at_most()) == (calls, most)
    assert plan.calls_at_most("fast") == plan.last
    assert PagePlan(total, 50, 40, sorting=sorting).calls_at_most() == 1


@given(st.integers(0, 10**6), st.integers(1, 500), st.none() | st.integers(1, 10**6))
def test_the_pages_hold_all_rows_and_no_page_is_vain(total: int, served: int, limit: int | None) -> None:
    plan = PagePlan(total, served, limit)
    assert plan.last * served >= plan.rows
    assert plan.last == 1 or (plan.last - 1) * served < plan.rows


@pytest.mark.parametrize("dialect", Dialect)
def test_a_page_is_asked_in_one_dialect(dialect: Dialect) -> None:
    params = page_params(CustomerFilter.of(city="Bern", rating=5), dialect, 3, 50)
    prefix = "model." if dialect is Dialect.SWAGGER else ""
    assert [name for name, _ in params] == [f"{prefix}{name}" for name in ("rating", "city", "pageNumber", "pageSize")]
    assert params[-2:] == [(f"{prefix}pageNumber", "3"), (f"{prefix}pageSize", "50")]


def test_more_than_a_hundred_reads_must_be_allowed() -> None:
    asked = CustomerFilter.of(channel=list(range(30)), rating=[1, 2, 3, 4])
    assert asked.reads == 120
    with pytest.raises(FilterError, match="max_calls=120") as caught:
        split(asked, URL)
    assert caught.value.filter == "channel"
    with pytest.raises(FilterError):
        split(asked, URL, max_calls=119)
    assert len(split(asked, URL, max_calls=120)) == 120
    assert len(split(CustomerFilter.of(channel=list(range(25)), rating=[1, 2, 3, 4]), URL)) == 100


def test_max_calls_bounds_reads_that_long_ids_are_split_into() -> None:
    asked = CustomerFilter.of(customer_ids=range(10**9, 10**9 + 500))
    needed = len(split(asked, URL))
    assert needed > 3
    with pytest.raises(FilterError, match="max_calls=2"):
        split(asked, URL, max_calls=2)


def test_a_text_too_long_for_a_url_is_refused() -> None:
    with pytest.raises(FilterError, match="Shorten") as caught:
        split(CustomerFilter.of(city="é" * 700), URL)
    assert caught.value.filter == "city"
    assert "é" * 100 not in str(caught.value)


@pytest.mark.parametrize("count", range(50, 130, 3))
def test_a_list_of_ids_is_split_as_soon_as_its_url_passes_1800_bytes(count: int) -> None:
    parts = split(CustomerFilter.of(customer_ids=range(10**9, 10**9 + count)), URL)
    longest = [
        max(len(f"{URL}/api/Customers?{urlencode(page_params(part, dialect, 1, 50))}") for dialect in Dialect)
        for part in parts
    ]
    assert max(longest) <= 1_800
    assert len(parts) == 1 or sum(longest) > 1_700


@pytest.mark.parametrize(("given_", "overlaps"), [
    ({"rating": [4, 5]}, False), ({"customer_type": [0, 1]}, False), ({"subscribed": [True, False]}, False),
    ({"subscribed": [True, -1]}, True), ({"city": ["a", "b"]}, True), ({"channel": [1, 4]}, True),
    ({"rating": [4, 5], "city": ["a", "b"]}, True), ({"keyword": ["a", "b"]}, True),
])  # fmt: skip
def test_whether_reads_can_overlap_is_known(given_: dict[str, Any], overlaps: bool) -> None:  # noqa: FBT001
    assert overlap_possible(split(CustomerFilter.of(**given_), URL)) == overlaps
