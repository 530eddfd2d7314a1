"""The engine without widgets and without a network: what wins, what is asked, what is said."""

import gc
import itertools
import threading
import time
import weakref
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sc_pandas.errors import AuthError, FilterError, RateLimitedError, TransportError
from sc_pandas.filters import CustomerFilter
from sc_pandas.pacing import Cancelled
from sc_pandas.panel import asking
from sc_pandas.panel.asking import draw_facets
from sc_pandas.panel.engine import Engine
from sc_pandas.panel.protocols import Watcher
from sc_pandas.panel.state import Facets, PanelState, status_text
from tests.panel.fakes import SOON_S, Desk, FakeServer, Held, about

FOUR = [about(word) for word in ("one", "two", "three", "four")]
ORDERS = list(itertools.permutations(range(4)))
FAILURES = list(itertools.product([False, True], repeat=4))


# ── the newest wins ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: "".join(map(str, order)))
def test_of_four_overlapping_questions_the_newest_wins_in_every_order_whichever_fail(order: tuple[int, ...]) -> None:
    """All 24 orders of completion, each with all 16 ways to fail: no older rows, words or errors, at no time."""
    for fails in FAILURES:
        desk = Desk()
        before = desk.open().rows
        held = _four_under_way(desk, fails)
        desk.states.clear()
        for number in order:
            held[number].let_go()
            if order.index(3) > order.index(number):
                assert desk.state.phase == "asking"
                assert desk.engine.last_error is None
        newest = desk.settle()
        for each in desk.states:
            assert each.generation == newest.generation
            assert each.rows is before or each.rows_of == FOUR[3]
            assert not each.message or "four" in each.message
        if fails[3]:
            assert (newest.phase, newest.rows is before, newest.rows_are_old) == ("failed", True, True)
            assert str(desk.engine.last_error) == "four failed"
        else:
            assert (newest.phase, newest.rows_of, newest.rows_are_old) == ("ready", FOUR[3], False)
            assert desk.engine.last_error is None
        desk.engine.close()


def _four_under_way(desk: Desk, fails: tuple[bool, ...]) -> list[Held]:
    held = []
    for question, fail in zip(FOUR, fails, strict=True):
        error = TransportError(f"{question.city[0]} failed") if fail and question.city else None
        held.append(desk.server.hold(question, error=error))
        desk.engine.apply(question)
        assert held[-1].arrived.wait(SOON_S)
    return held


def test_a_fifth_question_waits_for_a_thread_and_takes_the_place_of_those_that_waited_before() -> None:
    desk = Desk()
    desk.open()
    held = _four_under_way(desk, (False,) * 4)
    for word in ("five", "six", "seven"):
        desk.engine.apply(about(word))
    held[1].release.set()
    assert desk.settle().rows_of == about("seven")
    assert about("five") not in desk.server.asked()
    assert about("six") not in desk.server.asked()
    for each in held:
        each.let_go()
    desk.engine.close()


def test_a_question_that_waits_for_a_thread_is_not_asked_once_it_is_overtaken() -> None:
    """Also where what overtook it asks nothing itself."""
    desk = Desk()
    desk.open()
    held = _four_under_way(desk, (False,) * 4)
    desk.engine.apply(about("five"))
    desk.engine.refuse({"city": "No."})
    for each in held:
        each.let_go()
    assert about("five") not in desk.server.asked()
    assert desk.state.phase == "wrong"
    desk.engine.close()


def test_an_older_page_load_save_and_count_change_nothing_either(tmp_path: Any) -> None:
    """What was overtaken is dropped whatever it was: a page, a load, a file, counts by the server."""
    begins: list[Callable[[Engine], None]] = [
        lambda e: e.turn(1),
        lambda e: e.load(),
        lambda e: e.save(tmp_path / "x.parquet"),
        lambda e: e.count_by("subscribed", {"Yes": 1}),
    ]
    for begin in begins:
        desk = Desk()
        desk.open()
        held = [desk.server.hold(CustomerFilter(), kind) for kind in ("run", "page")]
        held += [desk.server.hold(CustomerFilter.of(subscribed=True), "count")]
        begin(desk.engine)
        assert _first(held).arrived.wait(SOON_S)
        desk.engine.apply(FOUR[0])
        assert desk.settle().rows_of == FOUR[0]
        shown = len(desk.states)
        _first(held).let_go()
        assert len(desk.states) == shown
        assert not (tmp_path / "x.parquet").exists()
        desk.engine.close()


