"""The final columns of a read: which, in what order, of what type, and how each batch gets them."""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from sc_pandas import json_text
from sc_pandas.contract import DETAIL_KEYS, LIST_KEYS
from sc_pandas.contract.spelling import column_name
from sc_pandas.tables.columns import TYPES, Reject, RejectFor, decode, retyped
from sc_pandas.tables.shapes import Shape, fitted
from sc_pandas.tables.values import NO_TEXT


def _base_schema() -> pa.Schema:
    fields = []
    for key, kind in LIST_KEYS.items():
        if kind != "custom":
            fields.append(pa.field(column_name(key), TYPES[kind]))
        if kind == "rating":
            fields.append(pa.field("rating_name", pa.string()))
    return pa.schema(fields)


BASE_SCHEMA: Final[pa.Schema] = _base_schema()
_FLAT: Final = ("bool", "int64", "double", "string", "timestamp")


@dataclass(frozen=True)
class Column:
    """One final column, its name in stored batches, and its kind ("" if it is typed already)."""

    name: str
    source: str
    type: pa.DataType
    kind: str = ""

    def apply(self, batch: pa.RecordBatch, reject_for: RejectFor) -> pa.Array:
        """Make this column of a stored batch."""
        place = batch.schema.get_field_index(self.source)
        if place < 0:
            return pa.nulls(batch.num_rows, self.type)
        array = batch.column(place)
        if array.type == self.type and self.kind != "json":
            return array
        if self.kind == "nested":
            return _nested(decode(array), self.type, reject_for(self.name))
        return retyped(array, self.kind, reject_for(self.name))


@dataclass(frozen=True)
class Layout:
    """All final columns; `renamed` are those of custom columns whose name differs from another's only in case."""

    columns: tuple[Column, ...]
    schema: pa.Schema
    undocumented: tuple[str, ...]
    renamed: Mapping[str, str]

    def apply(self, batch: pa.RecordBatch, reject_for: RejectFor) -> pa.RecordBatch:
        """Make a final batch of a stored one."""
        arrays = [column.apply(batch, reject_for) for column in self.columns]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def extra_source(key: str) -> str:
    """Return the name under which an undocumented key is stored; any key, also one that is no proper text."""
    return "extra:" + key.encode("utf-8", "surrogatepass").hex()


def laid_out(details: Iterable[str], custom: Iterable[tuple[str, str]], extras: Mapping[str, Shape]) -> Layout:
    """Lay out the base, documented, custom (by name and kind) and undocumented columns, in this order."""
    columns = [Column(field.name, field.name, field.type) for field in BASE_SCHEMA]
    named = sorted((column_name(key), TYPES[DETAIL_KEYS.get(key, "int64")]) for key in details)
    columns += [Column(name, name, of_type) for name, of_type in named]
    kinds = dict(custom)
    given = distinct_names(kinds, named=str)
    for name in sorted(given, key=given.__getitem__):
        columns.append(Column(f"custom.{given[name]}", f"custom:{name}", TYPES[kinds[name]], kinds[name]))
    names = distinct_names(extras, {column.name for column in columns})
    columns += [_extra(name, key, extras[key]) for key, name in sorted(names.items(), key=lambda each: each[1])]
    schema = pa.schema([(column.name, column.type) for column in columns])
    renamed = {f"custom.{name}": f"custom.{new}" for name, new in given.items() if new != name}
    notes = [_noted(key, names[key]) for key in sorted(names)]
    notes += [f"{name} (column {new})" for name, new in sorted(renamed.items())]
    return Layout(tuple(columns), schema, tuple(notes), renamed)


def _noted(key: str, name: str) -> str:
    clean = str(json_text.without_lone_surrogates(key))
    return clean if name == column_name(key) else f"{clean} (column {name})"


def _extra(name: str, key: str, shape: Shape) -> Column:
    of_type = shape.arrow_type()
    if of_type is None:
        return Column(name, extra_source(key), pa.string(), "json")
    kind = next((kind for kind in _FLAT if TYPES[kind] == of_type), "nested")
    return Column(name, extra_source(key), of_type, kind)


def _nested(values: list[Any], to: pa.DataType, reject: Reject) -> pa.Array:
    clean = []
    for index, value in enumerate(values):
        if json_text.has_lone_surrogate(value):
            reject(index, value, NO_TEXT)
        clean.append(fitted(json_text.without_lone_surrogates(value), to))
    return pa.array(clean, to)


def distinct_names(
    keys: Iterable[str], taken: AbstractSet[str] = frozenset(), named: Callable[[str], str] = column_name
) -> dict[str, str]:
    """Name several keys so no two columns share a name, whatever order the keys came in.

    Names that differ only in case are one name to SQL and to many files, so they are one here.  Of keys that meet in
    one name, as `named` gives it, the first by spelling has it, the others get ``_2``, ``_3``, …, as do those whose
    name is `taken`.
    """
    ordered = sorted(keys)
    wishes = {named(key).casefold() for key in ordered}
    used = {name.casefold() for name in taken}
    names: dict[str, str] = {}
    for key in ordered:
        wish = name = named(key)
        number = 1
        while name.casefold() in used or (number > 1 and name.casefold() in wishes):
            number += 1
            name = f"{wish}_{number}"
        used.add(name.casefold())
        names[key] = name
    return names
