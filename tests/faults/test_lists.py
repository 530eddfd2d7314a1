"""Rows C of the fault catalogue on the whole reader: pages that are not what was asked for never give wrong rows."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sc_pandas as sc
from sc_pandas.client import Expectation, Page, Tally
from sc_pandas.contract import PageRows
from sc_pandas.query.connection import Connection
from sc_pandas.settings import Credentials, Secret
from tests.integration.oracle import assert_equals_truth
from tests.support.shops import kept_bodies, shop_of

SIZE = 10


class OddList:
    """A list of 45 customers in pages of 10 that answers some page numbers with other pages."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.calls = 0
        self._lock = threading.Lock()

    def served(self, number: int) -> int:
        return {
            "same page always": 1,
            "first page twice": max(1, number - 1),
            "last page always": 5 if number > 1 else 1,
            "wraps around": (number - 1) % 3 + 1,
            "counts from 0": number + 1,
            "page 3 is page 2": 2 if number == 3 else number,
        }[self.kind]

    def get_page(self, _path: str, params: Any, _expectation: Expectation, *, tally: Tally, **_more: Any) -> Page:
        with self._lock:
            self.calls += 1
        tally.count_call()
        number = self.served(int(dict(params)["pageNumber"]))
        ids = range(1, 46)[(number - 1) * SIZE : number * SIZE]
        return Page(PageRows([{"UserID": each} for each in ids]), 45)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    login = Credentials("ann", password=Secret("never sent"))
    with Connection("http://127.0.0.1:9/rest", login, dialect="article", cache_dir=tmp_path_factory.mktemp("c")) as one:
        yield one


ODD = ["same page always", "first page twice", "last page always", "wraps around", "counts from 0", "page 3 is page 2"]


@pytest.mark.fault("C08", "C13")
@pytest.mark.parametrize("consistency", ["auto", "strict"])
@pytest.mark.parametrize("kind", ODD)
def test_ignored_page_numbers_end_in_an_error(
    kind: str, consistency: Any, shop: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No endless loop: at most one pass in each of the ways of reading."""
    model = OddList(kind)
    monkeypatch.setattr(shop.source.client, "get_page", model.get_page)
    with pytest.raises(sc.SellerCloudError) as caught:
        shop.customers(page_size=SIZE, cache="off", consistency=consistency).to_pandas()
    assert isinstance(caught.value, sc.PagingDriftError | sc.ResponseError)
    assert model.calls < 80


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
