"""The rows of one page of the list, by columns."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any, Final, overload

import msgspec
import numpy as np

# Keys under which the id of a customer is known to travel, the first that a row has wins.
ID_KEYS: Final = ("UserID", "ID", "CustomerID")
# More digits than 64 bits hold.
_DIGITS_AT_MOST: Final = 20

Ids = np.ndarray[tuple[int], np.dtype[np.int64]]


def id_of(row: Mapping[str, object]) -> int | None:
    """Return the id of a row, under whichever of the known keys it travels, or None."""
    for key in ID_KEYS:
        value = row.get(key)
        if isinstance(value, Decimal) and value.adjusted() < _DIGITS_AT_MOST and value == value.to_integral_value():
            return int(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= _DIGITS_AT_MOST:
            return int(value)
    return None


class PageRows(Sequence[dict[str, Any]]):
    """The rows of a page, either as parsed (one dict each) or as columns; each can be looked at as a dict."""

    def __init__(
        self, items: Sequence[dict[str, Any]] = (), columns: Mapping[str, Sequence[Any]] | None = None
    ) -> None:
        self._items = items
        self._columns = columns
        self._length = len(items) if columns is None else len(next(iter(columns.values())))

    @classmethod
    def of(cls, items: "Sequence[Mapping[str, Any]]") -> "PageRows":
        """Return the rows themselves, or rows of dicts."""
        return items if isinstance(items, PageRows) else cls(items)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, place: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, place: slice) -> "PageRows": ...
    def __getitem__(self, place: int | slice) -> "dict[str, Any] | PageRows":
        if isinstance(place, slice):
            return self.take(range(*place.indices(len(self))))
        if self._columns is None:
            return self._items[place]
        values = {key: values[place] for key, values in self._columns.items()}
        row = {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
        return msgspec.to_builtins(row, builtin_types=(Decimal,))  # type: ignore[no-any-return]

    def __eq__(self, other: object) -> bool:
        return list(self) == (list(other) if isinstance(other, PageRows) else other)

    __hash__ = None  # type: ignore[assignment]

    def take(self, places: Sequence[int]) -> "PageRows":
        """Return some of the rows."""
        if self._columns is None:
            return PageRows([self._items[place] for place in places])
        return PageRows(columns={key: [values[place] for place in places] for key, values in self._columns.items()})

    @property
    def has_objects(self) -> bool:
        """True if custom columns are objects with attributes, not dicts."""
        return self._columns is not None

    def keys(self) -> set[str]:
        """Return the keys that any row has."""
        return set().union(*self._items) if self._columns is None else set(self._columns)

    def column(self, key: str) -> Sequence[Any]:
        """Return the value of a key in each row, None where there is none."""
        if self._columns is None:
            return [item.get(key) for item in self._items]
        return self._columns[key] if key in self._columns else [None] * len(self)

    @cached_property
    def ids(self) -> Ids:
        """Ids as they stand, without those of rows whose id is no number of 64 bits."""
        values = list(self.column("UserID"))
        if set(map(type, values)) == {int}:
            try:
                return np.array(values, np.int64)
            except OverflowError:
                pass
        ids = (id_of(row) for row in self)
        return np.array([each for each in ids if each is not None and -(2**63) <= each < 2**63], np.int64)
