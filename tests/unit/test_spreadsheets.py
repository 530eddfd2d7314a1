# ruff: noqa: DTZ001  # the frame's times are naive
import csv
import datetime as dt
import os
import re
import stat
import sys
import tempfile
import unicodedata
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sc_pandas.errors import ExportError, MissingExtraError, SettingsError
from sc_pandas.parquet import frame_to_arrow
from sc_pandas.provenance import Provenance
from sc_pandas.writing import Spreadsheet, spreadsheets

NOTE = Provenance(base_url="https://tt.api.example", filter={"city": "=Brno"}, verdict="proven (bookends)", rows=1)
RUNS = [
    '=HYPERLINK("http://evil.example")', "=1+1", "+1 212 555 0100", "-1", "@SUM(1)", "\tx", "\rx", "\nx", "\x00x",
    "  =1", "\u00a0=1", "\u200b=1", "\ufeff=1", " \t=1", "＝1", "＋1", "－1", "＠1", "\u3000＝1", "﹢1", "−1", "\x01=1", "\x85=1",
]  # fmt: skip
STAYS = [
    "", " ", "a=1", "'=1", "Ada-Marie", "ada@example.com", "1+1", "#N/A", "#REF!", "{=1}", "TRUE", "1", "(=1)", "é",
    "日本", '"=1"',
]  # fmt: skip
# What Excel would show as other characters.
CODES = [
    "_x003D_1+1", "_x0041_", "_x005F_", "_x005F_x003D_", "_x0041_x0042_", "a _x000D_ b", "__x00e9__", "_x00g1_",
    " _x0041_ ",
]  # fmt: skip


def write_csv(frame: pd.DataFrame, path: Path, **how: Any) -> Spreadsheet:
    table = frame_to_arrow(frame, path)
    return spreadsheets.write_csv(path, table.to_batches(2), table.schema, **how)


def write_excel(frame: pd.DataFrame, path: Path, note: Provenance | None, **how: Any) -> Spreadsheet:
    table = frame_to_arrow(frame, path)
    return spreadsheets.write_excel(path, table.to_batches(), table.schema, note, **how)


def text(values: list[Any]) -> "pd.Series[Any]":
    return pd.Series(values, dtype=pd.ArrowDtype(pa.string()))


def full() -> pd.DataFrame:
    """Return a frame with every type that a column can have."""
    table = pa.table({
        "user_id": pa.array([2**53 + 1, 7, None], pa.int64()), "first_name": ["=1+1", None, "Ada"],
        "rating": pa.array([-5, 4, None], pa.int8()), "is_whole_sale_user": [True, False, None],
        "custom.Rate": pa.array([Decimal("-1.50"), Decimal("1234567890123456789.0123456789"), None], pa.decimal128(38, 10)),
        "created_on": pa.array([dt.datetime(2026, 1, 5, 10, 30, 0, 500_000), dt.datetime(1, 1, 1), None], pa.timestamp("us")),
        "created_month": pa.array([dt.datetime(2026, 1, 1), dt.datetime(1899, 1, 1), None], pa.timestamp("us")),
        "credit_limit": [-0.5, float("inf"), None], "groups": pa.array([["=a", "b"], [], None]),
        "addresses": pa.array([[{"id": 1, "city": "=Brno"}], [], None], pa.list_(pa.struct({"id": pa.int64(), "city": pa.string()}))),
        "zoned": pa.array([dt.datetime(2026, 1, 5, tzinfo=dt.UTC), None, None], pa.timestamp("us", "UTC")),
        "blob": pa.array([b"=1", None, None]),
    })  # fmt: skip
    return pd.DataFrame(table.to_pandas(types_mapper=pd.ArrowDtype))


def cells(path: Path, sheet: str = "Customers") -> Iterator[Any]:
    book = openpyxl.load_workbook(path)
    yield from book[sheet].iter_rows()
    book.close()


