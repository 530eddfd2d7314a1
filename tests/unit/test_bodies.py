"""What a body says, and whether it is data."""

import contextlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sc_pandas.client.bodies import (
    Expectation,
    NotDataError,
    accept_rows,
    clean,
    customer_body,
    message_of,
    parse_json,
    parse_page,
)

numbers = st.integers(-(10**30), 10**30) | st.decimals(allow_nan=False, allow_infinity=False).map(str)


@given(
    st.recursive(
        st.none() | st.booleans() | st.text() | st.integers(-(2**63), 2**64),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_json_is_read_as_python_s_own_reader_reads_it(document: Any) -> None:
    for text in (json.dumps(document), json.dumps(document, ensure_ascii=False), json.dumps(document, indent=1)):
        assert parse_json(text.encode("utf-8", "surrogatepass")) == document


@given(st.integers(-(10**40), 10**40), st.decimals(-(10**12), 10**12, places=9))
def test_numbers_keep_every_digit(whole: int, fraction: Decimal) -> None:
    got = parse_json(f"[{whole}, {fraction}]".encode())
    assert got == [whole, fraction]
    assert isinstance(got[0], int)
    assert isinstance(got[1], Decimal)


ODD_BUT_DATA = {
    b"\xef\xbb\xbf[1]": [1],
    b'"\\ud83d"': "\ud83d",
    b' \r\n\t{"a": "\\u0000"} ': {"a": "\0"},
}
NOT_JSON = [
    b"",
    b" ",
    b"[1",
    b"[1]x",
    b"[1] [2]",
    b"{'a': 1}",
    b"[NaN]",
    b"[Infinity]",
    b"[-Infinity]",
    b"nan",
    b'"\xeb"',
    b'{"a": "\xff\xfe"}',
    b"\xff\xfe[\x001\x00]\x00",
    b"<html></html>",
    b"[" * 100_000 + b"]" * 100_000,
    b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    b"\x1f\x8b\x08\x00",
    b"[1,]",
    b"[01]",
    b"// x\n[1]",
]


@pytest.mark.parametrize(("body", "document"), ODD_BUT_DATA.items(), ids=repr)
def test_odd_json_of_old_data_is_read(body: bytes, document: object) -> None:
    assert parse_json(body) == document


@pytest.mark.parametrize("body", NOT_JSON, ids=lambda body: repr(body[:20]))
def test_what_is_no_json_is_a_typed_refusal(body: bytes) -> None:
    with pytest.raises(NotDataError) as caught:
        parse_json(body)
    assert caught.value.kind == "json"


@given(st.binary(max_size=60))
def test_any_bytes_are_json_or_a_typed_refusal(body: bytes) -> None:
    with contextlib.suppress(NotDataError):
        parse_json(body)


def page(rows: int, total: int, number: int = 1, asked: int = 50, served: int | None = None) -> Any:
    document = {"Items": [{"UserID": n} for n in range(rows)], "TotalResults": total}
    return parse_page(document, Expectation(number=number, asked=asked, served=served))


@pytest.mark.parametrize(
    ("rows", "total", "number", "asked", "served"),
    [
        (50, 1_037, 1, 50, None),
        (50, 1_037, 1, 500, None),
        (10, 1_037, 1, 50, None),
        (37, 37, 1, 50, None),
        (0, 0, 1, 50, None),
        (1, 51, 1, 1, None),
        (50, 1_037, 20, 50, 50),
        (37, 1_037, 21, 50, 50),
        (0, 1_037, 22, 50, 50),
        (7, 37, 4, 50, 10),
    ],
)
def test_a_usual_number_of_rows_is_taken(rows: int, total: int, number: int, asked: int, served: int | None) -> None:
    assert len(page(rows, total, number, asked, served).items) == rows


@pytest.mark.fault("A08")
@pytest.mark.parametrize(
    ("rows", "total", "number", "served"),
    [
        (49, 1_037, 1, None),
        (0, 1, 1, None),
        (51, 51, 1, None),
        (49, 1_037, 20, 50),
        (50, 1_037, 21, 50),
        (1, 50, 2, 50),
    ],
)
def test_an_unusual_number_of_rows_is_told_with_its_numbers(
    rows: int, total: int, number: int, served: int | None
) -> None:
    with pytest.raises(NotDataError) as caught:
        page(rows, total, number, 50, served)
    assert (caught.value.kind, caught.value.rows) == ("row_count", (rows, total))


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        (None, "shape"),
        ([], "shape"),
        ("An error has occurred.", "shape"),
        (True, "shape"),
        ({}, "shape"),
        ({"TotalResults": 0}, "shape"),
        ({"Message": "An error has occurred."}, "error_in_200"),
        ({"ErrorMessage": "x", "ErrorSource": "Delta"}, "error_in_200"),
        ({"Items": {}, "TotalResults": 0}, "shape"),
        ({"Items": "x", "TotalResults": 1}, "shape"),
        ({"Items": [1], "TotalResults": 1}, "shape"),
        ({"Items": [None], "TotalResults": 1}, "shape"),
        ({"Items": [[]], "TotalResults": 1}, "shape"),
        ({"Items": []}, "shape"),
        ({"Items": [], "TotalResults": None}, "shape"),
        ({"Items": [], "TotalResults": "0"}, "shape"),
        ({"Items": [], "TotalResults": True}, "shape"),
        ({"Items": [], "TotalResults": -1}, "shape"),
        ({"Items": [], "TotalResults": Decimal("0.0")}, "shape"),
        ({"Items": None, "TotalResults": 3}, "row_count"),
    ],
)
def test_what_has_not_the_list_s_shape_is_no_page(document: Any, kind: str) -> None:
    with pytest.raises(NotDataError) as caught:
        parse_page(document, Expectation(number=1, asked=50))
    assert caught.value.kind == kind


def test_null_items_of_an_empty_list_are_no_items() -> None:
    assert parse_page({"Items": None, "TotalResults": 0}, Expectation(number=1, asked=50)).items == []
    assert accept_rows({"Items": None, "TotalResults": 3}).total == 3


words = st.text(st.characters(exclude_categories=()), max_size=8)


@given(
    st.recursive(
        st.none() | st.booleans() | words | st.integers(-(10**25), 10**25) | st.decimals(-(10**9), 10**9, places=4),
        lambda x: st.lists(x, max_size=3) | st.dictionaries(words, x, max_size=3),
    ).map(lambda value: {"General": value})
)
def test_what_is_kept_of_a_customer_is_read_back_as_it_was(customer: dict[str, Any]) -> None:
    """Half characters, whole numbers of any size and every digit of a fraction."""
    assert parse_json(customer_body(customer)) == customer


@given(st.text(max_size=2_000))
def test_a_stranger_s_words_are_one_short_line_without_control_characters(text: str) -> None:
    got = clean(text)
    assert len(got) <= 200
    assert got.isprintable()
    assert "\n" not in got
    assert got == got.strip()


def test_a_stranger_s_words_name_no_address_and_turn_nothing_around() -> None:
    assert clean("no user ann.lee+x@example.org here") == "no user ***@*** here"
    assert clean("a\u202eb\x1b[31mc\u200b\r\nd\0") == "a b [31mc d"
    assert message_of({"Message": " ", "ErrorMessage": "first"}) == "first"
    assert message_of({"Message": {"a": 1}}) == message_of(None) == message_of([]) == ""
