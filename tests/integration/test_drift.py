"""A list that moves while it is read: whoever lived unchanged through the read is in the frame once, or it is an error.

The client is a model in this process, so that every change happens at a known place between two calls.
"""

import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sc_pandas as sc
from sc_pandas.client import Page
from sc_pandas.query.connection import Connection
from tests.support.shops import served, shop_of
from tests.support.worlds import CUSTOMERS, PAGE, MovingList, nowhere

CALLS = 5 + 2  # the pages of the model, and two that prove them


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    with nowhere(tmp_path_factory.mktemp("c")) as one:
        yield one


def read(shop: Connection, model: MovingList, **options: Any) -> tuple[list[int], str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shop.source.client, "get_page", model.get_page)
        # Calls come in the order of the plan, so that a script says exactly what it means.
        patch.setattr("sc_pandas.reading.crew.IN_FLIGHT", 1)
        run = shop.customers(page_size=PAGE, cache="off", **options).run()
    return run.table["user_id"].to_pylist(), run.report.verdict


def check(shop: Connection, model: MovingList, **options: Any) -> str:
    """Read; give the verdict, or the reason why there is none."""
    try:
        ids, verdict = read(shop, model, **options)
    except sc.PagingDriftError as error:
        return error.reason
    assert len(ids) == len(set(ids))
    assert model.unchanged <= set(ids), f"lost {model.unchanged - set(ids)} by {model.script} {model.order} {verdict}"
    return verdict


LONG = pytest.mark.long
CHANGES = ["+", "~0", "~500", "~999", "-0", "-150", "-300", "-500", "-700", "-850", "-999"]
OTHERS = ["+", "-0", "-300", "-700", "-999"]
PLACES = range(1, CALLS + 2)


@pytest.mark.parametrize("order", ["id_asc", "id_desc"])
def test_a_still_list_is_proven_in_its_pages_and_two_calls(order: str, shop: Connection) -> None:
    model = MovingList(order)
    assert read(shop, model) == (list(range(1, CUSTOMERS + 1)), "proven (order)")
    assert len(model.asked) <= CALLS


@pytest.mark.fault("C01", "C02", "C04")
@pytest.mark.parametrize("order", ["id_asc", "id_desc"])
@pytest.mark.parametrize("what", CHANGES)
def test_one_change_at_any_place_loses_nobody(what: str, order: str, shop: Connection) -> None:
    for place in PLACES:
        verdict = check(shop, MovingList(order, script={place: [what]}))
        if what[0] == "~" or place in {1, CALLS + 1}:
            assert verdict.startswith("proven")


@pytest.mark.fault("C01", "C05")
@pytest.mark.parametrize("order", ["id_asc", "id_desc"])
@pytest.mark.parametrize(("what", "others"), [
    *((each, ["+"]) for each in ("-0", "-300", "-700", "-999")),
    *(pytest.param(w, OTHERS, marks=LONG) for w in CHANGES),
])  # fmt: skip
def test_two_changes_at_any_places_lose_nobody(what: str, others: list[str], order: str, shop: Connection) -> None:
    """An insert and a merge leave the total as it was."""
    for one, two, other in itertools.product(PLACES, PLACES, others):
        script: dict[int, list[str]] = {one: [what]}
        script[two] = [*script.get(two, []), other]
        check(shop, MovingList(order, script=script))


@pytest.mark.fault("C01")
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.sampled_from(["id_asc", "id_desc"]),
    customers=st.integers(0, 60),
    script=st.dictionaries(st.integers(1, 25), st.lists(st.sampled_from(CHANGES), min_size=1, max_size=3), max_size=6),
)
def test_any_changes_lose_nobody(shop: Connection, order: str, customers: int, script: dict[int, list[str]]) -> None:
    check(shop, MovingList(order, customers=customers, script=script))


def test_a_list_that_changes_with_every_call_ends(shop: Connection) -> None:
    for what in CHANGES:
        model = MovingList(script={call: [what] for call in range(1, 500)})
        check(shop, model)
        assert len(model.asked) < 250


@pytest.mark.fault("C03")
def test_an_unstable_order_is_never_proven_by_order(shop: Connection) -> None:
    class Shuffled(MovingList):
        def listed(self, params: dict[str, str]) -> list[int]:
            ids = super().listed(params)
            return [*ids[5:10], *ids[:5], *ids[10:]]

    assert check(shop, Shuffled()) in {
        "proven (closed list)", "proven (windows)", "proven (two equal reads)",
    }  # fmt: skip