def _first(held: list[Held]) -> Held:
    until = time.monotonic() + SOON_S
    while time.monotonic() < until:
        for each in held:
            if each.arrived.is_set():
                return each
        time.sleep(0.001)
    raise AssertionError("nothing was asked")


# ── typing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.01, 0.05, 0.29, 0.31, 0.39, 0.41]), min_size=99, max_size=99))
def test_a_hundred_key_strokes_in_five_seconds_cost_one_to_thirteen_calls_however_they_fall(gaps: list[float]) -> None:
    """And the last call carries the final text; even where bursts and pauses are made to cost most."""
    scale = min(1.0, 5.0 / max(sum(gaps), 1e-9))
    desk = Desk()
    desk.open()
    asked = len(desk.server.asked())
    for number, gap in enumerate([*gaps, 0.0]):
        desk.engine.change(about("x" * (number + 1)))
        desk.watch.pass_s(gap * scale)
    desk.watch.pass_s(1.0)
    desk.settle()
    questions = desk.server.asked()[asked:]
    assert 1 <= len(questions) <= 13
    assert questions[-1] == desk.state.rows_of == about("x" * 100)
    desk.engine.close()


def test_bursts_that_fall_just_behind_the_debounce_cost_thirteen_calls_and_not_seventeen() -> None:
    desk = Desk()
    desk.open()
    asked = len(desk.server.asked())
    for burst in range(17):
        for key in range(6):
            desk.engine.change(about(f"{burst}-{key}"))
        desk.watch.pass_s(5.0 / 16.5)
    desk.watch.pass_s(1.0)
    desk.settle()
    assert len(desk.server.asked()) - asked <= 13
    desk.engine.close()


def test_a_change_asks_nothing_before_it_has_settled_and_one_call_then() -> None:
    desk = Desk()
    desk.open()
    desk.watch.pass_s(1.0)
    before = len(desk.server.calls)
    desk.engine.change(FOUR[0])
    desk.watch.pass_s(0.29)
    assert len(desk.server.calls) == before
    assert desk.state.phase == "asking"
    assert desk.state.rows_are_old
    desk.watch.pass_s(0.02)
    assert desk.settle().rows_of == FOUR[0]
    # The estimate is the cache's: reading the first rows was the call.
    assert [kind for kind, _, _ in desk.server.calls[before:]] == ["run", "estimate"]
    desk.engine.close()


# ── no callback waits ──────────────────────────────────────────────────────────────────────────────────────────────


def test_every_event_returns_while_the_transport_is_held_shut(tmp_path: Any) -> None:
    """The debounce's own action, too: it only hands on."""
    desk = Desk()
    desk.open()
    held = [desk.server.hold(q, kind) for q in (CustomerFilter(), FOUR[0]) for kind in ("run", "page", "count")]
    began = time.monotonic()
    desk.engine.change(FOUR[0])
    desk.watch.pass_s(0.5)
    desk.engine.apply(FOUR[0])
    desk.engine.load()
    desk.engine.save(tmp_path / "x.parquet")
    desk.engine.stop()
    desk.engine.count_by("subscribed", {"Yes": 1})
    desk.engine.turn(1)
    desk.engine.refuse({"city": "No."})
    desk.engine.close()
    assert time.monotonic() - began < 0.5
    for each in held:
        each.release.set()


def test_a_picture_is_drawn_off_the_lock() -> None:
    """While a picture is drawn, the rows are there already and a change returns at once."""
    drawing, go_on = threading.Event(), threading.Event()

    def draw(_rows: Any) -> Facets:
        drawing.set()
        assert go_on.wait(SOON_S)
        return Facets({})

    engine = Engine(FakeServer().query(), lambda _state: None, draw=draw)
    engine.apply(FOUR[0])
    assert drawing.wait(SOON_S)
    assert (engine.state.phase, engine.state.rows_of, engine.state.facets) == ("ready", FOUR[0], None)
    assert not engine.wait(0.01)
    began = time.monotonic()
    engine.change(FOUR[1])
    assert time.monotonic() - began < 0.2
    go_on.set()
    assert engine.wait(SOON_S)
    assert engine.state.facets is not None
    engine.close()


