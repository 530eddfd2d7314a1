"""Every filter against a plain predicate over the truth."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.integration.oracle import MATCHES, RATINGS, Record

CASES: dict[str, list[Any]] = {
    "firstName": ["mar", "Zo\u00eb", "Zoe\u0308", " ", "%", "_", "'", "Ж", "太郎", "İLAYDA", "🎉", "\\"],
    "lastName": ["WEISS", "weiß", "o'", "'); --", "كه", "<script>", "𠮷"],
    "city": ["new york", "YORK", "łódź", "東京", "nowhere", "a"],
    "corporateName": ["acme", "& söhne", "100% \\", "юпитер"],
    "zipCode": ["10001", "0700", "90-001", "105 51"],
    "phoneNumber": ["(212) 555-01", "55501", "+1 718"],
    "keyword": ["smith", "1001", "5550134", "example.org", "Иван", "acme", "x" * 40],
    "rating": [0, 1, 2, 3, 4, 5, 9], "customerType": [0, 1], "channel": [0, 4, 21, 42, 80, 999],
    "subscribed": [-1, 0, 1], "exported": [-1, 0, 1], "companyIds": [163, 202, 5], "customerIds": [1001, 1500, 7],
}  # fmt: skip
NAMED: dict[str, Callable[[Any], Any]] = {
    "rating": lambda code: dict(enumerate(RATINGS)).get(code),
    "customerType": lambda code: ("Retail", "Wholesale")[code],
}


def expected(truth: list[Record], name: str, asked: Any) -> list[int]:
    matches = MATCHES[re.sub("([A-Z])", r"_\1", name).lower()]
    value = NAMED.get(name, lambda same: same)(asked)
    return [record["user_id"] for record in truth if matches(record, value)]


@pytest.mark.parametrize("name", CASES)
def test_a_filter_gives_what_its_predicate_gives(caller: Any, name: str) -> None:
    """And at least one case matches some customers, but not all."""
    truth = caller.box.customers()
    for asked in CASES[name]:
        assert caller.ids((name, asked)) == expected(truth, name, asked), asked
    assert any(0 < len(expected(truth, name, asked)) < len(truth) for asked in CASES[name])


def test_what_matches_nobody(caller: Any) -> None:
    for pair in (("phoneNumber", "none"), ("phoneNumber", "٥٥٥"), ("subscribed", 2), ("exported", 7)):
        assert caller.ids(pair) == [], pair


def test_every_email_finds_its_owners_in_any_case(caller: Any) -> None:
    truth = caller.box.customers()
    for record in truth[::80]:
        if record["email"]:
            swapped = record["email"].swapcase()
            assert caller.ids(("email", swapped)) == expected(truth, "email", swapped)


def test_filters_combine_as_and_and_lists_as_or(caller: Any) -> None:
    wanted = [
        record["user_id"]
        for record in caller.box.customers()
        if record["is_whole_sale_user"] and record["company_id"] in {163, 170} and "o" in record["city"].casefold()
    ]
    assert caller.ids(("customerType", 1), ("companyIds", 163), ("companyIds", 170), ("city", "o")) == wanted != []
    assert caller.ids(*[("customerIds", number) for number in (1100, 1002, 1001, 5)]) == [1001, 1002, 1100]


BOUNDS: dict[str, Callable[[datetime, datetime, datetime], bool]] = {
    "inclusive": lambda low, x, high: low <= x <= high,
    "exclusive_to": lambda low, x, high: low <= x < high,
    "date_only": lambda low, x, high: low.date() <= x.date() <= high.date(),
    "minute": lambda low, x, high: low <= x.replace(second=0, microsecond=0) <= high,
}


@pytest.mark.parametrize("date_bounds", BOUNDS)
@pytest.mark.parametrize(("field", "column"), [("createdOn", "created_on"), ("modifiedOn", "modified_on")])
def test_date_bounds_are_as_told(serve: Any, date_bounds: str, field: str, column: str) -> None:
    caller = serve(150, date_bounds=date_bounds)
    truth = caller.box.customers()
    steps = [timedelta(0), timedelta(seconds=1), timedelta(seconds=-1), timedelta(minutes=1), timedelta(days=-1)]
    for position, step in enumerate(steps):
        low = truth[20 + position][column] + step
        high = max(truth[60 + position][column], low) - step
        wanted = [record["user_id"] for record in truth if BOUNDS[date_bounds](low, record[column], high)]
        assert caller.ids((f"{field}From", low.isoformat()), (f"{field}To", high.isoformat())) == wanted
    # The ends of time are bounds, too.
    assert len(caller.ids((f"{field}From", "0001-01-01"), (f"{field}To", "9999-12-31T23:59:59.9999999"))) == 150
    assert caller.ids((f"{field}From", "9999-12-31T23:59:59.9999999")) == []


def test_one_side_alone_bounds_one_side(caller: Any) -> None:
    truth = caller.box.customers()
    middle = truth[500]["created_on"]
    assert caller.ids(("createdOnFrom", middle)) == [r["user_id"] for r in truth if r["created_on"] >= middle]
    assert caller.ids(("createdOnTo", middle)) == [r["user_id"] for r in truth if r["created_on"] <= middle]
