"""Whole columns into Arrow arrays: one cast where all values are of one kind, value by value where not.

The kinds are known by ``set(map(type, …))`` before Arrow sees a value, because Arrow alone is too obliging: it makes 7
of ``Decimal("7.5")`` and 1.0 of True.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from types import NoneType
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from sc_pandas import json_text
from sc_pandas.contract import Rating
from sc_pandas.contract.cards import without_card_data
from sc_pandas.tables.values import CONVERSIONS, MisfitError

# Takes the position in the column, the raw value and the reason.
Reject = Callable[[int, object, str], None]
RejectFor = Callable[[str], Reject]

TYPES: Final[Mapping[str, pa.DataType]] = {
    "int64": pa.int64(),
    "rating": pa.int8(),
    "bool": pa.bool_(),
    "double": pa.float64(),
    "decimal": pa.decimal128(38, 10),
    "string": pa.string(),
    "json": pa.string(),
    "timestamp": pa.timestamp("us"),
}
# Values of these types alone go into a column of the kind in one cast.
_CLEAN: Final[Mapping[str, frozenset[type]]] = {
    "int64": frozenset({int, NoneType}),
    "rating": frozenset({int, NoneType}),
    "bool": frozenset({bool, NoneType}),
    "decimal": frozenset({int, Decimal, NoneType}),
    "string": frozenset({str, NoneType}),
    "timestamp": frozenset({str, NoneType}),
}
_TEXT_ONLY: Final = frozenset({str, NoneType})
_NESTED: Final = frozenset({dict, list})
# Kinds with few distinct values: each distinct text is converted once.
_FEW: Final = frozenset({"rating", "bool"})
_PLAIN_TIME: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?$"
_EMPTY_DAY_ENDS: Final = pa.scalar(date(1, 1, 2), pa.date32()).cast(pa.timestamp("us"))
_RATING_NAMES: Final[Mapping[int | None, str]] = {rating.value: rating.name for rating in Rating}
_REFUSALS: Final = (pa.ArrowException, OverflowError, UnicodeEncodeError, ValueError, TypeError)


def values_of(rows: Sequence[Mapping[str, Any]], key: str) -> list[Any]:
    """Take one key out of all rows, without card data."""
    values = [row.get(key) for row in rows]
    if _NESTED.isdisjoint(map(type, values)):
        return values
    return [without_card_data(value) for value in values]


def typed(values: list[Any], kind: str, reject: Reject) -> pa.Array:
    """Make an array of a kind; what does not fit is null and goes to `reject`."""
    types = frozenset(map(type, values))
    if types <= {NoneType}:
        return pa.nulls(len(values), TYPES[kind])
    if types <= _CLEAN.get(kind, frozenset()):
        try:
            return _cast(values, kind)
        except _REFUSALS:
            pass
    if kind in _FEW and types <= _TEXT_ONLY:
        try:
            known = {value: None if value is None else CONVERSIONS[kind](value) for value in set(values)}
            return pa.array([known[value] for value in values], TYPES[kind])
        except MisfitError:
            pass
    return _one_by_one(values, kind, reject)


def _cast(values: list[Any], kind: str) -> pa.Array:
    return _timestamps(values) if kind == "timestamp" else pa.array(values, TYPES[kind])


def _timestamps(values: list[str | None]) -> pa.Array:
    text = pa.array(values, pa.string())
    if not pc.all(pc.match_substring_regex(text, _PLAIN_TIME)).as_py():
        raise ValueError("offsets or other ways to write a date")
    stamps = pc.cast(pc.utf8_slice_codeunits(text, 0, 26), TYPES["timestamp"])
    if pc.any(pc.less(stamps, _EMPTY_DAY_ENDS)).as_py():
        raise ValueError("empty dates")
    return stamps


def _one_by_one(values: list[Any], kind: str, reject: Reject) -> pa.Array:
    convert = CONVERSIONS[kind]
    fitting: list[object] = []
    for index, value in enumerate(values):
        try:
            fitting.append(None if value is None else convert(value))
        except MisfitError as misfit:
            reject(index, value, misfit.reason)
            fitting.append(misfit.instead)
    return pa.array(fitting, TYPES[kind])


def rating_names(codes: pa.Array) -> pa.Array:
    """Give the vendor's names of rating codes, null for a code nobody knows."""
    return pa.array([_RATING_NAMES.get(code) for code in codes.to_pylist()], pa.string())


def keep(values: list[Any]) -> pa.Array:
    """Keep values of a column whose type is not yet known, without loss.

    The Arrow type says how they are kept: null, bool, int64 and string as they are, binary as JSON text.
    """
    types = frozenset(map(type, values)) - {NoneType}
    try:
        if not types:
            return pa.nulls(len(values))
        if types == {str}:
            return pa.array(values, pa.string())
        if types == {int} or types == {bool}:  # noqa: PLR1714  # a frozenset is looked for in no tuple of sets
            return pa.array(values, pa.int64() if int in types else pa.bool_())
    except _REFUSALS:
        pass
    return pa.array([None if value is None else json_text.dump(value).encode() for value in values], pa.binary())


def kept(array: pa.Array) -> list[Any]:
    """Give back what `keep` was given."""
    if not pa.types.is_binary(array.type):
        values: list[Any] = array.to_pylist()
        return values
    return list(json_text.load(b"[" + b",".join(cell or b"null" for cell in array.to_pylist()) + b"]"))
