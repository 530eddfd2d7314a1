"""Asks while the controls move: debounced, the latest wins, off the caller's thread; knows no widget."""

import threading
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pandas as pd

from sc_pandas.filters import CustomerFilter
from sc_pandas.pacing import Cancelled
from sc_pandas.panel import state as states
from sc_pandas.panel.protocols import QueryLike
from sc_pandas.panel.state import PanelState

DEBOUNCE_S = 0.3
PAGE_ROWS = 50
_AT_ONCE = 4


class Timer(Protocol):
    """What a debounce needs of a timer."""

    def start(self) -> None:
        """Begin to wait."""

    def cancel(self) -> None:
        """Never mind."""


def _thread_timer(seconds: float, action: Callable[[], None]) -> Timer:
    timer = threading.Timer(seconds, action)
    timer.daemon = True
    return timer


class Engine:
    """Turns questions into states of the panel.

    Every change is published by calling `on_change` with the new state, from whichever thread made it, one at a time.

    Parameters
    ----------
    query
        How to ask; its filter is replaced by each question.
    on_change
        Shows a state.
    live
        Whether a settled change asks by itself.
    make_timer
        For tests: another way to wait for the debounce.
    """

    def __init__(
        self,
        query: QueryLike,
        on_change: Callable[[PanelState], None],
        *,
        live: bool = True,
        make_timer: Callable[[float, Callable[[], None]], Timer] = _thread_timer,
    ) -> None:
        self._base = query
        self._on_change = on_change
        self.live = live
        self._make_timer = make_timer
        self._lock = threading.RLock()
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="sc_pandas-panel")
        self._generation = 0
        self._timer: Timer | None = None
        self._cancel = threading.Event()
        self._settled = threading.Condition(self._lock)
        self._everybody: int | None = None
        self.state = PanelState(question=query.filter)
        self.last_error: BaseException | None = None

    @property
    def query(self) -> QueryLike:
        """The query that the controls make."""
        return self._base.with_filter(self.state.question)

    # ── events from the controls ───────────────────────────────────────────────────────────────────────────────────
    def change(self, question: CustomerFilter) -> None:
        """The controls ask something else; it is asked when they rest, if that is cheap."""
        with self._lock:
            generation = self._next()
            query = self._base.with_filter(question)
            if not self.live or query.reads > states.LIVE_AT_MOST_CALLS:
                self._publish(states.held(self.state, generation, question, query.reads))
                return
            self._publish(states.asked(self.state, generation, question))
            self._timer = self._make_timer(DEBOUNCE_S, lambda: self._count(generation, query))
            self._timer.start()

    def refuse(self, wrong: dict[str, str]) -> None:
        """The controls make no question."""
        with self._lock:
            self._publish(states.refused(self.state, self._next(), wrong))

    def apply(self, question: CustomerFilter | None = None, *, refresh: bool = False) -> None:
        """Ask now, whatever it costs; with `refresh` the server and not the cache."""
        with self._lock:
            generation = self._next()
            question = self.state.question if question is None else question
            query = self._base.with_filter(question)
            self._publish(states.asked(self.state, generation, question))
            if refresh:
                self._everybody = None
                query = query.with_options(cache="refresh")
            self._submit(lambda: self._count(generation, query))

    def load(self) -> None:
        """Read everything that matches."""
        with self._lock:
            generation = self._next()
            query = self.query
            self._publish(states.asked(self.state, generation, self.state.question, loading=True))
            cancel = self._cancel
            self._submit(lambda: self._load(generation, query, cancel))

    def show_page(self, number: int) -> None:
        """Ask for another page of the list."""
        with self._lock:
            generation = self._next()
            query = self.query
            self._publish(states.asked(self.state, generation, self.state.question))
            self._submit(lambda: self._page(generation, query, number))

    def save(self, path: Path) -> None:
        """Read everything that matches into a Parquet file."""
        with self._lock:
            generation = self._next()
            query = self.query
            self._publish(states.asked(self.state, generation, self.state.question, loading=True))

        def work() -> PanelState:
            written = query.to_parquet(path)
            return states.saved(self.state, generation, f"Saved to {written}.")

        self._submit(lambda: self._attempt(generation, work))

    def count_by(
        self, name: str, values: Mapping[str, int], show: Callable[["Mapping[str, pd.Series[int]]"], None]
    ) -> None:
        """Count what matches for each value of a filter that rows do not carry: one call for each."""
        with self._lock:
            generation = self._next()
            query = self.query
            self._publish(states.asked(self.state, generation, self.state.question, loading=True))
            cancel = self._cancel

        def work() -> PanelState:
            progress = _Progress(self, generation)
            progress.expect(len(values))
            counts = {}
            for label, value in values.items():
                if cancel.is_set():
                    raise Cancelled
                question = CustomerFilter.of(**{**query.filter.to_dict(), name: value})
                counts[label] = int(query.with_filter(question).count())
                progress.advance()
            found = pd.Series(counts, dtype="int64")
            with self._lock:
                if self._is_newest(generation):
                    show({name: found[found > 0].sort_values(ascending=False)})
            return states.saved(self.state, generation, f"Counted by {name}.")

        self._submit(lambda: self._attempt(generation, work))

    def fail(self, error: Exception) -> None:
        """Show an error that came before anything was asked."""
        with self._lock:
            generation = self._next()
            self.last_error = error
            state = replace(self.state, generation=generation)
            self._publish(states.failed(state, generation, states.error_text(error)))

    def stop(self) -> None:
        """Cancel what is under way, between pages."""
        with self._lock:
            if self.state.phase == "loading":
                generation = self._generation
                self._cancel.set()
                self._publish(states.stopped(self.state, generation))
                self._generation += 1

    def close(self) -> None:
        """Stop timers and threads; nothing is published afterwards."""
        with self._lock:
            self._next()
            self._on_change = lambda _state: None
            self.state = PanelState(phase="closed", generation=self._generation)
            self._settled.notify_all()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until no answer is on its way; False when the time is up first."""
        with self._settled:
            return self._settled.wait_for(lambda: not self.state.is_busy, timeout)

    # ── work, off the caller's thread ──────────────────────────────────────────────────────────────────────────────
    def _count(self, generation: int, query: QueryLike) -> None:
        def work() -> PanelState:
            if not self._is_newest(generation):
                return self.state
            estimate = query.estimate()
            if self._everybody is None:
                self._everybody = int(query.with_filter(CustomerFilter()).count())
            first = query.with_options(cache="use").head(PAGE_ROWS)
            return states.counted(self.state, generation, estimate, self._everybody, first, _now())

        self._attempt(generation, work)

    def _load(self, generation: int, query: QueryLike, cancel: threading.Event) -> None:
        def work() -> PanelState:
            read = query.run(cancel=cancel, watcher=_Progress(self, generation))
            message = f"{len(rows := read.to_pandas()):,} customers loaded, {read.report.verdict}."
            return states.loaded(self.state, generation, rows, _now(), message)

        self._attempt(generation, work)

    def _page(self, generation: int, query: QueryLike, number: int) -> None:
        def work() -> PanelState:
            rows = query.page(number, PAGE_ROWS).to_pandas()
            return states.paged(self.state, generation, rows, _now())

        self._attempt(generation, work)

    def _attempt(self, generation: int, work: Callable[[], PanelState]) -> None:
        try:
            reached = work()
        except Cancelled:
            reached = states.stopped(self.state, generation)
        except Exception as error:  # noqa: BLE001  # a callback's boundary: shown in the panel, kept in last_error
            reached = self._failed(generation, error)
        with self._lock:
            if generation == self._generation:
                self._publish(reached)

    def _failed(self, generation: int, error: Exception) -> PanelState:
        with self._lock:
            if generation == self._generation:
                self.last_error = error
            return states.failed(self.state, generation, states.error_text(error))

    def progress(self, generation: int, reach: Callable[[PanelState], PanelState]) -> None:
        """Publish what a load under way has come to."""
        with self._lock:
            if generation == self._generation:
                self._publish(reach(self.state))

    # ── inside ─────────────────────────────────────────────────────────────────────────────────────────────────────
    def _next(self) -> int:
        if self._timer is not None:
            self._timer.cancel()
        self._cancel.set()
        self._cancel = threading.Event()
        self._generation += 1
        return self._generation

    def _is_newest(self, generation: int) -> bool:
        return generation == self._generation

    def _submit(self, action: Callable[[], None]) -> None:
        self._pool.submit(action)

    def _publish(self, reached: PanelState) -> None:
        self.state = reached
        if reached.phase == "ready":
            self.last_error = None
        self._on_change(reached)
        self._settled.notify_all()


class _Progress:
    """Hands a load's progress to the engine, unless the panel is gone."""

    def __init__(self, engine: Engine, generation: int) -> None:
        self._engine = weakref.ref(engine)
        self._generation = generation
        self._done = 0
        self._expected = 0

    def expect(self, pages: int) -> None:
        """So many pages more are coming."""
        self._expected += pages
        self._tell()

    def advance(self) -> None:
        """One page has come."""
        self._done += 1
        self._tell()

    def wait(self, reset_at: datetime, _seconds: float) -> None:
        """The quota is used up until then."""
        engine = self._engine()
        if engine is not None:
            engine.progress(self._generation, lambda state: states.throttled(state, self._generation, reset_at))

    def _tell(self) -> None:
        engine = self._engine()
        if engine is not None:
            reach = states.progressed
            done, expected = self._done, self._expected
            engine.progress(
                self._generation, lambda state: reach(state, self._generation, done=done, expected=expected)
            )


def _now() -> datetime:
    return datetime.now(UTC)
