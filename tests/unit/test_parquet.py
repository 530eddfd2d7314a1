import datetime as dt
import errno
import io
import itertools
import os
import re
import stat
import sys
import traceback
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import fsspec
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from sc_pandas.errors import ExportError, MissingExtraError, SettingsError
from sc_pandas.parquet import export_table, folder, frame_to_arrow, read_parquet, sealed, write_parquet
from sc_pandas.provenance import ATTRS_KEY, Provenance
from sc_pandas.tables import CustomerRows, TableBuilder, to_pandas
from tests.support.children import run_child
from tests.support.damage import flipped

NOTE = Provenance(
    base_url="https://tt.api.example", filter={"city": "Brno"}, columns=("user_id",), verdict="proven (bookends)"
)


def rows_of(items: list[dict[str, Any]]) -> CustomerRows:
    with TableBuilder() as builder:
        builder.add(items)
        return builder.finish()


@pytest.fixture(scope="module")
def rows() -> CustomerRows:
    """Rows with every type that a column can have."""
    custom = [
        ("Tier", 0, "gold"), ("Points", 1, 7), ("Rate", 2, Decimal("1.50")), ("Since", 3, "2020-01-02"),
        ("Vip", 4, True),
    ]  # fmt: skip
    full = {
        "UserID": 2**53 + 1, "Email": "é\x00@example.com", "Rating": 4, "IsWholeSaleUser": True,
        "CreatedOn": "2026-01-05T10:00:00.1234567", "CreditLimit": Decimal("0.1"), "Tags": ["a", "b"],
        "Address": {"City": "Brno", "Points": [Decimal("1.5"), 2]}, "Mixed": {},
        "CustomColumns": [{"ColumnName": name, "DataType": kind, "Value": value} for name, kind, value in custom],
    }  # fmt: skip
    return rows_of([full, *({"UserID": number, "Email": f"{number}@example.com"} for number in range(300)), {}])


def written(rows: CustomerRows, path: Path) -> Path:
    return write_parquet(path, rows.iter_batches(), rows.schema, NOTE)


class TestRoundTrip:
    def test_columns_come_in_the_order_that_was_asked(self, rows: CustomerRows, tmp_path: Path) -> None:
        path = written(rows, tmp_path / "x")

        assert list(read_parquet(path, columns=["custom.Tier", "user_id"]).columns) == ["custom.Tier", "user_id"]
        with pytest.raises(ExportError, match=r"no column 'colour'.*user_id") as caught:
            read_parquet(path, columns=["colour"])
        assert caught.value.reason == "mismatch"

    def test_equal_rows_give_equal_bytes_however_they_were_cut(
        self, rows: CustomerRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sealed, "ROWS_IN_GROUP", 100)
        files = [
            write_parquet(tmp_path / f"{size}", rows.iter_batches(size), rows.schema, NOTE).read_bytes()
            for size in (1, 7, 100, 1_000)
        ]

        assert files[1:] == files[:-1]
        assert pq.ParquetFile(io.BytesIO(files[0])).num_row_groups == 4


def test_plain_pandas_duckdb_and_polars_open_it(rows: CustomerRows, tmp_path: Path) -> None:
    path = written(rows, tmp_path / "x.parquet")

    assert pd.read_parquet(path).attrs == {ATTRS_KEY: NOTE.to_attrs()}
    arrow = to_pandas(rows.to_table())
    pd.testing.assert_frame_equal(pd.read_parquet(path, dtype_backend="pyarrow"), arrow)
    plain = pd.read_parquet(path)[["user_id", "email", "custom.Points", "custom.Vip", "created_on", "tags"]]
    assert " ".join(map(str, plain.dtypes)) == (
        "int64[pyarrow] string int64[pyarrow] bool[pyarrow] timestamp[us][pyarrow] object"
    )
    assert plain["email"].equals(arrow["email"].astype("string"))
    found = duckdb.connect().execute(f"SELECT count(*), max(user_id) FROM '{path}'").fetchall()  # noqa: S608  # our path
    assert found == [(rows.num_rows, 2**53 + 1)]
    frame = pl.read_parquet(path)
    assert frame.shape == (rows.num_rows, len(rows.schema))
    assert frame["user_id"].max() == 2**53 + 1


