"""Every filter against a plain predicate over the truth."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

Record = dict[str, Any]
PHONES = ("phone1", "phone2", "phone3", "mobile", "fax")


def digits(text: str | None) -> str:
    return "".join(character for character in text or "" if character.isdecimal() and character.isascii())


def fold(text: str | None) -> str:
    return (text or "").casefold()


def by_keyword(record: Record, asked: str) -> bool:
    texts = [fold(record[name]) for name in ("email", "first_name", "last_name", "corporate_name")]
    texts += [digits(record[name]) for name in PHONES]
    return any(fold(asked) in text for text in texts) or asked == str(record["user_id"])


def switch(value: bool, asked: int) -> bool:  # noqa: FBT001
    return asked == -1 or int(value) == asked


PREDICATES: dict[str, Callable[[Record, Any], bool]] = {
    "email": lambda record, asked: fold(record["email"]) == fold(asked),
    "zipCode": lambda record, asked: fold(record["zip_code"]) == fold(asked),
    "firstName": lambda record, asked: fold(asked) in fold(record["first_name"]),
    "lastName": lambda record, asked: fold(asked) in fold(record["last_name"]),
    "city": lambda record, asked: fold(asked) in fold(record["city"]),
    "corporateName": lambda record, asked: fold(asked) in fold(record["corporate_name"]),
    "rating": lambda record, asked: record["rating"] == asked,
    "channel": lambda record, asked: record["channel"] == asked,
    "customerType": lambda record, asked: record["is_whole_sale_user"] == bool(asked),
    "subscribed": lambda record, asked: switch(record["subscribed"], asked),
    "exported": lambda record, asked: switch(record["exported"], asked),
    "phoneNumber": lambda record, asked: (
        bool(digits(asked)) and any(digits(asked) in digits(record[p]) for p in PHONES)
    ),
    "keyword": by_keyword,
    "customerIds": lambda record, asked: record["user_id"] == asked,
    "companyIds": lambda record, asked: record["company_id"] == asked,
}
CASES: list[tuple[str, object]] = [
    *[
        ("firstName", text)
        for text in ("mar", "Zo\u00eb", "Zoe\u0308", " ", "%", "_", "'", "Ж", "太郎", "İLAYDA", "🎉", "\\")
    ],
    *[("lastName", text) for text in ("WEISS", "weiß", "o'", "'); --", "كه", "<script>", "𠮷")],
    *[("city", text) for text in ("new york", "YORK", "łódź", "東京", "nowhere", "a")],
    *[("corporateName", text) for text in ("acme", "& söhne", "100% \\", "юпитер")],
    *[("zipCode", text) for text in ("10001", "0700", "90-001", "105 51")],
    *[("phoneNumber", text) for text in ("(212) 555-01", "55501", "none", "+1 718", "٥٥٥")],
    *[("keyword", text) for text in ("smith", "1001", "5550134", "example.org", "Иван", "acme", "x" * 40)],
    *[("rating", code) for code in (0, 1, 2, 3, 4, 5, 9)],
    *[("customerType", code) for code in (0, 1)],
    *[("channel", code) for code in (0, 4, 21, 42, 80, 999)],
    *[("subscribed", code) for code in (-1, 0, 1, 2)],
    *[("exported", code) for code in (-1, 0, 1)],
    *[("companyIds", number) for number in (163, 202, 5)],
    *[("customerIds", number) for number in (1001, 1500, 7)],
]


def expected(truth: list[Record], name: str, asked: object) -> list[int]:
    return [record["user_id"] for record in truth if PREDICATES[name](record, asked)]


@pytest.mark.parametrize(("name", "asked"), CASES)
def test_a_filter_gives_what_its_predicate_gives(caller: Any, name: str, asked: object) -> None:
    assert caller.ids((name, asked)) == expected(caller.box.customers(), name, asked)


def test_each_filter_has_a_case_that_matches_some_but_not_all(caller: Any) -> None:
    truth = caller.box.customers()
    telling = {name for name, asked in CASES if 0 < len(expected(truth, name, asked)) < len(truth)}
    assert telling | {"email"} == set(PREDICATES)


def test_every_email_finds_its_owners_in_any_case(caller: Any) -> None:
    truth = caller.box.customers()
    for record in truth[::80]:
        if record["email"]:
            swapped = record["email"].swapcase()
            assert caller.ids(("email", swapped)) == expected(truth, "email", swapped)


def test_filters_combine_as_and_and_lists_as_or(caller: Any) -> None:
    truth = caller.box.customers()
    asked = [("customerType", 1), ("companyIds", 163), ("companyIds", 170), ("city", "o")]
    wanted = [
        record["user_id"]
        for record in truth
        if record["is_whole_sale_user"] and record["company_id"] in {163, 170} and "o" in fold(record["city"])
    ]
    assert caller.ids(*asked) == wanted != []
    assert caller.ids(*[("customerIds", number) for number in (1100, 1002, 1001, 5)]) == [1001, 1002, 1100]


Moment = datetime
Within = Callable[[Moment, Moment, Moment], bool]
MINUTE_CUT = {"second": 0, "microsecond": 0}
BOUNDS: dict[str, Within] = {
    "inclusive": lambda low, x, high: low <= x <= high,
    "exclusive_to": lambda low, x, high: low <= x < high,
    "date_only": lambda low, x, high: low.date() <= x.date() <= high.date(),
    "minute": lambda low, x, high: low <= x.replace(second=0, microsecond=0) <= high,
}


@pytest.mark.parametrize("date_bounds", BOUNDS)
@pytest.mark.parametrize("field", ["createdOn", "modifiedOn"])
def test_date_bounds_are_as_told(serve: Any, date_bounds: str, field: str) -> None:
    caller = serve(150, date_bounds=date_bounds)
    truth = caller.box.customers()
    column = {"createdOn": "created_on", "modifiedOn": "modified_on"}[field]
    steps = [timedelta(0), timedelta(seconds=1), timedelta(seconds=-1), timedelta(minutes=1), timedelta(days=-1)]
    for position, step in enumerate(steps):
        low = truth[20 + position][column] + step
        high = max(truth[60 + position][column], low) - step
        wanted = [record["user_id"] for record in truth if BOUNDS[date_bounds](low, record[column], high)]
        assert caller.ids((f"{field}From", low.isoformat()), (f"{field}To", high.isoformat())) == wanted


@pytest.mark.parametrize("date_bounds", BOUNDS)
def test_the_ends_of_time_are_bounds_too(serve: Any, date_bounds: str) -> None:
    caller = serve(12, date_bounds=date_bounds)
    everything = [("createdOnFrom", "0001-01-01"), ("createdOnTo", "9999-12-31T23:59:59.9999999")]
    assert len(caller.ids(*everything)) == 12
    assert caller.ids(("createdOnFrom", "9999-12-31T23:59:59.9999999")) == []


def test_one_side_alone_bounds_one_side(caller: Any) -> None:
    truth = caller.box.customers()
    middle = truth[500]["created_on"]
    assert caller.ids(("createdOnFrom", middle)) == [r["user_id"] for r in truth if r["created_on"] >= middle]
    assert caller.ids(("createdOnTo", middle)) == [r["user_id"] for r in truth if r["created_on"] <= middle]