class TestTheGuard:
    @pytest.mark.parametrize("value", RUNS)
    def test_what_may_run_gets_an_apostrophe(self, value: str, tmp_path: Path) -> None:
        frame = pd.DataFrame({"a": text([value, None, "Ada"])})
        written = write_csv(frame, tmp_path / "x.csv")
        sheet = write_excel(frame, tmp_path / "x.xlsx", None)

        assert written.guarded == sheet.guarded == {"a": 1}
        assert b"\"'" + value.replace('"', '""').encode() + b'"' in (tmp_path / "x.csv").read_bytes()
        assert "1 texts got an apostrophe (a)" in str(written)

    def test_other_text_stays(self, tmp_path: Path) -> None:
        frame = pd.DataFrame({"a": text(STAYS), "b": text(["x"] * len(STAYS))})

        assert write_csv(frame, tmp_path / "x.csv").guarded == {}
        again = pd.read_csv(tmp_path / "x.csv", keep_default_na=False, dtype=str)
        assert again.to_dict("list") == frame.to_dict("list")

    def test_names_of_columns_are_guarded_and_numbers_are_not(self, tmp_path: Path) -> None:
        frame = pd.DataFrame({"=cmd|x": pd.Series([-7], dtype="int64[pyarrow]"), "n": [-1.5]})
        comma, xlsx = write_csv(frame, tmp_path / "x.csv"), write_excel(frame, tmp_path / "x.xlsx", None)

        assert comma.guarded == xlsx.guarded == {"=cmd|x": 1}
        assert (tmp_path / "x.csv").read_bytes() == b'\xef\xbb\xbf"\'=cmd|x","n"\n-7,-1.5\n'
        rows = [[cell.value for cell in row] for row in cells(tmp_path / "x.xlsx")]
        assert rows == [["'=cmd|x", "n"], [-7, -1.5]]

    @pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())])
    def test_every_type_of_text_is_guarded(self, kind: pa.DataType, tmp_path: Path) -> None:
        frame = pd.DataFrame(
            {"a": pd.Series(["=1"], dtype=pd.ArrowDtype(kind)), "b": pd.Series(["=1"], dtype="category")}
        )
        frame["c"] = pd.Series(["=1"], dtype=object)

        assert write_csv(frame, tmp_path / "x.csv").guarded == {"a": 1, "b": 1, "c": 1}
        assert write_excel(frame, tmp_path / "x.xlsx", None).guarded == {"a": 1, "b": 1, "c": 1}

    @pytest.mark.fault("H10")
    @given(st.lists(st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from([*RUNS, *STAYS]) | st.none(), min_size=1, max_size=6))  # fmt: skip
    @settings(deadline=None, max_examples=40)
    def test_no_text_becomes_a_formula_and_none_is_lost(self, values: list[str | None]) -> None:
        frame = pd.DataFrame({"=a": text(values), "n": range(len(values))})
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "x.xlsx")
            for guard in (True, False):
                write_excel(frame, path, NOTE, formula_guard=guard)
                found = [row[0] for row in cells(path)][1:]
                assert all(cell.data_type in {"s", "inlineStr", "n"} for cell in found)
                assert all(cell.value is None for cell in found if cell.data_type == "n")
                for cell, value in zip(found, values, strict=True):
                    wanted = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "\ufffd", value or "")
                    # XML takes every end of a line for \n.
                    wanted = wanted.replace("\r\n", "\n").replace("\r", "\n")
                    assert (cell.value or "").removeprefix("'" if guard else "") in {wanted, wanted.removeprefix("'")}
            write_csv(frame, Path(folder, "x.csv"))
            with Path(folder, "x.csv").open(encoding="utf-8-sig", newline="") as file:
                header, *found_rows = csv.reader(file)
            assert header == ["'=a", "n"]
            for row, value in zip(found_rows, values, strict=True):
                assert row[0] in {value or "", f"'{value}"}
                assert not may_run(row[0])


def may_run(value: str) -> bool:
    """Say by Unicode's own tables whether the first character that is seen starts a formula, or is a control."""
    first = next((each for each in value if unicodedata.category(each) not in {"Zs", "Zl", "Zp", "Cf"}), "")
    return unicodedata.category(first or "x") == "Cc" or unicodedata.normalize("NFKC", first) in set("=+-@\u2212")


