"""The format: Parquet with a note of where the rows came from, and a seal over every byte before it."""

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sc_pandas.errors import ExportError, SettingsError
from sc_pandas.files import HashingFile, NotAFileError, PathLike, atomic_write, check_target
from sc_pandas.parquet.dtypes import pandas_metadata
from sc_pandas.parquet.note import PartNote
from sc_pandas.provenance import ATTRS_KEY, Provenance
from sc_pandas.tables.rows import rechunked

FORMAT: Final = 1
# A filter of 300,000 ids takes 3 MiB.
NOTE_AT_MOST: Final = 4 << 20
# Larger groups save little space, and are gathered, copied and compressed as a whole.
ROWS_IN_GROUP: Final = 16_384
COMPRESSIONS: Final = ("zstd", "snappy", "gzip", "brotli", "lz4", "none")
NOTE: Final = b"sellercloud"
KEY: Final = "user_id"
_SEAL: Final = b"sellercloud.seal"
_PANDAS_ATTRS: Final = b"PANDAS_ATTRS"


@dataclass(slots=True)
class Tally:
    """Rows and sum of ids, modulo 2**64 as Arrow sums."""

    rows: int = 0
    id_sum: int = 0

    def add(self, batch: pa.RecordBatch | pa.Table) -> None:
        """Count a batch."""
        self.rows += batch.num_rows
        if KEY in batch.schema.names and pa.types.is_int64(batch.schema.field(KEY).type):
            self.id_sum = (self.id_sum + (pc.sum(batch.column(KEY)).as_py() or 0)) % 2**64


@dataclass(frozen=True, slots=True)
class Sealed:
    """A file of ours, open, with every byte of its pages and the columns' names and types verified."""

    parquet: pq.ParquetFile
    provenance: Provenance
    part: PartNote | None

    @property
    def names(self) -> list[str]:
        """The columns."""
        names: list[str] = self.parquet.schema_arrow.names
        return names


def write_parquet(
    path: PathLike,
    rows: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    provenance: Provenance,
    *,
    compression: str = "zstd",
    part: Mapping[str, Any] | None = None,
) -> Path:
    """Write rows to a Parquet file that is either old or new, never half; `part` is that of a folder.

    Permissions are 0600 unless it replaces a file, whose permissions stay.  Equal rows and provenance give equal bytes,
    however the batches are cut; metadata of the schema is not written.

    Raises
    ------
    ExportError
        The system refuses (``reason="os"``), what was written does not read back, or a batch has another schema
        (``reason="mismatch"``).  What stood at the path before is untouched.
    """
    target = check_target(path)
    with atomic_write(target) as file:
        write_checked(file, target, rows, schema, provenance, compression=compression, part=part)
    return target


def write_checked(
    file: BinaryIO,
    path: PathLike,
    rows: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    provenance: Provenance,
    **how: Any,
) -> None:
    """Write rows, note and seal, and read them again before anybody sees them."""
    schema = pa.schema([field.remove_metadata() for field in schema])
    check_types(path, schema)
    _recheck(file, path, schema, write_sealed(file, path, rows, schema, provenance, **how))


def write_sealed(
    file: BinaryIO,
    path: PathLike,
    rows: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    provenance: Provenance,
    *,
    compression: str = "zstd",
    part: Mapping[str, Any] | None = None,
) -> Tally:
    """Write rows, note and seal; `part` says which part of a folder the file is."""
    notes = _notes(provenance, part)
    if len(notes[NOTE]) > NOTE_AT_MOST:
        raise mismatch(path, f"what was asked takes more than {NOTE_AT_MOST >> 20} MiB to note. Export fewer at once.")
    check_compression(compression)
    hashed, tally = HashingFile(file), Tally()
    noted = schema.with_metadata({**notes, b"pandas": pandas_metadata(schema, {})})
    # Compliant names would turn the items of a list from "item" to "element", and the schema would not read back.
    with (
        _frugal(),
        pq.ParquetWriter(
            hashed, noted, compression=compression, write_page_checksum=True, use_compliant_nested_type=False
        ) as writer,
    ):
        for batch in rechunked(rows, ROWS_IN_GROUP):
            if not batch.schema.equals(schema):
                raise mismatch(path, "a batch has other columns than the schema says. Nothing was written.")
            tally.add(batch)
            writer.write_table(pa.table(batch.columns, schema=noted), row_group_size=ROWS_IN_GROUP)
        seal = {
            "rows": tally.rows,
            "bytes": hashed.tell(),
            "sha256": hashed.sha256.hexdigest(),
            "head": _head(schema, notes[NOTE]),
        }
        writer.add_key_value_metadata({_SEAL: json.dumps(seal, sort_keys=True).encode()})
    return tally


def check_compression(name: str) -> None:
    """Refuse a compression that Parquet files of ours do not have."""
    if name not in COMPRESSIONS:
        raise SettingsError(f"compression is one of {', '.join(COMPRESSIONS)}.", setting="compression")


@contextlib.contextmanager
def _frugal() -> Iterator[None]:
    """Let Arrow take memory of the system, which gets it back at once; Arrow's own allocator holds on to it."""
    before = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        # Of two writers at once the later one finds the system's, and leaves the way back to the earlier one.
        if before.backend_name != "system":
            pa.set_memory_pool(before)


def _notes(provenance: Provenance, part: Mapping[str, Any] | None) -> dict[bytes, bytes]:
    attrs = provenance.to_attrs()
    note = {"format": FORMAT, "provenance": attrs} | ({} if part is None else {"part": dict(part)})
    return {
        NOTE: json.dumps(note, sort_keys=True).encode(),
        _PANDAS_ATTRS: json.dumps({ATTRS_KEY: attrs}, sort_keys=True).encode(),
    }