class TestWhatIsWritten:
    @pytest.mark.fault("F11")
    @pytest.mark.usefixtures("open_umask")
    def test_the_file_is_private(self, rows: CustomerRows, tmp_path: Path) -> None:
        """So is all of a folder, under any umask."""
        written(rows, tmp_path / "x")
        export_table(tmp_path / "all", folder_table(), NOTE, partition_by=["vip", "rating"])

        modes = {(each.is_dir(), stat.S_IMODE(each.stat().st_mode)) for each in tmp_path.rglob("*")}
        assert modes == {(True, 0o700), (False, 0o600)}

    @pytest.mark.fault("F12")
    def test_nothing_but_the_note_travels(self, tmp_path: Path) -> None:
        """Neither other attrs nor metadata of the schema or a column reach the file."""
        frame = to_pandas(rows_of([{"UserID": 1}]).to_table())
        frame.attrs = {"token": "s3cr3t", ATTRS_KEY: {"base_url": "https://x", "token": "s3cr3t"}}
        table = frame_to_arrow(frame)
        marked = pa.schema([field.with_metadata({"k": "s3cr3t"}) for field in table.schema], {"k": "s3cr3t"})
        path = write_parquet(tmp_path / "x", table.to_batches(), marked, NOTE, compression="none")

        assert b"s3cr3t" not in path.read_bytes()

    def test_a_batch_with_other_columns_is_refused(self, rows: CustomerRows, tmp_path: Path) -> None:
        with pytest.raises(ExportError, match="other columns") as caught:
            write_parquet(tmp_path / "x", pa.table({"a": [1]}).to_batches(), rows.schema, NOTE)

        assert caught.value.reason == "mismatch"
        assert [path.name for path in tmp_path.iterdir()] == []


