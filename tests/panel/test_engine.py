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
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sc_pandas.errors import AuthError, FilterError, RateLimitedError, TransportError
from sc_pandas.filters import CustomerFilter
from sc_pandas.pacing import Cancelled
from sc_pandas.panel import asking
from sc_pandas.panel.engine import Engine
from sc_pandas.panel.state import PanelState, status_text
from sc_pandas.reading import Watcher
from tests.panel.conftest import Desks
from tests.panel.fakes import SOON_S, Desk, FakeServer, Held, about

FOUR = [about(word) for word in ("one", "two", "three", "four")]
ORDERS = list(itertools.permutations(range(4)))
FAILURES = list(itertools.product([False, True], repeat=4))


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: "".join(map(str, order)))
def test_the_newest_of_four_questions_wins_in_every_order(order: tuple[int, ...], desks: Desks) -> None:
    """All 24 orders of completion, each with all 16 ways to fail: no older rows, words or errors, at no time."""
    for fails in FAILURES:
        desk = desks()
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
            assert each.rows is before or each.rows_of == FOUR[3]
            assert not each.message or "four" in each.message
        if fails[3]:
            assert (newest.phase, newest.rows is before, newest.rows_are_old) == ("failed", True, True)
            assert str(desk.engine.last_error) == "four failed"
        else:
            assert (newest.phase, newest.rows_of, newest.rows_are_old) == ("ready", FOUR[3], False)
            assert desk.engine.last_error is None


def _four_under_way(desk: Desk, fails: tuple[bool, ...]) -> list[Held]:
    held = []
    for question, fail in zip(FOUR, fails, strict=True):
        error = TransportError(f"{question.city[0]} failed") if fail and question.city else None
        held.append(desk.server.hold(question, error=error))
        desk.engine.apply(question)
        assert held[-1].arrived.wait(SOON_S)
    return held


def test_a_fifth_question_waits_and_replaces_those_that_waited(desk: Desk) -> None:
    held = _four_under_way(desk, (False,) * 4)
    for word in ("five", "six", "seven"):
        desk.engine.apply(about(word))
    held[1].release.set()
    assert desk.settle().rows_of == about("seven")
    assert about("five") not in desk.server.asked()
    assert about("six") not in desk.server.asked()
    for each in held:
        each.let_go()


def test_a_waiting_question_that_is_overtaken_is_not_asked(desk: Desk) -> None:
    """Also where what overtook it asks nothing itself."""
    held = _four_under_way(desk, (False,) * 4)
    desk.engine.apply(about("five"))
    desk.engine.refuse({"city": "No."})
    for each in held:
        each.let_go()
    assert about("five") not in desk.server.asked()
    assert desk.state.phase == "wrong"


def test_an_older_page_load_save_and_count_change_nothing_either(tmp_path: Any, desks: Desks) -> None:
    """What was overtaken is dropped whatever it was: a page, a load, a file, counts by the server."""
    begins: list[Callable[[Engine], None]] = [
        lambda e: e.turn(1), lambda e: e.load(), lambda e: e.save(tmp_path / "x.parquet"),
        lambda e: e.count_by("subscribed", {"Yes": 1}),
    ]  # fmt: skip
    for begin in begins:
        desk = desks()
        desk.open()
        held = [desk.server.hold(CustomerFilter(), kind) for kind in ("run", "page")]
        held += [desk.server.hold(CustomerFilter.of(subscribed=True), "count")]
        begin(desk.engine)
        assert _first(held).arrived.wait(SOON_S)
        assert desk.ask(FOUR[0]).rows_of == FOUR[0]
        shown = len(desk.states)
        _first(held).let_go()
        assert len(desk.states) == shown
        assert not (tmp_path / "x.parquet").exists()


def _first(held: list[Held]) -> Held:
    until = time.monotonic() + SOON_S
    while time.monotonic() < until:
        for each in held:
            if each.arrived.is_set():
                return each
        time.sleep(0.001)
    raise AssertionError("nothing was asked")


@settings(max_examples=60, deadline=None)
@example([*[0.0] * 5, 5.0 / 16.5] * 16 + [0.0] * 3)  # bursts just behind the debounce: 17 questions without a distance
@given(st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.01, 0.05, 0.29, 0.31, 0.39, 0.41]), min_size=99, max_size=99))
def test_a_hundred_keys_in_five_seconds_cost_thirteen_calls(gaps: list[float]) -> None:
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


