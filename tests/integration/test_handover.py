"""Hand-over to other tools: who shares the frame's memory, who copies what, and how NumPy-nullable columns are had.

A buffer is shared where its address is found again.  DuckDB shows no addresses; there, memory is changed after the
hand-over: who had copied it would not see the change.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator
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

# A read of more than 20,000 customers is a frame of several chunks.
SIZES = {1_037: 1, 20_050: 2}
TEXT_COLUMNS = ("email", "custom.Profile")
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


def with_every_type(frame: pd.DataFrame) -> pd.DataFrame:
    """Add what `include=` adds: lists, structs, doubles, and a date, in the frame's own chunks."""
    sizes = [len(chunk) for chunk in arrow(frame, "user_id").chunks]
    batches = [
        pa.RecordBatch.from_arrays(
            detail_columns(NAMES, customers(range(size)), lambda _: lambda *_: None), schema=detail_schema(NAMES)
        )
        for size in sizes
    ]
    added = pa.Table.from_batches(batches)
    added = added.append_column(
        "created_month", pa.chunked_array([chunk.cast("date32") for chunk in added["created_on"].chunks])
    )
    return frame.assign(**{name: pd.arrays.ArrowExtensionArray(added.column(name)) for name in added.column_names})


@pytest.fixture(scope="module", params=list(SIZES))
def frame(request: pytest.FixtureRequest) -> Iterator[pd.DataFrame]:
    with (
        sc.sandbox.serve(customers=request.param, seed=7) as box,
        tempfile.TemporaryDirectory() as folder,
        shop_of(box, Path(folder)) as shop,
    ):
        read = sc.read_sellercloud_customers(shop, progress=False)
        yield with_every_type(read)


def names(frame: pd.DataFrame) -> list[str]:
    return list(map(str, frame.columns))


def arrow(frame: pd.DataFrame, name: str) -> pa.ChunkedArray:
    return frame[name].array.__arrow_array__()


def addresses(column: pa.ChunkedArray) -> list[list[int | None]]:
    return [[None if each is None else each.address for each in chunk.buffers()] for chunk in column.chunks]


def copied(frame: pd.DataFrame, other: pa.Table, name: str) -> bool:
    """Whether another table's column has memory that is not the frame's; what says "no nulls" may be left out."""
    own = [each for chunk in arrow(frame, name).chunks for each in chunk.buffers() if each is not None]
    theirs = {each for chunk in addresses(other.column(name)) for each in chunk if each is not None}
    # A chunk that is a slice begins within a buffer.
    return not all(any(buffer.address <= each <= buffer.address + buffer.size for buffer in own) for each in theirs)


def fixed_width(frame: pd.DataFrame) -> list[str]:
    return [
        name
        for name in names(frame)
        if pa.types.is_primitive(arrow(frame, name).type) or "decimal" in str(frame[name].dtype)
    ]


def exported(table: pl.DataFrame) -> pa.Table:
    return table.to_arrow(compat_level=pl.CompatLevel.newest())


TO_ARROW: dict[str, Callable[[pd.DataFrame], pa.Table]] = {
    "pa.table": pa.table,
    "from_pandas": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
    "c_stream": lambda frame: pa.RecordBatchReader.from_stream(frame).read_all(),
}
TO_POLARS: dict[str, Callable[[pd.DataFrame], pl.DataFrame]] = {
    "from_pandas": lambda frame: pl.from_pandas(frame, rechunk=False),
    "from_arrow": lambda frame: pl.from_arrow(pa.table(frame), rechunk=False),  # type: ignore[dict-item,return-value]
}


def test_the_frame_holds_every_type_we_give_in_the_chunks_we_give(frame: pd.DataFrame) -> None:
    kinds = {str(dtype).removesuffix("[pyarrow]").partition("<")[0] for dtype in frame.dtypes}

    assert kinds == {
        "int64", "int8", "bool", "string", "double", "timestamp[us]", "date32[day]", "decimal128(38, 10)", "list",
    }  # fmt: skip
    assert {name: arrow(frame, name).num_chunks for name in names(frame)} == dict.fromkeys(
        names(frame), SIZES[len(frame)]
    )
    assert {"user_id", "rating", "is_whole_sale_user", "custom.Lifetime Value", "custom.Birthday"} <= set(
        fixed_width(frame)
    )


