"""Which rows match a filter: the documented rules, one by one, and what is said where the rows cannot tell."""

import threading
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import pandas.testing
import pyarrow as pa
import pytest

import sc_pandas as sc
from sc_pandas.filters import CustomerFilter
from sc_pandas.matching import matching

TIME = datetime.fromisoformat
COLUMNS: dict[str, tuple[pa.DataType, list[Any]]] = {
    "user_id": (pa.int64(), [1, 2, 3, None]), "email": (pa.string(), ["Ada@X.org", " ada@x.org", None, "b@x.org"]),
    "first_name": (pa.string(), ["Zo\u00eb", "Zoe\u0308", "STRASSE", None]),
    "last_name": (pa.string(), ["O'Brien", "", "100%", None]),
    "corporate_name": (pa.string(), ["ACME", None, "a_c", "A.C"]), "rating": (pa.int8(), [0, 5, None, 9]),
    "is_whole_sale_user": (pa.bool_(), [True, False, None, True]),
    "subscribed": (pa.bool_(), [True, False, None, True]), "exported": (pa.bool_(), [False, False, None, True]),
    "channel": (pa.string(), ["Amazon", "eBayOrder", None, "999"]), "company_id": (pa.int64(), [163, 170, None, 163]),
    "created_on": (pa.timestamp("us"), [TIME("2026-01-01T00:00:00"), TIME("2026-01-01T00:00:00.000001"), None, TIME("9999-12-31T00:00:00")]),
    "phone1": (pa.string(), ["(212) 555-0134", None, "٢١٢", ""]), "phone2": (pa.string(), ["999", None, None, None]),
    "phone3": (pa.string(), [None, None, None, None]), "mobile": (pa.string(), [None, "+1 212 555 0134", None, None]),
    "fax": (pa.string(), [None, None, None, "777"]), "billing_city": (pa.string(), ["Bern", "Bernau", "BERN", None]),
    "billing_zip_code": (pa.string(), ["3000", "16321", "SW1A 1AA", None]),
}  # fmt: skip


@pytest.fixture
def frame() -> pd.DataFrame:
    columns: dict[str, Any] = {
        name: pd.Series(values, dtype=pd.ArrowDtype(kind)) for name, (kind, values) in COLUMNS.items()
    }
    frame = pd.DataFrame(columns)
    frame.index = pd.Index([7, 7, 3, 1])
    return frame


def rows(frame: pd.DataFrame, **asked: Any) -> list[int]:
    mask = matching(frame, CustomerFilter(**asked))
    assert mask.dtype == bool
    assert mask.index.equals(frame.index)
    return [place for place, hit in enumerate(mask.tolist()) if hit]