def _head(schema: pa.Schema, note: bytes) -> str:
    """Digest of what stands in the footer: the columns' names and types, and the note."""
    columns = [(field.name, str(field.type)) for field in schema]
    return hashlib.sha256(repr(columns).encode() + note).hexdigest()


def _recheck(file: BinaryIO, path: PathLike, schema: pa.Schema, wanted: Tally) -> None:
    """Read the finished file again and compare it with what was meant."""
    found = Tally()
    with reading(path):
        parquet = opened(file, path).parquet
        same_schema = parquet.schema_arrow.remove_metadata().equals(schema)
        for group in range(parquet.num_row_groups if same_schema else 0):
            found.add(parquet.read_row_group(group, columns=[KEY] if KEY in schema.names else None))
    if not same_schema or found != wanted:
        raise mismatch(path, "the rows that were written do not read back. Nothing was published; please report it.")


_UNREADABLE: Final = "it is damaged, or is no Parquet file. Export it again."


@contextlib.contextmanager
def reading(path: PathLike) -> Iterator[None]:
    """Turn whatever a damaged or crafted file makes Arrow raise into an ExportError."""
    try:
        yield
    except NotAFileError as error:
        raise mismatch(path, f"{error} Name a file of an export.") from None
    except OSError as error:
        if error.errno is None:  # Arrow's own, for damaged pages
            raise mismatch(path, _UNREADABLE) from None
        what = f"{path} cannot be read: {error.strerror}. Look at the path and its permissions."
        raise ExportError(what, path=str(path), reason="os", errno=error.errno) from error
    except (pa.ArrowException, msgspec.MsgspecError, ValueError, OverflowError, MemoryError, RecursionError):
        raise mismatch(path, _UNREADABLE) from None


def mismatch(path: PathLike, what: str) -> ExportError:
    """Make the error for content that is not what it should be."""
    return ExportError(f"{path}: {what}", path=str(path), reason="mismatch")


def opened(file: BinaryIO, path: PathLike) -> Sealed:
    """Open one of our files, or raise."""
    parquet = pq.ParquetFile(file, page_checksum_verification=True)
    notes = parquet.metadata.metadata or {}
    if NOTE not in notes:
        raise ExportError(
            f"{path} was not written by sc_pandas. Use pandas.read_parquet for it.", path=str(path), reason="not_ours"
        )
    document = _json_object(notes[NOTE])
    number = document.get("format")
    if type(number) is int and number > FORMAT:
        raise ExportError(
            f"{path} was written by a later sc_pandas (format {number}). Upgrade sc_pandas, or use "
            "pandas.read_parquet.",
            path=str(path), reason="newer",
        )  # fmt: skip
    provenance = Provenance.from_attrs({ATTRS_KEY: document.get("provenance")})
    part = msgspec.convert(document["part"], PartNote) if "part" in document else None
    if type(number) is not int or provenance is None:
        raise mismatch(path, _UNREADABLE)
    schema = parquet.schema_arrow
    refuse_extensions(path, schema)
    if len(set(schema.names)) < len(schema.names):
        raise mismatch(path, _UNREADABLE)
    if _json_object(notes.get(_SEAL)) != {
        "rows": parquet.metadata.num_rows,
        "bytes": (end := _footer_start(file)),
        "sha256": _sha256(file, end),
        "head": _head(schema, notes[NOTE]),
    }:
        raise mismatch(path, "it is not as it was written. Export it again.")
    return Sealed(parquet, provenance, part)


def _json_object(text: bytes | None) -> dict[str, Any]:
    """Read one JSON object of a few MiB; an empty one for anything else."""
    found = json.loads(text) if text is not None and len(text) <= NOTE_AT_MOST else {}
    return found if isinstance(found, dict) else {}


def _footer_start(file: BinaryIO) -> int:
    """Where the pages end: a Parquet file ends in its footer, the footer's length and four letters."""
    end = file.seek(-8, 2)
    return end - int.from_bytes(file.read(4), "little")


def _sha256(file: BinaryIO, end: int) -> str:
    file.seek(0)
    sha = hashlib.sha256()
    while piece := file.read(max(0, min(1 << 20, end - file.tell()))):
        sha.update(piece)
    return sha.hexdigest()


def readable(schema: pa.Schema) -> pa.Schema:
    """Return the schema with which Parquet gives back rows of a schema."""
    file = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), file, use_compliant_nested_type=False)
    return pq.read_schema(pa.BufferReader(file.getvalue())).remove_metadata()


def check_types(path: PathLike, schema: pa.Schema) -> None:
    """Refuse early what would not come back as it went."""
    refuse_extensions(path, schema)
    for wanted, found in zip(schema, readable(schema), strict=True):
        if wanted.type != found.type:
            raise mismatch(
                path, f"the column {wanted.name!r} would come back as {found.type}, not {wanted.type}. Cast it first."
            )


def refuse_extensions(path: PathLike, schema: pa.Schema) -> None:
    """Refuse types that not every reader knows."""
    for field in schema:
        if isinstance(field.type, pa.BaseExtensionType):
            raise mismatch(
                path, f"the column {field.name!r} has the special type {field.type}, which not every reader knows. "
                "Convert it to text or numbers first.",
            )  # fmt: skip


def check_columns(path: PathLike, there: Sequence[str], columns: Sequence[str] | None) -> None:
    """Refuse columns that a file has not."""
    missing = [name for name in columns or () if name not in there]
    if missing:
        raise mismatch(path, f"it has no column {missing[0]!r}. It has {', '.join(there)}.")
