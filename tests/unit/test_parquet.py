import datetime as dt
import errno
import io
import os
import stat
import subprocess
import sys
import textwrap
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sc_pandas import parquet
from sc_pandas.errors import ExportError
from sc_pandas.parquet import frame_to_arrow, read_parquet, write_parquet
from sc_pandas.provenance import ATTRS_KEY, Provenance
from sc_pandas.tables import CustomerRows, TableBuilder, to_pandas

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
        ("Tier", 0, "gold"),
        ("Points", 1, 7),
        ("Rate", 2, Decimal("1.50")),
        ("Since", 3, "2020-01-02"),
        ("Vip", 4, True),
    ]
    full = {
        "UserID": 2**53 + 1,
        "Email": "é\x00@example.com",
        "Rating": 4,
        "IsWholeSaleUser": True,
        "CreatedOn": "2026-01-05T10:00:00.1234567",
        "CreditLimit": Decimal("0.1"),
        "Tags": ["a", "b"],
        "Address": {"City": "Brno", "Points": [Decimal("1.5"), 2]},
        "Mixed": {},
        "CustomColumns": [{"ColumnName": name, "DataType": kind, "Value": value} for name, kind, value in custom],
    }
    return rows_of([full, *({"UserID": number, "Email": f"{number}@example.com"} for number in range(300)), {}])


def written(rows: CustomerRows, path: Path) -> Path:
    return write_parquet(path, rows.iter_batches(), rows.schema, NOTE)


