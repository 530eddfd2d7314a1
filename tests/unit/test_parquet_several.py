"""A folder or a pattern of whole exports is one frame that tells which row is of which file."""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pytest

import sc_pandas as sc
from sc_pandas.errors import AccessorError, ExportError
from sc_pandas.parquet import export_table
from sc_pandas.provenance import Provenance

DAYS = {"2026-11-24": [1, 2], "2026-11-25": [2], "2026-12-01": [1, 2, 3]}


def day_of(path: Any, ids: list[int], name: str = "x", **columns: Any) -> Any:
    table = pa.table({"user_id": ids, "is_whole_sale_user": [True] * len(ids), **columns})
    return export_table(path, table, Provenance(base_url="https://tt.api.example", verdict=name, rows=len(ids)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "days").mkdir()
    for name, ids in DAYS.items():
        day_of(tmp_path / "days" / f"{name}.parquet", ids, name)
    (tmp_path / "days" / ".sc_pandas-1-ab.tmp").mkdir()
    (tmp_path / "days" / ".sc_pandas-1-ab.tmp" / "part-0.parquet").write_bytes(b"half")
    return tmp_path / "days"


@pytest.mark.parametrize(("asked", "names"), [
    ("", list(DAYS)), ("2026-11-*.parquet", list(DAYS)[:2]), ("2026-1[12]-0?.parquet", list(DAYS)[2:]), ("*", list(DAYS)),
])  # fmt: skip
def test_files_stand_below_each_other(asked: str, names: list[str], folder: Path) -> None:
    frame = sc.read_parquet(str(folder / asked))
    wanted = [(f"{name}.parquet", number) for name in names for number in DAYS[name]]
    assert list(zip(frame["file"], frame["user_id"], strict=True)) == wanted
    assert frame.columns.tolist()[-1] == "file"
    assert [note["verdict"] for note in frame.attrs["sellercloud_files"].values()] == names
    with pytest.raises(AccessorError, match="several reads"):
        _ = frame.sellercloud.provenance
    newest = frame[frame["file"] == frame["file"].max()]
    assert len(sc.read_parquet(str(folder / asked), columns=["file"])) == len(frame)
    assert newest["user_id"].tolist() == DAYS[names[-1]]


def test_types_of_two_editions_are_joined(tmp_path: Path) -> None:
    old = {"rating": pa.array([4], pa.int8()), "custom.Value": pa.array([Decimal("1.5")], pa.decimal128(38, 10)),
           "created_month": pa.array([dt.date(2026, 1, 1)])}  # fmt: skip
    new = {"rating": [4], "custom.Value": [1.5], "new": ["a"],
           "created_month": pa.array([dt.datetime(2026, 1, 1)], pa.timestamp("us"))}  # fmt: skip  # noqa: DTZ001
    for name, columns in (("a", old), ("b", new)):
        day_of(tmp_path / f"{name}.parquet", [1], **columns)
    frame = sc.read_parquet(tmp_path)
    assert frame["new"].isna().tolist() == [True, False]
    for name in ("rating", "custom.Value", "created_month"):
        assert len(set(frame[name])) == 1
    assert sc.read_parquet(tmp_path, columns=["new"])["new"].tolist()[1] == "a"
    day_of(tmp_path / "c.parquet", [1], rating=["s3cr3t"])
    with pytest.raises(ExportError, match=r"different types: .*rating.*one by one") as caught:
        sc.read_parquet(tmp_path)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(("asked", "says"), [
    ("*.pq", r"\*\.pq means no file"), ("no/*.parquet", "means no file"), ("*-24.*", "a column 'file' of its own"),
])  # fmt: skip
def test_what_is_no_set_of_exports_is_told(asked: str, says: str, folder: Path) -> None:
    day_of(folder / "2026-11-24.parquet", [1], file=["x"])
    with pytest.raises(ExportError, match=says):
        sc.read_parquet(folder / asked)


def test_a_name_with_brackets_is_a_name_if_it_is_there(tmp_path: Path) -> None:
    day_of(tmp_path / "a[1].parquet", [7])
    day_of(tmp_path / "a1.parquet", [8])
    assert sc.read_parquet(tmp_path / "a[1].parquet")["user_id"].tolist() == [7]
    assert sc.read_parquet(tmp_path / "a[12].parquet").shape == (1, 3)


def test_a_store_has_patterns_and_folders_too() -> None:
    fsspec.filesystem("memory").store.clear()
    for name, ids in DAYS.items():
        day_of(f"memory://days/{name}.parquet", ids, name)
    assert sc.read_parquet("memory://days")["file"].nunique() == 3
    found = sc.read_parquet("memory://days/2026-11-*.parquet")
    assert found["file"].unique().tolist() == ["2026-11-24.parquet", "2026-11-25.parquet"]
    with pytest.raises(ExportError, match="means no file"):
        sc.read_parquet("memory://days/2025*")
