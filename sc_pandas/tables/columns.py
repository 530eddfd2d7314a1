"""Whole columns into Arrow arrays: one cast if all values are of one kind, else value by value.

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
    "rating": pa.int64(),
    "bool": pa.bool_(),
    "double": pa.float64(),
    # Room for arithmetic: of Arrow's 38 digits a whole number takes 19 more, a decimal as many again.
    "decimal": pa.decimal128(18, 6),
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
}
_TEXT_ONLY: Final = frozenset({str, NoneType})
_NESTED: Final = frozenset({dict, list})
# Text that Arrow casts just as `values` converts it.
_CASTABLE: Final[Mapping[str, str]] = {
    "int64": r"^-?[0-9]{1,18}$",
    # 15 digits at most: each such number is a double that is written the same.
    "double": r"^-?(?:[0-9]{1,15}|[0-9]{1,10}\.[0-9]{1,5}|[0-9]{1,5}\.[0-9]{6,10})$",
    "decimal": r"^-?[0-9]{1,12}(?:\.[0-9]{1,6})?$",
    "bool": r"^(?:[Tt]rue|[Ff]alse|[01])$",
    "timestamp": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?$",
}
_EMPTY_DAY_ENDS: Final = pa.scalar(date(1, 1, 2), pa.date32()).cast(pa.timestamp("us"))
_RATING_NAMES: Final = pa.array([rating.name for rating in Rating], pa.string())
_REFUSALS: Final = (pa.ArrowException, OverflowError, UnicodeEncodeError, ValueError, TypeError)


def without_cards(values: list[Any]) -> list[Any]:
    """Drop card data out of values."""
    return values if _NESTED.isdisjoint(map(type, values)) else [without_card_data(value) for value in values]


def typed(values: list[Any], kind: str, reject: Reject) -> pa.Array:
    """Make an array of a kind; what does not fit is null and goes to `reject`."""
    types = frozenset(map(type, values))
    if types <= {NoneType}:
        return pa.nulls(len(values), TYPES[kind])
    try:
        if types <= _CLEAN.get(kind, frozenset()):
            return pa.array(values, TYPES[kind])
        if types <= _TEXT_ONLY and kind in _CASTABLE:
            return _cast(pa.array(values, pa.string()), kind)
        if types <= _TEXT_ONLY and kind == "rating":
            known = {value: None if value is None else CONVERSIONS[kind](value) for value in set(values)}
            return pa.array([known[value] for value in values], TYPES[kind])
    except (*_REFUSALS, MisfitError):
        pass
    return _one_by_one(values, kind, reject)


def retyped(array: pa.Array, kind: str, reject: Reject) -> pa.Array:
    """Make an array of a kind from what `encode` made."""
    # JSON of a number is its text.
    if kind in _CASTABLE and (pa.types.is_string(array.type) or (kind == "double" and pa.types.is_binary(array.type))):
        try:
            return _cast(array.cast(pa.string()), kind)
        except _REFUSALS:
            pass
    return typed(decode(array), kind, reject)


def _cast(text: pa.Array, kind: str) -> pa.Array:
    if not pc.all(pc.match_substring_regex(text, _CASTABLE[kind])).as_py():
        raise ValueError("other ways to write it")
    if kind != "timestamp":
        return pc.cast(text, TYPES[kind])
    stamps = pc.cast(pc.utf8_slice_codeunits(text, 0, 26), TYPES[kind])
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
    """Return the vendor's names of rating codes, null for a code nobody knows."""
    is_known = pc.and_(pc.greater_equal(codes, 0), pc.less(codes, len(_RATING_NAMES)))
    return _RATING_NAMES.take(pc.if_else(is_known, codes, None))


def encode(values: Sequence[Any]) -> pa.Array:
    """Store values of a column whose type is not yet known, without loss.

    The Arrow type says how they are stored: null, bool, int64 and string as they are, binary as JSON text.
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


def decode(array: pa.Array) -> list[Any]:
    """Return the values that `encode` stored."""
    if not pa.types.is_binary(array.type):
        values: list[Any] = array.to_pylist()
        return values
    return list(json_text.load(b"[" + b",".join(cell or b"null" for cell in array.to_pylist()) + b"]"))
