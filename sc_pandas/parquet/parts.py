"""A table in parts, one for each value of some columns, and the table again.

The layout is Hive's, ``column=value/part-0.parquet``, which pandas, DuckDB and Polars know.  Each part carries in its
note, under the seal, what the folder's names say, how many parts there are and a digest of the whole: a part that is
missing, or that comes from another export, is seen.
"""

import datetime as dt
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Final
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sc_pandas.errors import SettingsError
from sc_pandas.files import HashingFile, PathLike
from sc_pandas.parquet.note import FOLDER_TYPES, PARTS_AT_MOST, PartNote
from sc_pandas.parquet.sealed import KEY, check_columns, mismatch, opened, reading
from sc_pandas.parquet.several import Whole, nothing_there, stacked
from sc_pandas.provenance import Provenance

PART_NAME: Final = re.compile(r"part-[0-9]+\.parquet")
# Hive's word for a missing value.
_NULL: Final = "__HIVE_DEFAULT_PARTITION__"
_NAME_AT_MOST: Final = 255
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]*")


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a folder: where it stands below it, its rows, and what its note says of it."""

    name: str
    table: pa.Table
    says: Mapping[str, Any] | None = None


def parts_of(table: pa.Table, by: Sequence[str], provenance: Provenance, path: PathLike) -> list[Part]:
    """Cut a table by the values of some columns; the parts are in the order of their names."""
    _check_keys(table.schema, by)
    cuts = _cuts(table, by)
    if len(cuts) > PARTS_AT_MOST:
        raise SettingsError(
            f"partition_by={list(by)} would make {len(cuts):,} files; at most {PARTS_AT_MOST:,} are written. Choose "
            "columns with few values.",
            setting="partition_by",
        )
    rows = [dict(zip(by, _values(cut, by), strict=True)) for cut in cuts]
    named = sorted(("/".join(_segment(path, *each) for each in row.items()), place) for place, row in enumerate(rows))
    about = {"folder": _digest(table, by, provenance), "of": len(cuts), "columns": table.column_names}
    types = {name: str(table.schema.field(name).type) for name in by}
    parts = []
    for number, (folder, place) in enumerate(named):
        values = {name: str(value) if isinstance(value, dt.date) else value for name, value in rows[place].items()}
        says = about | {"number": number, "values": values, "types": types}
        parts.append(Part(f"{folder}/part-{number}.parquet", cuts[place].drop_columns(list(by)), says))
    return parts


def _check_keys(schema: pa.Schema, by: Sequence[str]) -> None:
    what = ""
    missing = [name for name in by if name not in schema.names]
    if not by or len(set(by)) < len(by):
        what = "partition_by names one column, or several different ones."
    elif missing:
        what = f"There is no column {missing[0]!r} to partition by. There are: {', '.join(schema.names)}."
    elif len(by) == len(schema.names):
        what = "partition_by names all columns; at least one must stay in the files."
    for name in [] if what else by:
        if not _PLAIN_NAME.fullmatch(name):
            what = f"The name of the column {name!r} cannot be part of a folder's name. Rename it first."
        elif str(schema.field(name).type) not in FOLDER_TYPES:
            what = (
                f"The column {name!r} ({schema.field(name).type}) cannot name folders; text, whole numbers, booleans, "
                "days and times can."
            )
    if what:
        raise SettingsError(what, setting="partition_by")


def _cuts(table: pa.Table, by: Sequence[str]) -> list[pa.Table]:
    if not table.num_rows:
        return [table]
    codes = np.zeros(table.num_rows, dtype=np.int64)
    for name in by:
        coded = pc.dictionary_encode(table.column(name).combine_chunks(), null_encoding="encode")
        codes = codes * len(coded.dictionary) + coded.indices.to_numpy()
        # Numbered anew after each column, the codes cannot overflow.
        codes = np.unique(codes, return_inverse=True)[1].astype(np.int64)
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    return [table.take(pa.array(places)) for places in np.split(order, starts[1:])]


def _values(cut: pa.Table, by: Sequence[str]) -> tuple[Any, ...]:
    return tuple(_day(cut.column(name)[0].as_py()) if cut.num_rows else None for name in by)


def _day(value: Any) -> Any:
    """Return a midnight as its day: a month names a folder without hours."""
    return value.date() if isinstance(value, dt.datetime) and value.time() == dt.time() else value


def _segment(path: PathLike, name: str, value: Any) -> str:
    """Name a folder; no value can leave it, because slashes, dots and percent signs are written as numbers."""
    if value in {"", _NULL}:
        raise mismatch(
            path,
            f"the column {name!r} holds an empty text, or Hive's word for a missing value; no folder's name can tell "
            "them from a missing value. Replace them first, or choose another column.",
        )
    if value is None:
        text = _NULL
    elif isinstance(value, bool):
        text = str(value).lower()
    else:
        text = quote(str(value), safe="").replace(".", "%2E")
    segment = f"{name}={text}"
    if len(segment) > _NAME_AT_MOST:
        raise mismatch(path, f"the column {name!r} holds a text too long for a folder's name. Choose another column.")
    return segment


def _digest(table: pa.Table, by: Sequence[str], provenance: Provenance) -> str:
    """Tell exports apart; equal rows and provenance give an equal digest."""
    sink = HashingFile()
    sink.write(json.dumps([list(by), provenance.to_json()]).encode())
    whole = table.combine_chunks().replace_schema_metadata(None)
    with pa.PythonFile(sink, mode="w") as file, pa.ipc.new_stream(file, whole.schema) as stream:
        stream.write_table(whole)
    return sink.sha256.hexdigest()


def whole_of(
    files: Iterable[tuple[str, BinaryIO]], path: PathLike, columns: Sequence[str] | None
) -> tuple[pa.Table, dict[str, Provenance]]:
    """Read files: the parts of one export, whose rows come by `user_id` and whose provenance is called "", or exports.

    Several whole exports are put below each other, and each one's provenance is called as its file.
    """
    tables, parts, wholes = list[pa.Table](), list[PartNote](), list[Whole]()
    provenance = None
    for name, file in files:
        where = f"{path}/{name}"
        with reading(where):
            sealed = opened(file, where)
            part = sealed.part
            if (part is None and parts) or (part is not None and wholes):
                raise mismatch(
                    where,
                    "some files are parts of an export, others a whole export, not a part of one. Read each by itself.",
                )
            if part is None:
                names = sealed.names if columns is None else [name for name in columns if name in sealed.names]
                wholes.append(Whole(name, sealed.parquet.read(columns=names), sealed.provenance))
                continue
            if sealed.names != part.inside:
                raise mismatch(where, "its columns are not those that it names. Export it again.")
            check_columns(where, part.columns, columns)
            tables.append(_restored(sealed.parquet, part, columns))
        parts.append(part)
        provenance = provenance or sealed.provenance
    if wholes:
        return stacked(wholes, path, columns), {whole.name: whole.provenance for whole in wholes}
    if provenance is None:
        raise nothing_there(path)
    _check_complete(parts, path)
    with reading(path):
        table = pa.concat_tables(tables)
        if KEY in table.column_names and pa.types.is_int64(table.schema.field(KEY).type):
            table = table.take(pc.sort_indices(table, [(KEY, "ascending")]))
    return (table if columns is None else table.select(list(columns))), {"": provenance}


def _restored(parquet: pq.ParquetFile, part: PartNote, columns: Sequence[str] | None) -> pa.Table:
    """Put the columns that the folders name back in their places."""
    # Rows are put in order by their key, also where it is not asked for.
    asked = set(part.columns if columns is None else [*columns, KEY])
    wanted = [name for name in part.columns if name in asked]
    table = parquet.read(columns=[name for name in wanted if name not in part.values])
    inside = dict(zip(table.column_names, table.columns, strict=True))
    arrays = [pa.repeat(part.scalar(name), table.num_rows) if name in part.values else inside[name] for name in wanted]
    return pa.table(arrays, names=wanted)


def _check_complete(parts: Sequence[PartNote], path: PathLike) -> None:
    if any(each.export != parts[0].export for each in parts):
        raise mismatch(path, "it holds parts of different exports. Export it again, into a new folder.")
    found, of = len({each.number for each in parts}), parts[0].of
    if not len(parts) == found == of:
        raise mismatch(path, f"it holds {found if found < of else len(parts):,} of {of:,} parts. Export it again.")