def test_rows_that_cannot_be_counted_or_drawn_are_shown_without() -> None:
    def broken(_rows: Any) -> Facets:
        raise ValueError("no")

    engine = Engine(FakeServer().query(), lambda _state: None, draw=broken)
    engine.apply(FOUR[0])
    assert engine.wait(SOON_S)
    assert (engine.state.phase, engine.state.facets, engine.last_error) == ("ready", None, None)
    engine.close()


def test_a_picture_of_rows_that_are_gone_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    first = desk.open().rows
    assert first is not None
    desk.engine.apply(FOUR[0])
    facets = desk.settle().facets
    desk.engine._draw_facets(first)
    assert desk.state.facets is facets
    monkeypatch.setattr(asking, "facet_png", lambda _counts: 1 / 0)
    assert draw_facets(first).png is None
    desk.engine.close()


# ── live while cheap ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_union_of_more_than_five_lists_waits_for_apply_and_says_its_price() -> None:
    desk = Desk()
    desk.open()
    asked = len(desk.server.calls)
    union = CustomerFilter.of(city=list("abcdef"))
    desk.engine.change(union)
    desk.watch.pass_s(5.0)
    assert (desk.state.phase, len(desk.server.calls)) == ("dear", asked)
    assert status_text(desk.state) == "Counting this takes 6 calls. Press Apply to ask."
    assert desk.state.rows_are_old
    desk.engine.apply()
    assert desk.settle().rows_of == union
    desk.engine.change(CustomerFilter.of(city=list("abcde")))
    desk.watch.pass_s(0.5)
    assert desk.settle().phase == "ready"
    desk.engine.close()


def test_a_dear_question_is_held_at_the_opening_too() -> None:
    desk = Desk()
    desk.engine.apply(CustomerFilter.of(city=list("abcdef")), at_any_cost=False)
    assert (desk.state.phase, desk.server.calls) == ("dear", [])
    desk.engine.close()


def test_live_false_asks_nothing_by_itself_until_live_is_switched_on() -> None:
    desk = Desk(live=False)
    desk.open()
    asked = len(desk.server.calls)
    desk.engine.change(FOUR[0])
    desk.watch.pass_s(5.0)
    assert len(desk.server.calls) == asked
    assert status_text(desk.state) == "Counting this takes 1 call. Press Apply to ask."
    desk.engine.set_live(live=True)
    desk.watch.pass_s(0.5)
    assert desk.settle().rows_of == FOUR[0]
    desk.engine.close()


