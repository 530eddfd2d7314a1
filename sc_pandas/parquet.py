"""Typed, crash-safe Parquet files that remember where their rows came from.

Pages carry checksums and the footer carries a digest of all bytes before it, so that `read_parquet` gives the rows that
were written or an error.  Pandas' own per-column dtypes are left out and its attrs are written, so that plain
``pandas.read_parquet``, DuckDB and Polars open the file as well.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sc_pandas.errors import ExportError
from sc_pandas.files import PathLike, atomic_write, check_target
from sc_pandas.provenance import ATTRS_KEY, Provenance
from sc_pandas.tables import to_pandas
from sc_pandas.tables.rows import rechunked

FORMAT: Final = 1
ROWS_IN_GROUP: Final = 65_536
_NOTE: Final = b"sellercloud"
_SEAL: Final = b"sellercloud.seal"
_PANDAS_ATTRS: Final = b"PANDAS_ATTRS"
_ID: Final = "user_id"


class _HashedFile:
    """A file open for writing that knows the digest of what went through it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sha = hashlib.sha256()
        self._size = 0
        self.closed = False

    def write(self, content: bytes) -> int:
        self._sha.update(content)
        self._size += len(content)
        return self._file.write(content)

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """Leave the file itself to its owner."""
        self.closed = True

    def hexdigest(self) -> str:
        return self._sha.hexdigest()


@dataclass(slots=True)
class _Tally:
    """Rows and sum of ids, modulo 2**64 as Arrow sums."""

    rows: int = 0
    id_sum: int = 0

    def add(self, batch: pa.RecordBatch | pa.Table) -> None:
        self.rows += batch.num_rows
        if _ID in batch.schema.names and pa.types.is_int64(batch.schema.field(_ID).type):
            self.id_sum = (self.id_sum + (pc.sum(batch.column(_ID)).as_py() or 0)) % 2**64


def write_parquet(
    path: PathLike,
    rows: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    provenance: Provenance,
    *,
    compression: str = "zstd",
) -> Path:
    """Write rows to a Parquet file that is either old or new, never half.

    Parameters
    ----------
    path : str or path
        The file; permissions are 0600 unless it replaces one, whose permissions stay.
    rows : iterable of pyarrow.RecordBatch
        Batches of any size; how they are cut leaves no trace in the file.
    schema : pyarrow.Schema
        Schema of each batch; metadata of it is not written.
    provenance : Provenance
        Where the rows came from; all that is written besides them.
    compression : str
        A codec of Parquet.

    Returns
    -------
    pathlib.Path
        The file that was written.  Equal rows and provenance give equal bytes.

    Raises
    ------
    ExportError
        If the system refuses (``reason="os"``), or if what was written does not read back, or a batch has another
        schema (``reason="mismatch"``).  What stood at the path before is untouched.

    Examples
    --------
    >>> import tempfile
    >>> note = Provenance(base_url="https://tt.api.example", verdict="proven (one response)")
    >>> table = pa.table({"user_id": [7, 8]})
    >>> with tempfile.TemporaryDirectory() as there:
    ...     path = write_parquet(there + "/two.parquet", table.to_batches(), table.schema, note)
    ...     read_parquet(path)["user_id"].tolist()
    [7, 8]
    """
    target = check_target(path)
    plain = pa.schema([field.remove_metadata() for field in schema])
    _check_types(target, plain)
    tally = _Tally()
    with atomic_write(target, check=lambda temp: _recheck(temp, target, plain, tally)) as file:
        _write(file, target, rows, plain, _notes(provenance), tally, compression)
    return target


def _notes(provenance: Provenance) -> dict[bytes, bytes]:
    attrs = provenance.to_attrs()
    note = {"format": FORMAT, "provenance": attrs}
    return {
        _NOTE: json.dumps(note, sort_keys=True).encode(),
        _PANDAS_ATTRS: json.dumps({ATTRS_KEY: attrs}, sort_keys=True).encode(),
    }


