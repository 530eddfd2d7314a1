"""What a file says of itself.  Seals are no secret, so it is a stranger's text: bounded, and checked by its shape."""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import msgspec
import pyarrow as pa

from sc_pandas.provenance import ATTRS_KEY, Provenance

FORMAT: Final = 1
# A filter of 300,000 ids takes 3 MiB.
NOTE_AT_MOST: Final = 4 << 20
PARTS_AT_MOST: Final = 1_000
_INTEGERS: Final = (pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())
# What a value that names a folder is in JSON, by the name of its column's type.
_IN_JSON: Final[Mapping[str, tuple[pa.DataType, type]]] = {
    **{str(each): (each, int) for each in _INTEGERS},
    **{str(each): (each, str) for each in (pa.string(), pa.large_string(), pa.date32())},
    str(pa.bool_()): (pa.bool_(), bool),
}


@dataclass(frozen=True, slots=True)
class PartNote:
    """Which part of a folder a file is: one of `of`, with these values in the columns that name the folders."""

    folder: str
    number: int
    of: int
    columns: tuple[str, ...]
    values: Mapping[str, pa.Scalar]

    @classmethod
    def of_json(cls, says: object) -> Self | None:
        """Check a part's JSON; None where it cannot be one of ours."""
        if not isinstance(says, dict) or not {"folder", "number", "of", "columns", "values", "types"} <= says.keys():
            return None
        try:
            folder, number, of, columns = msgspec.convert(
                [says[name] for name in ("folder", "number", "of", "columns")], tuple[str, int, int, tuple[str, ...]]
            )
        except msgspec.ValidationError:
            return None
        if not 0 <= number < of <= PARTS_AT_MOST or len(set(columns)) < len(columns):
            return None
        values = _scalars(says["values"], says["types"])
        if values is None or not values.keys() <= set(columns):
            return None
        return cls(folder, number, of, columns, values)

    @property
    def inside(self) -> list[str]:
        """The columns that stand in the file itself."""
        return [name for name in self.columns if name not in self.values]

    @property
    def export(self) -> tuple[object, ...]:
        """What the parts of one export share."""
        return self.folder, self.of, self.columns, {name: value.type for name, value in self.values.items()}


@dataclass(frozen=True, slots=True)
class Note:
    """Where the rows came from, and of which folder they are a part, if of any."""

    provenance: Provenance
    part: PartNote | None

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> Self | None:
        """Check a note's JSON; None where it cannot be one of ours."""
        provenance = Provenance.from_attrs({ATTRS_KEY: document.get("provenance")})
        part = PartNote.of_json(document["part"]) if "part" in document else None
        if provenance is None or (part is None and "part" in document):
            return None
        return cls(provenance, part)


def json_object(text: bytes | None) -> dict[str, Any] | None:
    """Read one JSON object of a few MiB; None for anything else."""
    if text is None or len(text) > NOTE_AT_MOST:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _scalars(values: object, types: object) -> dict[str, pa.Scalar] | None:
    if not isinstance(values, dict) or not isinstance(types, dict) or values.keys() != types.keys():
        return None
    try:
        return {name: _scalar(value, types[name]) for name, value in values.items()}
    except (KeyError, TypeError, ValueError, OverflowError, pa.ArrowException):
        return None


def _scalar(value: object, type_name: object) -> pa.Scalar:
    if not isinstance(type_name, str):
        raise TypeError(type(type_name))
    of_type, in_json = _IN_JSON[type_name]
    if value is not None and type(value) is not in_json:
        raise TypeError(type(value))
    if pa.types.is_date32(of_type) and isinstance(value, str):
        value = dt.date.fromisoformat(value)
    return pa.scalar(value, of_type)