class TestOldOrNew:
    @pytest.mark.fault("F06")
    @pytest.mark.parametrize("wrong", ["rows", "ids", "schema"])
    def test_a_writer_that_writes_something_else_publishes_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
    ) -> None:
        """The finished file is opened again before anybody sees it."""
        real = pq.ParquetWriter.write_table

        def broken(writer: Any, table: pa.Table, **more: Any) -> None:
            if wrong == "rows":
                table = table.slice(1)
            if wrong == "ids" and len(table):
                table = table.set_column(0, "user_id", pa.array([1, 3], pa.int64()))
            real(writer, table, **more)

        (tmp_path / "x").write_bytes(b"old")
        monkeypatch.setattr(pq.ParquetWriter, "write_table", broken)
        if wrong == "schema":
            init = pq.ParquetWriter.__init__

            def other_names(writer: Any, file: Any, schema: pa.Schema, **more: Any) -> None:
                init(writer, file, schema, **more | {"use_compliant_nested_type": True})

            monkeypatch.setattr(pq.ParquetWriter, "__init__", other_names)
        table = pa.table({"user_id": [1, 2], "rating": pa.array([1, 2], pa.int8()), "tags": [["a"], []]})

        with pytest.raises(ExportError, match=r"do not read back|not as it was written") as caught:
            write_parquet(tmp_path / "x", table.to_batches(), table.schema, NOTE)

        assert caught.value.reason == "mismatch"
        assert (tmp_path / "x").read_bytes() == b"old"
        assert [path.name for path in tmp_path.iterdir()] == ["x"]

    @pytest.mark.fault("F02")
    @pytest.mark.parametrize("limit", [0, 1_000, 5_000, 60_000])
    def test_a_full_disk_leaves_the_old_file_and_no_rest(self, tmp_path: Path, limit: int) -> None:
        (tmp_path / "x").write_bytes(b"old")
        script = """
            import os, resource, sys
            import pyarrow as pa
            from sc_pandas.errors import ExportError
            from sc_pandas.parquet import write_parquet
            from sc_pandas.provenance import Provenance
            table = pa.table({"user_id": range(10_000), "text": [os.urandom(8).hex() for _ in range(10_000)]})
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
            try: write_parquet(sys.argv[1], table.to_batches(), table.schema, Provenance(base_url="https://x"))
            except ExportError as error: print(error.reason, error.errno)
        """

        assert run_child(script, tmp_path / "x", limit).split() == ["os", str(errno.EFBIG)]
        assert (tmp_path / "x").read_bytes() == b"old"
        assert [path.name for path in tmp_path.iterdir()] == ["x"]

    @pytest.mark.fault("F01")
    def test_killed_at_any_line_the_path_holds_old_or_new(self, tmp_path: Path) -> None:
        """A child is killed at each line of `files` and `parquet` in turn while it replaces a good file."""
        script = """
            import sys
            from pathlib import Path
            import pyarrow as pa
            from sc_pandas import files, parquet
            from sc_pandas.parquet import sealed
            from sc_pandas.provenance import Provenance
            from tests.support.children import killed_at_each_line
            folder = Path(sys.argv[1])
            sealed.ROWS_IN_GROUP = 2
            pa.set_cpu_count(1)

            def write(name, first):
                table = pa.table({"user_id": range(first, first + 4)})
                parquet.write_parquet(folder / name, table.to_batches(), table.schema, Provenance(base_url="https://x"))

            for name, first in (("old", 1), ("new", 7)):  # in a child, so that no thread of Arrow is here
                assert list(killed_at_each_line(set(), lambda: write(name, first))) == [1]
            old, new = ((folder / name).read_bytes() for name in ("old", "new"))
            assert old != new
            (folder / "x").write_bytes(old)
            (folder / "x").chmod(0o600)
            seen, left = [], set()
            for line in killed_at_each_line({files.__file__, sealed.__file__}, lambda: write("x", 7)):
                seen.append((folder / "x").read_bytes())
                assert seen[-1] in (old, new), line
                (folder / "x").write_bytes(old)
                for other in folder.glob(".*"):
                    assert files.TEMP_NAME.fullmatch(other.name) and other.stat().st_mode & 0o777 == 0o600
                    left.add(other.name)
                    other.unlink()
            print(line, seen.count(old), seen.count(new), len(left))
        """

        points, old, new, left = map(int, run_child(script, tmp_path).split())

        assert points > 150
        assert old > 100
        assert new > 1
        assert left > 50


