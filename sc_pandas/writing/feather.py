"""Feather files (Arrow's own format), with the dtypes and attrs of the frame inside."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from sc_pandas.files import HashingFile, PathLike, atomic_write, check_target
from sc_pandas.parquet import pandas_metadata
from sc_pandas.provenance import ATTRS_KEY, Provenance


def write_feather(path: PathLike, rows: Iterable[pa.RecordBatch], schema: pa.Schema, note: Provenance | None) -> Path:
    """Write rows as they come; see `SellerCloudAccessor.to_feather`."""
    target = check_target(path)
    plain = pa.schema([field.remove_metadata() for field in schema])
    attrs = {} if note is None else {ATTRS_KEY: note.to_attrs()}
    noted = plain.with_metadata({b"pandas": pandas_metadata(plain, attrs)})
    how = pa.ipc.IpcWriteOptions(compression="zstd")
    with atomic_write(target) as file, pa.ipc.new_file(HashingFile(file), noted, options=how) as sink:
        for batch in rows:
            sink.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=noted))
    return target
