"""Typed rows in one private, checksummed Arrow IPC file: what a warm read opens instead of parsing pages again."""

import hashlib
import json
import mmap
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Self

import pyarrow as pa

from sc_pandas.files import HashingFile, atomic_write, open_plain
from sc_pandas.tables.rows import Coercion, CustomerRows
from sc_pandas.tables.spool import MemoryStore

FORMAT: Final = 1
_MAGIC: Final = b"sc_pandas rows 1"
# The stream begins where Arrow can read a mapped buffer without copying.
_HEAD_BYTES: Final = 64
_NOTE: Final = b"sc_pandas"


def keep_rows(path: Path, rows: CustomerRows, note: Mapping[str, Any]) -> None:
    """Write rows and a JSON-safe note, so that the path holds all of it or what was there before.

    Raises
    ------
    ExportError
        The file cannot be written.
    """
    facts = {
        "note": dict(note),
        "rows": rows.num_rows,
        "doubles_dropped": rows.doubles_dropped,
        "undocumented": list(rows.undocumented),
        "rows_without_key": rows.rows_without_key,
        "coercions": [asdict(each) for each in rows.coercions],
    }
    schema = rows.schema.with_metadata({_NOTE: json.dumps(facts).encode()})
    with atomic_write(path) as file:
        file.write(bytes(_HEAD_BYTES))
        body = HashingFile(file)
        with pa.ipc.new_stream(body, schema) as stream:
            for batch in rows.iter_batches():
                stream.write_batch(batch)
        file.seek(0)
        file.write(_MAGIC + body.sha256.digest())
        file.seek(0, 2)


class KeptRows:
    """Rows that `keep_rows` wrote, and their note."""

    def __init__(self, rows: CustomerRows, note: dict[str, Any]) -> None:
        self.rows = rows
        self.note = note

    @classmethod
    def open(cls, path: Path) -> Self | None:
        """Open a file; None where there is none, or where it is not whole, as it was written, and of this format."""
        try:
            with open_plain(path) as file:
                content = pa.py_buffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except (OSError, ValueError):
            return None
        head = content[:_HEAD_BYTES].to_pybytes()
        body = content.slice(_HEAD_BYTES) if len(content) > _HEAD_BYTES else None
        if body is None or head[:48] != _MAGIC + hashlib.sha256(body).digest():
            return None
        try:
            with pa.ipc.open_stream(pa.BufferReader(body)) as stream:
                facts = json.loads((stream.schema.metadata or {})[_NOTE])
                # The batches stay mapped: "in memory" costs what is looked at.
                store = MemoryStore()
                for batch in stream:
                    store.append(batch.replace_schema_metadata(None))
                return cls(_rows(stream.schema.remove_metadata(), facts, store), dict(facts["note"]))
        except (pa.ArrowException, OSError, KeyError, TypeError, ValueError, RecursionError):
            return None


def _rows(schema: pa.Schema, facts: Any, store: MemoryStore) -> CustomerRows:
    """Put rows together again; KeyError, TypeError or ValueError where the note is not one of ours."""
    counts = {name: facts[name] for name in ("rows", "doubles_dropped", "rows_without_key")}
    coercions = tuple(Coercion(**each) for each in facts["coercions"])
    texts = [*facts["undocumented"], *(text for each in coercions for text in (each.column, each.raw, each.reason))]
    if not all(type(each) is int and each >= 0 for each in counts.values()) or not all(
        type(each) is str for each in texts
    ):
        raise TypeError("a count is no whole number, or a text is none")
    if counts["rows"] != sum(store.lengths):
        raise ValueError("it has another number of rows than it says")
    return CustomerRows(
        schema=schema,
        num_rows=counts["rows"],
        coercions=coercions,
        doubles_dropped=counts["doubles_dropped"],
        undocumented=tuple(facts["undocumented"]),
        rows_without_key=counts["rows_without_key"],
        _store=store,
        _order=None,
    )