class TestArrow:
    @pytest.mark.parametrize("way", TO_ARROW)
    def test_every_buffer_of_every_column_is_shared(self, frame: pd.DataFrame, way: str) -> None:
        table = TO_ARROW[way](frame)

        assert not [name for name in names(frame) if copied(frame, table, name)]
        assert table.schema.types == [arrow(frame, name).type for name in names(frame)]

    def test_a_frame_made_of_the_table_again_shares_them_too(self, frame: pd.DataFrame) -> None:
        back = pa.table(frame).to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True)

        assert not [name for name in names(frame) if copied(frame, pa.table(back), name)]
        pd.testing.assert_frame_equal(back, frame, check_flags=False)


class TestPolars:
    @pytest.mark.parametrize("way", TO_POLARS)
    def test_columns_of_fixed_width_are_not_copied(self, frame: pd.DataFrame, way: str) -> None:
        table = exported(TO_POLARS[way](frame))

        for name in fixed_width(frame):
            assert not copied(frame, table, name), name
            assert table.schema.field(name).type == arrow(frame, name).type

    @pytest.mark.parametrize("way", TO_POLARS)
    @pytest.mark.parametrize("name", TEXT_COLUMNS)
    def test_the_letters_of_long_text_are_not_copied_but_polars_makes_views_of_its_own(
        self, frame: pd.DataFrame, way: str, name: str
    ) -> None:
        letters = [chunk[2] for chunk in addresses(arrow(frame, name))]
        offsets = [chunk[1] for chunk in addresses(arrow(frame, name))]
        theirs = {each for chunk in addresses(exported(TO_POLARS[way](frame)).column(name)) for each in chunk}

        assert theirs.issuperset(letters)
        assert theirs.isdisjoint(offsets)

    def test_text_of_twelve_bytes_at_most_is_copied_into_the_views(self, frame: pd.DataFrame) -> None:
        letters = [chunk[2] for chunk in addresses(arrow(frame, "custom.Loyalty Tier"))]
        table = exported(TO_POLARS["from_pandas"](frame))

        assert {each for chunk in addresses(table.column("custom.Loyalty Tier")) for each in chunk}.isdisjoint(letters)

    def test_lists_get_wider_offsets_and_keep_their_numbers(self, frame: pd.DataFrame) -> None:
        table = exported(TO_POLARS["from_pandas"](frame))
        _, offsets, _, numbers = zip(*addresses(arrow(frame, "group_ids")), strict=True)
        theirs = {each for chunk in addresses(table.column("group_ids")) for each in chunk}

        assert table.schema.field("group_ids").type == pa.large_list(pa.int64())
        assert theirs.isdisjoint(offsets)
        assert theirs.issuperset(numbers)

    def test_the_default_of_from_pandas_copies_a_frame_of_several_chunks_and_no_other(
        self, frame: pd.DataFrame
    ) -> None:
        table = exported(pl.from_pandas(frame))

        assert copied(frame, table, "user_id") == (SIZES[len(frame)] > 1)

    @pytest.mark.parametrize("way", TO_POLARS)
    def test_the_values_are_the_same(self, frame: pd.DataFrame, way: str) -> None:
        assert TO_POLARS[way](frame).to_dicts() == pa.table(frame).to_pylist()


class TestDuckDB:
    def test_the_values_are_the_same_in_the_same_types(self, frame: pd.DataFrame) -> None:
        with duckdb.connect() as con:
            result = con.sql("SELECT * FROM frame ORDER BY user_id").to_arrow_table()

        assert result.to_pylist() == pa.table(frame).to_pylist()
        for name in fixed_width(frame):
            assert result.schema.field(name).type == arrow(frame, name).type, name

    def test_registering_and_reading_a_frame_takes_no_memory_of_arrow_that_grows_with_it(
        self, frame: pd.DataFrame
    ) -> None:
        with duckdb.connect() as con:
            before = pa.total_allocated_bytes()
            con.register("customers", frame)
            con.sql("SELECT sum(user_id), max(email), count(groups) FROM customers").fetchall()
            taken = pa.total_allocated_bytes() - before

        assert pa.table(frame).nbytes > 300 * len(frame)
        assert taken < 50_000

    def test_it_reads_the_memory_of_the_frame_itself(self, frame: pd.DataFrame) -> None:
        ids = bytearray(np.arange(len(frame), dtype=np.int64).tobytes())
        letters = bytearray(b"somebody@long.example.com" * len(frame))
        offsets = np.arange(len(frame) + 1, dtype=np.int32) * 25
        changed = frame.assign(
            user_id=owned(pa.int64(), len(frame), ids), email=owned(pa.string(), len(frame), offsets, letters)
        )
        ask = "SELECT min(user_id), min(email) FROM changed"
        with duckdb.connect() as con:
            con.register("customers", changed)
            relation = con.sql(ask)
            polars = pl.from_pandas(changed, rechunk=False)
            np.frombuffer(ids, np.int64)[7] = -5
            letters[25:26] = b"A"

            assert relation.fetchall() == [(-5, "Aomebody@long.example.com")]
            assert con.sql(ask.replace("changed", "customers")).fetchall() == [(-5, "Aomebody@long.example.com")]
            if SIZES[len(frame)] == 1:
                assert (polars["user_id"].min(), polars["email"].slice(1, 1).item()[1:]) == (
                    -5,
                    "omebody@long.example.com",
                )


