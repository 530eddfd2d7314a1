"""One file on this machine: old or new, never half."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from sc_pandas.files import PathLike, atomic_write, check_target
from sc_pandas.parquet.sealed import Tally, check_types, mismatch, recheck, write_sealed
from sc_pandas.provenance import Provenance


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
        If the system refuses (``reason="os"``), or if what was written does not read back, or a batch has another
        schema (``reason="mismatch"``).  What stood at the path before is untouched.

    Examples
    --------
    >>> import tempfile
    >>> from sc_pandas.parquet import read_parquet
    >>> note = Provenance(base_url="https://tt.api.example", verdict="proven (one response)")
    >>> table = pa.table({"user_id": [7, 8]})
    >>> with tempfile.TemporaryDirectory() as there:
    ...     path = write_parquet(there + "/two.parquet", table.to_batches(), table.schema, note)
    ...     read_parquet(path)["user_id"].tolist()
    [7, 8]
    """
    target = check_target(path)
    plain = bare(schema)
    check_types(target, plain)
    tally = Tally()

    def check(temp: Path) -> None:
        with temp.open("rb") as finished:
            recheck(finished, target, plain, tally)

    with atomic_write(target, check=check) as file:
        tally = write_sealed(file, target, rows, plain, provenance, compression=compression, part=part)
    return target


def bare(schema: pa.Schema) -> pa.Schema:
    """Take the metadata off a schema and its fields."""
    return pa.schema([field.remove_metadata() for field in schema])


def check_columns(path: PathLike, there: Sequence[str], columns: Sequence[str] | None) -> None:
    """Refuse columns that a file has not."""
    missing = [name for name in columns or () if name not in there]
    if missing:
        raise mismatch(path, f"it has no column {missing[0]!r}. It has {', '.join(there)}.")
