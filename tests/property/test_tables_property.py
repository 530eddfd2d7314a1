"""Whatever JSON a server sends: nothing is lost, and pages, batches and spools leave no trace."""
# ruff: noqa: DTZ001  # the frame's times are naive

import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sc_pandas.contract import DETAIL_KEYS, LIST_KEYS, CustomDataType
from sc_pandas.contract.details import ADDRESS_KEYS, DETAILS, GROUP_KEYS, known_fields
from sc_pandas.json_text import dump
from sc_pandas.parquet import frame_to_arrow
from sc_pandas.tables import (
    BASE_SCHEMA,
    CustomerRows,
    DtypeBackend,
    TableBuilder,
    backend_of,
    builder,
    column_name,
    detail_columns,
    detail_schema,
    to_pandas,
)

numbers = st.integers() | st.integers(-3, 300) | st.sampled_from([2**53 + 1, 2**63 - 1, 2**63, -(2**63), 10**40])
decimals = st.decimals(allow_nan=False, allow_infinity=False, places=3) | st.sampled_from(
    [Decimal(text) for text in ("7.0", "0.1", "1E+400", "1E+30", "-0.0", "1.1234567890123456789", "5E-7")]
)
moments = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 30)).map(datetime.isoformat)
odd_texts = [
    "True", "false", "a\ud800", "Satisfied", "very dissatisfied", "0001-01-01T00:00:00", "2020-01-02T03:04:05.1234567Z",
    "", "\ud83d", "\udfff", "é\ud800",
]  # fmt: skip
texts = (
    st.text(st.characters(codec="utf-8") | st.sampled_from("\ud800\udfff"), max_size=8)
    | st.integers(-200, 200).map(str)
    | st.sampled_from(odd_texts)
    | moments
    | st.builds("{}{}".format, moments, st.sampled_from(["Z", "+02:00", "-1130"]))
)
scalars = st.none() | st.booleans() | numbers | decimals | texts
names = st.text("aB1 _é", max_size=3)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=6
)
# Columns in which most values agree are as interesting as those in which none do.
homogeneous = [
    st.booleans(), st.integers(-9, 9), decimals, texts, moments, st.lists(st.integers(-9, 9)),
    st.lists(texts, max_size=3),
    st.fixed_dictionaries({"a": texts}, optional={"b": st.integers(-9, 9), "c": st.lists(texts, max_size=2)}), values,
]  # fmt: skip
undocumented = ["Colour", "Tags", "Seen", "x y", "日本"]
user_ids = st.integers(0, 50) | st.integers(-(2**63), 2**63 - 1)


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


ORACLE = Oracle()
# ── nothing is missing: a ledger in which every value that came is ticked off once ─────────────────────────────────

custom_names = ["Tier", "tier", "TIER", "tier_2", "é", "É", "x y", "<b>", "a\ud800", "a\ufffd"]
declarations = (
    st.none()
    | st.integers(-1, 9)
    | st.sampled_from([each.name for each in CustomDataType])
    | st.sampled_from([99, 10**5_000, "7", "3", "integer", "Money", "", True, [1], Decimal(1)])
)
entries_of_any_kind = st.fixed_dictionaries(
    {"ColumnName": st.sampled_from(custom_names)},
    optional={
        "DataType": declarations, "Value": values, "AllowHTMLPopup": st.booleans(),
        "IsDropDownAllowMultipleSelection": st.booleans() | st.none(),
    },
)  # fmt: skip


