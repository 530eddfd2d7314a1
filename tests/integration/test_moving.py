"""Lists that one pass cannot prove: read in windows of creation dates, kept, and gone on with after a failure."""

from pathlib import Path
from typing import Any

import pytest

import sc_pandas as sc
from tests.support.shops import served, shop_of


def ids(box: sc.sandbox.Sandbox) -> list[int]:
    return [each["user_id"] for each in box.customers()]


@pytest.mark.fault("C03", "C17")
@pytest.mark.parametrize("bounds", ["inclusive", "exclusive_to", "date_only", "minute"])
@pytest.mark.parametrize("order", ["modified_desc", "unstable"])
def test_a_list_not_sorted_by_id_is_read_by_dates_and_kept(order: Any, bounds: Any, tmp_path: Path) -> None:
    """Every customer once, whatever the borders mean; a second look makes no call and gives the equal table."""
    with served(tmp_path / "cache", customers=400, seed=7, order=order, date_bounds=bounds) as (box, shop):
        read = shop.customers().run()
        assert read.report.verdict in {"proven (closed list)", "proven (windows)"}
        assert read.table["user_id"].to_pylist() == ids(box)
        assert any("then came the list up to a past moment" in note for note in read.report.notes)
        calls = box.calls()
        again = shop.customers().run()
        assert again.table.equals(read.table)
        assert again.report.verdict == read.report.verdict
        assert box.calls() == calls


def test_strict_begins_with_windows(tmp_path: Path) -> None:
    with sc.sandbox.serve(customers=400, seed=7) as box, shop_of(box, tmp_path / "cache") as shop:
        read = shop.customers(consistency="strict", customer_type="Retail").run()
        assert read.report.verdict == "proven (windows)"
        truth = [each["user_id"] for each in box.customers() if not each["is_whole_sale_user"]]
        assert read.table["user_id"].to_pylist() == truth


def test_windows_stay_inside_the_dates_that_were_asked(tmp_path: Path) -> None:
    with served(tmp_path / "cache", customers=1037, seed=7, order="unstable") as (box, shop):
        read = shop.customers(created_on_from="2023-01-01", created_on_to="2025-06-30 12:00").run()
        truth = [
            each["user_id"]
            for each in box.customers()
            if "2023-01-01T00:00:00" <= each["created_on"].isoformat() <= "2025-06-30T12:00:00"
        ]
        assert len(truth) > 100
        assert read.table["user_id"].to_pylist() == truth


@pytest.mark.fault("C18")
def test_a_minute_of_more_than_a_response_is_read_twice(tmp_path: Path) -> None:
    """A window that cannot be split is read until two passes are equal, or the read raises; nobody is lost silently."""
    with served(tmp_path / "cache", customers=200, seed=7, order="modified_desc") as (box, shop):
        moment = box.customers()[100]["created_on"].replace(second=0)
        box.insert(70, created_on=moment)
        read = shop.customers().run()
        assert read.report.is_proven
        assert read.table["user_id"].to_pylist() == ids(box)


@pytest.mark.parametrize("order", ["id_asc", "unstable"])
def test_a_read_that_failed_goes_on_where_it_stopped(order: Any, tmp_path: Path) -> None:
    """Finished pages and windows are not asked again."""
    with served(tmp_path / "cache", customers=1037, seed=7, order=order) as (box, shop):
        undisturbed = shop.customers(cache="off").run()
        box.fault("status", at=undisturbed.report.calls // 2, times=None)
        with pytest.raises(sc.ServerError):
            shop.customers().run()
        box.clear_faults()
        before = box.calls("list")
        read = shop.customers().run()
        assert read.table.equals(undisturbed.table)
        # Page 1 and the last page were done at least; what was in flight at the failure (16 calls) may be asked again.
        assert box.calls("list") - before < undisturbed.report.calls - 2


def test_a_limit_takes_what_the_server_gives_first(tmp_path: Path) -> None:
    """Windows have no first rows, so that a limited read of an unsorted list is an error, or one response."""
    with served(tmp_path / "cache", customers=400, seed=7, order="unstable") as (_box, shop):
        assert len(shop.customers(limit=30).to_pandas()) == 30
        with pytest.raises(sc.PagingDriftError):
            shop.customers(limit=130).to_pandas()


def test_an_ignored_page_number_is_asked_in_the_other_dialect(tmp_path: Path) -> None:
    """A page with the rows of page 1 is a sign that the dialect was not understood; the answer is whole all the same."""
    with sc.sandbox.serve(customers=300, seed=7) as box, shop_of(box, tmp_path / "cache") as shop:
        box.fault("repeat_page", at=3)
        read = shop.customers().run()
        assert read.table["user_id"].to_pylist() == ids(box)
        assert read.report.is_proven
        assert any(name.startswith("model.") for entry in box.log.requests("list") for name, _ in entry.params)