# ── errors ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "error",
    [
        AuthError("The password was refused. Check it."),
        TransportError("No answer from 127.0.0.1. Is the server up?"),
        RateLimitedError("The quota is used up until 12:00 UTC. Ask again after that."),
        ZeroDivisionError("a bug of ours"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_keeps_the_last_good_rows_marked_old_and_teaches(error: Exception) -> None:
    """The next success clears it."""
    desk = Desk()
    good = desk.open().rows
    desk.server.errors[FOUR[0]] = error
    desk.engine.apply(FOUR[0])
    state = desk.settle()
    assert state.rows is good
    assert state.rows_are_old
    assert desk.engine.last_error == error
    assert status_text(state) == f"{type(error).__name__}: {error}"
    desk.engine.apply(FOUR[1])
    state = desk.settle()
    assert (state.phase, state.rows_are_old) == ("ready", False)
    cleared: BaseException | None = desk.engine.last_error
    assert cleared is None
    assert str(error) not in status_text(state)
    desk.engine.close()


def test_an_entry_that_is_wrong_asks_nothing_and_nothing_else_does_until_it_is_mended(tmp_path: Any) -> None:
    desk = Desk()
    desk.open()
    asked = len(desk.server.calls)
    desk.engine.refuse({"created_on_from": "created_on_from='soon' is not a time."})
    desk.engine.load()
    desk.engine.save(tmp_path / "x.parquet")
    desk.engine.turn(1)
    desk.engine.count_by("subscribed", {"Yes": 1})
    desk.watch.pass_s(5.0)
    state = desk.state
    assert (state.phase, list(state.wrong), len(desk.server.calls)) == ("wrong", ["created_on_from"], asked)
    assert state.rows_are_old
    assert "nothing is asked" in status_text(state)
    assert isinstance(desk.engine.last_error, FilterError)
    desk.engine.change(FOUR[0])
    desk.watch.pass_s(0.5)
    state = desk.settle()
    assert (state.phase, dict(state.wrong), state.rows_are_old) == ("ready", {}, False)
    now: BaseException | None = desk.engine.last_error
    assert now is None
    desk.engine.close()


def test_a_question_that_cannot_be_asked_leaves_everything_as_it_was() -> None:
    desk = Desk()
    state = desk.open()

    def refuse(_question: CustomerFilter) -> Any:
        raise FilterError("It has a time zone.", filter="created_on_from")

    object.__setattr__(desk.engine._base, "with_filter", refuse)
    for ask in (desk.engine.change, desk.engine.apply):
        with pytest.raises(FilterError, match="time zone"):
            ask(FOUR[0])
    assert desk.state is state
    desk.engine.close()


def test_an_error_beside_the_question_is_said_and_the_question_goes_on() -> None:
    """A filter that could not be saved neither stops the answer under way nor makes good rows old."""
    desk = Desk()
    desk.open()
    held = desk.server.hold(FOUR[0])
    desk.engine.apply(FOUR[0])
    problem = FilterError("A saved filter needs a name.")
    desk.engine.say(problem)
    assert desk.engine.last_error is problem
    assert "A saved filter needs a name." in status_text(desk.state)
    held.let_go()
    state = desk.settle()
    assert (state.rows_of, state.rows_are_old) == (FOUR[0], False)
    assert "A saved filter needs a name." in status_text(state)
    desk.engine.apply(FOUR[1])
    assert "saved filter" not in status_text(desk.settle())
    desk.engine.close()


def test_a_state_that_cannot_be_shown_stops_no_thread_and_no_later_state() -> None:
    seen: list[PanelState] = []

    def show(state: PanelState) -> None:
        seen.append(state)
        if len(seen) == 1:
            raise ValueError("no")

    engine = Engine(FakeServer().query(), show, draw=lambda _rows: Facets({}))
    engine.apply(FOUR[0])
    assert engine.wait(SOON_S)
    assert seen[-1].rows_of == FOUR[0]
    engine.close()


# ── the quota ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("begin", ["load", "apply"])
@pytest.mark.parametrize(("why", "said"), [("wait", "quota is used up; going on at"), ("away", "trying again until")])
def test_a_wait_is_counted_down_and_the_work_resumes(begin: str, why: str, said: str) -> None:
    until = datetime.now(UTC) + timedelta(seconds=30)
    waiting, go_on = threading.Event(), threading.Event()
    desk = Desk()
    desk.open()

    def run(self: Any, *, cancel: Any = None, watcher: Watcher | None = None) -> Any:
        assert watcher is not None
        for _ in range(16):
            getattr(watcher, why)(until, 30.0)
        waiting.set()
        assert go_on.wait(SOON_S)
        return plain(self, cancel=cancel, watcher=watcher)

    kind = type(desk.server.query())
    plain = kind.run
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, "run", run)
        getattr(desk.engine, begin)()
        assert waiting.wait(SOON_S)
        assert desk.state.waiting_until == until
        assert f"{said} {until:%H:%M:%S} UTC" in status_text(desk.state)
        assert [s.waiting_until for s in desk.states].count(until) == 1  # sixteen threads that wait say it once
        go_on.set()
        state = desk.settle()
    assert (state.phase, state.waiting_until) == ("ready", None)
    desk.engine.close()


def test_what_waits_for_the_quota_can_be_stopped() -> None:
    desk = Desk()
    desk.open()
    waiting = threading.Event()

    def run(_self: Any, *, cancel: threading.Event, watcher: Watcher) -> Any:
        watcher.wait(datetime.now(UTC), 30.0)
        waiting.set()
        assert cancel.wait(SOON_S)
        raise Cancelled

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(desk.server.query()), "run", run)
        desk.engine.apply(FOUR[0])
        assert waiting.wait(SOON_S)
        desk.engine.stop()
        state = desk.settle()
    assert "Stopped." in status_text(state)
    assert state.rows_are_old
    desk.engine.close()


# ── loading, stopping, closing ─────────────────────────────────────────────────────────────────────────────────────


