"""Whatever JSON a server sends: nothing is lost, and pages, batches and spools leave no trace."""
# ruff: noqa: DTZ001  # the frame's times are naive

import json
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sc_pandas.parquet import read_parquet, write_parquet
from sc_pandas.provenance import Provenance
from sc_pandas.tables import BASE_SCHEMA, Coercion, CustomerRows, TableBuilder, builder, column_name, to_pandas

NOTE = Provenance(base_url="https://tt.api.example", verdict="proven (one response)")
DECODER = msgspec.json.Decoder(float_hook=Decimal)

numbers = st.integers() | st.integers(-3, 300) | st.sampled_from([2**53 + 1, 2**63 - 1, 2**63, -(2**63), 10**40])
decimals = st.decimals(allow_nan=False, allow_infinity=False, places=3) | st.sampled_from(
    [Decimal(text) for text in ("7.0", "0.1", "1E+400", "1E+30", "-0.0", "1.1234567890123456789", "5E-7")]
)
moments = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 30)).map(datetime.isoformat)
texts = (
    st.text(st.characters(codec="utf-8") | st.sampled_from("\ud800\udfff"), max_size=8)
    | st.integers(-200, 200).map(str)
    | st.sampled_from(
        [
            "True",
            "false",
            "a\ud800",
            "Satisfied",
            "very dissatisfied",
            "0001-01-01T00:00:00",
            "2020-01-02T03:04:05.1234567Z",
            "",
        ]
    )
    | moments
    | st.builds("{}{}".format, moments, st.sampled_from(["Z", "+02:00", "-1130"]))
)
scalars = st.none() | st.booleans() | numbers | decimals | texts
names = st.text("aB1 _é", max_size=3)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=6
)
# Columns in which most values agree are as interesting as those in which none do.
homogeneous = [st.booleans(), st.integers(-9, 9), decimals, texts, moments, st.lists(st.integers(-9, 9)), values]
# One or two keys of each type that is documented.
documented = [
    "Email",
    "Title",
    "Rating",
    "IsWholeSaleUser",
    "ID",
    "CustomerID",
    "CompanyID",
    "CreatedOn",
    "CreditLimit",
]
undocumented = ["Colour", "Tags", "Seen", "x y", "日本"]
user_ids = st.integers(0, 50) | st.integers(-(2**63), 2**63 - 1)


@st.composite
def rows_of_keys(draw: st.DrawFn, least: int = 0) -> list[dict[str, Any]]:
    """Rows with distinct ids and random keys; the values of a column come from one kind or from all."""
    ids = draw(st.lists(user_ids, min_size=least, max_size=9, unique=True))
    keys = draw(st.lists(st.sampled_from(documented + undocumented), min_size=1, max_size=6, unique=True))
    cells = {key: st.none() | draw(st.sampled_from(homogeneous)) for key in keys}
    rows = [{"UserID": draw(st.sampled_from([user_id, str(user_id)]))} for user_id in ids]
    for row in rows:
        row |= {key: draw(cells[key]) for key in draw(st.sets(st.sampled_from(keys)))}
    entries = st.fixed_dictionaries(
        {"ColumnName": st.sampled_from(["Tier", "é"]), "Value": draw(st.sampled_from(homogeneous))},
        optional={"DataType": draw(st.sampled_from([st.integers(0, 7), st.just(draw(st.integers(0, 6))), st.none()]))},
    )
    for row in rows if draw(st.booleans()) else []:
        row["CustomColumns"] = draw(st.none() | st.lists(entries, max_size=3))
    return rows


def build(
    pages: Sequence[Sequence[Mapping[str, Any]]], *, batch: int = 5_000, spool: Path | None = None, sort: bool = True
) -> CustomerRows:
    with pytest.MonkeyPatch.context() as patch, TableBuilder(spool_folder=spool) as building:
        patch.setattr(builder, "ROWS_IN_BATCH", batch)
        for page in pages:
            building.add(page)
        return building.finish(sort=sort)