@pytest.mark.parametrize(("asked", "expected"), [
    ({}, [0, 1, 2, 3]), ({"customer_ids": [1, 3, 99]}, [0, 2]), ({"email": "ADA@x.ORG"}, [0]),
    ({"email": " ada@x.org"}, [1]), ({"email": "ada"}, []), ({"first_name": "zo\u00eb"}, [0]),
    ({"first_name": "e\u0308"}, [1]), ({"first_name": "ra\u00dfe"}, [2]),
    ({"first_name": ["ZO", "asse"]}, [0, 1, 2]), ({"last_name": "%"}, [2]), ({"corporate_name": "a_c"}, [2]),
    ({"corporate_name": "."}, [3]), ({"rating": 0}, [0]), ({"rating": ["NotRated", "Very Satisfied"]}, [0, 1]),
    ({"customer_type": "Wholesale"}, [0, 3]), ({"customer_type": "Retail"}, [1]),
    ({"customer_type": ["Retail", "Wholesale"]}, [0, 1, 3]), ({"subscribed": True}, [0, 3]),
    ({"subscribed": [True, False]}, [0, 1, 3]), ({"subscribed": -1}, [0, 1, 2, 3]), ({"exported": False}, [0, 1]),
    ({"channel": "amazon"}, [0]), ({"channel": ["Amazon", 999, 30]}, [0, 3]), ({"company_ids": 163}, [0, 3]),
    ({"created_on_from": "2026-01-01"}, [0, 1, 3]), ({"created_on_to": "2026-01-01 00:00"}, [0]),
    ({"created_on_to": "2026-01-01"}, [0, 1]), ({"created_on_from": "2026", "created_on_to": "2026-Q1"}, [0, 1]),
    ({"created_on_from": datetime.fromisoformat("2026-01-01T00:00:00.000001"), "created_on_to": "2026-01-02"}, [1]),
    ({"phone_number": "2125550134"}, [0, 1]), ({"phone_number": "+1 212"}, [1]), ({"phone_number": "٢١٢"}, []),
    ({"phone_number": "x"}, []), ({"phone_number": "01349"}, []), ({"phone_number": ["999", "777"]}, [0, 3]),
    ({"city": "bern"}, [0, 1, 2]), ({"zip_code": "sw1a 1aa"}, [2]), ({"zip_code": "300"}, []),
    ({"customer_type": "Wholesale", "city": "bern"}, [0]),
])  # fmt: skip
def test_rows_match_by_the_documented_rules(frame: pd.DataFrame, asked: dict[str, Any], expected: list[int]) -> None:
    before = frame.copy(deep=True)
    assert rows(frame, **asked) == expected
    pandas.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(("asked", "value", "column", "include"), [
    ("channel", 4, "channel", "channel"), ("subscribed", True, "subscribed", "subscribed"),
    ("exported", True, "exported", "exported"), ("created_on_from", "2026-01-01", "created_on", "created_on"),
    ("created_on_to", "2026-01-01", "created_on", "created_on"), ("zip_code", "1", "billing_zip_code", "addresses"),
    ("city", "1", "billing_city", "addresses"), ("phone_number", "1", "fax", "phones"),
    ("company_ids", 1, "company_id", "company_id"), ("email", "a", "email", None), ("rating", 5, "rating", None),
    ("customer_ids", 1, "user_id", None), ("customer_type", 1, "is_whole_sale_user", None),
])  # fmt: skip
def test_a_missing_column_says_what_to_include_or_to_read(
    frame: pd.DataFrame, asked: str, value: Any, column: str, include: str | None
) -> None:
    says = f'"{column}" among columns=' if include is None else f'include=."{include}".*with_filter'
    with pytest.raises(sc.FilterError, match=f"{asked} cannot be checked.*{says}") as caught:
        rows(frame.drop(columns=column), **{asked: value})
    assert caught.value.filter == asked


@pytest.mark.parametrize("name", CustomerFilter.names)
def test_every_filter_is_checked_or_left_to_the_server(frame: pd.DataFrame, name: str) -> None:
    asked: dict[str, Any] = {name: "2026-01-01" if "_on_" in name else 1 if name.endswith("_ids") else "1"}
    if name == "keyword" or name.startswith("modified"):
        with pytest.raises(sc.FilterError, match=r"only be checked by the server.*with_filter") as caught:
            rows(frame, city="a", **asked)
        assert caught.value.filter == name
    else:
        rows(frame, **asked)


def test_all_of_a_switch_needs_no_column(frame: pd.DataFrame) -> None:
    assert rows(frame[["user_id"]], subscribed=-1) == [0, 1, 2, 3]


def test_the_kind_of_customer_may_come_from_the_included_column(frame: pd.DataFrame) -> None:
    other = pd.DataFrame({"customer_type": pd.Series(["Wholesale", "Retail", None], dtype="string[pyarrow]")})
    assert rows(other, customer_type="Wholesale") == [0]
    other["is_whole_sale_user"] = pd.Series([False, True, None], dtype="bool[pyarrow]")
    assert rows(other, customer_type="Wholesale") == [1]


def test_a_time_with_a_zone_cannot_be_compared(frame: pd.DataFrame) -> None:
    with pytest.raises(sc.FilterError, match="created_on_from has a time zone"):
        rows(frame, created_on_from=datetime(2026, 1, 1, tzinfo=UTC))
    frame["created_on"] = "yesterday"
    with pytest.raises(sc.FilterError, match=r"'created_on' holds values that are no times.*pandas\.to_datetime"):
        rows(frame, created_on_from="2026-01-01")


def test_a_column_that_stands_twice_is_refused(frame: pd.DataFrame) -> None:
    with pytest.raises(sc.FilterError, match="several columns 'email'"):
        rows(pd.concat([frame, frame[["email"]]], axis=1), email="a")


def test_an_empty_frame_matches_nothing(frame: pd.DataFrame) -> None:
    assert rows(frame.iloc[:0], email="a", city="b", rating=5, phone_number="1") == []


@pytest.mark.parametrize(
    "ids",
    [["1", "2", None], [1.0, 2.0, None], pd.array([1, 2, None], dtype="Int64"), pd.Categorical(["1", "2", None]),
     [Decimal(1), Decimal(2), None]],
)  # fmt: skip
def test_ids_of_another_type_are_compared_by_value(ids: Any) -> None:
    frame = pd.DataFrame({"user_id": pd.Series(ids), "rating": pd.Series(ids)})
    assert rows(frame, customer_ids=[2]) == [1]
    assert rows(frame, rating=[2, 5]) == [1]


