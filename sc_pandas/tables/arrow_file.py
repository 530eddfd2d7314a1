"""Typed rows in one private, checksummed Arrow IPC file: what a warm read opens instead of parsing pages again."""

import hashlib
import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import pyarrow as pa

from sc_pandas.files import HashingFile, atomic_write, open_plain
from sc_pandas.tables.rows import Coercion, CustomerRows
from sc_pandas.tables.spool import Store

FORMAT: Final = 2
_MAGIC: Final = b"sc_pandas rows 1"
# The stream begins where Arrow can read a mapped buffer without copying.
_HEAD_BYTES: Final = 64
_NOTE: Final = b"sc_pandas"
_Count = Annotated[int, msgspec.Meta(ge=0)]


class _Facts(msgspec.Struct):
    """What a file says of its rows."""

    note: dict[str, Any]
    rows: _Count
    doubles_dropped: _Count
    undocumented: tuple[str, ...]
    rows_without_key: _Count
    coercions: tuple[Coercion, ...]
    renamed: dict[str, str] = {}  # files of earlier versions have none


def write_rows(path: Path, rows: CustomerRows, note: Mapping[str, Any]) -> None:
    """Write rows and a JSON-safe note, so the path holds all of it or what was there before."""
    facts = _Facts(
        dict(note), rows.num_rows, rows.doubles_dropped, rows.undocumented, rows.rows_without_key, rows.coercions,
        dict(rows.renamed),
    )  # fmt: skip
    schema = rows.schema.with_metadata({_NOTE: msgspec.json.encode(facts)})
    with atomic_write(path) as file:
        file.write(bytes(_HEAD_BYTES))
        body = HashingFile(file)
        with pa.ipc.new_stream(body, schema) as stream:
            for batch in rows.iter_batches():
                stream.write_batch(batch)
        file.seek(0)
        file.write(_MAGIC + body.sha256.digest())
        file.seek(0, 2)


def read_rows(path: Path) -> tuple[CustomerRows, dict[str, Any]] | None:
    """Open rows and their note; None if no file is there, or it is not whole, not as written, or of another format."""
    try:
        with open_plain(path) as file:
            content = pa.py_buffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError):
        return None
    head = content[:_HEAD_BYTES].to_pybytes()
    body = content.slice(_HEAD_BYTES) if len(content) > _HEAD_BYTES else None
    if body is None or head[:48] != _MAGIC + hashlib.sha256(body).digest():
        return None
    # The batches stay mapped: "in memory" costs what is looked at.
    store = Store()
    try:
        with pa.ipc.open_stream(pa.BufferReader(body)) as stream:
            facts = msgspec.json.decode((stream.schema.metadata or {})[_NOTE], type=_Facts)
            for batch in stream:
                store.append(batch.replace_schema_metadata(None))
    except (pa.ArrowException, msgspec.MsgspecError, OSError, KeyError, UnicodeDecodeError, RecursionError):
        return None
    if facts.rows != sum(store.lengths):
        return None
    rows = CustomerRows(
        schema=stream.schema.remove_metadata(),
        num_rows=facts.rows,
        coercions=facts.coercions,
        doubles_dropped=facts.doubles_dropped,
        undocumented=facts.undocumented,
        rows_without_key=facts.rows_without_key,
        _store=store,
        _order=None,
        renamed=facts.renamed,
    )
    return rows, facts.note