class TestCsv:
    def test_every_type_has_a_form(self, tmp_path: Path) -> None:
        written = write_csv(full(), tmp_path / "x.csv")
        lines = Path(written).read_text("utf-8-sig").splitlines()

        assert written.rows == 3
        assert lines[1] == (
            '9007199254740993,"\'=1+1",-5,"True",-1.5000000000,2026-01-05 10:30:00.500000,"2026-01-01",-0.5,'
            '"[""=a"", ""b""]","[{""id"": 1, ""city"": ""=Brno""}]",2026-01-05 00:00:00.000000Z,"3d31"'
        ).replace("2026-01-05 10:30:00.500000", '"2026-01-05 10:30:00.500000"')
        assert lines[3] == ",".join(["", '"Ada"', *[""] * 10])

    def test_other_separators_and_no_mark(self, tmp_path: Path) -> None:
        frame = pd.DataFrame({"a": text(["x;y"]), "b": [1]})
        write_csv(frame, tmp_path / "x.csv", sep=";", encoding="utf-8")

        assert (tmp_path / "x.csv").read_bytes() == b'"a";"b"\n"x;y";1\n'
        for wrong in ({"sep": "x"}, {"encoding": "latin-1"}):
            with pytest.raises(SettingsError):
                write_csv(frame, tmp_path / "x.csv", **wrong)

    def test_no_rows_and_no_columns(self, tmp_path: Path) -> None:
        write_csv(full().head(0), tmp_path / "x.csv")
        assert pd.read_csv(tmp_path / "x.csv").columns.tolist() == full().columns.tolist()
        write_csv(pd.DataFrame(), tmp_path / "y.csv")
        assert (tmp_path / "y.csv").read_bytes() == b"\xef\xbb\xbf"


