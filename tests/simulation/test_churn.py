"""A living shop is read as a whole, for about as many calls as it has pages; `--long` reads the whole table.

A failing world is in the message with the command that reads it again.
"""

import random
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from sc_pandas.client import Expectation, Tally
from sc_pandas.contract import CALLS_PER_HOUR, Ids
from sc_pandas.reading.counted import AnyOrder
from sc_pandas.reading.order import Ascending, Asking, Descending, Run
from tests.simulation.cells import MERGES, MOVES, ODD, STALE, Cell, cell
from tests.simulation.churn import PAGE, read
from tests.simulation.network import Network, VirtualCrew
from tests.simulation.shop import BEGAN, BOUNDS, ORDERS, History, Listing, Row, World, span_of

SIZES = {5_000: 10, 50_000: 3, 200_000: 1}
Bounds = tuple[datetime | None, datetime | None]
FEW = ("id_asc", "id_desc", "hash")
QUICK = ("nothing", "1 new/10 s + 1 update/2 s", "1 new/s + 1 update/s", "10 new/s", *MERGES)


def held(one: Cell, seeds: range) -> None:
    """Read a cell's worlds; nothing may be against what it promises."""
    complaints = one.complaints(one.run(seeds))
    assert not complaints, "\n".join(complaints)


# ── what is promised ───────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("moves", QUICK)
def test_a_living_shop(moves: str, order: str) -> None:
    """5,000 customers: nobody is lost or doubled, it is proven, and for how many calls."""
    held(cell(moves, 5_000, order, {**MOVES, **MERGES}[moves]), range(2 if order.startswith("id") else 1))


@pytest.mark.parametrize("order", FEW)
@pytest.mark.parametrize("moves", ODD)
def test_an_odd_shop(moves: str, order: str) -> None:
    """The same with old dates, no dates, a filter, customers who come back, and read strictly."""
    held(cell(moves, 5_000, order, ODD[moves]), range(1))


@pytest.mark.parametrize("order", ["id_asc", "id_desc"])
@pytest.mark.parametrize("moves", STALE)
def test_old_answers_that_show_it(moves: str, order: str) -> None:
    """Replicas and proxies: what shows its age is never taken for a whole list that it is not."""
    outcomes = cell(moves, 5_000, order, STALE[moves]).run(range(1))
    wrong = [str(each) for each in outcomes if each.is_wrong and each.shown]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("order", ["id_asc", "id_desc", "created_desc", "hash"])
@pytest.mark.parametrize("lag", [{"replicas": 2, "lag_s": 60.0}, {"replicas": 3, "lag_s": 1.0, "inserts": 3.0}])
def test_a_total_that_falls_though_nobody_left(order: str, lag: dict[str, Any]) -> None:
    """A copy that lags behind has answered: told in the report, and nothing is called proven."""
    outcomes = cell("", 5_000, order, {"inserts": 1.0, **lag}).run(range(3))
    assert any(each.shown for each in outcomes)
    for outcome in (each for each in outcomes if each.shown):
        assert not outcome.is_proven, str(outcome)
        assert outcome.verdict != "not verified" or any("although nobody left" in note for note in outcome.notes)


@pytest.mark.parametrize("order", ["id_asc", "id_desc"])
def test_a_filtered_list_whose_total_fell_is_read_again(order: str) -> None:
    """As many came as there were at most: an old answer, or a change in two places; not proven by order."""
    world = World(order=order, rating=5, inserts=10.0, replicas=2, lag_s=60.0)
    for outcome in (read(replace(world, seed=seed)) for seed in range(2)):
        assert outcome.shown
        assert outcome.verdict != "proven (order)"
        assert any("its total fell" in note for note in outcome.notes)


def test_who_joins_before_the_bound_hides_nobody() -> None:
    """A list up to a past moment that grows is no closed list: the next way reads it."""
    for seed in (0, 7, 18, 19, 26):
        outcome = read(World(seed=seed, customers=1_500, order="hash", inserts=1.0, backdated=1.0))
        assert not outcome.is_wrong, str(outcome)


@pytest.mark.long
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("customers", SIZES)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("moves", [*MOVES, *MERGES, *ODD])
def test_the_whole_table(moves: str, customers: int, order: str) -> None:
    """Every cell of the churn table keeps its bound of calls, its proof, and everybody."""
    facts = {**MOVES, **MERGES, **ODD}[moves]
    held(cell(moves, customers, order, facts), range(SIZES[customers]))


