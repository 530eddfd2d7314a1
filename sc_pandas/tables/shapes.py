"""The type on which all values of an undocumented key agree.

A shape only grows, and growing is commutative: whatever order the pages come in, the type is the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain
from types import NoneType
from typing import Any, Self

import pyarrow as pa

from sc_pandas.json_text import has_lone_surrogate
from sc_pandas.tables.values import MisfitError, is_iso_date, to_double

# Deeper values stay JSON text.
DEPTH_AT_MOST = 16
_SIMPLE = {frozenset(): pa.string(), frozenset({"bool"}): pa.bool_(), frozenset({"int"}): pa.int64()}


@dataclass
class Shape:
    """What was seen of a key's values; null is no value."""

    # bool, int, double, string, list, struct, and text for what only text holds.
    kinds: set[str] = field(default_factory=set)
    are_doubles: bool = True  # every integer is exact as a double
    are_dates: bool = True
    item: "Shape | None" = None
    fields: dict[str, "Shape"] = field(default_factory=dict)

    def see(self, values: Iterable[Any], depth: int = 0) -> Self:
        """Grow by values."""
        values = list(values)
        for kind in set(map(type, values)) - {NoneType}:
            self.kinds.add(self._kind(kind, [value for value in values if type(value) is kind], depth))
        return self

    def _kind(self, of_type: type, values: list[Any], depth: int) -> str:
        """Look at values of one type, and return what they are."""
        kind = "text"
        if of_type is bool:
            kind = "bool"
        elif of_type is int:
            low, high = min(values), max(values)
            kind = "int" if low >= -(2**63) and high < 2**63 else "text"
            if self.are_doubles and not -(2**53) <= low <= high <= 2**53:
                self.are_doubles = all(map(_is_double, values))
        elif of_type is Decimal:
            kind = "double" if all(map(_is_double, values)) else "text"
        elif of_type is str:
            kind = "string"
            self.are_dates = self.are_dates and all(map(is_iso_date, values))
        elif of_type is list and depth < DEPTH_AT_MOST:
            kind = "list"
            self.item = (self.item or Shape()).see(chain.from_iterable(values), depth + 1)
        elif of_type is dict and depth < DEPTH_AT_MOST:
            kind = "struct"
            for name in set().union(*values):
                self.fields.setdefault(name, Shape()).see((value.get(name) for value in values), depth + 1)
        return kind

    def arrow_type(self, *, top: bool = True) -> pa.DataType | None:
        """Type of a lossless column, None if there is only JSON text."""
        kinds = frozenset(self.kinds)
        if kinds in _SIMPLE:
            return _SIMPLE[kinds]
        if kinds == {"string"}:
            return pa.timestamp("us") if top and self.are_dates else pa.string()
        if "double" in kinds and kinds <= {"int", "double"}:
            return pa.float64() if self.are_doubles else None
        if kinds == {"list"} and self.item is not None:
            inner = self.item.arrow_type(top=False)
            return None if inner is None else pa.list_(inner)
        return self._struct() if kinds == {"struct"} else None

    def _struct(self) -> pa.DataType | None:
        inner = {name: self.fields[name].arrow_type(top=False) for name in sorted(self.fields)}
        # Parquet holds no struct without fields, and a field's name must be proper text.
        if not inner or "" in inner or None in inner.values() or has_lone_surrogate(list(inner)):
            return None
        return pa.struct(list(inner.items()))


def _is_double(number: int | Decimal) -> bool:
    try:
        to_double(number)
    except MisfitError:
        return False
    return True


def fitted(value: Any, to: pa.DataType) -> Any:
    """Prepare a nested value for Arrow, which takes no Decimal for a double."""
    if value is None:
        return None
    if pa.types.is_floating(to):
        return float(value)
    if pa.types.is_list(to):
        return [fitted(each, to.value_type) for each in value]
    if pa.types.is_struct(to):
        return {each.name: fitted(value.get(each.name), each.type) for each in to}
    return value
