"""Hand-over to other tools: who shares the frame's memory, and how NumPy-nullable columns are had.

A buffer is shared where its address is found again.  DuckDB shows no addresses; there, memory is changed after the
hand-over: who had copied it would not see the change.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import sc_pandas as sc
from sc_pandas.tables import detail_columns, detail_schema
from tests.support.shops import shop_of

NAMES = ("created_on", "credit", "groups", "addresses", "business_aliases")


def customers(numbers: Iterable[int]) -> list[dict[str, Any]]:
    home = {"ID": 1, "City": "Llanfairpwllgwyngyll", "IsBillingAddress": True}
    return [
        {
            "Internal": {"CreatedOn": "2026-01-05T10:11:12.1234567"},
            "WholesaleOptions": {"CreditLimit": 2, "CreditTerm": number, "BillingCycleStartdate": "2026-01-05"},
            "General": {"BusinessAliases": ["a", "b"] if number % 2 else None},
            "CustomerGroups": {"CustomerGroups": [{"ID": number, "Name": "A group with a long name"}]},
            "Addresses": [home] * (number % 3),
        }
        for number in numbers
    ]


@pytest.fixture(scope="module", params=[1, 2])
def frame(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Return a frame of one chunk, or of two as large reads are, with what `include=` adds: lists, structs and a date."""
    with sc.sandbox.serve(customers=300, seed=7) as box, shop_of(box, Path(tmp_path_factory.mktemp("cache"))) as shop:
        table = shop.customers().run().table.combine_chunks()
    added = detail_columns(NAMES, customers(range(len(table))), lambda _: lambda *_: None)
    for field, column in zip(detail_schema(NAMES), added, strict=True):
        table = table.append_column(field, column)
    table = table.append_column("created_month", table["created_on"].cast("date32").cast("timestamp[us]"))
    read: pd.DataFrame = pa.concat_tables([table] * request.param).to_pandas(types_mapper=pd.ArrowDtype)
    return read


def names(frame: pd.DataFrame) -> list[str]:
    return list(map(str, frame.columns))


def arrow(frame: pd.DataFrame, name: str) -> pa.ChunkedArray:
    return frame[name].array.__arrow_array__()


def addresses(column: pa.ChunkedArray) -> set[int]:
    return {each.address for chunk in column.chunks for each in chunk.buffers() if each is not None}


def copied(frame: pd.DataFrame, other: pa.Table, name: str) -> bool:
    """Return whether another table's column has memory that is not the frame's; the nulls' buffer may be left out."""
    own = [each for chunk in arrow(frame, name).chunks for each in chunk.buffers() if each is not None]
    # A chunk that is a slice begins within a buffer.
    return not all(
        any(buffer.address <= each <= buffer.address + buffer.size for buffer in own)
        for each in addresses(other.column(name))
    )


def fixed_width(frame: pd.DataFrame) -> list[str]:
    return [
        name
        for name in names(frame)
        if pa.types.is_primitive(arrow(frame, name).type) or "decimal" in str(frame[name].dtype)
    ]


def test_the_frame_holds_every_type_we_give(frame: pd.DataFrame) -> None:
    kinds = {str(dtype).removesuffix("[pyarrow]").partition("<")[0] for dtype in frame.dtypes}

    assert kinds == {
        "int64", "bool", "string", "double", "timestamp[us]", "list",
    }  # fmt: skip
    assert {"user_id", "rating", "custom.Lifetime Value", "custom.Birthday"} <= set(fixed_width(frame))


def test_arrow_shares_every_buffer_of_every_column(frame: pd.DataFrame) -> None:
    table = pa.table(frame)

    assert not [name for name in names(frame) if copied(frame, table, name)]
    assert table.schema.types == [arrow(frame, name).type for name in names(frame)]
    back = table.to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True)
    assert not [name for name in names(frame) if copied(frame, pa.table(back), name)]
    pd.testing.assert_frame_equal(back, frame, check_flags=False)


def test_polars_copies_no_number_and_no_long_text(frame: pd.DataFrame) -> None:
    """Polars makes views and offsets of its own, but the letters of long text are the frame's."""
    polars = pl.from_pandas(frame, rechunk=False)
    table = polars.to_arrow(compat_level=pl.CompatLevel.newest())

    for name in fixed_width(frame):
        assert not copied(frame, table, name), name
        assert table.schema.field(name).type == arrow(frame, name).type
    for name in ("email", "custom.Profile"):
        letters = {chunk.buffers()[2].address for chunk in arrow(frame, name).chunks}
        assert letters <= addresses(table.column(name))
    assert polars.to_dicts() == pa.table(frame).to_pylist()


def test_duckdb_has_the_same_values_in_the_same_types(frame: pd.DataFrame) -> None:
    with duckdb.connect() as con:
        result = con.sql("SELECT * FROM frame").to_arrow_table()

    assert result.to_pylist() == pa.table(frame).to_pylist()
    for name in fixed_width(frame):
        assert result.schema.field(name).type == arrow(frame, name).type, name


def owned(kind: pa.DataType, rows: int, *buffers: Any) -> pd.arrays.ArrowExtensionArray:
    """Make a column of memory that the test can change."""
    array = pa.Array.from_buffers(kind, rows, [None, *map(pa.py_buffer, buffers)])
    return pd.arrays.ArrowExtensionArray(pa.chunked_array([array]))


def test_duckdb_reads_the_memory_of_the_frame_itself(frame: pd.DataFrame) -> None:
    ids = bytearray(np.arange(len(frame), dtype=np.int64).tobytes())
    letters = bytearray(b"somebody@long.example.com" * len(frame))
    offsets = np.arange(len(frame) + 1, dtype=np.int32) * 25
    changed = frame.assign(
        user_id=owned(pa.int64(), len(frame), ids), email=owned(pa.string(), len(frame), offsets, letters)
    )
    with duckdb.connect() as con:
        con.register("customers", changed)
        relation = con.sql("SELECT min(user_id), min(email) FROM changed")
        np.frombuffer(ids, np.int64)[7] = -5
        letters[25:26] = b"A"

        assert relation.fetchall() == [(-5, "Aomebody@long.example.com")]
        assert con.sql("SELECT min(user_id) FROM customers").fetchall() == [(-5,)]
