"""Pages that look like one before them: decoded at once into columns.

A parsed page teaches which keys its objects have, and a decoder is made that demands each of them and takes no other.
A body that it takes says as many different keys as its objects have together.  If it says one twice, or nests what was
not nested, more keys are counted in its text.  Every doubt sends a page to the slow parser, which tells what is wrong.
"""

import functools
from collections.abc import Sequence
from decimal import Decimal
from itertools import chain
from operator import attrgetter
from typing import Any, Final

import msgspec
import numpy as np

from sc_pandas.contract import CUSTOM_KEYS, PageRows
from sc_pandas.contract.cards import is_card_key

_ENTRIES, _CHOICES = "CustomColumns", "DataSourceContainer"
_NAME: Final = attrgetter("ColumnName")
# As the vendor's Swagger description has them, until a page shows others.
_ENTRY_KEYS: Final = (
    "AllowHTMLPopup", "ClientID", "ColumnName", "DataLength", _CHOICES, "DataType", "DisplayName", "ID",
    "IsDropDownAllowMultipleSelection", "IsDropDownColumn", "IsDropDownCustomTextAllowed", "IsRequired", "NewValue",
    "Value",
)  # fmt: skip
_CHOICE_KEYS: Final = ("Additional", "Key", "Value")
# Attributes need identifiers for names; those that are read keep theirs.
_READ: Final = {"Items", "TotalResults", _CHOICES, *CUSTOM_KEYS}
_COLON, _QUOTE, _BLANK, _OPENING, _CLOSING = b':" []'
# So many lists besides the known ones are not nearly as deep as the slow parser allows.
_MORE_LISTS: Final = 32
# A server that goes on to send new keys is read by the slow parser.
_SHAPES_AT_MOST: Final = 64


def _struct(name: str, keys: Sequence[str], **lists: Any) -> Any:
    """Make a type that demands these keys, with anything in them or what `lists` says."""
    names = {key if key in _READ else f"f{place}": key for place, key in enumerate(keys)}
    fields = [(attribute, lists.get(key, Any)) for attribute, key in names.items()]
    return msgspec.defstruct(name, fields, rename=names, forbid_unknown_fields=True, gc=False)


class Shape:
    """The keys of a page, of its rows, of their custom columns, and of the choices of those."""

    def __init__(self, page: Sequence[str], row: Sequence[str], entry: Sequence[str], choice: Sequence[str]) -> None:
        self._row, self._sizes = row, (len(page), len(row), len(entry), len(choice))
        self._choices = attrgetter(_CHOICES) if _CHOICES in entry else lambda _entry: None
        # Tuples, because the garbage collector soon leaves those alone that hold nothing of its business.
        of_entry = _struct("Entry", entry, **{_CHOICES: list[_struct("Choice", choice)] | None})  # type: ignore[misc]
        of_row = _struct("Row", row, **{_ENTRIES: tuple[of_entry, ...] | None})  # type: ignore[valid-type]
        of_page = _struct("Page", page, Items=list[of_row])  # type: ignore[valid-type]
        self._decoder = msgspec.json.Decoder(of_page, float_hook=Decimal)

    def read(self, body: bytes) -> dict[str, Any] | None:
        """Read a page, its rows as columns; None where the slow parser must look."""
        try:
            page: Any = self._decoder.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        columns = dict(zip(self._row, zip(*map(msgspec.structs.astuple, page.Items), strict=True), strict=False))
        lists = list(filter(None, columns.get(_ENTRIES, ())))
        entries = list(chain.from_iterable(lists))
        # One without a name is told as the server wrote it, keys in its order.
        names = list(map(_NAME, entries))
        if not (all(names) and set(map(type, names)) <= {str}):
            return None
        choices = list(filter(None, map(self._choices, entries)))
        objects = (1, len(page.Items), len(entries), sum(map(len, choices)))
        keys = sum(many * size for many, size in zip(objects, self._sizes, strict=True))
        if not columns or not _has_no_more(body, keys, len(lists) + len(choices)):
            return None
        return {"Items": PageRows(columns=columns), "TotalResults": page.TotalResults}


def _has_no_more(body: bytes, keys: int, lists: int) -> bool:
    """Return whether a text names so many keys, and opens hardly more than so many lists that are not empty.

    A key ends in a quote with its colon behind it, or blanks between them.  What looks so inside a text counts as well,
    so there may seem to be more keys than there are, but never fewer.
    """
    text = np.frombuffer(body, np.uint8)
    before, after = text[:-1], text[1:]
    is_colon = after == _COLON
    if np.count_nonzero(is_colon & (before == _QUOTE)) + np.count_nonzero(is_colon & (before <= _BLANK)) != keys:
        return False
    return int(np.count_nonzero((before == _OPENING) & (after != _CLOSING))) - 1 - lists <= _MORE_LISTS


@functools.lru_cache(maxsize=_SHAPES_AT_MOST)
def _shape(*keys: tuple[str, ...]) -> Shape:
    return Shape(*keys)


def _keys(objects: Sequence[Any], unseen: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the keys that all objects have; ValueError where they differ."""
    if any(each.keys() != objects[0].keys() for each in objects):
        raise ValueError("not all alike")
    return tuple(sorted(objects[0])) if objects else unseen


class PageReader:
    """Reads pages that look like the last one that it was taught."""

    def __init__(self) -> None:
        self._shape: Shape | None = None

    def read(self, body: bytes) -> dict[str, Any] | None:
        """Read a page, its rows as `PageRows`; None where the slow parser must look."""
        return None if self._shape is None else self._shape.read(body)

    def learn(self, page: Any) -> None:
        """Learn what a parsed page looks like, unless its objects differ or hold card data."""
        try:
            rows = page["Items"]
            entries = [entry for row in rows for entry in row.get(_ENTRIES) or ()]
            choices = [choice for entry in entries for choice in entry.get(_CHOICES) or ()]
            keys = (_keys([page]), _keys(rows), _keys(entries, _ENTRY_KEYS), _keys(choices, _CHOICE_KEYS))
            is_usual = {"Items", "TotalResults"} <= {*keys[0]} and {*CUSTOM_KEYS} <= {*keys[2]}
            if is_usual and not any(map(is_card_key, keys[1])) and _shape.cache_info().misses < _SHAPES_AT_MOST:
                self._shape = _shape(*keys)
        except (AttributeError, KeyError, TypeError, ValueError):
            return  # it is no page, or its keys are no proper text