def cut(rows: list[dict[str, Any]], size: int) -> list[list[dict[str, Any]]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


class Oracle:
    """An independent opinion on whether a cell says what the server sent."""

    def found(self, sent: Any, cell: Any) -> bool:
        if sent is None or cell is None:
            return sent is None and cell is None
        if isinstance(cell, datetime):
            return isinstance(sent, str) and self.moment(sent) == cell
        if isinstance(cell, bool):
            return str(sent).lower() in ({"true", "1"} if cell else {"false", "0"}) or sent == Decimal(cell)
        if isinstance(cell, int | float | Decimal):
            return not isinstance(sent, bool) and self.number(sent) == Decimal(
                repr(cell) if isinstance(cell, float) else cell
            )
        if isinstance(cell, list | dict):
            return self.found_inside(sent, cell)
        return bool(sent == cell) or self.same_json(sent, cell)

    def found_inside(self, sent: Any, cell: Any) -> bool:
        if isinstance(cell, list):
            return len(sent) == len(cell) and all(map(self.found, sent, cell))
        return sent.keys() <= cell.keys() and all(self.found(sent.get(key), cell[key]) for key in cell)

    def moment(self, text: str) -> datetime:
        whole, dot, rest = text.partition(".")
        digits = rest[: next((place for place, sign in enumerate(rest) if not sign.isdigit()), len(rest))]
        zone = rest[len(digits) :]
        stamp = datetime.fromisoformat(f"{whole}.{digits[:6].ljust(6, '0')}{zone}" if dot else text)
        return stamp if stamp.tzinfo is None else stamp.astimezone(UTC).replace(tzinfo=None)

    def number(self, sent: Any) -> Decimal:
        return Decimal(sent)

    def same_json(self, sent: Any, cell: str) -> bool:
        try:
            return bool(self.tagged(json.loads(cell, parse_float=Decimal)) == self.tagged(sent))
        except ValueError:
            return False

    def tagged(self, value: Any) -> Any:
        """Keep true and 1 apart, and 7 and 7.0 together."""
        if isinstance(value, dict):
            return {key: self.tagged(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.tagged(each) for each in value]
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return ("number", Decimal(value))
        return (type(value).__name__, value)

    def told(self, sent: Any, user_id: int, columns: set[str], coercions: Sequence[Coercion]) -> bool:
        return any(
            each.user_id == user_id and each.column in columns and self.same_json(sent, each.raw) for each in coercions
        )


ORACLE = Oracle()
RATINGS = {"satisfied": 4, "very dissatisfied": 1}


def assert_found(sent: Any, cell: Any, user_id: int, columns: set[str], rows: CustomerRows) -> None:
    assert ORACLE.told(sent, user_id, columns, rows.coercions) or ORACLE.found(sent, cell), (columns, sent, cell)


@pytest.mark.fault("D01")
@given(rows_of_keys(), st.integers(1, 10))
@settings(max_examples=400, deadline=None)
def test_every_value_that_came_is_in_the_frame_or_in_the_coercions(items: list[dict[str, Any]], batch: int) -> None:
    rows = build([items], batch=batch)
    by_id = {row["user_id"]: row for row in rows.to_table().to_pylist()}
    assert len(by_id) == rows.num_rows == len(items)

    for item in items:
        user_id = int(item["UserID"])
        row = by_id[user_id]
        for key, sent in item.items():
            name = column_name(key)
            if key in {"ID", "CustomerID"} and name not in row:
                assert sent is None or int(sent) == user_id
            elif key == "Rating" and isinstance(sent, str) and sent.lower() in RATINGS:
                assert row["rating"] == RATINGS[sent.lower()]
            elif key == "CustomColumns":
                for entry in sent or []:
                    name = f"custom.{entry['ColumnName']}"
                    assert_found(entry["Value"], row[name], user_id, {name}, rows)
            else:
                assert_found(sent, row[name], user_id, {name}, rows)


@given(rows_of_keys())
@settings(max_examples=120, deadline=None)
def test_a_cell_that_is_null_for_a_value_is_always_told(items: list[dict[str, Any]]) -> None:
    """And nothing is told of a value that was null, or twice."""
    rows = build([items])
    by_id = {row["user_id"]: row for row in rows.to_table().to_pylist()}

    told = [
        (each.user_id, each.column, each.raw, each.reason)
        for each in rows.coercions
        if not each.column.startswith("custom.")
    ]
    assert len(told) == len(set(told))
    assert not [each for each in rows.coercions if each.raw == "null" and not each.column.startswith("custom")]
    for each in rows.coercions:
        if "U+FFFD" not in each.reason and "repeated" not in each.reason and each.column != "custom":
            assert by_id[each.user_id].get(each.column) is None


@given(rows_of_keys(least=1), st.data())
@settings(max_examples=120, deadline=None)
def test_the_order_and_size_of_pages_and_batches_leave_no_trace(
    items: list[dict[str, Any]], data: st.DataObject
) -> None:
    straight = build([items])
    shuffled = build(
        cut(data.draw(st.permutations(items)), data.draw(st.integers(1, 9))), batch=data.draw(st.integers(1, 9))
    )

    assert shuffled.schema == straight.schema
    assert shuffled.to_table().equals(straight.to_table())
    assert shuffled.coercions == straight.coercions
    assert shuffled.undocumented == straight.undocumented


@given(rows_of_keys(), st.data())
@settings(max_examples=75, deadline=None)
def test_spooled_rows_are_the_rows_in_memory(items: list[dict[str, Any]], data: st.DataObject) -> None:
    """Also with doubles and rows without a key, sorted or not."""
    more = (
        items
        + [{**item, "Email": "again"} for item in data.draw(st.permutations(items))[:3]]
        + [{"Email": "nobody"}] * 2
    )
    pages = cut(data.draw(st.permutations(more)), data.draw(st.integers(1, 9)))
    batch, sort = data.draw(st.integers(1, 9)), data.draw(st.booleans())
    size = data.draw(st.integers(1, 20))

    memory = build(pages, batch=batch, sort=sort)
    with tempfile.TemporaryDirectory() as folder:
        spooled = build(pages, batch=batch, sort=sort, spool=Path(folder))
        batches = list(spooled.iter_batches(size))
        table = spooled.to_table()
        spooled.close()

    assert table.equals(memory.to_table())
    assert batches == list(memory.iter_batches(size))
    assert (spooled.schema, spooled.coercions, spooled.num_rows) == (memory.schema, memory.coercions, memory.num_rows)
    assert spooled.doubles_dropped == memory.doubles_dropped
    assert spooled.rows_without_key == memory.rows_without_key == 2


@given(rows_of_keys())
@settings(max_examples=75, deadline=None)
def test_a_parquet_file_gives_back_the_frame(items: list[dict[str, Any]]) -> None:
    rows = build([items])
    with tempfile.TemporaryDirectory() as folder:
        path = write_parquet(Path(folder, "x.parquet"), rows.iter_batches(3), rows.schema, NOTE)
        frame = read_parquet(path)

    pd.testing.assert_frame_equal(frame, to_pandas(rows.to_table()))
    assert Provenance.from_attrs(frame.attrs) == NOTE


@pytest.mark.fault("D03")
@given(rows_of_keys())
@settings(max_examples=75, deadline=None)
def test_the_base_columns_and_their_types_never_depend_on_the_data(items: list[dict[str, Any]]) -> None:
    schema = build([items]).schema

    assert pa.schema(list(schema)[: len(BASE_SCHEMA)]) == BASE_SCHEMA
    assert "null" not in str(schema)
    assert len(set(schema.names)) == len(schema.names)


@given(st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3), max_leaves=9,
))  # fmt: skip
@settings(max_examples=120, deadline=None)
def test_any_json_document_is_a_row_as_the_parser_gives_it(document: Any) -> None:
    item = DECODER.decode(json.dumps({"UserID": 1, "Extra": document}))
    rows = build([[item]])

    assert_found(item["Extra"], rows.to_table().column("extra").to_pylist()[0], 1, {"extra"}, rows)