@st.composite
def any_rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rows with any JSON under any key, the key of the row included, and custom columns of any shape."""
    known = st.sampled_from([*sorted(LIST_KEYS.keys() - {"UserID", "CustomColumns"}), *DETAIL_KEYS, "ID", "CustomerID"])
    unknown = st.sampled_from([*undocumented, "colour", "email", "custom.Tier"])
    keys = draw(st.lists(known | unknown, max_size=6, unique=True))
    cells = {key: draw(st.sampled_from([*homogeneous, values])) for key in keys}
    # Most entries of a column agree on its type, as a tenant's do; those of any kind quarrel.
    declared = {name: draw(declarations) for name in custom_names}
    tidy = st.sampled_from(custom_names).flatmap(
        lambda name: st.fixed_dictionaries(
            {"ColumnName": st.just(name), "DataType": st.just(declared[name]), "Value": values}
        )
    )
    customs = st.lists(
        draw(st.sampled_from([tidy, entries_of_any_kind, tidy | entries_of_any_kind | values])), max_size=4
    )
    ids = draw(st.lists(user_ids, max_size=6, unique=True))
    rows: list[dict[str, Any]] = [{"UserID": each} for each in ids]
    rows += draw(
        st.lists(st.fixed_dictionaries({}, optional={"UserID": st.sampled_from(["x", True, [1], None])}), max_size=2)
    )
    for row in rows:
        row |= {key: draw(cells[key]) for key in draw(st.sets(st.sampled_from(keys)) if keys else st.just(set()))}
        if draw(st.booleans()):
            row["CustomColumns"] = draw(customs | values)
        if row.get("UserID") not in ids:
            row.pop("ID", None), row.pop("CustomerID", None)
    return rows


rows_of_customers = any_rows().map(lambda rows: [row for row in rows if type(row.get("UserID")) is int])


class Ledger:
    """Coercions, each of which explains one value."""

    def __init__(self, told: Iterable[tuple[Any, str, str]]) -> None:
        self.open = Counter((who, column, self.canonical(raw)) for who, column, raw in told)

    def canonical(self, raw: str) -> str:
        """Write JSON text in one way, whatever wrote it."""
        return repr(ORACLE.tagged(json.loads(raw, parse_float=Decimal, parse_int=lambda digits: int(Decimal(digits)))))

    def explains(self, who: Any, column: str, sent: Any) -> bool:
        entry = (who, column, repr(ORACLE.tagged(sent)))
        self.open[entry] -= 1
        return self.open[entry] >= 0

    def tick(self, who: Any, column: str, sent: Any, cell: Any) -> None:
        """Check that a value is in its cell, or told; a missing value is null."""
        if not ORACLE.found(sent, cell):
            assert self.explains(who, column, sent), (column, sent, cell)

    def is_used_up(self) -> bool:
        return not +self.open


def custom_column_names(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Names of custom columns by the written rule: of those that differ in case the first by spelling keeps its own."""
    lists = [row.get("CustomColumns") for row in rows]
    names = sorted({entry["ColumnName"].replace("\ud800", "\ufffd") for each in lists for entry in named(each)})
    given: dict[str, str] = {}
    for name in names:
        taken = {each.casefold() for each in [*given.values(), *names]}
        first = name.casefold() not in {each.casefold() for each in given}
        numbers = (number for number in range(2, 99) if f"{name}_{number}".casefold() not in taken)
        given[name] = name if first else f"{name}_{next(numbers)}"
    return given


def named(custom: Any) -> list[dict[str, Any]]:
    entries = [each for each in custom if isinstance(each, dict)] if isinstance(custom, list) else []
    return [each for each in entries if isinstance(each.get("ColumnName"), str) and each["ColumnName"]]


def tick_custom(ledger: Ledger, who: int | None, custom: Any, row: Mapping[str, Any], names: Mapping[str, str]) -> None:
    if not isinstance(custom, list):
        assert custom is None or ledger.explains(who, "custom", custom)
        return
    last: dict[str, Any] = {}
    usable = named(custom)
    for entry in custom:
        if entry not in usable:
            assert ledger.explains(who, "custom", entry), entry
            continue
        name = entry["ColumnName"].replace("\ud800", "\ufffd")
        if name in last:
            assert ledger.explains(who, f"custom.{names[name]}", last[name]), entry
        last[name] = entry.get("Value")
    for name, sent in last.items():
        ledger.tick(who, f"custom.{names[name]}", sent, row[f"custom.{names[name]}"])


RATING_NAMES = ["notrated", "verydisatisfied", "disatisfied", "neutral", "satisfied", "verysatisfied"]
RATING_NAMES_RIGHT = {"verydissatisfied": 1, "dissatisfied": 2}


def rating_of(sent: str) -> int | None:
    plain = sent.casefold().replace("_", "").replace(" ", "")
    return RATING_NAMES.index(plain) if plain in RATING_NAMES else RATING_NAMES_RIGHT.get(plain)


