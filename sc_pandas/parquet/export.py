"""The two ends for callers: write a table wherever it shall stand, and read it again from there."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import pandas as pd
import pyarrow as pa

from sc_pandas.edge import public
from sc_pandas.errors import ExportError, SettingsError
from sc_pandas.files import PathLike, open_plain
from sc_pandas.parquet.folder import put_back, write_folder
from sc_pandas.parquet.parts import whole_of
from sc_pandas.parquet.remote import (
    check_options,
    local_path,
    remote_files,
    shown_address,
    write_remote,
)
from sc_pandas.parquet.sealed import check_columns, check_compression, mismatch, opened, reading, write_parquet
from sc_pandas.parquet.several import cut_pattern, files_below
from sc_pandas.provenance import ATTRS_KEY, Provenance
from sc_pandas.tables import DtypeBackend, check_backend, to_pandas

# Where rows came from: of one export called "", of several as each one's file.
Notes = Mapping[str, Provenance]

# A folder that is replaced while it is read is read anew; so often in a row nobody replaces one.
_TRIES: Final = 100


def export_table(
    path: PathLike,
    table: pa.Table,
    provenance: Provenance,
    *,
    partition_by: str | Sequence[str] | None = None,
    storage_options: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    compression: str = "zstd",
) -> Path | str:
    """Write a table as a file or a folder, here or at an address that fsspec knows; return the path, or the address."""
    check_options(path, storage_options)
    check_compression(compression)
    by = [partition_by] if isinstance(partition_by, str) else partition_by
    here = local_path(path)
    if here is None:
        if overwrite and by is not None:
            raise SettingsError(
                "A folder in a store is not replaced, because that cannot be done as a whole. Choose a new address.",
                setting="overwrite",
            )
        write_remote(str(path), table, provenance, by, storage_options, compression)
        return str(path)
    if by is None:
        write_parquet(here, table.to_batches(), table.schema, provenance, compression=compression)
    else:
        write_folder(here, table, provenance, by, overwrite=overwrite, compression=compression)
    return here


@public
def read_parquet(
    path: PathLike,
    *,
    columns: Sequence[str] | None = None,
    storage_options: Mapping[str, Any] | None = None,
    dtype_backend: DtypeBackend = "pyarrow",
) -> pd.DataFrame:
    """Read a file or folder that `to_parquet` wrote: the equal frame, or an error.

    Parameters
    ----------
    path : str or path
        The file; or the folder of an export with ``partition_by=``; or a folder of several exports, or a pattern that
        means them, such as ``"exports/2026-11-*.parquet"``; or the address of one of them, such as
        ``"s3://bucket/customers.parquet"``.
    columns : sequence of str, optional
        Only these columns, in this order.  Of several exports at least one must have each.
    storage_options : mapping, optional
        What fsspec needs for an address, as in `pandas.read_parquet`.
    dtype_backend : {"pyarrow", "numpy_nullable", "numpy"}
        The dtypes, as in `pandas.read_parquet`; ``"numpy"`` are its defaults for other files.

    Returns
    -------
    pandas.DataFrame
        Every dtype is `pandas.ArrowDtype` and missing values are `pandas.NA`, unless `dtype_backend` says otherwise; a
        fresh RangeIndex; ``attrs["sellercloud"]`` says where the rows came from.  Rows of a folder are in the order
        of ``user_id``.

        Several exports stand below each other, in the order of their names: a customer has a row for each file that he
        is in, the last column, ``file``, names it, and ``attrs["sellercloud_files"]`` has where each came from.  The
        newest: ``df[df.file == df.file.max()]``, if the names sort by time.

    Raises
    ------
    ExportError
        If the file cannot be read (``reason="os"``), is damaged or lacks a column or a part (``"mismatch"``), was
        written by something else (``"not_ours"``) or by a later version (``"newer"``).
    SettingsError
        `storage_options` with a path on this machine, or a `dtype_backend` that does not exist.

    Examples
    --------
    >>> read_parquet("/no/such/customers.parquet")
    Traceback (most recent call last):
    sc_pandas.errors.ExportError: /no/such/customers.parquet cannot be read: No such file or directory...
    """
    check_backend(dtype_backend)
    check_options(path, storage_options)
    here = local_path(path)
    where: PathLike = shown_address(str(path)) if here is None else here
    if here is None:
        is_folder, files = remote_files(str(path), storage_options)
        table, notes = whole_of(files, where, columns) if is_folder else _single(files[0][1], where, columns)
    else:
        table, notes = _settled(here, columns)
    with reading(where):
        frame = to_pandas(table, dtype_backend)
    attrs = {name: note.to_attrs() for name, note in notes.items()}
    frame.attrs = {ATTRS_KEY: attrs[""]} if "" in attrs else {f"{ATTRS_KEY}_files": attrs}
    return frame


def _settled(path: Path, columns: Sequence[str] | None) -> tuple[pa.Table, Notes]:
    """Read what is at a path; anew if it was replaced meanwhile."""
    tries = 0
    while True:
        tries += 1
        seen = _identity(path)
        try:
            return _from_disk(path, columns)
        except ExportError:
            if tries == _TRIES or _identity(path) == seen:
                raise


def _identity(path: Path) -> tuple[int, ...] | None:
    """Return what tells a folder at a path from the next; a rename gives it a new change time."""
    try:
        facts = path.stat()
    except (OSError, ValueError):
        return None
    return facts.st_dev, facts.st_ino, facts.st_ctime_ns


def _from_disk(path: Path, columns: Sequence[str] | None) -> tuple[pa.Table, Notes]:
    with reading(path):
        put_back(path)
        is_folder, is_there = path.is_dir(), path.exists()
    base, pattern = cut_pattern(path.as_posix())
    if is_folder:
        return whole_of(files_below(path), path, columns)
    if pattern and not is_there:
        return whole_of(files_below(Path(base), pattern), path, columns)
    with reading(path):
        file = open_plain(path)
    with file:
        return _single(file, path, columns)


def _single(file: BinaryIO, where: PathLike, columns: Sequence[str] | None) -> tuple[pa.Table, Notes]:
    with reading(where):
        sealed = opened(file, where)
        if sealed.part is not None:
            raise mismatch(where, "it is one part of a partitioned export. Read the folder of all parts.")
        check_columns(where, sealed.names, columns)
        table = sealed.parquet.read(columns=None if columns is None else list(columns))
    return table if columns is None else table.select(list(columns)), {"": sealed.provenance}