def _pages(until: int, reached: threading.Event) -> Any:
    """Read page after page until the load is stopped."""

    def on_run(_question: CustomerFilter, cancel: threading.Event | None, watcher: Watcher | None) -> None:
        assert cancel is not None
        assert watcher is not None
        watcher.expect(100)
        for page in range(100):
            if page == until:
                reached.set()
                assert cancel.wait(SOON_S)
            if cancel.is_set():
                raise Cancelled
            watcher.advance()

    return on_run


def test_a_load_stops_between_pages_and_says_so() -> None:
    desk = Desk()
    good = desk.open().rows
    reached = threading.Event()
    desk.server.on_run = _pages(3, reached)
    desk.engine.load()
    assert reached.wait(SOON_S)
    assert status_text(desk.state).startswith("Loading: ")
    assert (desk.state.phase, desk.state.pages_expected) == ("loading", 100)
    desk.engine.stop()
    state = desk.settle()
    assert (state.phase, state.rows is good, state.loaded, state.rows_are_old) == ("ready", True, False, False)
    assert "Stopped. Finished pages are kept" in status_text(state)
    desk.server.on_run = None
    desk.engine.load()
    assert desk.settle().loaded
    assert "Stopped" not in status_text(desk.state)
    desk.engine.close()


@pytest.mark.parametrize("overtaking", ["change", "refuse", "held"])
def test_a_save_that_a_new_question_stops_is_not_stopped_silently(overtaking: str, tmp_path: Any) -> None:
    desk = Desk()
    desk.open()
    reached = threading.Event()
    desk.server.on_run = _pages(3, reached)
    desk.engine.save(tmp_path / "x.parquet")
    assert reached.wait(SOON_S)
    if overtaking == "refuse":
        desk.engine.refuse({"city": "No."})
    else:
        desk.engine.change(FOUR[0] if overtaking == "change" else CustomerFilter.of(city=list("abcdef")))
    assert "Saving was stopped by this" in status_text(desk.state)
    assert not (tmp_path / "x.parquet").exists()
    desk.engine.close()


def test_after_a_load_the_line_says_how_many_came_and_no_price() -> None:
    desk = Desk()
    desk.open()
    desk.engine.load()
    state = desk.settle()
    assert status_text(state) == "120 of 1,000 customers loaded, proven (order)."
    assert state.rows_at is not None
    desk.engine.close()


def test_progress_is_told_ten_times_a_second_at_most() -> None:
    """A load of 2,000 pages does not send 2,000 messages."""
    desk = Desk()
    desk.open()
    desk.states.clear()

    def on_run(_question: CustomerFilter, _cancel: Any, watcher: Watcher | None) -> None:
        assert watcher is not None
        watcher.expect(2_000)
        for _ in range(2_000):
            watcher.advance()

    desk.server.on_run = on_run
    began = time.monotonic()
    desk.engine.load()
    desk.settle()
    assert len(desk.states) <= 6 + 10 * (time.monotonic() - began)
    assert max(s.pages_done for s in desk.states) == 2_000
    desk.engine.close()


def test_after_close_nothing_is_published_asked_or_left_running() -> None:
    desk = Desk()
    desk.open()
    held = _four_under_way(desk, (False, True, False, False))
    desk.engine.change(FOUR[0])
    desk.engine.close()
    shown, asked = len(desk.states), len(desk.server.calls)
    assert desk.watch.waiting == 0
    for each in held:
        each.let_go()
    desk.engine.change(FOUR[1])
    desk.engine.apply()
    desk.engine.load()
    desk.engine.turn(1)
    desk.engine.set_live(live=True)
    desk.engine.say(ValueError("x"))
    desk.engine.refuse({"city": "No."})
    desk.watch.pass_s(5.0)
    assert (desk.state.phase, desk.state.rows) == ("closed", None)
    assert (len(desk.states), len(desk.server.calls)) == (shown, asked)
    assert desk.engine.wait(0)
    assert not [t for t in threading.enumerate() if t.name.startswith("sc_pandas-panel")]


def test_close_stops_a_load_between_pages() -> None:
    desk = Desk()
    desk.open()
    reached = threading.Event()
    desk.server.on_run = _pages(3, reached)
    desk.engine.load()
    assert reached.wait(SOON_S)
    thread = next(t for t in threading.enumerate() if t.name == "sc_pandas-panel")
    desk.engine.close()
    thread.join(SOON_S)
    assert not thread.is_alive()


