"""Typed rows in one private, checksummed Arrow IPC file: what a warm read opens instead of parsing pages again."""

import hashlib
import json
import mmap
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

import pyarrow as pa

from sc_pandas.files import atomic_write
from sc_pandas.tables.rows import Coercion, CustomerRows
from sc_pandas.tables.spool import MemoryStore

FORMAT: Final = 1
_MAGIC: Final = b"sc_pandas rows 1"
# The stream begins where Arrow can read a mapped buffer without copying.
_HEAD_BYTES: Final = 64
_NOTE: Final = b"sc_pandas"


class _Hashing:
    """A file that knows the digest of what went through it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.closed = False

    def write(self, content: Any) -> int:
        self.digest.update(content)
        return self._file.write(content)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """Leave the file itself to its owner."""
        self.closed = True


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
        body = _Hashing(file)
        with pa.ipc.new_stream(body, schema) as stream:
            for batch in rows.iter_batches():
                stream.write_batch(batch)
        file.seek(0)
        file.write(_MAGIC + body.digest.digest())
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
            with path.open("rb") as file:
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
                schema = stream.schema.remove_metadata()
                # The batches stay mapped: "in memory" costs what is looked at.
                store = MemoryStore()
                for batch in stream:
                    store.append(batch.replace_schema_metadata(None))
        except (pa.ArrowInvalid, KeyError, ValueError):
            return None
        rows = CustomerRows(
            schema=schema,
            num_rows=facts["rows"],
            coercions=tuple(Coercion(**each) for each in facts["coercions"]),
            doubles_dropped=facts["doubles_dropped"],
            undocumented=tuple(facts["undocumented"]),
            rows_without_key=facts["rows_without_key"],
            _store=store,
            _order=None,
        )
        return cls(rows, facts["note"])
