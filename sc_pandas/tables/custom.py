"""``CustomColumns``: a list in each row, unfolded into one column for each ``ColumnName``."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from sc_pandas import json_text
from sc_pandas.contract import CustomDataType, fold
from sc_pandas.contract.cards import is_card_key, without_card_data
from sc_pandas.tables.columns import RejectFor, keep
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
_BY_CODE: Final[Mapping[str, str]] = {str(each.value): kind for each, kind in _KINDS.items()}
_CODES: Final[Mapping[int, str]] = {each.value: str(each.value) for each in _KINDS}
_TEXT: Final = CustomDataType.String.name
_BY_NAME: Final[Mapping[str, str]] = {fold(each.name): kind for each, kind in _KINDS.items()}


class CustomColumns:
    """Which custom columns were seen, and the kinds that their entries declared."""

    def __init__(self) -> None:
        self._kinds: dict[str, set[str]] = {}

    def kinds(self) -> list[tuple[str, str]]:
        """Give names and kinds, by name; a column whose entries disagree, or declare nothing, is text."""
        return [
            (name, next(iter(kinds)) if len(kinds) == 1 else "string") for name, kinds in sorted(self._kinds.items())
        ]

    def take(self, rows: Sequence[Mapping[str, Any]], reject_for: RejectFor) -> dict[str, pa.Array]:
        """Unfold the lists of some rows, each column kept as it came.

        Raises
        ------
        ResponseError
            There are more columns than a frame is made for.
        """
        cells: dict[str, list[Any]] = {}
        declared: dict[str, set[str | None]] = {}
        last_row: dict[str, int] = {}
        for index, entries in enumerate([row.get("CustomColumns") for row in rows]):
            if not entries and entries in (None, []):
                continue
            for name, entry in _named(index, entries, reject_for):
                column = cells.get(name)
                if column is None:
                    check_width(len(cells) + 1)
                    column = cells[name] = [None] * len(rows)
                    declared[name] = set()
                value = entry.get("Value")
                if type(value) in (dict, list):
                    value = without_card_data(value)
                if last_row.get(name) == index:
                    reject_for(f"custom.{name}")(index, column[index], "repeated in the row, the last one counts")
                last_row[name] = index
                column[index] = value
                declared[name].add(_declaration(entry))
        for name, words in declared.items():
            self._kinds.setdefault(name, set()).update(_known_kind(word) for word in words if word is not None)
        check_width(len(self._kinds))
        return {f"custom:{name}": keep(values) for name, values in cells.items()}


def _named(index: int, entries: Any, reject_for: RejectFor) -> Iterable[tuple[str, Mapping[str, Any]]]:
    """Give the usable entries of a row, without those that hold card data."""
    if not isinstance(entries, list):
        reject_for("custom")(index, without_card_data(entries), "not a list of custom columns")
        return
    for entry in entries:
        name = entry.get("ColumnName") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not name:
            reject_for("custom")(index, without_card_data(entry), "a custom column without a name")
        elif not is_card_key(name):
            yield (name if name.isascii() else json_text.without_lone_surrogates(name)), entry


def _declaration(entry: Mapping[str, Any]) -> str | None:
    """Give the code or name of the type that an entry declares; None where it declares nothing."""
    if entry.get("IsDropDownAllowMultipleSelection") is True:
        return _TEXT  # how several values are written is documented nowhere
    declared = entry.get("DataType")
    if declared is None or type(declared) is str:
        return declared
    return _CODES.get(declared, _TEXT) if type(declared) is int else _TEXT


def _known_kind(declared: str) -> str:
    """Give the kind of a code or a name; what nobody knows is text."""
    return _BY_CODE.get(declared) or _BY_NAME.get(fold(declared), "string")
