"""What a body says, and whether it is data."""

import contextlib
import itertools
import json
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sc_pandas.client.bodies import Expectation, accept_page, clean, customer_body, message_of, parse_page
from sc_pandas.client.pages import _ENTRY_KEYS, PageReader
from sc_pandas.client.parsing import DEPTH_AT_MOST, NotDataError, parse_json, parse_list
from sc_pandas.tables import TableBuilder

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
    b"\xef\xbb\xbf[1]": [1], b'"\\ud83d"': "\ud83d", b' \r\n\t{"a": "\\u0000"} ': {"a": "\0"},
}  # fmt: skip
NOT_JSON = [
    b"", b" ", b"[1", b"[1]x", b"[1] [2]", b"{'a': 1}", b"[NaN]", b"[Infinity]", b"[-Infinity]", b"nan", b'"\xeb"',
    b'{"a": "\xff\xfe"}', b"\xff\xfe[\x001\x00]\x00", b"<html></html>", b"\x1f\x8b\x08\x00", b"[1,]", b"[01]",
    b"// x\n[1]",
]  # fmt: skip


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


# Rows, total, number of the page, size asked and size served before.
USUAL = [
    (50, 1_037, 1, 50, None), (50, 1_037, 1, 500, None), (10, 1_037, 1, 50, None), (37, 37, 1, 50, None),
    (0, 0, 1, 50, None), (1, 51, 1, 1, None), (50, 1_037, 20, 50, 50), (37, 1_037, 21, 50, 50),
    (0, 1_037, 22, 50, 50), (7, 37, 4, 50, 10),
]  # fmt: skip
UNUSUAL = [
    (49, 1_037, 1, 50, None), (51, 51, 1, 50, None), (49, 1_037, 20, 50, 50), (50, 1_037, 21, 50, 50), (1, 50, 2, 50, 50),
]  # fmt: skip


@pytest.mark.fault("A08")
def test_an_unusual_number_of_rows_is_told_with_its_numbers() -> None:
    for each in USUAL:
        assert len(page(*each).items) == each[0]
    for each in UNUSUAL:
        with pytest.raises(NotDataError) as caught:
            page(*each)
        assert (caught.value.kind, caught.value.rows) == ("row_count", each[:2])


@pytest.mark.parametrize(("document", "kind"), [
    (None, "shape"), ([], "shape"), ("An error has occurred.", "shape"), (True, "shape"), ({}, "shape"),
    ({"TotalResults": 0}, "shape"), ({"Message": "An error has occurred."}, "error_in_200"),
    ({"ErrorMessage": "x", "ErrorSource": "Delta"}, "error_in_200"), ({"Items": {}, "TotalResults": 0}, "shape"),
    ({"Items": "x", "TotalResults": 1}, "shape"), ({"Items": [1], "TotalResults": 1}, "shape"),
    ({"Items": [None], "TotalResults": 1}, "shape"), ({"Items": [[]], "TotalResults": 1}, "shape"),
    ({"Items": []}, "shape"), ({"Items": [], "TotalResults": None}, "shape"),
    ({"Items": [], "TotalResults": "0"}, "shape"), ({"Items": [], "TotalResults": True}, "shape"),
    ({"Items": [], "TotalResults": -1}, "shape"), ({"Items": [], "TotalResults": Decimal("0.0")}, "shape"),
    ({"Items": None, "TotalResults": 3}, "row_count"),
])  # fmt: skip
def test_what_has_not_the_list_s_shape_is_no_page(document: Any, kind: str) -> None:
    with pytest.raises(NotDataError) as caught:
        parse_page(document, Expectation(number=1, asked=50))
    assert caught.value.kind == kind


def test_null_items_of_an_empty_list_are_no_items() -> None:
    assert parse_page({"Items": None, "TotalResults": 0}, Expectation(number=1, asked=50)).items == []
    assert accept_page({"Items": None, "TotalResults": 3}, Expectation(number=2, asked=50)).total == 3