@pytest.mark.fault("C05", "F16")
def test_one_pass_is_not_verified_nor_written_unasked(tmp_path: Path) -> None:
    with sc.sandbox.serve(customers=120, seed=7) as box, shop_of(box, tmp_path / "cache") as shop:
        query = shop.customers(consistency="fast")
        run = query.run()
        assert run.report.verdict == "not verified"
        assert not run.report.is_proven
        assert box.calls("list") == 3
        assert run.to_pandas().attrs["sellercloud"]["verdict"] == "not verified"
        with pytest.raises(sc.ExportError) as caught:
            query.to_parquet(tmp_path / "all.parquet")
        assert caught.value.reason == "not_verified"
        assert not (tmp_path / "all.parquet").exists()
        query.to_parquet(tmp_path / "all.parquet", allow_unverified=True)
        assert sc.read_parquet(tmp_path / "all.parquet").attrs["sellercloud"]["verdict"] == "not verified"
        # What one pass saw never passes for a proven answer later.
        assert shop.customers().run().report.verdict == "proven (order)"


def test_a_list_that_grows_with_each_call_is_proven_or_an_error(tmp_path: Path) -> None:
    with served(tmp_path, customers=300, seed=7, order="created_desc", latency_s=0.02) as (box, shop):
        before = {record["user_id"] for record in box.customers()}
        done = threading.Event()

        def grow() -> None:
            while not done.wait(0.005):
                box.insert()

        grower = threading.Thread(target=grow)
        grower.start()
        try:
            run = shop.customers().run()
        except sc.PagingDriftError:
            with pytest.raises(sc.CacheMissError):
                shop.customers(cache="offline").to_pandas()
        else:
            assert run.report.is_proven
            assert before <= set(run.table["user_id"].to_pylist())
        finally:
            done.set()
            grower.join()


@dataclass
class Proxied(MovingList):
    """Some answers come out of a cache on the way, which says how old they are."""

    stale: int = 4

    def get_page(self, *args: Any, **more: Any) -> Page:
        page = super().get_page(*args, **more)
        return replace(page, age_s=30.0) if len(self.asked) == self.stale else page


@pytest.mark.parametrize(("customers", "stale"), [(45, 1), (45, 4), (45, 7), (7, 1)])
def test_answers_of_a_proxy_prove_nothing(customers: int, stale: int, shop: Connection) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shop.source.client, "get_page", Proxied(customers=customers, stale=stale).get_page)
        run = shop.customers(page_size=PAGE, cache="off").run()
        assert run.report.verdict == "not verified"
        assert any("up to 30 s old" in note for note in run.report.notes)
        patch.setattr(shop.source.client, "get_page", Proxied(customers=customers, stale=stale).get_page)
        with pytest.raises(sc.PagingDriftError) as caught:
            shop.customers(page_size=PAGE, cache="off", consistency="strict").run()
        assert caught.value.reason == "stale"


def test_a_label_from_an_old_answer_is_not_proven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The customers themselves were read from the server; the lists that tell their kind came out of a cache."""
    with sc.sandbox.serve(customers=120, seed=7) as box, shop_of(box, tmp_path) as shop:
        get = shop.source.client.get_page

        def old_where_filtered(path: str, params: Any, *args: Any, **more: Any) -> Page:
            page = get(path, params, *args, **more)
            return replace(page, age_s=30.0) if len(params) > 2 else page

        monkeypatch.setattr(shop.source.client, "get_page", old_where_filtered)
        assert shop.customers(cache="refresh").run().report.is_proven
        report = shop.customers(include=["customer_type"], cache="refresh").run().report
        assert report.verdict == "not verified"
        assert any("30 s old" in note for note in report.notes)


def test_what_moved_is_told_in_one_line(shop: Connection) -> None:
    with pytest.MonkeyPatch.context() as patch:
        model = MovingList(script={3: ["+", "+", "-0"], 4: ["-500"]})
        patch.setattr(shop.source.client, "get_page", model.get_page)
        patch.setattr("sc_pandas.reading.crew.IN_FLIGHT", 1)
        run = shop.customers(page_size=PAGE, cache="off").run()
    assert run.report.verdict == "proven (order)"
    assert any("joined and" in note and "calls for 5 pages" in note for note in run.report.notes)
