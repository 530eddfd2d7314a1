"""Rules of the frame, one by one."""
# ruff: noqa: DTZ001  # the frame's times are naive

import itertools
import pickle
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pytest

from sc_pandas import json_text
from sc_pandas.contract import CARD_KEYS, DETAIL_KEYS, LIST_KEYS, Rating
from sc_pandas.errors import ExportError, ResponseError
from sc_pandas.tables import BASE_SCHEMA, CustomerRows, TableBuilder, builder, column_name, to_pandas
from sc_pandas.tables.layout import distinct_names

BASE = [
    "user_id", "email", "first_name", "last_name", "email_cc", "corporate_name", "rating", "rating_name",
    "is_whole_sale_user", "is_wholesale_string",
]  # fmt: skip


def read(
    items: Sequence[dict[str, Any]], *, on_bad_value: Literal["null", "raise"] = "null", sort: bool = True
) -> CustomerRows:
    with TableBuilder(on_bad_value=on_bad_value) as building:
        building.add(items)
        return building.finish(sort=sort)


def column(rows: CustomerRows, name: str) -> list[Any]:
    values: list[Any] = rows.to_table().column(name).to_pylist()
    return values


def reasons(rows: CustomerRows) -> list[tuple[int | None, str, str]]:
    return [(each.user_id, each.column, each.raw) for each in rows.coercions]


def one(key: str, value: object) -> tuple[object, list[str], pa.DataType]:
    """Read one value under one key: the cell, the raw values of coercions, and the column's type."""
    rows = read([{"UserID": 1, key: value}])
    name = column_name(key)
    return column(rows, name)[0], [each.raw for each in rows.coercions], rows.schema.field(name).type