@pytest.mark.long
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("moves", STALE)
def test_old_answers_in_the_long_run(moves: str, order: str) -> None:
    """0 silently wrong where an answer shows its age; of those without a trace as many as GUARANTEES says."""
    outcomes = cell(moves, 5_000, order, STALE[moves]).run(range(30))
    wrong = [str(each) for each in outcomes if each.is_wrong]
    assert not any(each.is_wrong and each.shown for each in outcomes), "\n".join(wrong)
    assert len(wrong) <= 3, "\n".join(wrong)


# ── the model can see a loss ───────────────────────────────────────────────────────────────────────────────────────
def test_an_order_that_is_reversed_is_doubted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ascending list that is asked from its first page shows customers where none can be: not proven by order."""
    worlds = [World(seed=seed, inserts=1.0, merges=2.0) for seed in range(3)]
    assert {read(world).verdict for world in worlds} == {"proven (order)"}
    monkeypatch.setattr(Ascending, "numbers", lambda _self, run: range(run.low, run.high + 1))
    assert "proven (order)" not in {read(world).verdict for world in worlds}


def test_a_broken_order_of_asking_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A descending list where each page is taken for the next, though the total fell: the model sees the loss."""
    take = Descending._take

    def careless(judge: Descending, run: Run, number: int, ids: Ids, total: int) -> None:
        take(judge, run, number, ids, total)
        run.reach = max(run.reach, PAGE * number)

    worlds = [World(seed=seed, order="id_desc", inserts=1.0, merges=5.0) for seed in (3, 4, 5)]
    assert not any(read(world).is_wrong for world in worlds)
    monkeypatch.setattr(Descending, "_take", careless)
    assert any(read(world).is_wrong for world in worlds)