@pytest.mark.fault("D01", "D03", "D12")
@given(any_rows(), st.integers(1, 10))
@settings(max_examples=400, deadline=None)
def test_every_value_is_in_the_frame_or_told_once(items: list[dict[str, Any]], batch: int) -> None:
    """Nothing is told without a cause, and the base columns and their types never depend on the data."""
    rows = build([items], batch=batch, sort=False)
    table = rows.to_table().to_pylist()
    ledger = Ledger((each.user_id, each.column, each.raw) for each in rows.coercions)
    customs = custom_column_names(items)
    columns = {key: column_name(key) for item in items for key in item}
    columns |= {"email": "email_2", "custom.Tier": "custom_tier"}
    columns |= {"colour": "colour_2"} if "Colour" in columns else {}

    assert len(table) == len(items)
    for item, row in zip(items, table, strict=True):
        who = row["user_id"]
        for key, sent in item.items():
            if key == "CustomColumns":
                tick_custom(ledger, who, sent, row, customs)
            elif key == "Rating" and isinstance(sent, str) and rating_of(sent) is not None:
                assert row["rating"] == rating_of(sent)
                assert row["rating_name"].replace("_", "").lower() == RATING_NAMES[row["rating"]]
            elif key in {"ID", "CustomerID"} and columns[key] not in row:
                assert sent is None or int(sent) == who
            else:
                ledger.tick(who, columns[key], sent, row[columns[key]])
    assert ledger.is_used_up()
    assert pa.schema(list(rows.schema)[: len(BASE_SCHEMA)]) == BASE_SCHEMA
    assert "null" not in str(rows.schema)
    assert len({name.casefold() for name in rows.schema.names}) == len(rows.schema.names)


@pytest.mark.parametrize("key", ["UserID", "CustomColumns", "Extra", "Title", "CreatedOn", "Rating"])
@given(values)
@settings(max_examples=60, deadline=None)
def test_any_value_under_any_key_is_a_row(key: str, value: Any) -> None:
    assert build([[{key: value}]]).num_rows == 1


# ── the single customer ────────────────────────────────────────────────────────────────────────────────────────────


def blocks_of(items: Mapping[str, st.SearchStrategy[Any]]) -> dict[str, dict[str, st.SearchStrategy[Any]]]:
    blocks: dict[str, dict[str, st.SearchStrategy[Any]]] = {}
    for fact in (fact for facts in DETAILS.values() for fact in facts):
        blocks.setdefault(fact.block, {})[fact.key] = items.get(fact.kind, values)
    return blocks


def objects_of(keys: Mapping[str, str]) -> st.SearchStrategy[Any]:
    kinds: dict[str, st.SearchStrategy[Any]] = {"bool": st.booleans() | values, "int64": st.integers(0, 9) | values}
    return st.fixed_dictionaries({}, optional={key: kinds.get(kind, texts | values) for key, kind in keys.items()})


homes = st.fixed_dictionaries(
    {"City": st.sampled_from("abc"), "IsBillingAddress": st.booleans(), "IsShippingAddress": st.booleans()}
)


@st.composite
def single_customers(draw: st.DrawFn) -> list[dict[str, Any] | None]:
    """Return customers of the documented shape with any JSON in any place, and blocks of another shape."""
    odd = draw(st.sampled_from([st.none(), values]))
    blocks = blocks_of({
        "strings": st.lists(texts | odd, max_size=3) | odd,
        "groups": st.lists(objects_of(GROUP_KEYS) | odd, max_size=3) | odd,
        "addresses": st.lists(homes | objects_of(ADDRESS_KEYS) | odd, max_size=3) | odd,
    })  # fmt: skip
    whole = {block: st.fixed_dictionaries({}, optional=keys) | odd for block, keys in blocks.items() if block}
    return draw(st.lists(st.none() | st.fixed_dictionaries({}, optional={**blocks[""], **whole}), max_size=4))


def tick_details(ledger: Ledger, index: int, customer: Mapping[str, Any], row: Mapping[str, Any]) -> None:
    for fact in (fact for facts in DETAILS.values() for fact in facts):
        name = "groups" if fact.kind == "groups" else column_name(fact.key)
        block = customer.get(fact.block) if fact.block else customer
        if not isinstance(block, dict):
            assert block is None or ledger.explains(index, name, block)
            assert row[name] is None
            continue
        sent = block.get(fact.key)
        if fact.kind not in {"strings", "groups", "addresses"}:
            tick_single(ledger, index, name, sent, row[name])
        elif not isinstance(sent, list):
            assert sent is None or ledger.explains(index, name, sent)
            assert row[name] is None
        else:
            assert len(row[name]) == len(sent)
            for place, item in enumerate(sent):
                tick_item(ledger, index, fact.kind, item, place, row)