@pytest.mark.fault("C11")
@pytest.mark.parametrize("served", [None, 50])
@pytest.mark.parametrize(("number", "rows", "total"), [(1, 50, 0), (1, 50, 49), (1, 1, 0), (3, 50, 1), (1, 0, 7)])
def test_a_total_that_contradicts_its_page_is_never_taken(number: int, rows: int, total: int, served: int) -> None:
    document = {"Items": [{"UserID": n} for n in range(rows)], "TotalResults": total}
    for read in (parse_page, accept_page):
        with pytest.raises(NotDataError) as caught:
            read(document, Expectation(number=number, asked=50, served=served))
        assert (caught.value.kind, caught.value.rows) == ("row_count", None)


@pytest.mark.parametrize("total", [10**10 + 1, 2**53, 10**400])
def test_a_total_beyond_all_people_is_no_total(total: int) -> None:
    with pytest.raises(NotDataError, match="TotalResults"):
        parse_page({"Items": [{}] * 50, "TotalResults": total}, Expectation(number=1, asked=50))


ASKED = [("pageNumber", "1"), ("customerIDs", "7"), ("customerIDs", "8"), ("email", "9")]


@pytest.mark.parametrize("spelling", ["customerIDs", "model.customerIds"])
@pytest.mark.parametrize("row", [{"UserID": 9}, {"UserID": "9"}, {"ID": 9}, {"UserID": Decimal("9.0")}], ids=repr)
def test_who_was_not_asked_for_is_no_answer(row: dict[str, Any], spelling: str) -> None:
    expectation = Expectation(number=1, asked=50).of([(spelling, "7"), (spelling, "8")])
    document = {"Items": [{"UserID": 7}, row], "TotalResults": 2}
    for read in (parse_page, accept_page):
        with pytest.raises(NotDataError, match="1 customers with other ids") as caught:
            read(document, expectation)
        assert caught.value.kind == "not_asked"


def test_who_is_asked_for_may_be_missing_or_without_an_id() -> None:
    expectation = Expectation(number=1, asked=50).of(ASKED)
    assert parse_page({"Items": [{"UserID": 8}, {"Email": "x"}], "TotalResults": 2}, expectation).total == 2
    assert Expectation(number=1, asked=50).of([("email", "9")]).ids is None


def test_ten_rows_of_all_show_that_nothing_was_understood() -> None:
    """The reader goes on in the other dialect; asked for ten, they are strangers."""
    document = {"Items": [{"UserID": n} for n in range(10)], "TotalResults": 500}
    assert len(parse_page(document, Expectation(number=1, asked=50).of(ASKED)).items) == 10
    for expectation in (Expectation(number=1, asked=10), Expectation(number=1, asked=50, served=10)):
        with pytest.raises(NotDataError, match="other ids"):
            parse_page(document, expectation.of(ASKED))


def listed(rows: bytes, more: bytes = b"") -> bytes:
    return b'{"Items":[' + rows + b'],"TotalResults":1' + more + b"}"