def test_an_engine_at_rest_holds_no_thread_and_dies_when_it_is_forgotten() -> None:
    engine = Engine(FakeServer().query(), lambda _state: None, draw=lambda _rows: Facets({}))
    engine.apply(FOUR[0])
    engine.wait(SOON_S)
    gone = weakref.ref(engine)
    until = time.monotonic() + SOON_S
    while [t for t in threading.enumerate() if t.name.startswith("sc_pandas-panel")]:
        assert time.monotonic() < until
        time.sleep(0.001)
    del engine
    gc.collect()
    assert gone() is None


# ── counts, caches, pages ──────────────────────────────────────────────────────────────────────────────────────────


def test_everybody_is_counted_once_and_again_after_a_refresh() -> None:
    """A question without a filter is its own count of everybody; "of how many" is never older than the refresh."""
    desk = Desk()
    desk.engine.apply(FOUR[0])
    assert desk.settle().everybody == 1_000
    desk.engine.apply(FOUR[1])
    desk.settle()
    assert len(desk.server.asked("count")) == 1
    desk.server.customers = 1_003
    desk.engine.apply(FOUR[1], refresh=True)
    assert desk.settle().everybody == 1_003
    assert len(desk.server.asked("count")) == 2
    desk.server.customers = 1_005
    desk.engine.apply(CustomerFilter())
    assert desk.settle().everybody == 1_005
    assert len(desk.server.asked("count")) == 2
    desk.engine.close()


def test_an_overtaken_question_does_not_bring_back_an_older_count_of_everybody() -> None:
    desk = Desk()
    held = desk.server.hold(CustomerFilter(), "count")
    desk.engine.apply(FOUR[0])
    assert held.arrived.wait(SOON_S)
    del desk.server.held["count", CustomerFilter()]
    old, desk.server.customers = desk.server.customers, 2_000
    desk.engine.apply(FOUR[1], refresh=True)
    assert desk.settle().everybody == 2_000
    desk.server.customers = old
    held.let_go()
    assert desk.state.everybody == 2_000
    desk.engine.close()


def test_of_how_many_is_a_courtesy_that_fails_no_answer() -> None:
    desk = Desk()
    desk.server.errors[CustomerFilter()] = TransportError("no")
    desk.engine.apply(FOUR[0])
    state = desk.settle()
    assert (state.phase, state.everybody, desk.engine.last_error) == ("ready", None, None)
    assert status_text(state).startswith("1,000 customers match")
    desk.engine.close()


def test_a_refresh_asks_the_first_rows_anew_and_counts_from_that_answer() -> None:
    """One call, not one for the rows and one for the count."""
    for cache in ("use", "refresh"):
        desk = Desk(cache=cache)
        desk.open()
        before = len(desk.server.calls)
        desk.engine.apply(refresh=True)
        desk.settle()
        kinds = [(kind, options.cache) for kind, _, options in desk.server.calls[before:]]
        assert kinds == [("run", "refresh"), ("estimate", "use")]
        desk.engine.close()


@pytest.mark.parametrize("cache", ["off", "offline"])
def test_the_cache_is_used_as_the_query_says(cache: str) -> None:
    """`cache="off"` keeps nothing and `cache="offline"` asks nobody, in the panel as elsewhere."""
    desk = Desk(cache=cache)
    desk.open()
    desk.engine.apply(refresh=True)
    desk.settle()
    desk.engine.load()
    desk.settle()
    assert {options.cache for _, _, options in desk.server.calls} == {cache}
    desk.engine.close()


def test_the_panel_shows_no_more_rows_than_the_limit() -> None:
    desk = Desk(limit=7)
    rows = desk.open().rows
    assert rows is not None
    assert len(rows) == 7
    assert {options.limit for kind, _, options in desk.server.calls if kind == "run"} == {7}
    desk.engine.turn(1)
    assert "has a limit" in status_text(desk.state)
    desk.engine.close()