def test_a_change_asks_once_and_only_when_it_has_settled(desk: Desk) -> None:
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


def test_rows_that_cannot_be_counted_are_shown_without(monkeypatch: pytest.MonkeyPatch, desks: Desks) -> None:
    monkeypatch.setattr(asking, "facet_counts", lambda _rows: 1 / 0)
    desk = desks()
    state = desk.open()
    assert (state.phase, len(state.facets), desk.engine.last_error) == ("ready", 0, None)
    assert state.rows is not None


def test_a_union_of_more_than_five_lists_waits_for_apply(desk: Desk) -> None:
    asked = len(desk.server.calls)
    union = CustomerFilter.of(city=list("abcdef"))
    desk.engine.change(union)
    desk.watch.pass_s(5.0)
    assert (desk.state.phase, len(desk.server.calls)) == ("held", asked)
    assert status_text(desk.state) == "Counting this takes 6 calls. Press Apply to ask."
    assert desk.state.rows_are_old
    assert desk.ask().rows_of == union
    desk.engine.change(CustomerFilter.of(city=list("abcde")))
    desk.watch.pass_s(0.5)
    assert desk.settle().phase == "ready"


def test_a_question_of_many_calls_is_held_at_the_opening_too(desks: Desks) -> None:
    desk = desks()
    desk.engine.apply(CustomerFilter.of(city=list("abcdef")), at_any_cost=False)
    assert (desk.state.phase, desk.server.calls) == ("held", [])


def test_nothing_is_asked_by_itself_until_live_is_on(desks: Desks) -> None:
    desk = desks(live=False)
    desk.open()
    asked = len(desk.server.calls)
    desk.engine.change(FOUR[0])
    desk.watch.pass_s(5.0)
    assert len(desk.server.calls) == asked
    assert status_text(desk.state) == "Counting this takes 1 call. Press Apply to ask."
    desk.engine.set_live(live=True)
    desk.watch.pass_s(0.5)
    assert desk.settle().rows_of == FOUR[0]


@pytest.mark.parametrize("error", [
    AuthError("The password was refused. Check it."), TransportError("No answer from 127.0.0.1. Is the server up?"),
    RateLimitedError("The quota is used up until 12:00 UTC. Ask again after that."),
    ZeroDivisionError("a bug of ours"),
], ids=lambda error: type(error).__name__)  # fmt: skip
def test_an_error_keeps_the_last_rows_marked_old_and_teaches(error: Exception, desk: Desk) -> None:
    """The next success clears it."""
    good = desk.state.rows
    desk.server.errors[FOUR[0]] = error
    state = desk.ask(FOUR[0])
    assert state.rows is good
    assert state.rows_are_old
    assert desk.engine.last_error == error
    assert status_text(state) == f"{type(error).__name__}: {error}"
    state = desk.ask(FOUR[1])
    assert (state.phase, state.rows_are_old) == ("ready", False)
    cleared: BaseException | None = desk.engine.last_error
    assert cleared is None
    assert str(error) not in status_text(state)


def test_nothing_is_asked_while_an_entry_is_wrong(tmp_path: Any, desk: Desk) -> None:
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
    assert status_text(state) == "Fix the highlighted field to continue."
    assert isinstance(desk.engine.last_error, FilterError)
    desk.engine.change(FOUR[0])
    desk.watch.pass_s(0.5)
    state = desk.settle()
    assert (state.phase, dict(state.wrong), state.rows_are_old) == ("ready", {}, False)
    now: BaseException | None = desk.engine.last_error
    assert now is None


def test_an_error_beside_the_question_stops_no_question(desk: Desk) -> None:
    """A filter that could not be saved neither stops the answer under way nor makes good rows old."""
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
    assert "saved filter" not in status_text(desk.ask(FOUR[1]))


def test_a_state_that_cannot_be_shown_stops_no_later_state() -> None:
    seen: list[PanelState] = []

    def show(state: PanelState) -> None:
        seen.append(state)
        if len(seen) == 1:
            raise ValueError("no")

    engine = Engine(FakeServer().query(), show)
    engine.apply(FOUR[0])
    assert engine.wait(SOON_S)
    assert seen[-1].rows_of == FOUR[0]
    engine.close()


