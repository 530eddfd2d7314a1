"""A list that moves while it is read: whoever lived unchanged through the read is in the frame once, or it is an error.

The client is a model in this process, so that every change happens at a known place between two calls.
"""

import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sc_pandas as sc
from sc_pandas.client import Client, Expectation, Page, Tally
from sc_pandas.pacing import SystemClock
from sc_pandas.reading import Progress, ReadOptions, Source, read_rows
from sc_pandas.reading.dialect import DialectMemory
from sc_pandas.tables import TableBuilder
from tests.support.shops import shop_of

PAGE = 10
CUSTOMERS = 45
PAGES = 5
CALLS = PAGES + 2


@dataclass
class MovingList:
    """A client whose list changes before given calls: ``+`` inserts, ``-n`` drops the n-th in a thousand, ``~`` updates."""

    order: str = "id_asc"
    customers: int = CUSTOMERS
    script: dict[int, list[str]] = field(default_factory=dict)
    calls: int = 0
    clock: SystemClock = field(default_factory=SystemClock)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.rows = {number: 0 for number in range(1, self.customers + 1)}
        self.next_id = self.customers + 1
        self.unchanged = set(self.rows)

    def change(self, what: str) -> None:
        if what == "+":
            self.rows[self.next_id] = 0
            self.next_id += 1
        elif self.rows:
            ids = sorted(self.rows)
            each = ids[min(len(ids) - 1, int(what[1:] or 500) * len(ids) // 1000)]
            self.unchanged.discard(each)
            if what[0] == "-":
                del self.rows[each]
            else:
                self.rows[each] += 1

    def get_page(
        self, _path: str, params: list[tuple[str, str]], expectation: Expectation, *, tally: Tally, **_more: Any
    ) -> Page:
        with self.lock:
            self.calls += 1
            tally.count_call()
            for what in self.script.get(self.calls, []):
                self.change(what)
            ids = sorted(self.rows, reverse=self.order == "id_desc")
            start = (expectation.number - 1) * PAGE
            items = [{"UserID": each, "LastName": str(self.rows[each])} for each in ids[start : start + PAGE]]
            assert dict(params)["pageNumber"] == str(expectation.number)
            return Page(items, len(ids))


def read(model: MovingList, **options: Any) -> tuple[list[int], str]:
    source = Source(cast("Client", model), None, "tenant", DialectMemory("article"))
    with TableBuilder() as builder:
        rows, report = read_rows(
            source, [sc.CustomerFilter()], ReadOptions(page_size=PAGE, cache="off", **options), Progress(), builder
        )
        ids = rows.to_table()["user_id"].to_pylist()
        rows.close()
    return ids, report.verdict


def check(model: MovingList) -> str:
    """Read; give the verdict, or the reason why there is none."""
    try:
        ids, verdict = read(model)
    except sc.PagingDriftError as error:
        return error.reason
    assert len(ids) == len(set(ids))
    assert model.unchanged <= set(ids), f"lost {model.unchanged - set(ids)} by {model.script} {model.order}"
    return verdict


@pytest.fixture(autouse=True)
def one_call_at_a_time(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Calls come in the order of the plan, so that a script says exactly what it means."""
    monkeypatch.setattr("sc_pandas.reading.crew.IN_FLIGHT", 1)
    yield


CHANGES = ["+", "~0", "~500", "~999", "-0", "-150", "-300", "-500", "-700", "-850", "-999"]
PLACES = range(1, CALLS + 2)


@pytest.mark.parametrize("order", ["id_asc", "id_desc"])
def test_a_list_that_stands_still_is_proven_in_pages_and_two_calls(order: str) -> None:
    model = MovingList(order)
    assert read(model) == (list(range(1, CUSTOMERS + 1)), "proven (bookends)")
    assert model.calls == CALLS


@pytest.mark.parametrize("order", ["id_asc", "id_desc"])
@pytest.mark.parametrize("what", CHANGES)
def test_one_change_at_any_place_loses_nobody(what: str, order: str) -> None:
    for place in PLACES:
        verdict = check(MovingList(order, script={place: [what]}))
        if what[0] == "~" or place in {1, CALLS + 1}:
            assert verdict.startswith("proven")


@pytest.mark.parametrize("order", ["id_asc", "id_desc"])
@pytest.mark.parametrize("what", CHANGES)
def test_two_changes_at_any_two_places_lose_nobody_also_when_the_total_stays(what: str, order: str) -> None:
    """An insert and a merge leave the total as it was."""
    for (one, two), other in itertools.product(itertools.product(PLACES, PLACES), ("+", "-0", "-300", "-700", "-999")):
        script: dict[int, list[str]] = {one: [what]}
        script[two] = [*script.get(two, []), other]
        check(MovingList(order, script=script))


@pytest.mark.parametrize("customers", [40, 41, 49, 50, 51])
@pytest.mark.parametrize("order", ["id_asc", "id_desc"])
def test_the_border_of_the_last_page_hides_nothing(order: str, customers: int) -> None:
    for one, two in itertools.product(PLACES, PLACES):
        for drop in ("-0", "-500", "-999"):
            script: dict[int, list[str]] = {one: [drop]}
            script[two] = [*script.get(two, []), "+"]
            check(MovingList(order, customers=customers, script=script))


@settings(max_examples=300, deadline=None)
@given(
    order=st.sampled_from(["id_asc", "id_desc"]),
    customers=st.integers(0, 60),
    script=st.dictionaries(st.integers(1, 9), st.lists(st.sampled_from(CHANGES), min_size=1, max_size=3), max_size=4),
)
def test_any_changes_lose_nobody(order: str, customers: int, script: dict[int, list[str]]) -> None:
    check(MovingList(order, customers=customers, script=script))


def test_the_last_page_is_asked_before_the_pages_between() -> None:
    """Only then do both bookends span the whole read."""
    asked: list[int] = []

    class Noting(MovingList):
        def get_page(
            self, _path: str, params: list[tuple[str, str]], expectation: Expectation, *, tally: Tally, **_more: Any
        ) -> Page:
            asked.append(expectation.number)
            return super().get_page(_path, params, expectation, tally=tally, **_more)

    read(Noting())
    assert asked[:2] == [1, PAGES]
    assert sorted(asked[2:PAGES]) == [2, 3, 4]
    assert sorted(asked[PAGES:]) == [1, PAGES]


def test_an_unstable_order_is_never_proven() -> None:
    class Shuffled(MovingList):
        def get_page(
            self, _path: str, params: list[tuple[str, str]], expectation: Expectation, *, tally: Tally, **_more: Any
        ) -> Page:
            page = super().get_page(_path, params, expectation, tally=tally, **_more)
            return Page(list(reversed(page.items)), page.total)

    assert check(Shuffled()) == "unordered_ids"


def test_one_pass_is_not_verified_and_a_file_of_it_must_be_allowed(tmp_path: Path) -> None:
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
        assert shop.customers().run().report.verdict == "proven (bookends)"


def test_a_live_list_that_grows_with_each_call_ends_in_an_error_and_leaves_nothing_to_serve(tmp_path: Path) -> None:
    with sc.sandbox.serve(customers=300, seed=7, order="created_desc", latency_s=0.02) as box:
        with shop_of(box, tmp_path) as shop:
            done = threading.Event()

            def grow() -> None:
                while not done.wait(0.005):
                    box.insert()

            grower = threading.Thread(target=grow)
            grower.start()
            try:
                with pytest.raises(sc.PagingDriftError):
                    shop.customers().to_pandas()
            finally:
                done.set()
                grower.join()
            with pytest.raises(sc.CacheMissError):
                shop.customers(cache="offline").to_pandas()