class TestRoundTrip:
    @pytest.mark.fault("D05")
    def test_the_frame_comes_back_equal_attrs_and_all(self, rows: CustomerRows, tmp_path: Path) -> None:
        frame = read_parquet(written(rows, tmp_path / "x.parquet"))

        pd.testing.assert_frame_equal(frame, to_pandas(rows.to_table()))
        assert frame.attrs == {ATTRS_KEY: NOTE.to_attrs()}
        assert Provenance.from_attrs(frame.attrs) == NOTE
        assert isinstance(frame.index, pd.RangeIndex)
        assert all(isinstance(dtype, pd.ArrowDtype) for dtype in frame.dtypes)

    def test_an_empty_answer_keeps_its_columns(self, tmp_path: Path) -> None:
        empty = rows_of([])

        pd.testing.assert_frame_equal(read_parquet(written(empty, tmp_path / "x")), to_pandas(empty.to_table()))

    def test_columns_come_in_the_order_that_was_asked(self, rows: CustomerRows, tmp_path: Path) -> None:
        path = written(rows, tmp_path / "x")

        assert list(read_parquet(path, columns=["custom.Tier", "user_id"]).columns) == ["custom.Tier", "user_id"]
        with pytest.raises(ExportError, match=r"no column 'colour'.*user_id") as caught:
            read_parquet(path, columns=["colour"])
        assert caught.value.reason == "mismatch"

    def test_equal_rows_give_equal_bytes_however_they_were_cut(
        self, rows: CustomerRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(parquet, "ROWS_IN_GROUP", 100)
        files = [
            write_parquet(tmp_path / f"{size}", rows.iter_batches(size), rows.schema, NOTE).read_bytes()
            for size in (1, 7, 100, 1_000)
        ]

        assert files[1:] == files[:-1]
        assert pq.ParquetFile(io.BytesIO(files[0])).num_row_groups == 4


class TestOtherReaders:
    def test_plain_pandas_opens_it_and_restores_attrs(self, rows: CustomerRows, tmp_path: Path) -> None:
        frame = pd.read_parquet(written(rows, tmp_path / "x.parquet"))

        assert len(frame) == rows.num_rows
        assert frame.attrs == {ATTRS_KEY: NOTE.to_attrs()}
        arrow = pd.read_parquet(tmp_path / "x.parquet", dtype_backend="pyarrow")
        pd.testing.assert_frame_equal(arrow, to_pandas(rows.to_table()))

    def test_duckdb_opens_it(self, rows: CustomerRows, tmp_path: Path) -> None:
        path = written(rows, tmp_path / "x.parquet")

        found = duckdb.connect().execute(f"SELECT count(*), max(user_id) FROM '{path}'").fetchall()  # noqa: S608  # our path

        assert found == [(rows.num_rows, 2**53 + 1)]

    def test_polars_opens_it(self, rows: CustomerRows, tmp_path: Path) -> None:
        frame = pl.read_parquet(written(rows, tmp_path / "x.parquet"))

        assert frame.shape == (rows.num_rows, len(rows.schema))
        assert frame["user_id"].max() == 2**53 + 1


class TestWhatIsWritten:
    @pytest.mark.fault("F11")
    def test_the_file_is_private(self, rows: CustomerRows, tmp_path: Path) -> None:
        before = os.umask(0)
        try:
            path = written(rows, tmp_path / "x")
        finally:
            os.umask(before)

        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    @pytest.mark.fault("F12")
    def test_nothing_but_the_note_travels(self, tmp_path: Path) -> None:
        """Neither other attrs nor metadata of the schema or a column reach the file."""
        frame = to_pandas(rows_of([{"UserID": 1}]).to_table())
        frame.attrs = {"token": "s3cr3t", ATTRS_KEY: {"base_url": "https://x", "token": "s3cr3t"}}
        table = frame_to_arrow(frame)
        marked = pa.schema([field.with_metadata({"k": "s3cr3t"}) for field in table.schema], {"k": "s3cr3t"})
        path = write_parquet(tmp_path / "x", table.to_batches(), marked, NOTE, compression="none")

        assert b"s3cr3t" not in path.read_bytes()

    def test_pandas_own_dtypes_are_left_out_and_pages_are_zstd(self, rows: CustomerRows, tmp_path: Path) -> None:
        facts = pq.ParquetFile(written(rows, tmp_path / "x")).metadata

        assert b"pandas" not in facts.metadata
        assert facts.row_group(0).column(0).compression == "ZSTD"

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
            import os, signal, sys
            from pathlib import Path
            import pyarrow as pa
            from sc_pandas import files, parquet
            from sc_pandas.provenance import Provenance
            folder = Path(sys.argv[1])
            watched = {files.__file__, parquet.__file__}
            parquet.ROWS_IN_GROUP = 2
            pa.set_cpu_count(1)

            def write(path, first):
                table = pa.table({"user_id": range(first, first + 4)})
                parquet.write_parquet(path, table.to_batches(), table.schema, Provenance(base_url="https://x"))

            def in_child(work, *arguments):
                child = os.fork()
                if child: return os.waitpid(child, 0)[1]
                work(*arguments)
                os._exit(0)

            def killed_at(line):
                seen = 0
                def trace(frame, event, arg):
                    nonlocal seen
                    if frame.f_code.co_filename not in watched: return None
                    seen += event == "line"
                    if seen == line: os.kill(os.getpid(), signal.SIGKILL)
                    return trace
                sys.settrace(trace)
                write(folder / "x", 7)

            assert in_child(write, folder / "old", 1) == in_child(write, folder / "new", 7) == 0
            old, new = ((folder / name).read_bytes() for name in ("old", "new"))
            assert old != new
            line, seen, left = 0, [], set()
            while True:
                line += 1
                (folder / "x").write_bytes(old)
                (folder / "x").chmod(0o600)
                status = in_child(killed_at, line)
                content = (folder / "x").read_bytes()
                assert content in (old, new), line
                seen.append(content)
                for other in folder.glob(".*"):
                    assert files.TEMP_NAME.fullmatch(other.name) and other.stat().st_mode & 0o777 == 0o600
                    left.add(other.name)
                    other.unlink()
                if status == 0: break
            print(line, seen.count(old), seen.count(new), len(left))
        """

        points, old, new, left = map(int, run_child(script, tmp_path).split())

        assert points > 150
        assert old > 100
        assert new > 1
        assert left > 50


def run_child(script: str, *arguments: object) -> str:
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


class TestReading:
    def test_a_missing_file_names_the_system_error(self, tmp_path: Path) -> None:
        with pytest.raises(ExportError, match="No such file") as caught:
            read_parquet(tmp_path / "no")

        assert (caught.value.reason, caught.value.errno) == ("os", errno.ENOENT)

    def test_somebody_elses_file_is_left_to_pandas(self, tmp_path: Path) -> None:
        pq.write_table(pa.table({"a": [1]}), tmp_path / "x")

        with pytest.raises(ExportError, match=r"pandas\.read_parquet") as caught:
            read_parquet(tmp_path / "x")

        assert caught.value.reason == "not_ours"

    def test_a_file_of_a_later_format_says_so(
        self, rows: CustomerRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as later:
            later.setattr(parquet, "FORMAT", 2)
            path = written(rows, tmp_path / "x")

        with pytest.raises(ExportError, match="Upgrade sc_pandas") as caught:
            read_parquet(path)

        assert caught.value.reason == "newer"

    @pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" * 9, b"\x00" * 5_000])
    def test_what_is_no_parquet_file_is_a_mismatch(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "x").write_bytes(content)

        with pytest.raises(ExportError) as caught:
            read_parquet(tmp_path / "x")

        assert caught.value.reason == "mismatch"

    def test_a_cut_file_is_a_mismatch_wherever_it_is_cut(self, rows: CustomerRows, tmp_path: Path) -> None:
        content = written(rows, tmp_path / "x").read_bytes()

        for end in range(0, len(content), 97):
            (tmp_path / "x").write_bytes(content[:end])
            with pytest.raises(ExportError):
                read_parquet(tmp_path / "x")

    @pytest.mark.fault("F05")
    def test_a_flipped_bit_is_an_error_or_changes_nothing(self, tmp_path: Path) -> None:
        """Each byte is flipped in turn, in pages, headers and footer alike."""
        path = written(rows_of([{"UserID": 7, "Email": "a@example.com", "CreatedOn": "2020-01-01"}]), tmp_path / "x")
        good, content = read_parquet(path), path.read_bytes()
        outcomes = []

        for place in range(0, len(content), 5):
            flipped = bytearray(content)
            flipped[place] ^= 1 << place % 8
            path.write_bytes(flipped)
            try:
                frame = read_parquet(path)
            except ExportError:
                outcomes.append("error")
            else:
                pd.testing.assert_frame_equal(frame, good)
                assert frame.attrs == good.attrs
                outcomes.append("equal")

        assert outcomes.count("error") > len(outcomes) / 2

    def test_types_that_would_not_come_back_are_refused_before_a_row_is_asked_for(self, tmp_path: Path) -> None:
        schema = pa.schema([("t", pa.timestamp("s"))])

        with pytest.raises(ExportError, match="'t' would come back"):
            write_parquet(tmp_path / "x", iter(lambda: pytest.fail("asked"), None), schema, NOTE)

    def test_extension_types_are_refused(self, tmp_path: Path) -> None:
        table = pa.table({"user_id": [1], "x": pa.array(["{}"], pa.json_())})

        with pytest.raises(ExportError, match="special type"):
            write_parquet(tmp_path / "x", table.to_batches(), table.schema, NOTE)


class TestFrameToArrow:
    def test_arrow_backed_columns_are_taken_as_they_are(self, rows: CustomerRows) -> None:
        table = rows.to_table()

        assert frame_to_arrow(to_pandas(table)).equals(table)
        assert frame_to_arrow(to_pandas(table)).schema.metadata is None

    def test_an_index_without_a_name_is_dropped_and_a_named_one_kept(self) -> None:
        frame = pd.DataFrame({"n": [1, 2, 3]})

        assert frame_to_arrow(frame[frame["n"] > 1]).column_names == ["n"]
        assert frame_to_arrow(frame.rename_axis("row")).column_names == ["row", "n"]
        levels = pd.MultiIndex.from_tuples([(1, "a"), (2, "b"), (3, "c")], names=["x", None])
        assert frame_to_arrow(frame.set_index(levels)).column_names == ["x", "n"]

    def test_foreign_columns_come_along(self, tmp_path: Path) -> None:
        frame = pd.DataFrame(
            {
                "user_id": [1, 2],
                "text": ["a", None],
                "number": [1.5, float("nan")],
                "day": [dt.date(2020, 1, 1), None],
                5: pd.Categorical(["x", "y"]),
            }
        )
        table = frame_to_arrow(frame)
        path = write_parquet(tmp_path / "x", table.to_batches(), table.schema, NOTE)

        assert read_parquet(path)["text"].tolist() == ["a", pd.NA]
        assert list(read_parquet(path).columns) == ["user_id", "text", "number", "day", "5"]

    def test_times_in_seconds_get_the_next_finer_unit(self) -> None:
        frame = pd.DataFrame({"t": pd.Series([1], dtype="datetime64[s]")})

        assert frame_to_arrow(frame).schema.field("t").type == pa.timestamp("ms")

    def test_two_columns_of_one_name_are_refused(self) -> None:
        with pytest.raises(ExportError, match="'a'"):
            frame_to_arrow(pd.DataFrame([[1, 2]], columns=["a", "a"]))
        with pytest.raises(ExportError, match="'a'"):
            frame_to_arrow(pd.DataFrame({"a": [1]}).rename_axis("a"))

    @pytest.mark.parametrize("values", [["secret", 7], [object()], [2**70], ["\ud800secret"]])
    def test_a_column_that_no_type_takes_is_named_without_its_values(self, values: list[Any]) -> None:
        with pytest.raises(ExportError, match="'mixed'") as caught:
            frame_to_arrow(pd.DataFrame({"mixed": pd.Series(values, dtype=object)}))

        assert "secret" not in str(caught.value)
        assert caught.value.__suppress_context__

    def test_types_that_only_pandas_knows_are_refused(self) -> None:
        with pytest.raises(ExportError, match="special type"):
            frame_to_arrow(pd.DataFrame({"p": pd.period_range("2020-01", periods=2, freq="M")}))