def tick_item(ledger: Ledger, index: int, kind: str, item: Any, place: int, row: Mapping[str, Any]) -> None:
    name = {"strings": "business_aliases"}.get(kind, kind)
    if kind == "strings":
        if item is None or isinstance(item, str):
            ledger.tick(index, name, item, row[name][place])
        else:
            assert ledger.explains(index, name, item)
            assert row[name][place] is None
        return
    if not isinstance(item, dict):
        assert item is None or ledger.explains(index, name, item)
        assert row[name][place] is None
        return
    if kind == "groups":
        tick_single(ledger, index, "groups", item.get("Name"), row["groups"][place])
        tick_single(ledger, index, "group_ids", item.get("ID"), row["group_ids"][place])
        return
    for key in ADDRESS_KEYS:
        tick_single(ledger, index, "addresses", item.get(key), row["addresses"][place][column_name(key)])


def tick_single(ledger: Ledger, index: int, name: str, sent: Any, cell: Any) -> None:
    if isinstance(sent, list | dict):
        assert cell is None
        assert ledger.explains(index, name, sent), (name, sent)
    else:
        ledger.tick(index, name, sent, cell)


@given(single_customers())
@settings(max_examples=150, deadline=None)
def test_what_is_kept_of_a_customer_says_as_much_as_all_of_it(customers: list[dict[str, Any] | None]) -> None:
    """The same cells, and the same misfits; only what stands where nothing of the kind is known is kept empty."""
    secret = "4111111111111111"
    spiked = [None if each is None else spiked_with(secret, each) for each in customers]
    kept = [None if each is None else known_fields(each) for each in spiked]

    assert secret not in repr(kept)
    assert details_of(kept) == details_of(customers)


def details_of(customers: Sequence[Mapping[str, Any] | None]) -> tuple[list[pa.Array], list[tuple[int, str, str]]]:
    told: list[tuple[int, str, str]] = []
    arrays = detail_columns(
        tuple(DETAILS), customers, lambda column: lambda index, _, reason: told.append((index, column, reason))
    )
    return arrays, told


def spiked_with(secret: str, value: Any) -> Any:
    """Put a card number under a name that nobody knows into every object, however deep."""
    if isinstance(value, list):
        return [spiked_with(secret, each) for each in value]
    if isinstance(value, dict):
        return {"Karte": secret, **{key: spiked_with(secret, each) for key, each in value.items()}}
    return value


@pytest.mark.fault("D01")
@given(single_customers())
@settings(max_examples=150, deadline=None)
def test_no_value_of_a_single_customer_is_missing_from_columns_and_rejects(
    customers: list[dict[str, Any] | None],
) -> None:
    told: list[tuple[int, str, str]] = []
    arrays = detail_columns(
        tuple(DETAILS), customers, lambda column: lambda index, value, _: told.append((index, column, dump(value)))
    )
    table = pa.Table.from_arrays(arrays, schema=detail_schema(tuple(DETAILS)))
    table.validate(full=True)
    ledger = Ledger(told)

    for index, (customer, row) in enumerate(zip(customers, table.to_pylist(), strict=True)):
        if customer is None:
            assert set(row.values()) == {None}
            continue
        tick_details(ledger, index, customer, row)
        for role in ("billing", "shipping"):
            bearers = [each for each in row["addresses"] or [] if each and each[f"is_{role}_address"]]
            of_role = {
                name: cell
                for name, cell in row.items()
                if name.startswith(f"{role}_") and name != "billing_cycle_startdate"
            }
            assert len(of_role) == 10
            assert of_role == {name: bearers[0][name.removeprefix(f"{role}_")] if bearers else None for name in of_role}
    assert ledger.is_used_up()


@given(rows_of_customers, st.data())
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


@given(rows_of_customers, st.data())
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


def held(column: "pd.Series[Any]") -> list[Any]:
    """Return the values of a column as Python's; a missing one is None."""
    if isinstance(column.dtype, pd.ArrowDtype):
        return list(pa.array(column).to_pylist())
    return [None if pd.api.types.is_scalar(each) and pd.isna(each) else each for each in column]


@given(any_rows())
@example([{"UserID": 1, "CompanyID": 2**53 + 1, "Tags": [2**53 + 1, None]}, {"UserID": 2}])
@settings(max_examples=80, deadline=None)
def test_each_dtype_backend_holds_the_same_values(items: list[dict[str, Any]]) -> None:
    """So nothing is lost that is not told, also when the frame goes through a file to another backend."""
    table = build([items]).to_table()
    for backend in get_args(DtypeBackend):
        frame = to_pandas(table, backend)
        assert backend_of(frame) == backend
        for there in (frame, to_pandas(frame_to_arrow(frame))):
            assert {name: held(there[name]) for name in table.column_names} == table.to_pydict(), backend