@pytest.mark.parametrize(("values", "texts"), [
    (pd.cut(pd.Series([1, 2, 3]), 3), ["(0.998, 1.667]", "(1.667, 2.333]", "(2.333, 3.0]"]),
    (pd.Series(pd.period_range("2020", periods=3, freq="M")), ["2020-01", "2020-02", "2020-03"]),
    (pd.Series(pd.arrays.SparseArray([0, 0, 7])), ["0", "0", "7"]), (pd.Series([1j, 2, 3]), ["1j", "(2+0j)", "(3+0j)"]),
    (pd.Series([1, "=a", "b"], dtype=object), ["1", "'=a", "b"]), (pd.Series([Path("a")] * 3), ["a"] * 3),
    (pd.Series(["12000-01-01"] * 3).to_numpy().astype("datetime64[s]"), ["12000-01-01 00:00:00.000"] * 3),
    (pd.Series(["-0500-01-01"] * 3).to_numpy().astype("datetime64[ms]"), ["'-0500-01-01 00:00:00.000"] * 3),
    (pd.arrays.ArrowExtensionArray(pa.array([3_663_000] * 3, pa.int32()).cast(pa.date32())), ["11998-12-15"] * 3),
])  # fmt: skip
def test_what_has_no_cell_of_its_own_is_text(values: Any, texts: list[str], tmp_path: Path) -> None:
    """As pandas writes it: intervals, periods, complex numbers, paths, mixed values, years beyond 9999."""
    frame = pd.DataFrame({"x": values})
    table = frame_to_arrow(frame, as_text=True)
    spreadsheets.write_csv(tmp_path / "x.csv", table.to_batches(), table.schema)
    spreadsheets.write_excel(tmp_path / "x.xlsx", table.to_batches(), table.schema, None)
    with (tmp_path / "x.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row[0] for row in csv.reader(file)][1:] == texts
    assert [str(row[0].value) for row in cells(tmp_path / "x.xlsx")][1:] == texts


class TestExcel:
    def test_every_type_has_a_form(self, tmp_path: Path) -> None:
        write_excel(full(), tmp_path / "x.xlsx", NOTE)
        rows = [[(cell.value, cell.data_type) for cell in row] for row in cells(tmp_path / "x.xlsx")]

        assert rows[1] == [
            ("9007199254740993", "s"), ("'=1+1", "s"), (-5, "n"), (True, "b"), (-1.5, "n"),
            (dt.datetime(2026, 1, 5, 10, 30, 0, 500_000), "d"), (dt.datetime(2026, 1, 1), "d"), (-0.5, "n"),
            ('["=a", "b"]', "s"), ('[{"id": 1, "city": "=Brno"}]', "s"), ("2026-01-05 00:00:00+00:00", "s"), ("3d31", "s"),
        ]  # fmt: skip
        assert [value for value, _ in rows[2]] == [
            7, None, 4, False, "1234567890123456789.0123456789", "0001-01-01 00:00:00", "1899-01-01", "inf", "[]", "[]",
            None, None,
        ]  # fmt: skip
        assert [value for value, _ in rows[3]] == [None, "Ada", *[None] * 10]
        assert pd.read_excel(tmp_path / "x.xlsx", nrows=1)["created_on"].dtype.kind == "M"

    @pytest.mark.parametrize("value", CODES)
    def test_what_looks_like_a_characters_code_stays_text(self, value: str, tmp_path: Path) -> None:
        """Excel would show ``_x003D_1+1`` as ``=1+1``; in no element of the file does a code stand."""
        frame = pd.DataFrame({value: text([value])})
        write_excel(frame, tmp_path / "x.xlsx", None)

        with zipfile.ZipFile(tmp_path / "x.xlsx") as book:
            sheet = book.read("xl/worksheets/sheet1.xml").decode()
        assert not re.search(r">[^<]*_x[0-9A-Fa-f]{4}_", sheet)
        assert [row[0].value for row in cells(tmp_path / "x.xlsx")] == [value, value]
        again = pd.read_excel(tmp_path / "x.xlsx")
        assert (again.columns.tolist(), again[value].tolist()) == ([value], [value])

    def test_the_second_sheet_says_where_from(self, tmp_path: Path) -> None:
        write_excel(full(), tmp_path / "x.xlsx", NOTE)
        said = {row[0].value: (row[1].value, row[1].data_type) for row in cells(tmp_path / "x.xlsx", "Where from")}

        assert said["verdict"] == ("proven (bookends)", "s")
        assert said["filter"] == ("city='=Brno'", "s")

    def test_characters_that_xml_has_not_are_replaced_and_counted(self, tmp_path: Path) -> None:
        frame = pd.DataFrame({"a\x01": text(["A\x00d\x1fa", "\ufffe\uffff", "fine\t\n"])})
        written = write_excel(frame, tmp_path / "x.xlsx", None)

        assert written.replaced == {"a\x01": 3}
        found = [row[0].value for row in cells(tmp_path / "x.xlsx")]
        assert found == ["a\ufffd", "A\ufffdd\ufffda", "\ufffd\ufffd", "fine\t\n"]

    @pytest.mark.parametrize(
        ("frame", "says"),
        [*((pd.DataFrame({"note": [value]}), "'note' holds a text of more than 32,767") for value in ("x" * 32_768, "😀" * 16_384)),
         (pd.DataFrame([range(16_385)]).add_prefix("c"), "16,384 columns")],
    )  # fmt: skip
    def test_a_text_that_is_too_long_is_refused_without_quoting_it(
        self, frame: pd.DataFrame, says: str, tmp_path: Path
    ) -> None:
        """So are too many columns."""
        with pytest.raises(ExportError, match=says) as caught:
            write_excel(frame, tmp_path / "x.xlsx", None)

        assert "xxx" not in str(caught.value)
        assert list(tmp_path.iterdir()) == []
        write_excel(pd.DataFrame({"note": text(["x" * 32_767, "😀" * 16_383])}), tmp_path / "x.xlsx", None)

    def test_a_workbook_with_a_formula_is_not_published(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Were openpyxl to change its mind about types, the check before publishing would see it."""
        monkeypatch.setattr(spreadsheets, "_maker", lambda *_: lambda value: value)

        with pytest.raises(ExportError, match="became a formula"):
            write_excel(pd.DataFrame({"a": text(["=1+1"])}), tmp_path / "x.xlsx", None, formula_guard=False)
        assert list(tmp_path.iterdir()) == []

    def test_a_missing_openpyxl_is_explained(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "openpyxl", None)

        with pytest.raises(MissingExtraError, match=r"sc_pandas\[excel\]") as caught:
            write_excel(full(), tmp_path / "x.xlsx", None)
        assert caught.value.extra == "excel"

    def test_a_full_disk_of_openpyxls_own_is_told_too(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full_disk(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(spreadsheets, "_fill", full_disk)
        with pytest.raises(ExportError, match="No space left") as caught:
            write_excel(full(), tmp_path / "x.xlsx", None)
        assert caught.value.reason == "os"
        assert list(tmp_path.iterdir()) == []


@pytest.mark.fault("F11")
@pytest.mark.usefixtures("open_umask")
@pytest.mark.parametrize("write", [write_csv, lambda frame, path: write_excel(frame, path, NOTE)])
def test_files_are_private_whole_and_without_rests(write: Any, tmp_path: Path) -> None:
    frame = full()
    written: Spreadsheet = write(frame, str(tmp_path / "x"))
    pd.testing.assert_frame_equal(frame, full())

    assert written.path == tmp_path / "x"
    assert stat.S_IMODE(os.stat(written).st_mode) == 0o600  # noqa: PTH116  # it goes where a path goes
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
