"""What a part of a folder says of itself.  Seals are no secret, so it is a stranger's text, checked by its shape."""

import datetime as dt
from typing import Annotated, Final

import msgspec
import pyarrow as pa

PARTS_AT_MOST: Final = 1_000
_INTEGERS: Final = (pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())
_MOMENTS: Final = {pa.date32(): dt.date, pa.timestamp("us"): dt.datetime}
_KINDS: Final = {int: _INTEGERS, str: (pa.string(), pa.large_string(), *_MOMENTS), bool: (pa.bool_(),)}
# Types of columns that name folders, by their names, and what their values are in JSON.
FOLDER_TYPES: Final = {str(of_type): (of_type, kind) for kind, types in _KINDS.items() for of_type in types}


class PartNote(msgspec.Struct, frozen=True):
    """Which part of a folder a file is: one of `of`, with these values in the columns that name the folders."""

    folder: str
    number: Annotated[int, msgspec.Meta(ge=0)]
    of: Annotated[int, msgspec.Meta(ge=1, le=PARTS_AT_MOST)]
    columns: tuple[str, ...]
    values: dict[str, bool | int | str | None]
    types: dict[str, str]

    def __post_init__(self) -> None:
        """Refuse what cannot be one of ours."""
        known = self.values.keys() == self.types.keys() <= set(self.columns)
        if not known or self.number >= self.of or len(set(self.columns)) < len(self.columns):
            raise ValueError("no part of an export")
        for name in self.values:
            self.scalar(name)

    def scalar(self, name: str) -> pa.Scalar:
        """Return the value of a column that names the folders."""
        value, (of_type, kind) = self.values[name], FOLDER_TYPES.get(self.types[name], (None, None))
        if kind is None or (value is not None and type(value) is not kind):
            raise ValueError("no value of a folder")
        if of_type in _MOMENTS and isinstance(value, str):
            return pa.scalar(_MOMENTS[of_type].fromisoformat(value), of_type)
        return pa.scalar(value, of_type)

    @property
    def inside(self) -> list[str]:
        """The columns that stand in the file itself."""
        return [name for name in self.columns if name not in self.values]

    @property
    def export(self) -> tuple[object, ...]:
        """What the parts of one export share."""
        return self.folder, self.of, self.columns, self.types
