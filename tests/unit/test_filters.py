"""`CustomerFilter`: one canonical form, refusals that help, and the ways out."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from sc_pandas import Channel, CustomerFilter, CustomerType, FilterError, Flag, Rating
from sc_pandas.contract import FILTERS, Dialect

NOON = datetime(2026, 1, 31, 12, 0)  # noqa: DTZ001

SAME: list[tuple[str, list[Any]]] = [
    ("rating", ["Very_Satisfied", "very satisfied", "VERYSATISFIED", 5, "5", Rating.Very_Satisfied, [5], (5, 5), {5}]),
    ("rating", ["Very_Disatisfied", "Very Dissatisfied", "very_dissatisfied", 1, np.int64(1)]),
    ("rating", ["Disatisfied", "dissatisfied", 2, np.int8(2)]),
    ("rating", [["Satisfied", 5], [5, 4], ["very satisfied", "satisfied", 4], pd.Series([4, 5]), np.array([5, 4])]),
    ("customer_type", ["Wholesale", "wholesale", "WHOLESALE", 1, "1", CustomerType.Wholesale]),
    ("subscribed", [True, "yes", "true", 1, "1", Flag.Yes, np.True_, [True]]),
    ("exported", [False, "no", "false", 0, "0", Flag.No]),
    ("exported", [-1, "-1", "all", Flag.All]),
    ("channel", ["Amazon", "amazon", 4, "4", Channel["Amazon"]]),
    ("channel", [9_999, "9999"]),
    ("customer_ids", [7, [7], (7, 7), "7", np.int64(7), range(7, 8), (n for n in (7,)), pd.Index([7])]),
    ("city", ["Berlin", ["Berlin"], ("Berlin", "Berlin"), pd.Series(["Berlin"])]),
    (
        "created_on_from",
        ["2026-01-31 12:00", "2026-01-31T12:00:00", "01/31/2026 12:00", NOON, pd.Timestamp(NOON), np.datetime64(NOON)],
    ),
    ("created_on_from", ["2026-01-31", "01/31/2026", date(2026, 1, 31), datetime(2026, 1, 31)]),  # noqa: DTZ001
    ("created_on_from", ["2026", "2026-01", "2026-Q1", "2026-01-01", "Jan 2026", pd.Period("2026-01"), "2026-01-01T00"]),
    ("created_on_to", ["2026-03-31", "2026-03", "2026Q1", "03/31/2026", date(2026, 3, 31), pd.Period("2026-03")]),
    ("created_on_to", ["2026-03-31", datetime(2026, 3, 31, 23, 59, 59, 999_999), "2026-03-31T23:59:59.999999"]),  # noqa: DTZ001
    ("created_on_to", ["2024", "2024-12", "2024-Q4", "2024-12-31"]), ("created_on_to", ["2024-W03", "2024-W03-7"]),
    ("created_on_to", ["2026-01-31 00:00", datetime(2026, 1, 31), pd.Timestamp("2026-01-31")]),  # noqa: DTZ001
    ("modified_on_from", ["-7d", "-7 days", "-P7D", "-168h", timedelta(-7), pd.Timedelta("-1W")]),
    ("modified_on_to", ["yesterday", "Yesterday", "-1d", "-24h"]), ("modified_on_to", ["today", timedelta(0)]),
    ("created_on_from", ["-36h", "-1d12h", "-2160min", pd.Timedelta("-36h")]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "values"), SAME, ids=lambda value: value if isinstance(value, str) else "")
def test_equal_filters_have_equal_hashes_and_json(name: str, values: list[Any]) -> None:
    filters = [CustomerFilter.of(**{name: value}) for value in values]
    assert len(set(filters)) == 1
    assert len({each.to_json() for each in filters}) == 1
    assert len({repr(each) for each in filters}) == 1


REFUSED: list[tuple[str, Any]] = [
    ("rating", "Great"), ("rating", 6), ("rating", -1), ("rating", True), ("rating", 4.0), ("rating", []),
    ("rating", ""), ("rating", b"5"), ("customer_type", 2), ("channel", -1), ("channel", 2**31),
    ("channel", "Amazonn"), ("subscribed", 2), ("subscribed", "maybe"), ("customer_ids", 0), ("customer_ids", -7),
    ("customer_ids", 2**63), ("customer_ids", "seven"), ("customer_ids", "٧"), ("customer_ids", 7.0),
    ("customer_ids", True), ("customer_ids", []), ("customer_ids", [7, None]), ("company_ids", "1 or 1=1"),
    ("city", ""), ("city", "  "), ("city", 7), ("city", ["Bern", ""]), ("city", [[]]), ("city", "\ud83d"),
    ("email", b"a@b"), ("created_on_from", "31/01/2026"), ("created_on_from", "tomorrow"), ("created_on_to", "7d"),
    ("created_on_to", ""), ("created_on_from", "5"), ("created_on_from", "march"), ("created_on_from", "+7d"),
    ("created_on_from", "-7"), ("created_on_from", "-90s"), ("created_on_from", timedelta(1)), ("created_on_to", "-99999d"),
    ("created_on_from", "01.02.2026"), ("created_on_from", "01-02-2026"), ("created_on_to", "13.02.2026"),
    ("created_on_from", "2026-02-30"), ("created_on_from", 20260131), ("created_on_from", pd.NaT),
    ("created_on_from", np.datetime64("NaT", "s")),
    ("created_on_from", pd.Timestamp("2026-01-01T00:00:00.000000001")), ("created_on_from", ["2026-01-01"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), REFUSED, ids=repr)
def test_a_filter_error_names_its_filter(name: str, value: Any) -> None:
    with pytest.raises(FilterError) as caught:
        CustomerFilter.of(**{name: value})
    assert caught.value.filter == name
    assert isinstance(caught.value, ValueError)
    assert name in str(caught.value)


@pytest.mark.parametrize(("wrong", "right"), [
    ("ratng", "rating"), ("RATING", "rating"), ("createdOnFrom", "created_on_from"), ("zipcode", "zip_code"),
    ("zip", "zip_code"), ("phone", "phone_number"), ("customer_id", "customer_ids"), ("company", "company_ids"),
    ("firstname", "first_name"), ("keywords", "keyword"), ("created_from", "created_on_from"),
])  # fmt: skip
def test_a_near_miss_of_a_name_is_answered_with_the_right_one(wrong: str, right: str) -> None:
    with pytest.raises(FilterError, match=f"Did you mean .*{right}") as caught:
        CustomerFilter.of(**{wrong: 1})
    assert caught.value.filter == wrong
    assert right in caught.value.suggestions


@pytest.mark.parametrize(("name", "wrong", "right"), [
    ("rating", "Satsified", "Satisfied"), ("rating", "neutrall", "Neutral"),
    ("customer_type", "Wholsale", "Wholesale"), ("channel", "Wallmart", "Walmart"),
])  # fmt: skip
def test_a_near_miss_of_a_value_is_answered_with_the_right_one(name: str, wrong: str, right: str) -> None:
    with pytest.raises(FilterError) as caught:
        CustomerFilter.of(**{name: wrong})
    assert right in caught.value.suggestions
    assert right in str(caught.value)


@pytest.mark.parametrize("field", ["created_on", "modified_on"])
def test_a_range_that_ends_before_it_starts_is_refused(field: str) -> None:
    start, end = f"{field}_from", f"{field}_to"
    with pytest.raises(FilterError) as caught:
        CustomerFilter.of(**{start: "2026-02-01", end: "2026-01-31 23:59"})
    assert caught.value.filter == end
    CustomerFilter.of(**{start: "2026-02-01", end: "2026-02-01"})
    with pytest.raises(FilterError, match="is before"):
        CustomerFilter.of(**{start: "today", end: "-7d"})
    with pytest.raises(FilterError, match="time zone"):
        CustomerFilter.of(**{start: datetime(2026, 1, 1, tzinfo=UTC), end: "2026-02-01"})


@pytest.mark.parametrize(("value", "first", "last"), [
    ("2024", "2024-01-01T00:00", "2024-12-31"), ("2024-Q1", "2024-01-01T00:00", "2024-03-31"),
    ("2024-02", "2024-02-01T00:00", "2024-02-29"), ("2024-02-29", "2024-02-29T00:00", "2024-02-29"),
    ("2024-02-29 14:05", "2024-02-29T14:05", "2024-02-29T14:05"), ("9999", "9999-01-01T00:00", "9999-12-31T23:59:59.999999"),
    ("today", "2026-03-01T00:00", "2026-03-01"), ("yesterday", "2026-02-28T00:00", "2026-02-28"),
    ("-7d", "2026-02-22T00:00", "2026-02-22"), ("-90min", "2026-03-01T00:03", "2026-03-01T00:03"),
])  # fmt: skip
def test_a_span_is_its_first_and_its_last_instant(value: str, first: str, last: str) -> None:
    now = datetime(2026, 3, 1, 6, 33, 59, tzinfo=UTC)
    for name, means in {"created_on_from": first, "created_on_to": last}.items():
        asked = CustomerFilter.of(**{name: value})
        assert asked.resolved(ZoneInfo("America/New_York"), now).to_dict() == {name: means}
        assert CustomerFilter.of(**asked.to_dict()) == asked
        if asked.is_relative:
            with pytest.raises(FilterError, match="relative"):
                asked.to_params(Dialect.SWAGGER)


def test_a_time_with_a_zone_is_sent_in_the_server_s_time() -> None:
    plus_two = datetime(2026, 7, 1, 14, 0, tzinfo=timezone(timedelta(hours=2)))
    asked = CustomerFilter(created_on_from=plus_two)
    with pytest.raises(FilterError, match="server_timezone") as caught:
        asked.in_timezone(None)
    assert caught.value.filter == "created_on_from"
    with pytest.raises(FilterError):
        asked.to_params(Dialect.ARTICLE)
    local = asked.in_timezone("America/New_York")
    assert local.to_params(Dialect.ARTICLE) == [("createdOnFrom", "07/01/2026 08:00")]
    assert local == asked.in_timezone(ZoneInfo("America/New_York"))
    naive = CustomerFilter(created_on_from="2026-07-01")  # type: ignore[arg-type]
    assert naive.in_timezone(None) is naive


def test_each_dialect_spells_the_same_question_its_own_way() -> None:
    asked = CustomerFilter.of(
        customer_ids=[9, 3], rating="very satisfied", customer_type="Wholesale", subscribed=True,
        created_on_from="2026-01-31 14:05", channel=4, city="São & Paulo",
    )  # fmt: skip
    assert asked.to_params(Dialect.ARTICLE) == [
        ("customerIDs", "3"), ("customerIDs", "9"), ("rating", "Very_Satisfied"), ("customerType", "Wholesale"),
        ("subscribed", "1"), ("createdOnFrom", "01/31/2026 14:05"), ("city", "São & Paulo"), ("channel", "Amazon"),
    ]  # fmt: skip
    assert asked.to_params(Dialect.SWAGGER) == [
        ("model.customerIds", "3"), ("model.customerIds", "9"), ("model.rating", "5"), ("model.customerType", "1"),
        ("model.subscribed", "1"), ("model.createdOnFrom", "2026-01-31T14:05:00"), ("model.city", "São & Paulo"),
        ("model.channel", "4"),
    ]  # fmt: skip


@pytest.mark.parametrize("given_", [{"company_ids": 163}, {"modified_on_to": "2026-01-31 14:05:01"}])
def test_what_the_article_cannot_say_is_never_cut_for_it(given_: dict[str, Any]) -> None:
    asked = CustomerFilter.of(**given_)
    assert asked.needs_swagger() == next(iter(given_))
    with pytest.raises(FilterError) as caught:
        asked.to_params(Dialect.ARTICLE)
    assert caught.value.filter == next(iter(given_))
    assert len(asked.to_params(Dialect.SWAGGER)) == 1


def test_lists_multiply_to_single_questions() -> None:
    asked = CustomerFilter.of(rating=[4, 5], city=["Bern", "Basel", "Chur"], customer_ids=[1, 2, 3])
    singles = list(asked.singles())
    assert asked.reads == len(singles) == 6
    assert len(set(singles)) == 6
    assert all(len(each.city or ()) == len(each.rating or ()) == 1 for each in singles)
    assert all(each.customer_ids == (1, 2, 3) for each in singles)
    with pytest.raises(FilterError, match="one value"):
        asked.to_params(Dialect.SWAGGER)


def test_a_filter_cannot_be_changed_and_an_empty_one_is_false() -> None:
    asked = CustomerFilter(city="Bern")  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        asked.city = ("Basel",)  # type: ignore[misc]
    assert asked
    assert not CustomerFilter()
    assert CustomerFilter(city=None) == CustomerFilter()
    assert [fact.name for fact in FILTERS] == list(CustomerFilter.names)
    assert len(FILTERS) == 19