@pytest.mark.parametrize("begin", ["load", "apply"])
@pytest.mark.parametrize(("why", "said"), [("wait", "quota is used up; going on at"), ("away", "trying again until")])
def test_a_wait_is_counted_down_and_the_work_resumes(begin: str, why: str, said: str, desk: Desk) -> None:
    until = datetime.now(UTC) + timedelta(seconds=30)
    waiting, go_on = threading.Event(), threading.Event()

    def on_run(_question: CustomerFilter, _cancel: Any, watcher: Watcher | None) -> None:
        for _ in range(16):
            getattr(watcher, why)(until, 30.0)
        waiting.set()
        assert go_on.wait(SOON_S)

    desk.server.on_run = on_run
    getattr(desk.engine, begin)()
    assert waiting.wait(SOON_S)
    assert desk.state.waiting_until == until
    assert f"{said} {until:%H:%M:%S} UTC" in status_text(desk.state)
    assert [s.waiting_until for s in desk.states].count(until) == 1  # sixteen threads that wait say it once
    go_on.set()
    state = desk.settle()
    assert (state.phase, state.waiting_until) == ("ready", None)


def _pages(until: int, reached: threading.Event) -> Any:
    """Read page after page until the load is stopped."""

    def on_run(_question: CustomerFilter, cancel: threading.Event | None, watcher: Watcher | None) -> None:
        assert cancel is not None
        assert watcher is not None
        watcher.expect(100, 5_000)
        for page in range(100):
            if page == until:
                reached.set()
                assert cancel.wait(SOON_S)
            if cancel.is_set():
                raise Cancelled
            watcher.advance()

    return on_run


def test_a_load_stops_between_pages_and_says_so(desk: Desk) -> None:
    good = desk.state.rows
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
    assert desk.load().loaded
    assert "Stopped" not in status_text(desk.state)


@pytest.mark.parametrize("overtaking", ["change", "refuse", "held"])
def test_a_save_that_a_question_stops_is_not_stopped_silently(overtaking: str, tmp_path: Any, desk: Desk) -> None:
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


def test_progress_is_told_ten_times_a_second_at_most(desk: Desk) -> None:
    """A load of 2,000 pages does not send 2,000 messages."""
    desk.states.clear()

    def on_run(_question: CustomerFilter, _cancel: Any, watcher: Watcher | None) -> None:
        assert watcher is not None
        watcher.expect(2_000, 100_000)
        for _ in range(2_000):
            watcher.advance()

    desk.server.on_run = on_run
    began = time.monotonic()
    desk.load()
    assert len(desk.states) <= 6 + 10 * (time.monotonic() - began)
    assert max(s.pages_done for s in desk.states) == 2_000


def test_after_close_nothing_is_published_asked_or_left_running(desk: Desk) -> None:
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


def test_an_engine_at_rest_holds_no_thread() -> None:
    engine = Engine(FakeServer().query(), lambda _state: None)
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


def test_everybody_is_counted_once_and_again_after_a_refresh(desks: Desks) -> None:
    """A question without a filter is its own count of everybody; "of how many" is never older than the refresh."""
    desk = desks()
    assert desk.ask(FOUR[0]).everybody == 1_000
    desk.ask(FOUR[1])
    assert len(desk.server.asked("count")) == 1
    desk.server.customers = 1_003
    assert desk.ask(FOUR[1], refresh=True).everybody == 1_003
    assert len(desk.server.asked("count")) == 2
    desk.server.customers = 1_005
    assert desk.ask(CustomerFilter()).everybody == 1_005
    assert len(desk.server.asked("count")) == 2


def test_an_overtaken_question_brings_back_no_older_count(desks: Desks) -> None:
    desk = desks()
    held = desk.server.hold(CustomerFilter(), "count")
    desk.engine.apply(FOUR[0])
    assert held.arrived.wait(SOON_S)
    del desk.server.held["count", CustomerFilter()]
    old, desk.server.customers = desk.server.customers, 2_000
    assert desk.ask(FOUR[1], refresh=True).everybody == 2_000
    desk.server.customers = old
    held.let_go()
    assert desk.state.everybody == 2_000


def test_of_how_many_is_a_courtesy_that_fails_no_answer(desks: Desks) -> None:
    desk = desks()
    desk.server.errors[CustomerFilter()] = TransportError("no")
    state = desk.ask(FOUR[0])
    assert (state.phase, state.everybody, desk.engine.last_error) == ("ready", None, None)
    assert status_text(state).startswith("1,000 customers match")


