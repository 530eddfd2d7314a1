"""Several whole exports, such as one a day, as one table that tells for each row which file it is of."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import pyarrow as pa

from sc_pandas.errors import ExportError
from sc_pandas.files import PathLike, open_plain
from sc_pandas.parquet.sealed import check_columns, mismatch, reading
from sc_pandas.provenance import Provenance

FILE: Final = "file"
_MAGIC: Final = re.compile(r"[*?\[]")


class Whole(NamedTuple):
    """One export of several: its name, its rows and where they came from."""

    name: str
    table: pa.Table
    provenance: Provenance


def cut_pattern(path: str) -> tuple[str, str]:
    """Return the folder before the first wildcard of a path, and the rest; "" if there is no wildcard."""
    found = _MAGIC.search(path)
    if found is None:
        return path, ""
    base, slash, _ = path[: found.start()].rpartition("/")
    return base + slash, path[len(base + slash) :]


def files_below(base: Path, pattern: str = "**/*.parquet") -> Iterator[tuple[str, BinaryIO]]:
    """Open the files that a pattern means, one after the other, in the order of their names; hidden ones stay out."""
    with reading(base):
        names = sorted(found.relative_to(base) for found in base.glob(pattern))
    for name in names:
        if not any(part.startswith(".") for part in name.parts):
            with reading(base / name):
                file = open_plain(base / name)
            with file:
                yield name.as_posix(), file


def stacked(wholes: Sequence[Whole], path: PathLike, columns: Sequence[str] | None) -> pa.Table:
    """Put the rows of exports below each other, in their order; a column that a file lacks is missing there."""
    tables, kinds = [], dict[str, set[pa.DataType]]()
    for whole in wholes:
        if FILE in whole.table.column_names:
            raise mismatch(path, f"{whole.name} has a column {FILE!r} of its own. Read the files one by one.")
        tables.append(whole.table.append_column(FILE, pa.repeat(whole.name, whole.table.num_rows)))
        for field in whole.table.schema:
            kinds.setdefault(field.name, set()).add(field.type)
    various = {name for name, types in kinds.items() if len(types) > 1}
    # Months were days in earlier editions.
    dates = {name for name in various if any(pa.types.is_timestamp(each) for each in kinds[name])}
    try:
        table = pa.concat_tables([_with_times(each, dates) for each in tables], promote_options="permissive")
    except pa.ArrowException:
        what = f"its files hold columns of different types: {', '.join(sorted(various))}. Read them one by one."
        raise mismatch(path, what) from None
    check_columns(path, table.column_names, columns)
    names = [name for name in table.column_names if name != FILE] + [FILE]
    return table.select(names if columns is None else list(columns))


def _with_times(table: pa.Table, names: set[str]) -> pa.Table:
    for place, field in enumerate(table.schema):
        if field.name in names and pa.types.is_date32(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(pa.timestamp("us")))
    return table


def nothing_there(path: PathLike) -> ExportError:
    """Build the error for a folder or a pattern without a file of ours."""
    what = "means no file" if cut_pattern(str(path))[1] else "is a folder without parts of an export of sc_pandas"
    return ExportError(f"{path} {what}. Look at the path.", path=str(path), reason="not_ours")