class TestReading:
    def test_what_is_no_file_of_ours_says_what_it_is(self, tmp_path: Path) -> None:
        sink = io.BytesIO()
        pq.write_table(pa.table({"a": [1]}), sink)
        stands = [
            (None, "os", "No such file"), (sink.getvalue(), "not_ours", r"pandas\.read_parquet"),
            *((content, "mismatch", "x") for content in (b"", b"PAR1", b"PAR1" * 9, b"\x00" * 5_000)),
        ]  # fmt: skip
        for content, reason, says in stands:
            if content is not None:
                (tmp_path / "x").write_bytes(content)
            with pytest.raises(ExportError, match=says) as caught:
                read_parquet(tmp_path / ("no" if content is None else "x"))
            assert caught.value.reason == reason

    def test_a_file_of_a_later_format_says_so(
        self, rows: CustomerRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as later:
            later.setattr(sealed, "FORMAT", 2)
            path = written(rows, tmp_path / "x")

        with pytest.raises(ExportError, match="Upgrade sc_pandas") as caught:
            read_parquet(path)

        assert caught.value.reason == "newer"

    @pytest.mark.fault("F05")
    def test_a_flipped_bit_is_an_error_or_changes_nothing(self, tmp_path: Path) -> None:
        """Bytes of pages, headers and footer alike."""
        path = written(rows_of([{"UserID": 7, "Email": "a@example.com", "CreatedOn": "2020-01-01"}]), tmp_path / "x")
        good, errors, equal = read_parquet(path), 0, 0
        for content in flipped(path.read_bytes(), 5, (1, 16)):
            path.write_bytes(content)
            try:
                frame = read_parquet(path)
            except ExportError:
                errors += 1
            else:
                pd.testing.assert_frame_equal(frame, good)
                assert frame.attrs == good.attrs
                equal += 1

        assert min(errors, equal) > 1_000  # the copy of the dtypes for pandas is not sealed

    def test_types_that_would_not_come_back_are_refused_before_a_row_is_asked_for(self, tmp_path: Path) -> None:
        schema = pa.schema([("t", pa.timestamp("s"))])

        with pytest.raises(ExportError, match="'t' would come back"):
            write_parquet(tmp_path / "x", iter(lambda: pytest.fail("asked"), None), schema, NOTE)


class TestFrameToArrow:
    def test_an_index_without_a_name_is_dropped_and_a_named_one_kept(self) -> None:
        frame = pd.DataFrame({"n": [1, 2, 3]})

        assert frame_to_arrow(frame[frame["n"] > 1]).column_names == ["n"]
        assert frame_to_arrow(frame.rename_axis("row")).column_names == ["row", "n"]
        levels = pd.MultiIndex.from_tuples([(1, "a"), (2, "b"), (3, "c")], names=["x", None])
        assert frame_to_arrow(frame.set_index(levels)).column_names == ["x", "n"]

    def test_foreign_columns_come_along(self, tmp_path: Path) -> None:
        columns: dict[Any, Any] = {
            "user_id": [1, 2], "text": ["a", None], "number": [1.5, float("nan")], "day": [dt.date(2020, 1, 1), None],
            5: pd.Categorical(["x", "y"]),
        }  # fmt: skip
        table = frame_to_arrow(pd.DataFrame(columns))
        path = write_parquet(tmp_path / "x", table.to_batches(), table.schema, NOTE)

        assert read_parquet(path)["text"].tolist() == ["a", pd.NA]
        assert list(read_parquet(path).columns) == ["user_id", "text", "number", "day", "5"]

    def test_objects_of_lists_of_structs_come_along(self, tmp_path: Path) -> None:
        """A cast to its own type breaks a list of structs with an empty field in Arrow 26."""
        addresses: list[Any] = [[{"city": city, "fax": None} for city in ("Brno", "Ostrava", "Praha", "")], [], None]
        frame = pd.DataFrame({"user_id": [1, 2, 3], "addresses": pd.Series(addresses, dtype=object)})
        table = frame_to_arrow(frame)
        table.validate(full=True)
        for path in (tmp_path / "x", "memory://objects.parquet"):
            again = read_parquet(export_table(path, table, NOTE))
            assert [None if each is pd.NA else list(each) for each in again["addresses"]] == addresses

    def test_times_in_seconds_get_the_next_finer_unit(self) -> None:
        frame = pd.DataFrame({"t": pd.Series([1], dtype="datetime64[s]")})

        assert frame_to_arrow(frame).schema.field("t").type == pa.timestamp("ms")

    @pytest.mark.parametrize(("frame", "says"), [
        *((pd.DataFrame({"mixed": pd.Series(values, dtype=object)}), "'mixed'")
          for values in (["secret", 7], [object()], [2**70], ["\ud800secret"])),
        (pd.DataFrame({"t": pd.Series([2**62], dtype="datetime64[s]")}), "'t' holds values that do not fit"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "'a'"), (pd.DataFrame({"a": [1]}).rename_axis("a"), "'a'"),
        (pd.DataFrame({"p": pd.period_range("2020-01", periods=2, freq="M")}), "special type"),
        (pd.DataFrame({"p": pd.cut(pd.Series([1, 2]), 2)}), r"'p' holds Interval, .* astype\(str\)"),
        (pd.DataFrame({"p": pd.Series([1, "a"], dtype=object)}), "holds int and str, "),
        (pd.DataFrame({"x": pd.Series(["{}"], dtype=pd.ArrowDtype(pa.json_()))}), "special type"),
    ])  # fmt: skip
    def test_what_parquet_does_not_take_is_named_without_its_values(self, frame: pd.DataFrame, says: str) -> None:
        with pytest.raises(ExportError, match=says) as caught:
            export_table("x", frame_to_arrow(frame), NOTE)

        assert "secret" not in str(caught.value)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


def folder_table() -> pa.Table:
    """Rows in the order of their ids, with keys of every type that names folders."""
    return pa.table({
        "user_id": pa.array([1, 2, 3, 4, 5, 6], pa.int64()),
        "rating": pa.array([5, None, 5, -1, None, 5], pa.int8()),
        "custom.Sales Tier": ["a/b", "../..", "ü%41", None, ".", "x=y"],
        "vip": [True, False, None, True, False, None],
        "month": pa.array([dt.date(2026, 1, 1), None, dt.date(2026, 1, 1), None, dt.date(2025, 12, 1), None]),
        "tags": [["a"], [], None, ["b"], None, []],
    })  # fmt: skip


def read_by_others(path: Path, column: str) -> list[list[tuple[Any, ...]]]:
    """Return the ids and a column as Polars and DuckDB read them."""
    by_polars = pl.read_parquet(path, hive_partitioning=True).sort("user_id").select("user_id", column).rows()
    query = f"SELECT user_id, {column} FROM read_parquet('{path}/**/*.parquet', hive_partitioning=true) ORDER BY 1"  # noqa: S608  # our path
    return [by_polars, duckdb.connect().execute(query).fetchall()]


class TestFolders:
    @pytest.mark.parametrize(
        "value", ["a/b", "../..", "..", ".", "/etc", "ü%41", "%2F", "x=y", "C:\\x", "a\x00b", "日本", " "]
    )
    def test_no_value_leaves_the_folder_and_other_readers_give_it_back(self, value: str, tmp_path: Path) -> None:
        table = pa.table({"user_id": [1, 2], "tier": [value, "plain"]})
        path = Path(export_table(tmp_path / "all", table, NOTE, partition_by="tier"))

        assert [each.name for each in tmp_path.iterdir()] == ["all"]
        assert all(len(file.relative_to(path).parts) == 2 for file in path.rglob("*.parquet"))
        # Neither are there dots, which Windows drops at the end of a name.
        assert all(re.fullmatch("tier=[A-Za-z0-9_~%-]+", each.name) for each in path.iterdir())
        expected = [(1, value), (2, "plain")]
        by_pandas = pd.read_parquet(path).sort_values("user_id")
        assert list(zip(by_pandas["user_id"], by_pandas["tier"], strict=True)) == expected
        assert read_by_others(path, "tier") == [expected] * 2

    def test_missing_values_are_known_to_duckdb_and_polars(self, tmp_path: Path) -> None:
        """Plain pandas cannot read them: pyarrow cannot infer a dictionary with a null; a schema helps it."""
        path = export_table(tmp_path / "all", folder_table(), NOTE, partition_by="rating")

        expected = [(1, 5), (2, None), (3, 5), (4, -1), (5, None), (6, 5)]
        assert read_by_others(Path(path), "rating") == [expected] * 2
        hive = pa.dataset.partitioning(flavor="hive")
        assert pd.read_parquet(path, partitioning=hive)["rating"].isna().sum() == 2

    def test_equal_rows_give_equal_folders(self, tmp_path: Path) -> None:
        def content(name: str, table: pa.Table) -> dict[str, bytes]:
            path = Path(export_table(tmp_path / name, table, NOTE, partition_by="rating"))
            return {file.relative_to(path).as_posix(): file.read_bytes() for file in path.rglob("*.parquet")}

        table = folder_table()
        in_pieces = pa.concat_tables([table.slice(0, 2), table.slice(2)])
        assert content("a", table) == content("b", in_pieces)

    @pytest.mark.parametrize(("table", "by", "says"), [
        (folder_table(), [], "names one column"), (folder_table(), ["vip", "vip"], "several different"),
        (folder_table(), "colour", "no column 'colour'"), (folder_table(), "tags", "cannot name folders"),
        (folder_table(), folder_table().column_names, "at least one must stay"),
        *((pa.table({"user_id": [1], name: ["x"]}), name, "Rename it first") for name in ("a/b", "..", "a=b", "ä", "", " x", "a\nb")),
        (pa.table({"user_id": range(1_001), "n": range(1_001)}), "n", "1,001 files"),
    ])  # fmt: skip
    def test_columns_that_cannot_name_folders_are_refused(
        self, table: pa.Table, by: Any, says: str, tmp_path: Path
    ) -> None:
        with pytest.raises(SettingsError, match=says) as caught:
            export_table(tmp_path / "all", table, NOTE, partition_by=by)

        assert caught.value.setting == "partition_by"
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("value", ["", "__HIVE_DEFAULT_PARTITION__", "secret" * 50])
    def test_values_that_cannot_name_a_folder_are_refused_without_quoting_them(
        self, value: str, tmp_path: Path
    ) -> None:
        with pytest.raises(ExportError, match="'tier' holds") as caught:
            export_table(tmp_path / "all", pa.table({"user_id": [1], "tier": [value]}), NOTE, partition_by="tier")

        assert "secret" not in str(caught.value)
        assert list(tmp_path.iterdir()) == []

    def test_what_stands_there_stays_unless_it_is_ours_and_was_meant(self, tmp_path: Path) -> None:
        path = Path(export_table(tmp_path / "all", folder_table(), NOTE, partition_by="vip"))
        with pytest.raises(ExportError, match="overwrite=True") as caught:
            export_table(path, folder_table(), NOTE, partition_by="rating")
        assert caught.value.reason == "exists"

        export_table(path, folder_table().slice(2), NOTE, partition_by="rating", overwrite=True)
        assert len(read_parquet(path)) == 4
        assert [each.name for each in tmp_path.iterdir()] == ["all"]

        (path / "thesis.txt").write_text("years of work")
        with pytest.raises(ExportError, match="would be lost"):
            export_table(path, folder_table(), NOTE, partition_by="rating", overwrite=True)
        assert (path / "thesis.txt").exists()
        (path / "thesis.txt").unlink()
        pq.write_table(pa.table({"a": [1]}), path / "part-0.parquet")
        with pytest.raises(ExportError, match="would be lost"):
            export_table(path, folder_table(), NOTE, partition_by="rating", overwrite=True)
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(ExportError, match="a file stands there"):
            export_table(tmp_path / "file", folder_table(), NOTE, partition_by="rating", overwrite=True)
        (tmp_path / "empty").mkdir()
        assert len(read_parquet(export_table(tmp_path / "empty", folder_table(), NOTE, partition_by="vip"))) == 6
        with pytest.raises(ExportError, match="its folder does not exist"):
            export_table(tmp_path / "no" / "all", folder_table(), NOTE, partition_by="vip")

    @pytest.mark.fault("F08")
    def test_of_two_exports_at_once_the_second_finds_the_first(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The first appears after the second looked, and before it gives its folder the name."""
        path = Path(export_table(tmp_path / "all", folder_table(), NOTE, partition_by="vip"))
        monkeypatch.setattr(folder, "_check_free", lambda *_, **__: None)

        with pytest.raises(ExportError, match="Directory not empty"):
            export_table(path, folder_table().slice(2), NOTE, partition_by="rating")
        assert len(read_parquet(path)) == 6
        assert [each.name for each in tmp_path.iterdir()] == ["all"]

    @pytest.mark.fault("F07")
    def test_a_part_that_is_missing_foreign_or_double_is_seen(self, tmp_path: Path) -> None:
        path = Path(export_table(tmp_path / "all", folder_table(), NOTE, partition_by="rating"))
        other = Path(export_table(tmp_path / "other", folder_table().slice(1), NOTE, partition_by="rating"))
        (tmp_path / "of others").mkdir()
        files = sorted(path.rglob("*.parquet"))
        content = files[0].read_bytes()

        files[0].unlink()
        with pytest.raises(ExportError, match="2 of 3 parts"):
            read_parquet(path)
        files[0].write_bytes(min(other.rglob("*.parquet")).read_bytes())
        with pytest.raises(ExportError, match="different exports"):
            read_parquet(path)
        files[0].write_bytes(content)
        (path / "more.parquet").write_bytes(content)
        with pytest.raises(ExportError, match="4 of 3 parts"):
            read_parquet(path)
        (path / "more.parquet").unlink()
        assert len(read_parquet(path)) == 6
        with pytest.raises(ExportError, match="one part of a partitioned export"):
            read_parquet(files[0])
        with pytest.raises(ExportError, match="without parts") as caught:
            read_parquet(tmp_path / "of others")
        assert caught.value.reason == "not_ours"
        whole = write_parquet(path / "whole.parquet", folder_table().to_batches(), folder_table().schema, NOTE)
        with pytest.raises(ExportError, match="a whole export, not a part"):
            read_parquet(path)
        whole.unlink()
        files[0].write_bytes(next(itertools.islice(flipped(content), 40, None)))
        with pytest.raises(ExportError, match=r"part-0.parquet: it is"):
            read_parquet(path)

    @pytest.mark.fault("F02")
    def test_a_full_disk_leaves_no_rest(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        calls = 0
        real = os.fsync

        def full_disk(descriptor: int) -> None:
            nonlocal calls
            calls += 1
            if calls == 3:
                raise OSError(errno.ENOSPC, "No space left on device")
            real(descriptor)

        monkeypatch.setattr(os, "fsync", full_disk)
        with pytest.raises(ExportError, match=r"all cannot be written: No space left") as caught:
            export_table(tmp_path / "all", folder_table(), NOTE, partition_by="rating")

        assert (caught.value.errno, caught.value.path) == (errno.ENOSPC, str(tmp_path / "all"))
        assert list(tmp_path.iterdir()) == []


class TestStores:
    @pytest.fixture(autouse=True)
    def _fresh_store(self) -> None:
        fsspec.filesystem("memory").store.clear()

    @pytest.mark.parametrize("by", [None, "rating", ["vip", "custom.Sales Tier"]])
    def test_a_store_gives_back_what_it_was_given(self, by: Any) -> None:
        table = folder_table()
        url = export_table(
            "memory://shop/all.parquet", table, NOTE, partition_by=by, storage_options={"skip_instance_cache": False}
        )
        frame = read_parquet(url, storage_options={})

        assert url == "memory://shop/all.parquet"
        pd.testing.assert_frame_equal(frame, to_pandas(table))
        assert frame.attrs == {ATTRS_KEY: NOTE.to_attrs()}
        assert read_parquet(url, columns=["vip"]).shape == (6, 1)

    def test_a_file_is_replaced_and_a_folder_is_not(self) -> None:
        for _ in range(2):
            export_table("memory://one.parquet", folder_table(), NOTE)
        export_table("memory://all", folder_table(), NOTE, partition_by="vip")

        with pytest.raises(ExportError, match="something stands there") as caught:
            export_table("memory://all", folder_table(), NOTE, partition_by="vip")
        assert caught.value.reason == "exists"
        with pytest.raises(SettingsError, match="not replaced"):
            export_table("memory://all", folder_table(), NOTE, partition_by="vip", overwrite=True)

    def test_a_file_address_is_a_path(self, tmp_path: Path) -> None:
        target = tmp_path / "with blank.parquet"
        path = export_table(f"file://{str(target).replace(' ', '%20')}", folder_table(), NOTE)

        assert path == target
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
        assert len(read_parquet(target.as_uri())) == 6

    @pytest.mark.parametrize("call", [lambda path: export_table(path, folder_table(), NOTE, storage_options={"key": "s3cr3t"}),
                                      lambda path: read_parquet(path, storage_options={"key": "s3cr3t"})])  # fmt: skip
    def test_options_for_nobody_are_refused(self, call: Any, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match="not with a path on this machine") as caught:
            call(tmp_path / "x.parquet")
        assert "s3cr3t" not in str(caught.value)

    def test_no_secret_gets_into_an_error_or_a_file(self) -> None:
        class Refusing(MemoryFileSystem):  # type: ignore[misc]
            protocol = "refusing"
            store: dict[str, Any] = {}  # noqa: RUF012  # as fsspec has it

            def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **more: Any) -> None:  # noqa: ARG002  # fsspec's signature
                raise PermissionError(f"403 for {self.storage_options}")

            def isdir(self, path: str) -> bool:  # noqa: ARG002  # same
                raise RuntimeError(f"403 for {self.storage_options}")

        fsspec.register_implementation("refusing", Refusing, clobber=True)
        url, options = "refusing://me:s3cr3t@bucket/all.parquet?sig=s3cr3t", {"secret": "s3cr3t"}
        for call in (
            lambda: export_table(url, folder_table(), NOTE, storage_options=options),
            lambda: export_table(url, folder_table(), NOTE, storage_options=options, partition_by="vip"),
            lambda: read_parquet(url, storage_options=options),
        ):
            with pytest.raises(ExportError, match=r"refusing://bucket/all.parquet cannot be") as caught:
                call()
            assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))
            assert "s3cr3t" not in caught.value.path
        export_table("memory://x.parquet", folder_table(), NOTE, storage_options={"token": "s3cr3t"})
        assert b"s3cr3t" not in fsspec.filesystem("memory").cat_file("/x.parquet")

    def test_what_a_store_cut_short_is_no_success(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real = MemoryFileSystem.pipe_file
        monkeypatch.setattr(MemoryFileSystem, "pipe_file", lambda self, path, value: real(self, path, value[:-1]))

        with pytest.raises(ExportError, match="cannot be written"):
            export_table("memory://x.parquet", folder_table(), NOTE)

    def test_what_is_not_there_is_said(self) -> None:
        for url in ("memory://no.parquet", "memory://no/such"):
            with pytest.raises(ExportError, match="nothing stands there") as caught:
                read_parquet(url)
            assert caught.value.reason == "os"
        export_table("memory://all", folder_table(), NOTE, partition_by="vip")
        store = fsspec.filesystem("memory")
        store.rm(store.find("/all")[0])
        with pytest.raises(ExportError, match="2 of 3 parts"):
            read_parquet("memory://all")

    def test_a_missing_package_is_explained(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(MissingExtraError, match="s3fs"):
            export_table("s3://bucket/x.parquet", folder_table(), NOTE)
        monkeypatch.setitem(sys.modules, "fsspec", None)
        with pytest.raises(MissingExtraError, match=r"sc_pandas\[remote\]") as caught:
            export_table("s3://bucket/x.parquet", folder_table(), NOTE)
        assert caught.value.extra == "remote"


@pytest.mark.parametrize("by", [None, "vip"])
def test_a_target_that_is_no_path_is_told(tmp_path: Path, by: str | None) -> None:
    with pytest.raises(SettingsError, match=r"such as 'customers\.parquet', not NoneType"):
        export_table(None, folder_table(), NOTE, partition_by=by)  # type: ignore[arg-type]
    path = f"{tmp_path}/a\0b"
    for call in (lambda: export_table(path, folder_table(), NOTE, partition_by=by), lambda: read_parquet(path)):
        with pytest.raises(ExportError) as caught:
            call()
        assert caught.value.reason == "os"
    assert list(tmp_path.iterdir()) == []


class CountedName(str):
    """A name of a column that counts how often it is compared."""

    __slots__ = ()
    compared = 0

    def __str__(self) -> str:
        return self

    def __eq__(self, other: object) -> bool:
        CountedName.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def test_names_of_columns_are_not_compared_each_with_each() -> None:
    """Columns cost linear time: 16,000 took 25 s."""
    names = [CountedName(f"custom.{n}") for n in range(400)]
    frame = pd.DataFrame([range(400)], columns=pd.Index(names, dtype=object))
    CountedName.compared = 0
    assert frame_to_arrow(frame).num_columns == 400
    assert CountedName.compared < 4_000
