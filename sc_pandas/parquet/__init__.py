"""Typed, crash-safe Parquet files that remember where their rows came from.

Pages carry checksums, the footer a digest of all bytes before it, so `read_parquet` returns the rows that were
written or raises.  The dtypes and attrs for plain ``pandas.read_parquet`` stand in the file, too; DuckDB and Polars
open it as well.

::

    frame ─► Table ─► dtypes, sealed ─► file · folder of parts · remote ─► export
"""

from sc_pandas.parquet.dtypes import pandas_metadata
from sc_pandas.parquet.export import export_table, read_parquet
from sc_pandas.parquet.frame import frame_to_arrow
from sc_pandas.parquet.sealed import check_compression, write_parquet

__all__ = ["check_compression", "export_table", "frame_to_arrow", "pandas_metadata", "read_parquet", "write_parquet"]
