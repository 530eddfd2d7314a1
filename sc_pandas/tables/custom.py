"""``CustomColumns``: a list in each row, unfolded into one column for each ``ColumnName``."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain
from operator import attrgetter
from types import NoneType
from typing import Any, Final

import numpy as np
import pyarrow as pa

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
    """Which custom columns were seen, and the kinds that their entries declared."""

    def __init__(self) -> None:
        self._kinds: dict[str, set[str]] = {}

    def kinds(self) -> list[tuple[str, str]]:
        """Return names and kinds, by name; a column whose entries disagree, or declare nothing, is text."""
        return [
            (name, next(iter(kinds)) if len(kinds) == 1 else "string") for name, kinds in sorted(self._kinds.items())
        ]

    def take(self, pages: Sequence[PageRows], reject_for: RejectFor) -> dict[str, pa.Array]:
        """Unfold the lists of some pages, each column stored as it came.

        Raises
        ------
        ResponseError
            There are more columns than a frame is made for.
        """
        cells: defaultdict[str, tuple[list[int], list[Any]]] = defaultdict(lambda: ([], []))
        start = 0
        for page in pages:
            owners, names, values, declared = _plain(page) or _checked(page, start, reject_for)
            for owner, name, value in zip(owners, names, values, strict=True):
                places, found = cells[name]
                places.append(start + owner)
                found.append(value)
            for name, word in declared:
                self._kinds.setdefault(name, set()).update(
                    () if word is None else (_KIND_OF.get(fold(word), "string"),)
                )
            start += len(page)
            check_width(len(self._kinds))
        return {f"custom:{name}": _spread(*cell, start, reject_for(f"custom.{name}")) for name, cell in cells.items()}


def _spread(places: list[int], values: list[Any], rows: int, reject: Reject) -> pa.Array:
    """Store the values of a column in their places; of several in one place the last counts."""
    values = without_cards(values)
    rising = np.array(places)
    for earlier in np.flatnonzero(rising[1:] == rising[:-1]).tolist():
        reject(places[earlier], values[earlier], "repeated in the row, the last one counts")
    where = np.full(rows, -1)
    where[rising] = np.arange(len(places))
    return encode(values).take(pa.array(where, mask=where < 0))


# Row, name and value of all entries of a page, and which names declare which types.
_Entries = tuple[Sequence[int], Sequence[str], Sequence[Any], set[tuple[str, str | None]]]


def _plain(page: PageRows) -> _Entries | None:
    """Take the entries of a page apart; None where each must be looked at."""
    lists = list(page.column("CustomColumns"))
    if not page.has_objects:
        return None
    entries = list(chain.from_iterable(filter(None, lists)))
    if not entries:
        return (), (), (), set()
    names, values, declared, several = zip(*map(_PARTS, entries), strict=True)
    if set(map(type, names)) != {str} or not set(map(type, declared)) <= {str, int, NoneType}:
        return None
    if "" in names or any(map(is_card_key, set(names))):
        return None
    owners = np.repeat(np.arange(len(page)), [len(each or ()) for each in lists]).tolist()
    kinds = set(zip(names, declared, [each is True for each in several], strict=True))
    return owners, names, values, {(name, _declaration(kind, several)) for name, kind, several in kinds}


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
    """Return the code or name of a declared type; None where nothing is declared."""
    if several is True:
        return _TEXT  # how several values are written is documented nowhere
    if type(declared) is int:
        return str(declared) if 0 <= declared < 100 else _TEXT
    return declared if declared is None or isinstance(declared, str) else _TEXT
