"""Every custom column that a shop is known to have, in the rows of each read: null where nobody has a value."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from sc_pandas.contract.columns import CUSTOM
from sc_pandas.tables.columns import TYPES, Reject, typed
from sc_pandas.tables.layout import BASE_SCHEMA, distinct_names
from sc_pandas.tables.rows import Coercion, CustomerRows, refused

_KIND_OF: Final[Mapping[pa.DataType, str]] = {TYPES[kind]: kind for kind in ("int64", "bool", "string", "timestamp")}
# What Arrow writes behind whole seconds, and behind the last digit of a decimal.
_NO_FRACTION: Final = r"\.0+$"
_NO_DIGITS: Final = r"\.?0*$"


def custom_fields(rows: CustomerRows) -> dict[str, pa.Field]:
    """Return the custom columns of rows by the shop's names for them."""
    return {rows.renamed.get(each.name, each.name): each for each in rows.schema if each.name.startswith(CUSTOM)}


def kind_of(field: pa.Field) -> str:
    """Return the kind of a custom column."""
    return _KIND_OF.get(field.type, "decimal")


def widest(kinds: Collection[str]) -> str:
    """Return the kind that holds what came in several.

    Examples
    --------
    >>> widest(["int64"]), widest(["int64", "decimal"]), widest(["int64", "timestamp"])
    ('int64', 'decimal', 'string')
    """
    if len(kinds) == 1:
        return next(iter(kinds))
    return "decimal" if {*kinds} <= {"int64", "decimal"} else "string"


def known_fields(known: Mapping[str, Collection[str]], *, exact_decimals: bool = False) -> dict[str, pa.Field]:
    """Return the columns of a shop whose names and kinds are known, by its names for them, in their order."""
    named = distinct_names(known, named=str)
    types = TYPES if exact_decimals else {**TYPES, "decimal": TYPES["double"]}
    return {name: pa.field(named[name], types[widest(known[name])]) for name in sorted(named, key=named.__getitem__)}


def with_known(
    rows: CustomerRows, known: Mapping[str, Collection[str]], *, strict: bool = False, exact_decimals: bool = False
) -> CustomerRows:
    """Return the rows with all custom columns that are known, each in the widest of the types in which it came.

    Raises
    ------
    ResponseError
        A value does not fit the wider column, and `strict` forbids the nearest in its place.
    """
    own = custom_fields(rows)
    kinds = {name: {*known.get(name, ()), *([kind_of(own[name])] if name in own else [])} for name in {*known, *own}}
    fields = known_fields(kinds, exact_decimals=exact_decimals)
    if list(fields.values()) == list(own.values()):
        return rows
    coercions: list[Coercion] = []

    def reject(column: str, ids: pa.Array, index: int, value: object, reason: str) -> None:
        coercions.append(Coercion(ids[index].as_py(), column, str(value), reason))
        if strict:
            raise refused(coercions[-1])

    def columns_of(batch: pa.RecordBatch) -> list[pa.Array]:
        ids = batch.column("user_id")
        return [
            _as(batch.column(own[name].name), each.type, partial(reject, each.name, ids))
            if name in own
            else pa.nulls(batch.num_rows, each.type)
            for name, each in fields.items()
        ]

    given = {own[name].name: fields[name].name for name in own}
    told = tuple(replace(each, column=given.get(each.column, each.column)) for each in rows.coercions)
    renamed = {each.name: name for name, each in fields.items() if each.name != name}
    rows, added = replace(rows, coercions=told, renamed=renamed), pa.schema(list(fields.values()))
    return rows.with_columns(added, columns_of, coercions, instead_of=given, at=len(BASE_SCHEMA))


def _as(array: pa.Array, to: pa.DataType, reject: Reject) -> pa.Array:
    if array.type == to:
        return array
    if not pa.types.is_string(to):
        return typed(array.to_pylist(), "decimal" if pa.types.is_decimal(to) else "double", reject)
    text = pc.cast(array, to)
    if pa.types.is_timestamp(array.type):
        return pc.replace_substring_regex(pc.replace_substring(text, " ", "T"), _NO_FRACTION, "")
    return pc.replace_substring_regex(text, _NO_DIGITS, "") if pa.types.is_decimal(array.type) else text