def _write(
    file: BinaryIO,
    target: Path,
    rows: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    notes: dict[bytes, bytes],
    tally: _Tally,
    compression: str,
) -> None:
    hashed = _HashedFile(file)
    noted = schema.with_metadata(notes)
    # Compliant names would turn the items of a list from "item" to "element", and the schema would not read back.
    with pq.ParquetWriter(
        hashed, noted, compression=compression, write_page_checksum=True, use_compliant_nested_type=False
    ) as writer:
        for batch in rechunked(rows, ROWS_IN_GROUP):
            if not batch.schema.equals(schema):
                raise _mismatch(target, "a batch has other columns than the schema says. Nothing was written.")
            tally.add(batch)
            writer.write_table(pa.table(batch.columns, schema=noted), row_group_size=ROWS_IN_GROUP)
        seal = {
            "rows": tally.rows,
            "bytes": hashed.tell(),
            "sha256": hashed.hexdigest(),
            "head": _head(schema, notes[_NOTE]),
        }
        writer.add_key_value_metadata({_SEAL: json.dumps(seal, sort_keys=True).encode()})


def _head(schema: pa.Schema, note: bytes) -> str:
    """Digest of what stands in the footer: the columns' names and types, and the note."""
    columns = [(field.name, str(field.type)) for field in schema]
    return hashlib.sha256(repr(columns).encode() + note).hexdigest()


def _recheck(temp: Path, target: Path, schema: pa.Schema, wanted: _Tally) -> None:
    """Open the finished file again and compare it with what was meant, before anybody sees it."""
    found = _Tally()
    with _reading(target), temp.open("rb") as file:
        parquet = _opened(file, target)
        same_schema = parquet.schema_arrow.remove_metadata().equals(schema)
        for group in range(parquet.num_row_groups if same_schema else 0):
            found.add(parquet.read_row_group(group, columns=[_ID] if _ID in schema.names else None))
    if not same_schema or found != wanted:
        raise _mismatch(target, "the rows that were written do not read back. Nothing was published; please report it.")


_UNREADABLE: Final = "it is damaged, or is no Parquet file. Export it again."


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn whatever a damaged file makes Arrow raise into an ExportError."""
    try:
        yield
    except OSError as error:
        if error.errno is None:  # Arrow's own, for damaged pages
            raise _mismatch(path, _UNREADABLE) from None
        what = f"{path} cannot be read: {error.strerror}. Look at the path and its permissions."
        raise ExportError(what, path=str(path), reason="os", errno=error.errno) from error
    except (pa.ArrowException, ValueError):
        raise _mismatch(path, _UNREADABLE) from None


def _mismatch(path: PathLike, what: str) -> ExportError:
    return ExportError(f"{path}: {what}", path=str(path), reason="mismatch")


def read_parquet(path: PathLike, *, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a file of `write_parquet`: the equal frame, or an error.

    Parameters
    ----------
    path : str or path
        The file.
    columns : sequence of str, optional
        Only these columns, in this order.

    Returns
    -------
    pandas.DataFrame
        Every dtype is `pandas.ArrowDtype`, missing values are `pandas.NA`, a fresh RangeIndex; ``attrs["sellercloud"]``
        says where the rows came from.

    Raises
    ------
    ExportError
        If the file cannot be read (``reason="os"``), is damaged or lacks a column (``"mismatch"``), was written by
        something else (``"not_ours"``) or by a later version (``"newer"``).

    Examples
    --------
    >>> read_parquet("/no/such/customers.parquet")
    Traceback (most recent call last):
    sc_pandas.errors.ExportError: /no/such/customers.parquet cannot be read: No such file or directory...
    """
    source = Path(path).expanduser()
    with _reading(source), source.open("rb") as file:
        parquet = _opened(file, source)
        _check_columns(source, parquet.schema_arrow.names, columns)
        table = parquet.read(columns=None if columns is None else list(columns))
        note = json.loads(parquet.metadata.metadata[_NOTE])
    frame = to_pandas(table if columns is None else table.select(list(columns)))
    frame.attrs = {ATTRS_KEY: note["provenance"]}
    return frame


def _check_columns(path: Path, there: list[str], columns: Sequence[str] | None) -> None:
    missing = [name for name in columns or () if name not in there]
    if missing:
        raise _mismatch(path, f"it has no column {missing[0]!r}. It has {', '.join(there)}.")