@pytest.mark.fault("D09")
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[1,{"a":', b"}]")])
@pytest.mark.parametrize("depth", [65, 900, 100_000])
def test_what_is_too_deep_is_refused_wherever_it_stands(opening: bytes, closing: bytes, depth: int) -> None:
    deep = opening * depth + b"1" + closing * depth
    places = [deep, listed(b'{"a":' + deep + b"}"), listed(b"{}", b',"More":' + deep), b"\xef\xbb\xbf" + deep]
    for body in places:
        for parse in (parse_json, lambda body: parse_list(body, 50)):
            with pytest.raises(NotDataError, match="64 levels") as caught:
                parse(body)
            assert caught.value.kind == "shape"


def test_as_deep_as_allowed_is_read() -> None:
    body = b"[" * DEPTH_AT_MOST + b"]" * DEPTH_AT_MOST
    assert json.dumps(parse_json(body)).encode() == body
    with pytest.raises(NotDataError):
        parse_json(b"[" + body + b"]")


@pytest.mark.parametrize("rows", [b"{}", b'"\\ud83d"', b'{"a":"\\\\ud83d\\ud83d"}'])
def test_rows_are_counted_before_they_are_objects(rows: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those that only the slow parser reads."""
    body = listed(b",".join([rows] * 51))
    assert len(parse_list(b"\xef\xbb\xbf" + body, 51)[0]["Items"]) == 51
    monkeypatch.setattr("sc_pandas.client.parsing._decoded", lambda _: pytest.fail("objects were made"))
    for each in (body, b"\xef\xbb\xbf" + body):
        with pytest.raises(NotDataError, match="51 rows where 50") as caught:
            parse_list(each, 50)
        assert (caught.value.kind, caught.value.rows) == ("row_count", None)


@pytest.mark.fault("D07")
@pytest.mark.parametrize(("rows", "twice"), [
    (b'{"UserID":1,"UserID":2}', {"UserID"}), (b'{"UserID" : 1 ,"C":[{"Value":{"a":1,"b":2,"a":{}}}]}', {"a"}),
    (b'{"a":1,"a":"\\u003a"}', {"a"}), (b'{"a":"::","a":1.50,"b":"\\ud83d"}', {"a"}), (b'{"a":1,"\\u0061":2}', {"a"}),
    (b'{"a":"\\u003a","b":"x\\":1,\\"b\\":"}', set()),
    (b'{"a":{"a":{"a":1e5}},"b":[{"a":"12:00:00"},{"a":":"}]}', set()), (b"", set()),
], ids=repr)  # fmt: skip
def test_keys_that_an_object_has_twice_are_found(rows: bytes, twice: set[str]) -> None:
    document, found = parse_list(listed(rows), 50)
    assert found == twice
    notes = accept_page(document, Expectation(number=2, asked=50), found).notes
    assert len(notes) == bool(twice)
    assert all(name in notes[0] for name in twice)


@pytest.mark.fault("D07")
@pytest.mark.parametrize("body", [listed(b"{}", b',"Items":[]'), listed(b"{}", b',"TotalResults" : 7')])
def test_a_page_that_says_its_rows_or_total_twice_is_none(body: bytes) -> None:
    with pytest.raises(NotDataError, match="twice") as caught:
        parse_list(body, 50)
    assert caught.value.kind == "shape"


TEXTS = ['":', "a :b", "12:00", "\u00e9", '{"UserID":1}', "\\\\", "[[["]
LITERALS = ["null", "true", "7", '"7"', "7.50", "-0", str(2**63), str(2**70), "1e400", "NaN", '"\\ud83d"', '"\\u003a"', "[]",
            '{"a":1}', '[{"Value":"\\":"}]', "[" * 40 + "]" * 40, *map(json.dumps, TEXTS)]  # fmt: skip
ROW = {"UserID": "8", "Email": '"a@b"', "Rating": "4", "Colour": '"red"', "CustomColumns": "[]"}
ENTRY = dict.fromkeys(_ENTRY_KEYS, '"7"') | {
    "DataSourceContainer": "null",
    "IsDropDownAllowMultipleSelection": "false",
}
CHOICE = {"Key": '"k"', "Value": '"v"', "Additional": "null"}
changes = st.tuples(st.sampled_from(["value", "again", "gone", "last", "case", "escape", "unknown"]),
                    st.integers(0, 13), st.sampled_from(LITERALS))  # fmt: skip


def said(data: st.DataObject, plain: dict[str, str], colon: str) -> str:
    """Write an object, perhaps with something odd in it."""
    pairs = [(key, value, colon) for key, value in plain.items()]
    for what, place, literal in data.draw(st.lists(changes, max_size=1)):
        key, value, _ = pairs[place := place % len(pairs)]
        names = {"case": key.swapcase(), "escape": f"\\u{ord(key[0]):04x}{key[1:]}", "unknown": 'Shade\\":'}
        if what == "again":
            pairs.insert(place, (key, literal, data.draw(st.sampled_from([":", " :"]))))
        elif what == "value":
            pairs[place] = key, literal, colon
        else:
            del pairs[place]
            pairs += [] if what == "gone" else [(names.get(what, key), value, colon)]
    return "{" + ",".join(f'"{key}"{colon}{value}' for key, value, colon in pairs) + "}"


def outcome(reader: PageReader, body: bytes) -> Any:
    """Return everything that comes of a page: its table, what was coerced, its total and what is told; or why not."""
    try:
        with patch("sc_pandas.client.parsing._READER", reader), TableBuilder() as builder:
            document, twice = parse_list(body, 50)
            page = accept_page(document, Expectation(number=2, asked=50), twice)
            builder.add(page.items)
            rows = builder.finish()
    except NotDataError as error:
        return error.kind, str(error), error.rows
    return rows.to_table(), rows.coercions, rows.undocumented, page.total, page.notes, page.items.ids.tolist()


@given(st.data(), st.sampled_from([":", " :", ": "]))
@settings(deadline=None, max_examples=150)
def test_an_odd_page_gives_the_table_of_the_slow_parser(data: st.DataObject, colon: str) -> None:
    """Keys twice, in other order, in other case, escaped, unknown or missing; numbers, texts and lists of any kind."""
    rows = []
    for _ in range(data.draw(st.integers(1, 2))):
        choices = [said(data, CHOICE, colon) for _ in range(data.draw(st.integers(0, 1)))]
        entry = ENTRY | ({"DataSourceContainer": f"[{','.join(choices)}]"} if choices else {})
        entries = [said(data, entry, colon) for _ in range(data.draw(st.integers(0, 2)))]
        rows.append(said(data, ROW | {"CustomColumns": f"[{','.join(entries)}]"}, colon))
    body = said(data, {"Items": f"[{','.join(rows)}]", "TotalResults": "200"}, colon).encode()
    usual = [{key: json.loads(value) for key, value in ROW.items()} | {"CustomColumns": [dict.fromkeys(ENTRY)]}]
    reader = PageReader()
    reader.learn({"Items": usual, "TotalResults": 1})
    assert outcome(reader, body) == outcome(PageReader(), body)


@pytest.mark.parametrize("row", [b'"Email":"a@b","Colour":7', b'"Email":"12:00 \\u00e9","Colour":null'])
def test_a_page_like_another_is_decoded_at_once(row: bytes) -> None:
    """Also where the server says more of each customer than is documented."""
    entry = json.dumps(dict.fromkeys(_ENTRY_KEYS, "7") | {"DataSourceContainer": []}, separators=(",", ":")).encode()
    body = listed(b",".join(b'{"UserID":%d,%s,"CustomColumns":[%s]}' % (n, row, entry) for n in range(3)))
    reader = PageReader()
    assert reader.read(body) is None
    reader.learn(parse_json(body))
    page = reader.read(body)
    assert page is not None
    assert page == parse_json(body)
    assert page["Items"].ids.tolist() == [0, 1, 2]
    for name, colon in itertools.product((b'"TotalResults"', b'"UserID"', b'"Value"'), (b":", b" :", b"\n:")):
        assert reader.read(body.replace(name, name + colon + b"null," + name, 1)) is None


@given(
    st.recursive(
        st.none() | st.text(':"\\a\u00e9', max_size=4) | st.integers() | st.decimals(0, 9, places=2),
        lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(':"\\a', max_size=3), x, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from([{}, {"indent": 1}, {"ensure_ascii": False}]),
)
def test_no_key_is_said_to_be_twice_that_is_not(value: Any, style: dict[str, Any]) -> None:
    body = json.dumps({"a": value}, default=float, **style)
    assert parse_list(listed(body.encode()), 50)[1] == frozenset()


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
    assert clean("a\u202eb\x1b[31mc\u200b\r\nd\0") == r"a\u202eb\u001b[31mc\u200b d\u0000"
    assert message_of({"Message": " ", "ErrorMessage": "first"}) == "first"
    assert message_of({"Message": {"a": 1}}) == message_of(None) == message_of([]) == ""
