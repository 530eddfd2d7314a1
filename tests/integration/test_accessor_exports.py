"""What leaves a frame that was really read: Parquet, CSV, Excel and tokens."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

import sc_pandas as sc
from sc_pandas.errors import AccessorError, ExportError, SettingsError
from tests.support.shops import served, shop_of


@pytest.fixture(scope="module")
def frame(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with served(tmp_path_factory.mktemp("cache"), customers=300, seed=7) as (_box, shop):
        yield sc.read_sellercloud_customers(shop)


class TestProvenance:
    def test_a_read_knows_its_rows_and_a_part_says_that_it_is_one(self, frame: Any, tmp_path: Path) -> None:
        note = frame.sellercloud.provenance
        part = frame[frame["rating"] >= 4]

        assert (note.rows, note.is_whole, frame.attrs["sellercloud"]["rows"]) == (300, True, 300)
        assert part.attrs == frame.attrs
        assert part.sellercloud.provenance.rows_in_words().startswith(f"part of a read: {len(part)} of 300 rows")
        whole = sc.read_parquet(frame.sellercloud.to_parquet(tmp_path / "whole"))
        assert whole.attrs == frame.attrs
        again = sc.read_parquet(part.sellercloud.to_parquet(tmp_path / "part"))
        assert again.attrs["sellercloud"]["frame_rows"] == len(part)
        assert pd.read_parquet(tmp_path / "part").attrs["sellercloud"]["frame_rows"] == len(part)
        assert again.sellercloud.provenance.is_whole is False

    def test_rows_that_were_added_or_stand_twice_are_seen(self, frame: Any) -> None:
        twice = pd.concat([frame, frame])
        as_many = pd.concat([frame.head(150), frame.head(150)])
        changed_in_place = frame.copy()
        assert changed_in_place.sellercloud.provenance.is_whole
        changed_in_place.loc[300] = changed_in_place.loc[0]

        assert "put together after a read of 300" in twice.sellercloud.provenance.rows_in_words()
        assert as_many.sellercloud.provenance.is_whole is False
        assert changed_in_place.sellercloud.provenance.frame_rows == 301

    def test_a_streamed_export_and_a_limited_read_know_their_rows(self, tmp_path: Path) -> None:
        with sc.sandbox.serve(customers=120, seed=7) as box, shop_of(box, tmp_path) as shop:
            assert sc.read_parquet(shop.customers().to_parquet(tmp_path / "x")).attrs["sellercloud"]["rows"] == 120
            assert shop.customers(limit=7).to_pandas().sellercloud.provenance.rows_in_words() == "7, as read"


class TestParquet:
    @pytest.mark.parametrize("by", ["rating_name", ["is_whole_sale_user", "rating"]])
    def test_a_folder_gives_back_the_frame(self, frame: Any, by: Any, tmp_path: Path) -> None:
        again = sc.read_parquet(frame.sellercloud.to_parquet(tmp_path / "all", partition_by=by))

        pd.testing.assert_frame_equal(again, frame)
        assert again.attrs == frame.attrs

    def test_columns_that_nobody_knows_name_folders_only_by_order(self, frame: Any, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match="personal data into the names of folders"):
            frame.sellercloud.to_parquet(tmp_path / "all", partition_by=["rating", "last_name"])
        renamed = frame.rename(columns={"email": "e_mail"})
        for name in ("e_mail", "custom.Loyalty Tier"):
            with pytest.raises(SettingsError, match=f"impersonal=.*{name}"):
                renamed.sellercloud.to_parquet(tmp_path / "all", partition_by=name)
        assert list(tmp_path.iterdir()) == []
        by = ["channel", "custom.Loyalty Tier"]
        full = frame.assign(channel="Amazon").convert_dtypes(dtype_backend="pyarrow")
        again = sc.read_parquet(full.sellercloud.to_parquet(tmp_path / "all", partition_by=by, impersonal=by[1]))
        assert len(again) == 300


class TestUnverified:
    @pytest.mark.parametrize("verb", ["to_parquet", "to_csv", "to_excel"])
    @pytest.mark.fault("F16")
    def test_rows_that_were_not_proven_are_written_only_on_purpose(self, frame: Any, verb: str, tmp_path: Path) -> None:
        loose = frame.copy()
        loose.attrs["sellercloud"] = loose.attrs["sellercloud"] | {"verdict": "not verified"}

        with pytest.raises(ExportError, match="allow_unverified=True") as caught:
            getattr(loose.sellercloud, verb)(tmp_path / "x")
        assert caught.value.reason == "not_verified"
        assert list(tmp_path.iterdir()) == []
        getattr(loose.sellercloud, verb)(tmp_path / "x", allow_unverified=True)
        assert (tmp_path / "x").exists()

    @pytest.mark.parametrize("verb", ["to_csv", "to_excel"])
    def test_a_frame_that_lost_its_provenance_is_not_verified(self, frame: Any, verb: str, tmp_path: Path) -> None:
        merged = frame.copy()
        merged.attrs = {}

        with pytest.raises(AccessorError, match="does not say"):
            getattr(merged.sellercloud, verb)(tmp_path / "x")
        assert getattr(merged.sellercloud, verb)(tmp_path / "x", allow_unverified=True).rows == 300


def test_every_customer_gets_into_csv_and_excel(frame: Any, tmp_path: Path) -> None:
    comma = frame.sellercloud.to_csv(tmp_path / "x.csv")
    sheet = frame.sellercloud.to_excel(tmp_path / "x.xlsx")

    for again in (pd.read_csv(comma), pd.read_excel(sheet)):
        assert again.columns.tolist() == frame.columns.tolist()
        assert again["user_id"].tolist() == frame["user_id"].tolist()
        assert again["email"].fillna("").str.removeprefix("'").tolist() == frame["email"].fillna("").tolist()
        assert again["rating"].tolist() == frame["rating"].tolist()
    book = openpyxl.load_workbook(sheet)
    assert not any(cell.data_type == "f" for each in book for row in each for cell in row)
    assert book.sheetnames == ["Customers", "Where from"]
