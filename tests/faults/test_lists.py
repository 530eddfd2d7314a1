"""Rows C of the fault catalogue on the whole reader: pages that are not what was asked for never give wrong rows."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import sc_pandas as sc
from sc_pandas.query.connection import Connection
from tests.integration.oracle import assert_equals_truth
from tests.support.shops import kept_bodies, shop_of
from tests.support.worlds import PAGE, MovingList, nowhere

SERVED: dict[str, Callable[[int], int]] = {
    "same page always": lambda _: 1, "first page twice": lambda n: max(1, n - 1), "page 3 is page 2": lambda n: n - (n == 3),
    "last page always": lambda n: 5 if n > 1 else 1, "wraps around": lambda n: (n - 1) % 3 + 1, "counts from 0": lambda n: n + 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    with nowhere(tmp_path_factory.mktemp("c")) as one:
        yield one


@pytest.mark.fault("C08", "C13")
@pytest.mark.parametrize("consistency", ["auto", "strict"])
@pytest.mark.parametrize("kind", SERVED)
def test_ignored_page_numbers_end_in_an_error(
    kind: str, consistency: Any, shop: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No endless loop: at most one pass in each of the ways of reading."""
    model = MovingList()
    monkeypatch.setattr(model, "served", SERVED[kind])
    monkeypatch.setattr(model, "listed", lambda _params: sorted(model.rows))
    monkeypatch.setattr(shop.source.client, "get_page", model.get_page)
    with pytest.raises(sc.SellerCloudError) as caught:
        shop.customers(page_size=PAGE, cache="off", consistency=consistency).to_pandas()
    assert isinstance(caught.value, sc.PagingDriftError | sc.ResponseError)
    assert len(model.asked) < 80


@pytest.mark.fault("C07")
@pytest.mark.parametrize("asked", [1, 10, 11, 49, 50, 51, 100, 500, 1_000])
def test_no_page_size_and_no_cap_loses_anybody(asked: int, tmp_path: Path) -> None:
    """The server serves 50 at most and says nothing."""
    with sc.sandbox.serve(customers=123, seed=7) as box, shop_of(box, tmp_path) as shop:
        assert_equals_truth(shop.customers(page_size=asked).to_pandas(), box.customers())


@pytest.mark.fault("C14", "C20")
def test_a_read_that_stopped_loses_nobody_of_a_changed_list(tmp_path: Path) -> None:
    """Stopped after each page in turn; in the pause a customer is merged and one joins, so that the total stays.

    Who was merged away or joined while the read was under way may be there or not.
    """
    with sc.sandbox.serve(customers=220, seed=7) as box:
        for stop in range(2, 8):
            with shop_of(box, tmp_path / str(stop)) as shop:
                box.fault("status", at=stop, every=1, times=None)
                with pytest.raises(sc.ServerError):
                    shop.customers().to_pandas()
                assert kept_bodies(tmp_path / str(stop))
                box.clear_faults()
                box.merge(1001 + 2 * stop, 1002 + 2 * stop)
                box.insert()
                truth = box.customers()
                for _ in range(3):
                    try:
                        frame = shop.customers().to_pandas()
                    except sc.PagingDriftError:
                        continue
                    newest = max(each["user_id"] for each in truth)
                    stayed = frame[~frame.user_id.isin([1002 + 2 * stop, newest])].reset_index(drop=True)
                    assert_equals_truth(stayed, [each for each in truth if each["user_id"] != newest])
                    break
                else:
                    pytest.fail("the list stood still and was not read")