class TestBase:
    def test_an_empty_answer_has_the_columns_and_types_of_a_full_one(self) -> None:
        empty, full = read([]), read([dict.fromkeys(LIST_KEYS) | {"UserID": 1}])

        assert empty.schema == full.schema == BASE_SCHEMA
        assert BASE_SCHEMA.names == BASE
        assert empty.num_rows == empty.to_table().num_rows == 0
        assert list(empty.iter_batches()) == []
        assert to_pandas(empty.to_table()).dtypes.equals(to_pandas(full.to_table()).dtypes)

    @pytest.mark.fault("D05")
    def test_every_dtype_is_arrow_and_the_index_is_fresh(self) -> None:
        frame = to_pandas(read([{"UserID": 2**53 + 1}, {"UserID": None}]).to_table())

        assert [str(dtype) for dtype in frame.dtypes] == [
            "int64[pyarrow]", "string[pyarrow]", "string[pyarrow]", "string[pyarrow]", "string[pyarrow]", "string[pyarrow]",
            "int64[pyarrow]", "string[pyarrow]", "bool[pyarrow]", "string[pyarrow]",
        ]  # fmt: skip
        assert frame["user_id"].tolist() == [2**53 + 1, pd.NA]
        assert frame.index.equals(pd.RangeIndex(2))

    @pytest.mark.fault("D01")
    def test_a_key_that_first_comes_in_a_later_row_or_batch_is_not_lost(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(builder, "ROWS_IN_BATCH", 1)
        with TableBuilder() as building:
            for item in ({"UserID": 1}, {"UserID": 2, "Email": "b@x", "Title": "Dr", "Colour": "red"}, {"UserID": 3}):
                building.add([item])
            rows = building.finish()

        assert column(rows, "email") == [None, "b@x", None]
        assert column(rows, "title") == [None, "Dr", None]
        assert column(rows, "colour") == [None, "red", None]

    def test_columns_come_base_then_documented_then_custom_then_the_rest_each_by_name(self) -> None:
        rows = read([
            {"Zebra": 1, "Ant": 1, "Phone1": "1", "CompanyID": 1, "UserID": 1,
             "CustomColumns": [{"ColumnName": "b"}, {"ColumnName": "a"}]},
        ])  # fmt: skip

        assert rows.schema.names == [*BASE, "company_id", "phone1", "custom.a", "custom.b", "ant", "zebra"]
        assert rows.undocumented == ("Ant", "Zebra")

    def test_documented_keys_keep_their_type_even_when_all_are_null(self) -> None:
        rows = read([dict.fromkeys(DETAIL_KEYS) | {"UserID": 1}])

        kinds = {"int64": pa.int64(), "string": pa.string(), "bool": pa.bool_(), "double": pa.float64(),
                 "timestamp": pa.timestamp("us")}  # fmt: skip
        for key, kind in DETAIL_KEYS.items():
            assert rows.schema.field(column_name(key)).type == kinds[kind]
        assert rows.undocumented == ()


# What comes; the code and the name that are in the frame, or None and None and a coercion.
RATINGS: list[tuple[object, int | None, str | None]] = [
    *((value, 4, "Satisfied") for value in (4, "4", Decimal("4.0"), "Satisfied", "satisfied", "SATISFIED")),
    *((value, 1, "Very_Disatisfied") for value in ("Very_Disatisfied", "Very Dissatisfied", "very dissatisfied", 1)),
    *((rating.name, rating.value, rating.name) for rating in Rating),
    (6, 6, None), (100, 100, None), ("6", 6, None), ("100", 100, None), (Decimal("6.0"), 6, None), (300, 300, None),
    ("-129", -129, None),
    *((value, None, None) for value in ("Awful", "", Decimal("4.5"), True, [4], 2**70)),
]  # fmt: skip


class TestRating:
    @pytest.mark.parametrize(("value", "code", "name"), RATINGS)
    def test_code_and_name_land_in_both_columns(self, value: object, code: int | None, name: str | None) -> None:
        """The vendor's spelling is given; a code that is added later is kept without a name; the rest is told."""
        rows = read([{"UserID": 1, "Rating": value}, {"UserID": 2, "Rating": "Neutral"}])

        assert column(rows, "rating") == [code, 3]
        assert column(rows, "rating_name") == [name, "Neutral"]
        assert [each.column for each in rows.coercions] == ["rating"] * (code is None)

    def test_a_name_the_vendor_adds_later_is_null_in_both_columns_and_told_in_full(self) -> None:
        rows = read([{"UserID": 1, "Rating": "Brilliant"}])

        assert (column(rows, "rating"), column(rows, "rating_name")) == ([None], [None])
        assert reasons(rows) == [(1, "rating", '"Brilliant"')]
        assert rows.coercions[0].reason == "not the name of a rating"


class TestKey:
    @pytest.mark.parametrize("key", ["UserID", "ID", "CustomerID"])
    @pytest.mark.parametrize("value", [7, "7", Decimal("7.0")])
    def test_the_key_lands_in_user_id_under_whatever_name_it_comes(self, key: str, value: object) -> None:
        rows = read([{key: value}])

        assert rows.to_table().column("user_id").to_pylist() == [7]
        assert (rows.schema.names, rows.rows_without_key) == (BASE, 0)

    def test_the_first_usable_one_wins(self) -> None:
        rows = read([{"UserID": None, "ID": 1}, {"UserID": "x", "CustomerID": 2}, {"UserID": 3, "ID": None}])

        assert column(rows, "user_id") == [1, 2, 3]
        assert reasons(rows) == [(2, "user_id", '"x"')]

    def test_another_id_that_is_the_same_is_no_column_and_one_that_differs_is(self) -> None:
        same = read([{"UserID": 1, "ID": 1, "CustomerID": "1"}])
        other = read([{"UserID": 1, "ID": 1, "CustomerID": 5}, {"UserID": 2, "ID": 2}])

        assert same.schema.names == BASE
        assert other.schema.names == [*BASE, "customer_id"]
        assert column(other, "customer_id") == [5, None]

    def test_rows_without_a_key_come_last_in_the_servers_order_and_are_never_merged(self) -> None:
        rows = read(
            [{"Email": "b"}, {"UserID": 2, "Email": "2"}, {"Email": "a"}, {"Email": "a"}, {"UserID": 1, "Email": "1"}]
        )

        assert column(rows, "email") == ["1", "2", "b", "a", "a"]
        assert (rows.rows_without_key, rows.doubles_dropped) == (3, 0)

    def test_of_doubles_the_last_wins_and_takes_only_its_own_coercions_along(self) -> None:
        items: list[dict[str, Any]] = [
            {"UserID": 2, "Email": "old", "Rating": "Odd"},
            {"UserID": 1},
            {"UserID": 2, "Email": "new", "IsWholeSaleUser": 5},
        ]
        rows = read(items)

        assert column(rows, "email") == [None, "new"]
        assert (rows.num_rows, rows.doubles_dropped) == (2, 1)
        assert [each.column for each in rows.coercions] == ["is_whole_sale_user"]

    def test_unsorted_rows_stay_in_the_servers_order(self) -> None:
        rows = read([{"UserID": 3}, {"UserID": 1}, {}, {"UserID": 3}, {"UserID": 2}], sort=False)

        assert column(rows, "user_id") == [1, None, 3, 2]


class TestConversions:
    @pytest.mark.parametrize(("key", "value", "cell"), [
        ("CompanyID", 7, 7), ("CompanyID", "7", 7), ("CompanyID", "-007", -7), ("CompanyID", Decimal("7.0"), 7),
        ("CompanyID", -(2**63), -(2**63)), ("Title", 7, "7"), ("Title", True, "true"),
        ("Title", Decimal("1.10"), "1.10"), ("Title", [1, "é"], '[1,"é"]'), ("Title", {"a": None}, '{"a":null}'),
        ("Title", "a\x00b", "a\x00b"), ("TaxExempt", 1, True), ("TaxExempt", "FALSE", False),
        ("TaxExempt", "True", True), ("CreditLimit", Decimal("0.1"), 0.1), ("CreditLimit", "12.50", 12.5),
        ("CreditLimit", 3, 3.0), ("CreatedOn", "2026-01-05T10:11", datetime(2026, 1, 5, 10, 11)),
    ])  # fmt: skip
    def test_what_fits_is_taken(self, key: str, value: object, cell: object) -> None:
        assert one(key, value)[:2] == (cell, [])
        assert type(one(key, value)[0]) is type(cell)

    @pytest.mark.parametrize(("key", "value", "raw"), [
        ("CompanyID", "7.5", '"7.5"'), ("CompanyID", Decimal("7.5"), "7.5"),
        ("CompanyID", Decimal("1E+999999999"), "1E+999999999"), ("CompanyID", True, "true"),
        ("CompanyID", 2**70, str(2**70)), ("CompanyID", 2**63, str(2**63)), ("CompanyID", "١", '"١"'),
        ("CompanyID", "1_000", '"1_000"'), ("CompanyID", [7], "[7]"), ("TaxExempt", 2, "2"),
        ("TaxExempt", "yes", '"yes"'), ("TaxExempt", "", '""'),
        ("CreditLimit", Decimal("1E+400"), "1E+400"), ("CreditLimit", True, "true"), ("CreditLimit", "nan", '"nan"'), ("CreatedOn", "2026-02-30", '"2026-02-30"'),
        ("CreatedOn", "2026-01-05T24:00:00", '"2026-01-05T24:00:00"'),
        ("CreatedOn", "2026-01-05\n", '"2026-01-05\\n"'), ("CreatedOn", "13/13/2026", '"13/13/2026"'),
        ("CreatedOn", "1/5/2026 13:00 PM", '"1/5/2026 13:00 PM"'),
        ("CreatedOn", "9999-12-31T23:59:59-01:00", '"9999-12-31T23:59:59-01:00"'), ("CreatedOn", "", '""'),
        ("CreatedOn", 1_600_000_000, "1600000000"),
    ])  # fmt: skip
    def test_what_does_not_fit_is_null_and_told(self, key: str, value: object, raw: str) -> None:
        cell, told, of_type = one(key, value)

        assert (cell, told) == (None, [raw])
        assert of_type == one(key, None)[2]

    @pytest.mark.parametrize(("sent", "cell"), [
        (Decimal("0.12345678901234567890"), 0.12345678901234568), (2**53 + 1, 2.0**53), ("1.00000000000000000001", 1.0),
        (Decimal(123456789012345678), 123456789012345680.0),
    ])  # fmt: skip
    def test_more_digits_than_fit_are_the_nearest_and_told(self, sent: object, cell: float) -> None:
        assert one("CreditLimit", sent)[:2] == (cell, [json_text.dump(sent)])
        entry = {"ColumnName": "Spent", "DataType": 2, "Value": sent}
        rows = read([{"UserID": 1, "CustomColumns": [entry]}])
        assert column(rows, "custom.Spent") == [cell]
        assert reasons(rows) == [(1, "custom.Spent", json_text.dump(sent))]

    def test_a_number_of_five_thousand_digits_is_text_or_told(self) -> None:
        rows = read(
            [{"UserID": 1, "CompanyID": 10**5_000, "Title": 10**5_000, "Extra": 10**5_000, "Deep": [10**5_000, "é"]}]
        )
        digits = "1" + "0" * 5_000

        assert reasons(rows) == [(1, "company_id", digits)]
        assert (column(rows, "title"), column(rows, "extra")) == ([digits], [digits])
        assert column(rows, "deep") == [f'[{digits},"\\u00e9"]']

    def test_a_lone_surrogate_becomes_the_replacement_character_and_is_told(self) -> None:
        rows = read(
            [{"UserID": 1, "Email": "a\ud800b", "Title": ["\udfff"], "Extra": "\ud800", "Deep": [{"x": "\ud800"}]}]
        )

        assert column(rows, "email") == ["a\ufffdb"]
        assert column(rows, "title") == ['["\ufffd"]']
        assert column(rows, "extra") == ["\ufffd"]
        assert column(rows, "deep") == [[{"x": "\ufffd"}]]
        assert reasons(rows) == [
            (1, "email", '"a\\ud800b"'), (1, "title", '["\\udfff"]'), (1, "deep", '[{"x":"\\ud800"}]'), (1, "extra", '"\\ud800"'),
        ]  # fmt: skip

    def test_a_coercion_shows_no_raw_value_unless_it_is_asked(self) -> None:
        (coercion,) = read([{"UserID": 1, "CompanyID": "Jane"}]).coercions

        assert "Jane" not in repr(coercion)
        assert "Jane" not in repr(read([{"UserID": 1, "CompanyID": "Jane"}]))
        assert pickle.loads(pickle.dumps(coercion)) == coercion  # noqa: S301  # our own value

    def test_raise_names_row_column_and_reason_but_no_value(self) -> None:
        with pytest.raises(ResponseError, match=r"Customer 7 .* company_id: not a whole number") as caught:
            read([{"UserID": 7, "CompanyID": "Jane"}], on_bad_value="raise")

        assert caught.value.kind == "shape"
        assert "Jane" not in str(caught.value)

    @pytest.mark.parametrize(
        "item", [{"CustomColumns": [{"ColumnName": "n", "DataType": 1, "Value": "x"}]}, {"Odd": "\ud800"}]
    )
    def test_raise_reaches_columns_whose_type_is_known_late(self, item: dict[str, Any]) -> None:
        with pytest.raises(ResponseError, match="A customer without an id"):
            read([item], on_bad_value="raise")


FRACTION = "123456789"
WHOLE = datetime(2026, 1, 5, 22, 11, 12)
STAMPS = [
    *(
        (f"2026-01-05T22:11:12{'.' if digits else ''}{FRACTION[:digits]}", int(FRACTION[:digits][:6].ljust(6, "0")))
        for digits in range(10)
    ),
    ("2026-01-05T22:11:12.000000999", 0),
    ("2026-01-05T22:11:12.9999999", 999_999),
]
ZONES = [
    ("", 0), ("Z", 0), ("z", 0), ("+00:00", 0), ("+02:30", -150), ("-0800", 480), ("-23:59", 1_439), ("+14:00", -840),
]  # fmt: skip


# What is sent, the cell where a date is declared, and where nothing is; None is told.
DATES: list[tuple[str, datetime | None, datetime | str | None]] = [
    # The empty date is null wherever it stands, every other day of the calendar a date, and a day its midnight.
    *((text, None, None) for text in ("0001-01-01", "0001-01-01T00:00:00", "0001-01-01T00:00:00Z",
                                      "0001-01-01T00:00:00.0000000", "0001-01-01T00:00:00-05:00")),
    *((text, datetime.fromisoformat(text[:26]), datetime.fromisoformat(text[:26])) for text in (
        "0001-01-02T00:00:00", "9999-12-31T23:59:59.9999999", "1582-10-10", "2024-02-29", "2026-01-05T00:00")),
    # American and loose dates are dates only where a date is declared.
    *((text, datetime.fromisoformat(stamp), text) for text, stamp in (
        ("01/05/2026", "2026-01-05"), ("1/5/2026 22:11", "2026-01-05T22:11"), ("1/5/2026 12:11 pm", "2026-01-05T12:11"),
        ("01/05/2026 10:11:12 PM", "2026-01-05T22:11:12"), ("1/5/2026 12:11:12 AM", "2026-01-05T00:11:12"),
        ("2026-01-05 22:11:12.5", "2026-01-05T22:11:12.500"))),
    *((text, None, text) for text in ("", "soon", "2026-13-01", "13/05/2026", "2026-01-05T22:11:12.",
                                      "2026-01-05T22:11:12+25:00")),
]  # fmt: skip


class TestDates:
    """The same dates as a documented key, as a custom column and as a key that nobody documents."""

    @staticmethod
    def everywhere(value: object) -> tuple[list[object], list[str]]:
        rows = read([{
            "UserID": 1, "CreatedOn": value, "Seen": value,
            "CustomColumns": [{"ColumnName": "Day", "DataType": 3, "Value": value}],
        }])  # fmt: skip
        return [column(rows, name)[0] for name in ("created_on", "custom.Day", "seen")], [
            e.column for e in rows.coercions
        ]

    @pytest.mark.parametrize(("zone", "minutes"), ZONES)
    @pytest.mark.parametrize(("text", "micros"), STAMPS)
    def test_any_number_of_fraction_digits_with_and_without_offset(
        self, text: str, micros: int, zone: str, minutes: int
    ) -> None:
        stamp = WHOLE.replace(microsecond=micros) + timedelta(minutes=minutes)

        assert self.everywhere(f"{text}{zone}") == ([stamp] * 3, [])

    @pytest.mark.parametrize(("sent", "created", "seen"), DATES)
    def test_what_a_date_is_where_it_is_declared_and_where_it_is_not(
        self, sent: str, created: datetime | None, seen: datetime | str | None
    ) -> None:
        told = ["created_on", "custom.Day"] * (created is None) + ["seen"] * (seen is None)

        assert self.everywhere(sent) == ([created, created, seen], told)


class TestCardData:
    @pytest.mark.parametrize("key", [*sorted(CARD_KEYS), "creditCards", "card_number", "cvv"])
    def test_it_is_dropped_at_any_depth_and_never_told(self, key: str) -> None:
        secret = "4111111111111111"
        rows = read([{
            "UserID": 1, key: secret, "Title": {key: secret}, "Odd": [{"x": [{key: secret, "y": 1}]}], "CompanyID": [{key: secret}],
            "CustomColumns": [{"ColumnName": key, "Value": secret}, {key: secret}, {"ColumnName": "ok", "Value": {key: secret}}],
        }, {"CustomColumns": {key: secret}}])  # fmt: skip

        assert secret not in str(rows.to_table().to_pylist())
        assert not any(secret in each.raw for each in rows.coercions)
        assert column(rows, "odd")[0] == [{"x": [{"y": 1}]}]


TEXT, INTEGER, DECIMAL, MOMENT, FLAG = pa.string(), pa.int64(), pa.float64(), pa.timestamp("us"), pa.bool_()
ODD_TYPES: tuple[object, ...] = (7, 99, -1, 10**5_000, "Money", "DropDown", "", "7", [1], {}, True, Decimal(1))
# What is declared, the type of the column, what comes, and the cell; what is told if it is another than null that came.
CUSTOM: list[tuple[object, pa.DataType, object, object]] = [
    (0, TEXT, "a", "a"), (1, INTEGER, "7", 7), (2, DECIMAL, Decimal("1.5"), 1.5),
    (2, DECIMAL, "1.50000000000000", 1.5), (2, DECIMAL, 10**15, 1e15), (2, DECIMAL, Decimal("0.1234567890"), 0.123456789),
    (2, DECIMAL, Decimal("-0E+900"), 0.0), (2, DECIMAL, None, None),
    (3, MOMENT, "2020-01-02T03:04:05", datetime(2020, 1, 2, 3, 4, 5)), (4, FLAG, "True", True), (5, TEXT, 7, "7"),
    (6, TEXT, "https://x", "https://x"), ("2", DECIMAL, 7, 7.0), (None, TEXT, 7, "7"),
    # A type is known by name or code in any case.
    *((name, INTEGER, "7", 7) for name in ("Integer", "integer", "INTEGER", "1")),
    # One that the vendor adds later is text.
    *((odd, TEXT, value, text) for odd in ODD_TYPES
      for value, text in (("1.50", "1.50"), ("2020-01-01", "2020-01-01"), (7, "7"), (Decimal("1.50"), "1.50"),
                          (True, "true"), (["a"], '["a"]'))),
    # HTML and links are the text that they are.
    *((kind, TEXT, text, text) for kind in (0, 5, 6)
      for text in ("<p>Hi <b>you</b>&nbsp;&amp;</p>\r\n", "<script>alert(1)</script>", "javascript:alert(1)", " a ", "\x00")),
    # What is against its declaration is null, and told.
    (1, INTEGER, "x", None), (1, INTEGER, Decimal("1.5"), None),
    (2, DECIMAL, Decimal("1E+400"), None), (2, DECIMAL, True, None), (2, DECIMAL, "", None),
    (3, MOMENT, "soon", None), (4, FLAG, "maybe", None),
]  # fmt: skip
# Where several values may be chosen the column is text, but only a clear yes says so.
SEVERAL: list[tuple[object, object, object]] = [
    *((True, value, cell) for value, cell in (("1,2", "1,2"), ("1;2", "1;2"), (["1", "2"], '["1","2"]'), (7, "7"),
                                              ("2020-01-01", "2020-01-01"), (None, None))),
    *((several, 7, 7) for several in (False, None, "true", 1)),
]  # fmt: skip


class TestCustomColumns:
    def custom(self, *entries: Any) -> CustomerRows:
        return read([{"UserID": number, "CustomColumns": [entry]} for number, entry in enumerate(entries, 1)])

    @pytest.mark.parametrize(("kind", "of_type", "value", "cell"), CUSTOM, ids=range(len(CUSTOM)))
    def test_they_are_typed_by_what_they_declare(
        self, kind: object, of_type: pa.DataType, value: object, cell: object
    ) -> None:
        """The definition of a column, such as its shown name, is no data."""
        more = {"NewValue": "b", "DisplayName": "C", "DataSourceContainer": [1], "AllowHTMLPopup": True}
        rows = self.custom({"ColumnName": "My Column", "DataType": kind, "Value": value, **more})

        assert rows.schema.names == [*BASE, "custom.My Column"]
        assert rows.schema.field("custom.My Column").type == of_type
        assert column(rows, "custom.My Column") == [cell]
        told = cell is None and value is not None
        assert [each.column for each in rows.coercions] == ["custom.My Column"] * told

    @pytest.mark.parametrize(("sent", "cell", "told"), [
        (Decimal("1.5"), "1.5", 0), ("-0.123456", "-0.123456", 0), ("1.50000000000", "1.5", 0), (10**12 - 1, "999999999999", 0),
        (Decimal("0.1234565"), "0.123456", 1), (10**12, None, 1), (Decimal("1E+400"), None, 1), (None, None, 0),
    ])  # fmt: skip
    def test_exact_decimals_have_room_for_arithmetic(self, sent: object, cell: str | None, told: int) -> None:
        with TableBuilder(exact_decimals=True) as building:
            building.add([{"CustomColumns": [{"ColumnName": "c", "DataType": 2, "Value": sent}]}])
            rows = building.finish()
        assert column(rows, "custom.c") == [cell and Decimal(cell)]
        assert len(rows.coercions) == told
        spent: Any = to_pandas(rows.to_table())["custom.c"]
        assert str(spent.dtype) == "decimal128(18, 6)[pyarrow]"
        assert [len(each) for each in (spent * 2, spent + 1, spent * Decimal("1.19"), spent / spent)] == [1] * 4

    @pytest.mark.parametrize("kind", [0, 1, 3, None])
    @pytest.mark.parametrize(("several", "value", "cell"), SEVERAL)
    def test_where_several_values_may_be_chosen_the_column_is_text(
        self, kind: int | None, several: object, value: object, cell: Any
    ) -> None:
        if several is not True:
            kind = 1
        entry = {"ColumnName": "c", "DataType": kind, "Value": value, "IsDropDownAllowMultipleSelection": several}
        rows = self.custom(entry)

        assert rows.schema.field("custom.c").type == (TEXT if several is True else INTEGER)
        assert (column(rows, "custom.c"), rows.coercions) == ([cell], ())

    def test_declarations_that_disagree_make_lossless_text(self, monkeypatch: pytest.MonkeyPatch) -> None:
        sent = [(1, 7), (0, "a"), (2, Decimal("1.10")), (1, "007"), (4, True), (1, [1]), (3, None)]
        for size in (1, 3, 100):
            monkeypatch.setattr(builder, "ROWS_IN_BATCH", size)
            rows = self.custom(*({"ColumnName": "c", "DataType": kind, "Value": value} for kind, value in sent))

            assert column(rows, "custom.c") == ["7", "a", "1.10", "007", "true", "[1]", None]
            assert rows.coercions == ()

    def test_text_and_long_text_do_not_disagree(self) -> None:
        """An entry that declares nothing has no say."""
        text = self.custom(*({"ColumnName": "c", "DataType": kind, "Value": "a"} for kind in (0, 5)))
        whole = self.custom({"ColumnName": "c", "DataType": 1, "Value": 1}, {"ColumnName": "c", "Value": "2"})

        assert column(text, "custom.c") == ["a", "a"]
        assert column(whole, "custom.c") == [1, 2]

    def test_of_three_repeats_both_earlier_ones_are_told_even_null_and_equal_ones(self) -> None:
        entries = [{"ColumnName": "c", "DataType": 1, "Value": value} for value in (None, 7, 7)]
        rows = read([{"UserID": 1, "CustomColumns": entries}])

        assert column(rows, "custom.c") == [7]
        assert reasons(rows) == [(1, "custom.c", "7"), (1, "custom.c", "null")]

    @pytest.mark.parametrize("nothing", [None, []])
    def test_no_list_and_an_empty_one_are_nothing(self, nothing: object) -> None:
        rows = read([{"UserID": 1, "CustomColumns": nothing}])

        assert (rows.schema.names, rows.coercions) == (BASE, ())

    @pytest.mark.parametrize(
        ("kind", "empty"), [(0, ""), (5, ""), (6, ""), (None, ""), (99, ""), (1, None), (2, None), (3, None), (4, None)]
    )
    def test_null_and_missing_are_null_and_empty_text_is_text_or_told(self, kind: int | None, empty: Any) -> None:
        rows = self.custom(
            {"ColumnName": "c", "DataType": kind, "Value": ""},
            {"ColumnName": "c", "DataType": kind, "Value": None},
            {"ColumnName": "c", "DataType": kind},
        )

        assert column(rows, "custom.c") == [empty, None, None]
        assert reasons(rows) == ([] if empty == "" else [(1, "custom.c", '""')])

    @pytest.mark.parametrize("order", [1, -1])
    @pytest.mark.parametrize("size", [1, 100])
    def test_names_that_differ_only_in_case_are_columns_that_sql_can_tell_apart(
        self, size: int, order: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(builder, "ROWS_IN_BATCH", size)
        sent = [("Size", 0, "a"), ("size", 1, 7), ("SIZE", 1, "x"), ("size_2", 0, "b"), ("Colour", 0, "c")]
        with TableBuilder() as building:
            for number, (name, kind, value) in list(enumerate(sent))[::order]:
                entry = {"ColumnName": name, "DataType": kind, "Value": value}
                building.add([{"UserID": number, "CustomColumns": [{**entry, "Value": "old"}, entry]}])
            rows = building.finish()

        names = ["custom.Colour", "custom.SIZE", "custom.Size_3", "custom.size_2", "custom.size_4"]
        assert rows.schema.names[len(BASE) :] == names
        assert [column(rows, name) for name in names] == [
            [None, None, None, None, "c"], [None] * 5, ["a", None, None, None, None], [None, None, None, "b", None],
            [None, 7, None, None, None],
        ]  # fmt: skip
        assert reasons(rows) == [
            (0, "custom.Size_3", '"old"'), (1, "custom.size_4", '"old"'), (2, "custom.SIZE", '"old"'), (2, "custom.SIZE", '"x"'),
            (3, "custom.size_2", '"old"'), (4, "custom.Colour", '"old"'),
        ]  # fmt: skip
        assert rows.undocumented == ("custom.Size (column custom.Size_3)", "custom.size (column custom.size_4)")


class TestUndocumented:
    @pytest.mark.parametrize(("values", "of_type", "cells"), [
        ([True, False, None], pa.bool_(), [True, False, None]), ([1, 2**62, None], pa.int64(), [1, 2**62, None]),
        ([1, Decimal("2.5")], pa.float64(), [1.0, 2.5]), ([Decimal("0.1"), None], pa.float64(), [0.1, None]),
        (["a", "2020-01-01"], pa.string(), ["a", "2020-01-01"]),
        (["2020-01-01", "2020-01-02T03:04:05.1234567", "2020-01-01T00:00:00+01:00"], pa.timestamp("us"),
         [datetime(2020, 1, 1), datetime(2020, 1, 2, 3, 4, 5, 123_456), datetime(2019, 12, 31, 23)]),
        (["2020-01-01 00:00:00"], pa.string(), ["2020-01-01 00:00:00"]),
        (["2020-02-30"], pa.string(), ["2020-02-30"]), (["2020-01-01", ""], pa.string(), ["2020-01-01", ""]),
        ([None, None], pa.string(), [None, None]), ([[1], [], None], pa.list_(pa.int64()), [[1], [], None]),
        ([[], []], pa.list_(pa.string()), [[], []]), ([[None]], pa.list_(pa.string()), [[None]]),
        ([[1, Decimal("1.5")]], pa.list_(pa.float64()), [[1.0, 1.5]]),
        ([{"b": 1}, {"a": [None, "2020-01-01"]}], pa.struct([("a", pa.list_(pa.string())), ("b", pa.int64())]),
         [{"a": None, "b": 1}, {"a": [None, "2020-01-01"], "b": None}]),
        ([7, "7", None], pa.string(), ["7", '"7"', None]), ([True, 1], pa.string(), ["true", "1"]),
        ([[1], {"a": 1}], pa.string(), ["[1]", '{"a":1}']), ([[1, "x"]], pa.string(), ['[1,"x"]']),
        ([{}], pa.string(), ["{}"]), ([{"": 1}], pa.string(), ['{"":1}']),
        ([{"\ud800": 1}], pa.string(), ['{"\ufffd":1}']), ([1, 2**70], pa.string(), ["1", str(2**70)]),
        ([2**53 + 1, Decimal("0.5")], pa.string(), [str(2**53 + 1), "0.5"]),
        ([Decimal("0.12345678901234567890")], pa.string(), ["0.12345678901234567890"]),
        ([Decimal("1.10"), "x"], pa.string(), ["1.10", '"x"']),
    ])  # fmt: skip
    def test_the_type_is_what_all_values_agree_on_in_any_order_and_any_batches(
        self, values: list[Any], of_type: pa.DataType, cells: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for size, order in itertools.product((1, 2, 100), (1, -1)):
            monkeypatch.setattr(builder, "ROWS_IN_BATCH", size)
            with TableBuilder() as building:
                for number, value in list(enumerate(values))[::order]:
                    building.add([{"UserID": number, "Colour": value}])
                rows = building.finish()

            assert rows.schema.field("colour").type == of_type
            assert column(rows, "colour") == cells
            assert rows.undocumented == ("Colour",)

    def test_a_very_deep_value_is_text(self) -> None:
        deep: Any = 1
        for _ in range(40):
            deep = [deep]

        assert column(read([{"Deep": deep}]), "deep") == ["[" * 40 + "1" + "]" * 40]

    def test_names_that_meet_are_told_apart_and_the_note_says_so(self) -> None:
        rows = read([{"UserID": 1, "colour": "a", "Colour": "b", "email": "c", "colour_2": "d", "user_id": 5}])

        assert rows.undocumented == (
            "Colour", "colour (column colour_3)", "colour_2", "email (column email_2)", "user_id (column user_id_2)",
        )  # fmt: skip
        found = {"colour": "b", "colour_2": "d", "colour_3": "a", "email_2": "c", "user_id_2": 5}
        assert {name: column(rows, name)[0] for name in found} == found

    def test_no_null_type_and_no_odd_name_gets_into_the_schema(self) -> None:
        rows = read([{"a": None, "b": [], "c": {"d": None, "e": []}, "": 1, "\ud800": 2, "日本": 3}])

        assert "null" not in str(rows.schema)
        assert rows.schema.names[len(BASE) :] == ["a", "b", "c", "unnamed", "unnamed_2", "日本"]


class TestNames:
    @pytest.mark.parametrize(("key", "name"), [
        ("UserID", "user_id"), ("EmailCC", "email_cc"), ("IsWholeSaleUser", "is_whole_sale_user"),
        ("IsWholesaleString", "is_wholesale_string"), ("CustomerIDs", "customer_ids"), ("eBayUserID", "e_bay_user_id"),
        ("EBayUserID", "e_bay_user_id"), ("Phone1", "phone1"), ("AccountManager2Id", "account_manager2_id"),
        ("HTTPServerURL", "http_server_url"), ("IDs", "ids"), ("IDsOfUsers", "ids_of_users"), ("ID", "id"), ("a b-c", "a_b_c"),
        ("Already_Snake", "already_snake"), ("$", "unnamed"), ("", "unnamed"), ("ISBN", "isbn"), ("X", "x"),
    ])  # fmt: skip
    def test_the_rule(self, key: str, name: str) -> None:
        assert column_name(key) == name

    def test_no_documented_keys_meet(self) -> None:
        keys = [*LIST_KEYS, *DETAIL_KEYS, "ID", "CustomerID"]

        assert len({column_name(key) for key in keys}) == len(keys)

    def test_the_order_of_keys_does_not_matter(self) -> None:
        keys = ["foo", "Foo", "FOO", "foo_2", "email"]
        names = distinct_names(keys, {"email"})

        assert all(distinct_names(order, {"email"}) == names for order in itertools.permutations(keys))
        assert len(set(names.values()) | {"email"}) == 6


class TestBatches:
    @pytest.mark.parametrize("where", ["memory", "spool"])
    @pytest.mark.parametrize("step", [1, -1, 37])
    @pytest.mark.parametrize("size", [1, 10, 1_000])
    def test_batches_have_the_size_that_was_asked_and_make_the_table(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, step: int, size: int
    ) -> None:
        monkeypatch.setattr(builder, "ROWS_IN_BATCH", 7)
        items = [{"UserID": number * step % 101, "Extra": str(number)} for number in range(101)]
        with TableBuilder(spool_folder=tmp_path if where == "spool" else None) as building:
            for start in range(0, 101, 3):
                building.add(items[start : start + 3])
            rows = building.finish()
            assert list(tmp_path.iterdir()) == []  # a spool has no name on the disk
        building.close()  # rows outlive their builder
        batches = list(rows.iter_batches(size))

        assert [batch.num_rows for batch in batches[:-1]] == [size] * (100 // size if size < 101 else 0)
        assert pa.Table.from_batches(batches).equals(rows.to_table())
        assert column(rows, "user_id") == list(range(101))
        extras = {number * step % 101: str(number) for number in range(101)}
        assert column(rows, "extra") == [extras[number] for number in range(101)]
        rows.close()

    def test_a_spool_folder_that_is_not_there_is_told_before_a_page_is_taken(self, tmp_path: Path) -> None:
        with pytest.raises(ExportError, match="another folder"):
            TableBuilder(spool_folder=tmp_path / "no")


@pytest.mark.parametrize("spooled", [False, True])
def test_a_rollback_forgets_what_came_since_the_mark(spooled: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """Rows, batches, misfits, new columns and their types: all is as if it had never come, also twice."""
    before = [{"UserID": n, "Extra": n} for n in range(6_000)]
    bad = [{"UserID": n, "Rating": "nonsense", "Extra": "text", "Other": 1, "PrimaryUserID": -n} for n in range(6_000)]
    custom = [{"UserID": 1, "CustomColumns": [{"ColumnName": "x", "Value": "y", "DataType": 0}]}]
    after = [{"UserID": 7_000, "Extra": 5}]

    def rows(*, with_failure: bool) -> Any:
        with TableBuilder(spool_folder=tmp_path if spooled else None) as builder:
            builder.add(before)
            mark = builder.mark()
            for _try in range(2 if with_failure else 0):
                builder.add(bad)
                builder.add(custom)
                builder.mark()
                builder.add(bad)
                builder.rollback(mark)
            builder.add(after)
            return builder.finish()

    clean, mended = rows(with_failure=False), rows(with_failure=True)
    assert mended.to_table().equals(clean.to_table())
    assert (mended.coercions, mended.undocumented) == (clean.coercions, clean.undocumented) == ((), ("Extra",))
    assert mended.doubles_dropped == 0