def _opened(file: BinaryIO, path: Path) -> pq.ParquetFile:
    """Open one of our files, with every byte of its pages and the columns' names and types verified."""
    parquet = pq.ParquetFile(file, page_checksum_verification=True)
    notes = parquet.metadata.metadata or {}
    if _NOTE not in notes:
        raise ExportError(
            f"{path} was not written by sc_pandas. Use pandas.read_parquet for it.", path=str(path), reason="not_ours"
        )
    note = json.loads(notes[_NOTE])
    if not isinstance(note, dict) or not isinstance(note.get("format"), int):
        raise _mismatch(path, _UNREADABLE)
    if note["format"] > FORMAT:
        raise ExportError(
            f"{path} was written by a later sc_pandas (format {note['format']}). Upgrade sc_pandas, or use "
            "pandas.read_parquet.",
            path=str(path), reason="newer",
        )  # fmt: skip
    schema = parquet.schema_arrow
    _refuse_extensions(path, schema)
    seal = json.loads(notes.get(_SEAL, b"null"))
    if seal != {
        "rows": parquet.metadata.num_rows,
        "bytes": (end := _footer_start(file)),
        "sha256": _sha256(file, end),
        "head": _head(schema, notes[_NOTE]),
    }:
        raise _mismatch(path, "it is not as it was written. Export it again.")
    return parquet


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


def _readable(schema: pa.Schema) -> pa.Schema:
    """Give the schema with which Parquet gives back rows of a schema."""
    file = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), file, use_compliant_nested_type=False)
    return pq.read_schema(pa.BufferReader(file.getvalue())).remove_metadata()


def _check_types(path: PathLike, schema: pa.Schema) -> None:
    """Refuse early what would not come back as it went."""
    _refuse_extensions(path, schema)
    for wanted, found in zip(schema, _readable(schema), strict=True):
        if wanted.type != found.type:
            raise _mismatch(
                path, f"the column {wanted.name!r} would come back as {found.type}, not {wanted.type}. Cast it first."
            )


def _refuse_extensions(path: PathLike, schema: pa.Schema) -> None:
    for field in schema:
        if isinstance(field.type, pa.BaseExtensionType):
            raise ExportError(
                f"{path}: the column {field.name!r} has the special type {field.type}, which not every reader knows. "
                "Convert it to text or numbers first.",
                path=str(path), reason="mismatch",
            )  # fmt: skip


def frame_to_arrow(frame: pd.DataFrame, path: PathLike = "") -> pa.Table:
    """Make a table of a user's frame, for `write_parquet`.

    Parameters
    ----------
    frame : pandas.DataFrame
        A frame of ours or of anybody; Arrow-backed columns are taken as they are.
    path : str or path
        The target, for the error.

    Returns
    -------
    pyarrow.Table
        Without pandas' metadata.  Named levels of the index become columns in front, an index without names is
        dropped.  Categories become their values, and times whose unit Parquet lacks get the next finer one.

    Raises
    ------
    ExportError
        If columns share a name, or one holds values that no single Arrow type takes (``reason="mismatch"``).

    Examples
    --------
    >>> frame_to_arrow(pd.DataFrame({"n": [1, 2]}, index=pd.Index(["a", "b"], name="key"))).column_names
    ['key', 'n']
    """
    levels = [place for place, name in enumerate(frame.index.names) if name is not None]
    names = [str(frame.index.names[place]) for place in levels] + [str(name) for name in frame.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise _mismatch(path or "The frame", f"two columns are called {twice[0]!r}. Rename one of them.")
    series: list[Any] = [frame.index.get_level_values(place) for place in levels]
    series += [frame.iloc[:, place] for place in range(frame.shape[1])]
    arrays = [_array(name, column, path) for name, column in zip(names, series, strict=True)]
    table = pa.table(arrays, names=names)
    _refuse_extensions(path or "The frame", table.schema)
    return table.cast(_readable(table.schema))


def _array(name: str, column: Any, path: PathLike) -> pa.ChunkedArray | pa.Array:
    try:
        array = pa.array(column, from_pandas=True)
        return array.cast(array.type.value_type) if pa.types.is_dictionary(array.type) else array
    except (pa.ArrowException, OverflowError, UnicodeError, ValueError, TypeError):
        # Arrow's message quotes a value of the column.
        what = f"the column {name!r} holds values of several kinds. Convert it with astype first."
        raise _mismatch(path or "The frame", what) from None