def test_pages_cost_one_call_each_and_two_quick_clicks_go_two_pages_on() -> None:
    desk = Desk()
    desk.open()
    before = len(desk.server.calls)
    desk.engine.turn(1)
    state = desk.settle()
    assert (state.page, state.start) == (2, 50)
    assert state.rows is not None
    assert state.rows.user_id.iloc[0] == 51
    assert [kind for kind, _, _ in desk.server.calls[before:]] == ["page"]
    held = desk.server.hold(CustomerFilter(), "page")
    desk.engine.turn(1)
    desk.engine.turn(1)
    assert held.arrived.wait(SOON_S)
    held.release.set()
    state = desk.settle()
    assert (state.page, state.rows.user_id.iloc[0] if state.rows is not None else 0) == (4, 151)
    desk.engine.turn(-9)
    assert desk.state is state
    desk.engine.close()


def test_a_page_that_fails_leaves_the_page_on_show() -> None:
    desk = Desk()
    state = desk.open()
    desk.server.errors[CustomerFilter()] = TransportError("no")
    desk.engine.turn(1)
    failed = desk.settle()
    assert (failed.phase, failed.page, failed.page_wanted, failed.rows is state.rows) == ("failed", 1, 1, True)
    desk.server.errors.clear()
    desk.engine.turn(1)
    assert desk.settle().page == 2
    desk.engine.close()


def test_loaded_rows_are_paged_without_a_call_and_not_beyond_their_ends() -> None:
    desk = Desk()
    desk.open()
    desk.engine.load()
    desk.settle()
    calls = len(desk.server.calls)
    pages = []
    for step in (1, 1, 1, -1, -1, -1):
        desk.engine.turn(step)
        pages.append(desk.state.page)
    assert pages == [2, 3, 3, 2, 1, 1]
    assert len(desk.server.calls) == calls
    desk.engine.apply(FOUR[0])
    assert (desk.settle().page, desk.state.loaded) == (1, False)
    desk.engine.close()


def test_turning_pages_neither_stops_a_load_nor_pages_rows_of_another_question() -> None:
    desk = Desk()
    desk.open()
    reached = threading.Event()
    desk.server.on_run = _pages(3, reached)
    desk.engine.load()
    assert reached.wait(SOON_S)
    desk.engine.turn(1)
    assert desk.state.phase == "loading"
    desk.engine.stop()
    desk.engine.change(CustomerFilter.of(city=list("abcdef")))
    desk.engine.turn(1)
    assert (desk.state.phase, desk.server.asked("page")) == ("dear", [])
    desk.engine.close()


def test_a_union_has_no_pages_before_it_is_loaded_and_says_so() -> None:
    desk = Desk()
    desk.engine.apply(CustomerFilter.of(city=["a", "b"]))
    desk.settle()
    desk.engine.turn(1)
    assert (desk.state.phase, desk.server.asked("page")) == ("ready", [])
    assert "come with Load all" in status_text(desk.state)
    desk.engine.close()


def test_counting_by_a_filter_costs_a_call_for_each_value_that_the_question_lets_through() -> None:
    desk = Desk()
    desk.engine.apply(CustomerFilter.of(channel=["Amazon", 4242]))
    desk.settle()
    before = len(desk.server.asked("count"))
    desk.engine.count_by("channel", {"Website": 6, "Amazon": 4})
    state = desk.settle()
    assert set(state.counts["channel"].index) == {"Amazon", "4242"}
    assert [q.channel for q in desk.server.asked("count")[before:]] == [(4,), (4242,)]
    assert "Counted by channel." in status_text(state)
    desk.engine.apply(FOUR[0])
    assert desk.settle().counts == {}
    desk.engine.close()


def test_an_answer_that_is_not_proven_is_not_saved(tmp_path: Any) -> None:
    desk = Desk()
    desk.open()
    kind = type(desk.server.query())
    plain = kind.run

    def run(self: Any, **how: Any) -> Any:
        read = plain(self, **how)
        read.report.is_proven = False
        return read

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, "run", run)
        desk.engine.save(tmp_path / "x.parquet")
        state = desk.settle()
    assert (state.phase, (tmp_path / "x.parquet").exists()) == ("failed", False)
    assert "not proven" in status_text(state)
    desk.engine.save(tmp_path / "no" / "x.parquet")
    calls = len(desk.server.calls)
    assert desk.settle().phase == "failed"
    assert len(desk.server.calls) == calls  # a folder that is not there is known before the first call
    desk.engine.close()