def test_a_pass_is_proven_by_its_count_only_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some have no date, and the order says nothing: read forwards all come, backwards too few for the count."""
    worlds = [World(seed=seed, order="hash", inserts=2.0, undated=5) for seed in range(3)]
    assert {read(world).verdict for world in worlds} == {"proven (closed list)"}

    def backwards(judge: AnyOrder, run: Run, _following: Run | None) -> Asking:
        for number in range(run.high, run.low - 1, -1):
            run.seen.append((yield from judge._ask(number, f"counted {run.low}", fresh=True)))  # type: ignore[arg-type]

    monkeypatch.setattr(AnyOrder, "_forth", backwards)
    assert "proven (closed list)" not in {read(world).verdict for world in worlds}


def test_one_pass_in_any_order_loses() -> None:
    """Where ties are broken anew for each call, one pass loses hundreds, and says that it is not verified."""
    outcome = read(World(order="rating_ties", consistency="fast"))
    assert outcome.lost > 500
    assert not outcome.is_proven


# ── the model itself ───────────────────────────────────────────────────────────────────────────────────────────────
def test_a_world_replays_by_its_command() -> None:
    """The words of the command that a failure prints give the same world, and the same read."""
    world = World(seed=7, customers=500, order="hash", inserts=1 / 3, merges=0.1, rating=5, dates=False, proxy="age")
    again = World.of(world.command().split()[3:])
    assert again == world
    assert read(again) == read(world)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("bounds", BOUNDS)
def test_pages_are_what_a_plain_server_gives(order: str, bounds: str) -> None:
    """A page of any window, after any churn, against filtering and sorting everybody anew."""
    world = World(customers=300, order=order, bounds=bounds, inserts=1, updates=1, merges=1, backdated=0.3, undated=9)
    history, rng = History(world), random.Random(3)
    listing = Listing(world, history.first, rng)
    here = (BEGAN + timedelta(hours=world.zone_h)).replace(tzinfo=None)
    for at_s in range(0, 100, 10):
        listing.follow(history.upto(at_s), at_s)
        everybody = {row.number: row for row in history.first}
        for _, before, after in history.log:
            if before is not None:
                del everybody[before.number]
            if after is not None:
                everybody[after.number] = after
        dates = sorted(row.created for row in everybody.values() if row.created is not None)
        for far in (0, 5, 150, len(dates) - 1):
            ends = [here + timedelta(milliseconds=dates[each]) for each in (0, far)]
            since, until = (end.replace(second=0, microsecond=0) for end in ends)
            windows: list[Bounds] = [(None, None), (since, until), (None, until), (until, None)]
            for window in windows:
                span = span_of(bounds, window[0], window[1], world.zone_h)
                within = [r for r in everybody.values() if plainly_within(r, window, bounds, here)]
                rows, total = listing.page(span, 2, 7)
                assert total == len(within)
                check_page(rows, within, order)


def plainly_within(row: Row, window: Bounds, bounds: str, here: datetime) -> bool:
    """Read a window as a server may."""
    since, until = window
    if since is None and until is None:
        return True
    if row.created is None:
        return False
    at = here + timedelta(milliseconds=row.created)
    if bounds == "date_only":
        days = [None if each is None else each.date() for each in (since, until)]
        return (days[0] is None or at.date() >= days[0]) and (days[1] is None or at.date() <= days[1])
    at = at.replace(second=0, microsecond=0) if bounds == "minute" else at
    after = since is None or (at > since if bounds == "exclusive" else at >= since)
    before = until is None or (at < until if bounds in {"exclusive", "exclusive_to"} else at <= until)
    return after and before


def check_page(rows: list[Row], within: list[Row], order: str) -> None:
    """Hold page 2 of 7 rows against everybody in a window."""
    assert len(rows) == max(0, min(7, len(within) - 7))
    assert len({row.number for row in rows}) == len(rows)
    never = -(10**15)
    keys: dict[str, Any] = {
        "id_asc": lambda r: r.number,
        "id_desc": lambda r: -r.number,
        "created_asc": lambda r: (never if r.created is None else r.created, r.number),
        "created_desc": lambda r: (-(never if r.created is None else r.created), -r.number),
        "modified_desc": lambda r: (-r.modified, r.number),
        "rating_ties": lambda r: r.rating,
    }
    if order == "hash":
        assert set(rows) <= set(within)
        return
    expected = sorted(within, key=keys[order])[7:14]
    assert [keys[order](row) for row in rows] == [keys[order](row) for row in expected]


def test_ties_come_anew_for_each_call() -> None:
    """Everybody of a rating comes equally often to its first page."""
    world = World(customers=60, order="rating_ties")
    history = History(world)
    listing = Listing(world, history.first, random.Random(1))
    came = Counter(row.number for _ in range(300) for row in listing.page(None, 1, 5)[0])
    assert len(came) == sum(row.rating == 0 for row in history.first)
    assert max(came.values()) < 2 * min(came.values())


def test_calls_overlap_and_the_quota_slides() -> None:
    """16 are in flight, 0.2 to 0.4 s each; the call beyond the hour's quota begins an hour after the first."""
    network = Network(World(customers=100))
    expectation = Expectation(number=1, asked=1)

    def get(_number: int) -> float:
        began = network.taken
        network.get_page("", [("pageNumber", "1"), ("pageSize", "1")], expectation, tally=Tally())
        assert began is not None
        assert 0.2 <= began.done_s - began.begins_s <= 0.4
        return began.begins_s

    begun = [began for _, began in VirtualCrew(network, Any).in_order(range(CALLS_PER_HOUR + 5), get)]  # type: ignore[arg-type]
    assert 150 < begun[CALLS_PER_HOUR - 1] < 250
    assert begun[CALLS_PER_HOUR] >= 3_600
    assert sorted(begun) == begun


def test_replicas_and_proxies_give_old_answers() -> None:
    """A replica answers as of some seconds ago; a proxy gives an answer again for a minute, and may say so."""
    params, expectation = [("pageNumber", "1"), ("pageSize", str(PAGE))], Expectation(number=1, asked=PAGE)
    for proxy, lag_s in (("", 10.0), ("age", 0.0), ("silent", 0.0)):
        network = Network(replace(World(customers=500, inserts=1.0, proxy=proxy), lag_s=lag_s, replicas=2))
        pages = [network.get_page("", params, expectation, tally=Tally()) for _ in range(100)]
        totals = [page.total for page in pages]
        assert (totals == sorted(totals)) is bool(proxy)
        assert len(set(totals)) == (1 if proxy else len(set(totals)))
        assert any(page.age_s > 0 for page in pages) is (proxy == "age")
        assert network.shown is (proxy != "silent")
