"""What one read leaves in the cache, and what the next may make of it."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

import sc_pandas as sc
from sc_pandas.reading.fetch import ListRead
from tests.faults.raw import RawServer, page, whole
from tests.support.shops import finished_reads, shop_of


@pytest.mark.parametrize("order", ["id_asc", "id_desc"])
@pytest.mark.parametrize("before", [{"limit": 500}, {"consistency": "fast"}])
def test_another_kind_of_read_is_not_gone_on_with(before: Any, order: Any, tmp_path: Path) -> None:
    """Its pages were asked in another order: beside later ones a customer who stays could hide between them."""
    with sc.sandbox.serve(customers=2_000, seed=7, order=order) as box, shop_of(box, tmp_path) as shop:
        shop.customers(**before).run()
        ids = [each["user_id"] for each in box.customers()]
        box.merge(ids[0], ids[100])
        frame = shop.customers().to_pandas()
        assert set(ids) - {ids[100]} <= set(frame.user_id)


def test_a_read_that_ended_is_not_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A window that cannot be split is read twice and is not kept: an hour later everything is asked anew."""
    with sc.sandbox.serve(customers=120, seed=7) as box, shop_of(box, tmp_path) as shop:
        box.insert(130, created_on=dt.datetime(2020, 5, 5, 5, 5), rating=4)  # noqa: DTZ001  # as SellerCloud has it
        query = shop.customers(consistency="strict", rating=4)
        query.run()
        new = box.insert(3, rating=4)
        monkeypatch.setattr("sc_pandas.reading.options.ONE_HOUR_S", -1.0)
        assert set(new) <= set(query.to_pandas().user_id)


def test_a_read_that_moved_is_served_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its fresh looks are found where they were kept, also offline, and nothing is forgotten."""
    with sc.sandbox.serve(customers=800, seed=7) as box, shop_of(box, tmp_path) as shop:
        ids = [each["user_id"] for each in box.customers()]
        ask, asked = ListRead.ask, []

        def merging(self: ListRead, one: Any) -> Any:
            asked.append(one)
            if len(asked) == 8:
                box.merge(ids[0], ids[300])
            return ask(self, one)

        monkeypatch.setattr(ListRead, "ask", merging)
        first = shop.customers(on_bad_value="raise").to_pandas()
        again = shop.customers(on_bad_value="raise", cache="offline").to_pandas()
        assert again.equals(first)
        assert len(finished_reads(tmp_path)) == 1


def test_an_old_answer_is_no_proof_from_our_cache_either(tmp_path: Path) -> None:
    """`Age` is not kept with a page, so such a page is not kept."""
    script = lambda wire: wire.send(whole(page([1, 2]), "Age: 30"))  # noqa: E731
    with RawServer(script) as server, server.shop(tmp_path) as shop:
        assert shop.customers().count() == 2
        for _look in range(2):
            report = shop.customers(on_bad_value="raise").run().report
            assert report.verdict == "not verified"
            assert any("30 s old" in note for note in report.notes)


def test_pages_1_and_2_that_never_agree_are_told(tmp_path: Path) -> None:
    """A proxy answers page 1 with 50 of 50 for ever, while page 2 has somebody."""

    def script(wire: Any) -> None:
        is_second = "2" in (wire.params.get("pageNumber"), wire.params.get("model.pageNumber"))
        wire.send(whole(page([51], 51) if is_second else page(list(range(1, 51)), 50)))

    with RawServer(script) as server, server.shop(tmp_path) as shop, pytest.raises(sc.PagingDriftError):
        shop.customers().run()


def test_fast_does_not_prove_a_full_page(tmp_path: Path) -> None:
    with sc.sandbox.serve(customers=50, seed=7) as box, shop_of(box, tmp_path) as shop:
        assert shop.customers(consistency="fast").run().report.verdict == "not verified"
        assert shop.customers().run().report.verdict == "proven (one response)"


@pytest.mark.parametrize("customers", [10, 50])
def test_max_calls_may_be_what_a_full_page_takes(customers: int, tmp_path: Path) -> None:
    with sc.sandbox.serve(customers=customers, seed=7) as box, shop_of(box, tmp_path) as shop:
        assert shop.customers(max_calls=3).run().report.calls == 3
