"""A file is what its name promises, or it is not written."""

import stat
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import sc_pandas as sc
from sc_pandas.errors import ExportError, SettingsError
from sc_pandas.provenance import ATTRS_KEY, Provenance

NOTE = Provenance(base_url="https://tt.api.example", verdict="proven (bookends)", rows=2)


@pytest.fixture
def frame() -> Any:
    table = pa.table({
        "user_id": [7, 2], "is_whole_sale_user": [True, None], "custom.Visits": pa.array([1, None], pa.int32()),
        "first_name": ["=1+1", None], "groups": [["a"], None],
    })  # fmt: skip
    frame = table.to_pandas(types_mapper=pd.ArrowDtype)
    frame.attrs = {ATTRS_KEY: NOTE.to_attrs()}
    return frame


@pytest.mark.parametrize(("name", "read"), [
    ("c.parquet", sc.read_parquet), ("c.pq", pd.read_parquet), ("c.feather", pd.read_feather), ("c.CSV", pd.read_csv),
    ("c.csv.gz", pd.read_csv), ("c.csv.bz2", pd.read_csv), ("c.csv.zip", pd.read_csv), ("c.csv.xz", pd.read_csv),
    ("c.csv.zst", lambda path: pd.read_csv(pa.input_stream(path, compression="zstd"))),
    ("c.tsv", lambda path: pd.read_csv(path, sep="\t")), ("c.xlsx", pd.read_excel),
    ("c.tsv.gz", lambda path: pd.read_csv(path, sep="\t")),
])  # fmt: skip
def test_a_name_decides_the_format(name: str, read: Any, frame: Any, tmp_path: Path) -> None:
    path = tmp_path / name
    contents = []
    for _ in range(1 if name == "c.xlsx" else 2):
        frame.sellercloud.to_file(path)
        contents.append(path.read_bytes())
    found = read(path)
    assert len(set(contents)) == 1
    assert list(found.columns) == list(frame.columns)
    assert found["user_id"].tolist() == [7, 2]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    if name in {"c.parquet", "c.feather"}:
        assert found["custom.Visits"].dtype == frame["custom.Visits"].dtype
        assert found.attrs == frame.attrs
    elif name != "c.pq":
        assert found["first_name"].tolist()[0] == "'=1+1"


@pytest.mark.parametrize(("verb", "name", "says"), [
    ("to_csv", "c.xlsx", "to_csv writes CSV, and the name ends in .xlsx. Use to_excel, or"), ("to_csv", "c.Parquet.gz", "Use to_parquet"),
    ("to_csv", "c.tar.gz", "ends in .tar.gz. Change the name"), ("to_csv", "c.feather", "Use to_feather"),
    ("to_parquet", "c.csv", "to_parquet writes Parquet, and the name ends in .csv. Use to_csv"),
    ("to_parquet", "s3://bucket/c.xlsx", "Use to_excel"), ("to_parquet", "c.parquet.gz", "compressed inside. Leave .gz out"),
    ("to_parquet", "c.zst", "compressed inside"), ("to_excel", "c.ods", "ends in .ods. Change the name"),
    ("to_excel", "c.XLS", "Change"), ("to_excel", "c.csv", "Use to_csv"), ("to_feather", "c.tsv", "Use to_csv"),
    ("to_file", "c.json", "no verb writes .json. Let it end in one of .parquet"), ("to_file", "c", "does not say in which format"),
    ("to_file", "c.xlsx.zip", "Excel is compressed inside"),
])  # fmt: skip
def test_a_name_that_promises_something_else_is_refused(
    verb: str, name: str, says: str, frame: Any, tmp_path: Path
) -> None:
    with pytest.raises(ExportError) as caught:
        getattr(frame.sellercloud, verb)(name if "://" in name else tmp_path / name)
    assert says in str(caught.value)
    assert caught.value.reason == "mismatch"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["zstd", "snappy", "gzip", "brotli", "lz4", "none"])
def test_the_compression_of_parquet_is_chosen(name: str, frame: Any, tmp_path: Path) -> None:
    for by, path in ((None, tmp_path / "one"), ("is_whole_sale_user", tmp_path / "all")):
        frame.sellercloud.to_parquet(path, compression=name, partition_by=by)
        found = min([path] if by is None else path.rglob("*.parquet"))
        said = pq.read_metadata(found).row_group(0).column(0).compression
        assert said == {"none": "UNCOMPRESSED"}.get(name, name.upper())
        assert len(sc.read_parquet(path)) == 2
    with pytest.raises(SettingsError, match="one of zstd, snappy"):
        frame.sellercloud.to_parquet(tmp_path / "two", compression="lzo")


def test_tsv_has_tabs_and_a_name_without_promise_is_taken(frame: Any, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"\.tsv promises tabs"):
        frame.sellercloud.to_csv(tmp_path / "c.tsv", sep=";")
    for verb in ("to_csv", "to_parquet", "to_excel", "to_feather"):
        getattr(frame.sellercloud, verb)(tmp_path / f"{verb}.2026-11")
    assert pd.read_csv(frame.sellercloud.to_csv(tmp_path / "nightly.gz"), compression="gzip").shape == (2, 5)