def test_a_refresh_counts_from_the_rows_asked_anew(desks: Desks) -> None:
    """One call, not one for the rows and one for the count."""
    for cache in ("use", "refresh"):
        desk = desks(cache=cache)
        desk.open()
        before = len(desk.server.calls)
        desk.ask(refresh=True)
        kinds = [(kind, options.cache) for kind, _, options in desk.server.calls[before:]]
        assert kinds == [("run", "refresh"), ("estimate", "use")]


@pytest.mark.parametrize("cache", ["off", "offline"])
def test_the_cache_is_used_as_the_query_says(cache: str, desks: Desks) -> None:
    """`cache="off"` keeps nothing and `cache="offline"` asks nobody, in the panel as elsewhere."""
    desk = desks(cache=cache)
    desk.open()
    desk.ask(refresh=True)
    desk.load()
    assert {options.cache for _, _, options in desk.server.calls} == {cache}


def test_the_panel_shows_no_more_rows_than_the_limit(desks: Desks) -> None:
    desk = desks(limit=7)
    rows = desk.open().rows
    assert rows is not None
    assert len(rows) == 7
    assert {options.limit for kind, _, options in desk.server.calls if kind == "run"} == {7}
    desk.engine.turn(1)
    assert "has a limit" in status_text(desk.state)


def test_a_page_costs_a_call_and_two_clicks_go_two_pages_on(desk: Desk) -> None:
    before = len(desk.server.calls)
    state = desk.turn(1)
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


def test_a_page_that_fails_leaves_the_page_on_show(desk: Desk) -> None:
    state = desk.state
    desk.server.errors[CustomerFilter()] = TransportError("no")
    failed = desk.turn(1)
    assert (failed.phase, failed.page, failed.page_wanted, failed.rows is state.rows) == ("failed", 1, 1, True)
    desk.server.errors.clear()
    assert desk.turn(1).page == 2


def test_loaded_rows_are_paged_without_a_call(desk: Desk) -> None:
    desk.load()
    calls = len(desk.server.calls)
    pages = []
    for step in (1, 1, 1, -1, -1, -1):
        desk.engine.turn(step)
        pages.append(desk.state.page)
    assert pages == [2, 3, 3, 2, 1, 1]
    assert len(desk.server.calls) == calls
    assert (desk.ask(FOUR[0]).page, desk.state.loaded) == (1, False)


def test_pages_neither_stop_a_load_nor_turn_old_rows(desk: Desk) -> None:
    reached = threading.Event()
    desk.server.on_run = _pages(3, reached)
    desk.engine.load()
    assert reached.wait(SOON_S)
    desk.engine.turn(1)
    assert desk.state.phase == "loading"
    desk.engine.stop()
    desk.engine.change(CustomerFilter.of(city=list("abcdef")))
    desk.engine.turn(1)
    assert (desk.state.phase, desk.server.asked("page")) == ("held", [])


def test_a_union_has_no_pages_before_it_is_loaded_and_says_so(desks: Desks) -> None:
    desk = desks()
    desk.ask(CustomerFilter.of(city=["a", "b"]))
    desk.engine.turn(1)
    assert (desk.state.phase, desk.server.asked("page")) == ("ready", [])
    assert "come with Load all" in status_text(desk.state)


def test_counting_by_a_filter_costs_a_call_for_each_value(desks: Desks) -> None:
    desk = desks()
    desk.ask(CustomerFilter.of(channel=["Amazon", 4242]))
    before = len(desk.server.asked("count"))
    desk.engine.count_by("channel", {"Website": 6, "Amazon": 4})
    state = desk.settle()
    assert set(state.counts["channel"].index) == {"Amazon", "4242"}
    assert [q.channel for q in desk.server.asked("count")[before:]] == [(4,), (4242,)]
    assert "Counted by channel." in status_text(state)
    assert desk.ask(FOUR[0]).counts == {}


def test_an_answer_that_is_not_proven_is_not_saved(tmp_path: Any, desk: Desk) -> None:
    desk.server.report.is_proven = False
    desk.engine.save(tmp_path / "x.parquet")
    state = desk.settle()
    assert (state.phase, (tmp_path / "x.parquet").exists()) == ("failed", False)
    assert "not proven" in status_text(state)
