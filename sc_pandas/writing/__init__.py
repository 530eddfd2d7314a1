"""Rows into a file of the format that its name promises: private, crash-safe, old or new and never half.

::

    names ─► spreadsheets (CSV, Excel) · feather · parquet

Rows are written as they come, in bounded memory; only Excel holds them all.
"""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from sc_pandas.errors import ExportError
from sc_pandas.files import PathLike, check_target
from sc_pandas.parquet import write_parquet
from sc_pandas.provenance import Provenance
from sc_pandas.writing.feather import write_feather
from sc_pandas.writing.names import check_name, verb_for
from sc_pandas.writing.spreadsheets import (
    Spreadsheet,
    csv_into,
    openpyxl_or_error,
    write_csv,
    write_excel,
)

__all__ = [
    "Spreadsheet",
    "check_file",
    "check_name",
    "csv_into",
    "verb_for",
    "write_csv",
    "write_excel",
    "write_feather",
    "write_file",
]


def check_file(path: PathLike) -> None:
    """Refuse early a file that `write_file` could not write."""
    verb = verb_for(path)
    check_target(path)
    if verb == "to_excel":
        openpyxl_or_error()


def write_file(
    path: PathLike, rows: Iterable[pa.RecordBatch], schema: pa.Schema, note: Provenance | None
) -> Path | Spreadsheet:
    """Write rows in the format that the name of a file promises; Parquet needs to know where they came from."""
    match verb_for(path):
        case "to_csv":
            return write_csv(path, rows, schema)
        case "to_excel":
            return write_excel(path, rows, schema, note)
        case "to_feather":
            return write_feather(path, rows, schema, note)
        case _ if note is None:
            raise ExportError.cannot_write(path, "Parquet needs a provenance. Write Feather.", reason="mismatch")
        case _:
            return write_parquet(path, rows, schema, note)
