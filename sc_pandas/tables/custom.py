"""``CustomColumns``: a list in each row, unfolded into one column for each ``ColumnName``."""

from collections.abc import Mapping, Sequence
from itertools import chain
from operator import attrgetter
from types import NoneType
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sc_pandas import json_text
from sc_pandas.contract import CUSTOM_KEYS, CustomDataType, PageRows, fold
from sc_pandas.contract.cards import is_card_key, without_card_data
from sc_pandas.tables.columns import Reject, RejectFor, encode, without_cards
from sc_pandas.tables.rows import check_width

_KINDS: Final[Mapping[CustomDataType, str]] = {
    CustomDataType.String: "string",
    CustomDataType.Integer: "int64",
    CustomDataType.Decimal: "decimal",
    CustomDataType.DateTime: "timestamp",
    CustomDataType.Boolean: "bool",
    CustomDataType.nText: "string",
    CustomDataType.Hyperlink: "string",
}
# By code and by name.
_KIND_OF: Final[Mapping[str, str]] = {
    spelled: kind for each, kind in _KINDS.items() for spelled in (str(each.value), fold(each.name))
}
_TEXT: Final = CustomDataType.String.name
_PARTS: Final = attrgetter(*CUSTOM_KEYS)


class CustomColumns:
    """The entries of the rows that wait, and of all rows which columns were seen and which kinds these declared."""

    def __init__(self) -> None:
        self._kinds: dict[str, set[str]] = {}
        self._declared: set[tuple[str, str | None]] = set()
        self._owners: list[NDArray[np.int64]] = []
        self._names: list[str] = []
        self._values: list[Any] = []

    def kinds(self, *, exact_decimals: bool = False) -> list[tuple[str, str]]:
        """Return names and kinds, by name; a column whose entries disagree, or declare nothing, is text."""
        instead = {} if exact_decimals else {"decimal": "double"}
        found = {name: kinds.copy().pop() if len(kinds) == 1 else "string" for name, kinds in self._kinds.items()}
        return [(name, instead.get(found[name], found[name])) for name in sorted(found)]

    def take(self, page: PageRows, start: int, reject_for: RejectFor) -> None:
        """Take the entries of a page whose rows stand from `start` on."""
        owners, names, values, declared = _plain(page) or _checked(page, start, reject_for)
        self._owners.append(np.asarray(owners, np.int64) + start)
        self._names += names
        self._values += values
        news = declared - self._declared
        self._declared |= news
        for name, word in news:
            self._kinds.setdefault(name, set()).update(() if word is None else (_KIND_OF.get(fold(word), "string"),))
        check_width(len(self._kinds))

    def columns(self, rows: int, reject_for: RejectFor) -> dict[str, pa.Array]:
        """Unfold what was taken into columns of so many rows, each stored as it came."""
        names, values, owners = self._names, self._values, self._owners
        self._names, self._values, self._owners = [], [], []
        if not names:
            return {}
        encoded, places = pa.array(names, pa.string()).dictionary_encode(), np.concatenate(owners)
        codes = encoded.indices.to_numpy()
        parts = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
        return {
            f"custom:{name}": _spread(
                places[part], list(map(values.__getitem__, part.tolist())), rows, reject_for(f"custom.{name}")
            )
            for name, part in zip(encoded.dictionary.to_pylist(), parts, strict=True)
        }


def _spread(places: NDArray[np.int64], values: list[Any], rows: int, reject: Reject) -> pa.Array:
    """Store the values of a column in their places; of several in one place the last counts."""
    values = without_cards(values)
    for earlier in np.flatnonzero(places[1:] == places[:-1]).tolist():
        reject(int(places[earlier]), values[earlier], "repeated in the row, the last one counts")
    where = np.full(rows, -1)
    where[places] = np.arange(len(places))
    return encode(values).take(pa.array(where, mask=where < 0))


# Row, name and value of all entries of a page, and which names declare which types.
_Entries = tuple["Sequence[int] | NDArray[np.int64]", Sequence[str], Sequence[Any], set[tuple[str, str | None]]]


def _plain(page: PageRows) -> _Entries | None:
    """Take the entries of a page apart; None if each must be looked at."""
    lists = list(page.column("CustomColumns"))
    if not page.has_objects:
        return None
    entries = list(chain.from_iterable(filter(None, lists)))
    if not entries:
        return (), (), (), set()
    names, values, declared, several = zip(*map(_PARTS, entries), strict=True)
    usual = set(map(type, declared)) <= {str, int, NoneType} and set(map(type, several)) <= {bool, NoneType}
    if not usual or any(map(is_card_key, set(names))):
        return None
    owners = np.repeat(np.arange(len(page)), [len(each or ()) for each in lists])
    kinds = set(zip(names, declared, several, strict=True))
    return owners, names, values, {(name, _declaration(kind, many)) for name, kind, many in kinds}


def _checked(page: PageRows, start: int, reject_for: RejectFor) -> _Entries:
    """Take the usable entries of a page apart, without those that hold card data; tell of what is none."""
    found: list[tuple[int, str, Any, str | None]] = []
    reject = reject_for("custom")
    for owner, row in enumerate(page):
        entries = row.get("CustomColumns")
        if entries is not None and not isinstance(entries, list):
            reject(start + owner, without_card_data(entries), "not a list of custom columns")
            continue
        for entry in entries or ():
            name = entry.get("ColumnName") if isinstance(entry, dict) else None
            if not isinstance(name, str) or not name:
                reject(start + owner, without_card_data(entry), "a custom column without a name")
            elif not is_card_key(name):
                _, value, declared, several = map(entry.get, CUSTOM_KEYS)
                found.append((owner, json_text.without_lone_surrogates(name), value, _declaration(declared, several)))
    owners, names, values, words = zip(*found, strict=True) if found else ((), (), (), ())
    return owners, names, values, set(zip(names, words, strict=True))


def _declaration(declared: object, several: object) -> str | None:
    """Return the code or name of a declared type; None if nothing is declared."""
    if several is True:
        return _TEXT  # how several values are written is documented nowhere
    if type(declared) is int:
        return str(declared) if 0 <= declared < 100 else _TEXT
    return declared if declared is None or isinstance(declared, str) else _TEXT