def owned(kind: pa.DataType, rows: int, *buffers: Any) -> pd.arrays.ArrowExtensionArray:
    """Make a column of memory that the test can change."""
    array = pa.Array.from_buffers(kind, rows, [None, *map(pa.py_buffer, buffers)])
    return pd.arrays.ArrowExtensionArray(pa.chunked_array([array]))


# The README's recipe.
NULLABLE = {
    pa.int64(): pd.Int64Dtype(), pa.int8(): pd.Int8Dtype(), pa.float64(): pd.Float64Dtype(),
    pa.bool_(): pd.BooleanDtype(), pa.string(): pd.StringDtype(),
}  # fmt: skip


def numpy_nullable(frame: pd.DataFrame) -> pd.DataFrame:
    plain: pd.DataFrame = pa.table(frame).to_pandas(types_mapper=NULLABLE.get, ignore_metadata=True)
    return plain


class TestNumpyNullable:
    def test_the_recipe_converts_every_column_and_loses_no_value(self, frame: pd.DataFrame) -> None:
        plain = numpy_nullable(frame)
        dtypes = {
            str(old).removesuffix("[pyarrow]").partition("<")[0]: str(new)
            for old, new in zip(frame.dtypes, plain.dtypes, strict=True)
        }

        assert dtypes == {
            "int64": "Int64", "int8": "Int8", "double": "Float64", "bool": "boolean", "string": "string",
            "timestamp[us]": "datetime64[us]", "date32[day]": "object", "decimal128(38, 10)": "object", "list": "object",
        }  # fmt: skip
        assert not any(isinstance(dtype, pd.ArrowDtype) for dtype in plain.dtypes)
        back = pa.Table.from_pandas(plain, pa.table(frame).schema.remove_metadata(), preserve_index=False)
        assert back.replace_schema_metadata(None).equals(pa.table(frame).replace_schema_metadata(None))

    def test_convert_dtypes_does_the_same_for_numbers_flags_and_text(self, frame: pd.DataFrame) -> None:
        easy = [name for name in names(frame) if arrow(frame, name).type in NULLABLE]
        assert len(easy) > 10

        for converted in (frame[easy].convert_dtypes(), frame[easy].convert_dtypes(dtype_backend="numpy_nullable")):
            assert converted.equals(numpy_nullable(frame[easy]))
            assert list(converted.dtypes) == list(numpy_nullable(frame[easy]).dtypes)

    @pytest.mark.parametrize("name", ["created_on", "created_month", "custom.Lifetime Value", "groups", "addresses"])
    def test_convert_dtypes_of_pandas_3_stumbles_over_the_other_types(self, frame: pd.DataFrame, name: str) -> None:
        """Where a later pandas does not, what it gives must be no worse than the recipe's."""
        try:
            converted = frame[[name]].convert_dtypes(dtype_backend="numpy_nullable")
        except KeyError:
            return
        assert pa.table(converted).column(name).to_pylist() == arrow(frame, name).to_pylist()

    def test_one_column_at_a_time_needs_no_arrow(self, frame: pd.DataFrame) -> None:
        assert frame["custom.Birthday"].astype("datetime64[us]").dtype == np.dtype("datetime64[us]")
        assert frame["custom.Visits"].astype("Int64").dtype == pd.Int64Dtype()