@pytest.mark.parametrize("values", [["True", "false", None], [1, 0, None], ["1", "0", None], [True, False, None]])
@pytest.mark.parametrize("kind", [None, object])
def test_flags_of_another_type_are_compared_by_value(values: list[Any], kind: Any) -> None:
    columns = ("is_whole_sale_user", "subscribed", "exported")
    frame = pd.DataFrame({name: pd.Series(values, dtype=kind) for name in columns})
    assert rows(frame, customer_type="Wholesale", subscribed=True, exported=True) == [0]
    assert rows(frame, customer_type="Retail") == [1]


def test_phones_that_are_numbers_are_their_digits(frame: pd.DataFrame) -> None:
    numbers = dict.fromkeys(("phone2", "phone3", "mobile", "fax"))
    for values in ([2125550134, None], [2125550134.0, None]):
        other = pd.DataFrame({"phone1": pd.Series(values), **numbers})
        assert rows(other, phone_number="555-0134") == [0]
        assert rows(other, phone_number="555-01340") == []
    with pytest.raises(sc.FilterError, match="lost the zeros"):
        rows(pd.DataFrame({"phone1": [301234567], **numbers}), phone_number="0301")


UNJUDGED: list[tuple[dict[str, Any], str, list[Any]]] = [
    ({"customer_ids": 1}, "user_id", ["nan"]), ({"customer_ids": 1}, "user_id", [True]),
    ({"customer_ids": 1}, "user_id", [1.5]), ({"customer_ids": 1}, "user_id", [""]),
    ({"customer_ids": 1}, "user_id", [[1]]), ({"company_ids": 1}, "company_id", ["ACME"]),
    ({"rating": 4}, "rating", ["4.5"]), ({"rating": 4}, "rating", ["good"]), ({"rating": 1}, "rating", [True]),
    ({"channel": "Amazon"}, "channel", [4.5]), ({"channel": "Amazon"}, "channel", [datetime.fromisoformat("2026-01-01")]),
    ({"customer_type": 1}, "is_whole_sale_user", ["Yes"]), ({"customer_type": 1}, "is_whole_sale_user", [2]),
    ({"subscribed": True}, "subscribed", ["Yes"]),
    ({"email": "1"}, "email", [1]), ({"first_name": "1"}, "first_name", [1.0]), ({"city": "a"}, "billing_city", [b"a"]),
    ({"zip_code": "2139"}, "billing_zip_code", [2139]), ({"zip_code": "2139"}, "billing_zip_code", [{"zip": 1}]),
    ({"phone_number": "1"}, "fax", [True]), ({"phone_number": "1"}, "phone1", [-1]), ({"phone_number": "1"}, "mobile", [0.5]),
    ({"created_on_from": "2026-01-01"}, "created_on", ["2026-01-01"]),
    ({"created_on_to": "2026-01-01"}, "created_on", [pd.Timestamp("2026-01-01", tz="UTC")]),
    ({"created_on_to": "2026-01-01"}, "created_on", [20260101]),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "column", "values"), UNJUDGED)
def test_values_that_cannot_be_judged_raise_and_are_not_quoted(
    frame: pd.DataFrame, asked: dict[str, Any], column: str, values: list[Any]
) -> None:
    """That nobody was found would be a lie."""
    odd = frame.assign(**{column: pd.Series([*values, *[None] * 3], index=frame.index, dtype=object)})
    with pytest.raises(
        sc.FilterError, match=f"cannot be checked: '{column}' holds values that are no .*ask the server"
    ) as told:
        rows(odd, **asked)
    assert told.value.filter == next(iter(asked))
    assert told.value.__suppress_context__
    missing = frame.assign(**{column: pd.Series([None] * 4, index=frame.index, dtype=object)})
    assert isinstance(rows(missing, **asked), list)


def test_a_channel_that_nobody_knows_is_none_of_those_asked(frame: pd.DataFrame) -> None:
    odd = frame.assign(channel=pd.Series(["Temu", "4", "amazon", None], index=frame.index, dtype=object))
    assert rows(odd, channel="Amazon") == [1, 2]


def test_attrs_that_cannot_be_copied_are_no_word_on_values(frame: pd.DataFrame) -> None:
    frame.attrs["lock"] = threading.Lock()
    with pytest.raises(TypeError, match="lock"):
        rows(frame, rating=4)
