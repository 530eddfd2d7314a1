"""Asks while the controls move: debounced, the latest wins, off the caller's thread; knows no widget."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import pandas as pd

from sc_pandas import forks
from sc_pandas.errors import FilterError, SellerCloudError
from sc_pandas.files import check_target
from sc_pandas.filters import CustomerFilter
from sc_pandas.pacing import Cancelled
from sc_pandas.panel import state as states
from sc_pandas.panel.asking import draw_facets, kept_estimate, kept_price, why_without_pages, within, write
from sc_pandas.panel.including import gaps_text, including, plain
from sc_pandas.panel.last_time import LastTime
from sc_pandas.panel.pricing import Pricer
from sc_pandas.panel.progress import Progress, Reach
from sc_pandas.panel.protocols import EstimateLike, QueryLike
from sc_pandas.panel.state import PAGE_ROWS, Facets, PanelState
from sc_pandas.panel.timers import Timer, thread_timer
from sc_pandas.panel.workers import Workers
from sc_pandas.reading import ReadKeywords
from sc_pandas.wording import visible

DEBOUNCE_S: Final = 0.3
# However one types, live questions are no closer than this: 13 in five seconds at most.
APART_S: Final = 0.4
_LOG: Final = logging.getLogger(__name__)
_AT_ONCE: Final = 4
_EVERYBODY: Final = CustomerFilter()


class Engine:
    """Turns questions into states of the panel.

    Every change is published by calling `on_change` with the new state, from whichever thread made it, one at a time
    and in order, because `lock` is held meanwhile.  Nothing slow is done under it: no call, no picture.

    Parameters
    ----------
    query
        How to ask; its filter is replaced by each question.  What it includes is read by `load` and `save` alone.
    on_change
        Shows a state.
    live
        Whether a settled change asks by itself.
    make_timer, clock
        For tests: another way to wait for the debounce, and the time by which it is waited.
    draw
        For tests: another way to draw facets.
    last_time
        What saved filters gave the last time, to compare answers with.

    Attributes
    ----------
    lock : threading.RLock
        Held while a state is made and shown; whoever reads several widgets together takes it, too.
    """

    def __init__(
        self,
        query: QueryLike,
        on_change: Callable[[PanelState], None],
        *,
        live: bool = True,
        make_timer: Callable[[float, Callable[[], None]], Timer] = thread_timer,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[pd.DataFrame], Facets] = draw_facets,
        last_time: LastTime | None = None,
    ) -> None:
        self.lock = forks.new_rlock()
        self._settled = threading.Condition(self.lock)
        self._opened = query.options
        self._base = self._query = plain(query)
        self._on_change = on_change
        self._live = live
        self._make_timer = make_timer
        self._clock = clock
        self._draw = draw
        self._last_time = last_time
        self._workers = Workers(_AT_ONCE)
        self._pricer = Pricer(self.lock, self._priced)
        self._generation = 0
        self._timer: Timer | None = None
        self._cancel = threading.Event()
        self._closed = False
        self._asked_at = float("-inf")
        self.state = PanelState(
            question=query.filter,
            page_rows=min(PAGE_ROWS, query.options.page_size),
            include=query.options.include,
            limit=query.options.limit,
        )
        self.last_error: BaseException | None = None

    @property
    def query(self) -> QueryLike:
        """The query that the controls make."""
        return including(self._query, self._opened, self.state.include)

    # ── events from the controls ───────────────────────────────────────────────────────────────────────────────────
    def change(self, question: CustomerFilter) -> None:
        """The controls ask something else; it is asked when they rest, if that is cheap.

        Raises
        ------
        FilterError
            The question cannot be asked; nothing has changed.
        """
        with self.lock:
            query = self._base.with_filter(question)
            if self._closed:
                return
            generation = self._next()
            self._query = query
            if not self._live or query.reads > states.LIVE_AT_MOST_CALLS:
                self._publish(states.held(self.state, generation, question, query.reads))
                return
            self._publish(states.asked(self.state, generation, question))
            rest = max(DEBOUNCE_S, self._asked_at + APART_S - self._clock())
            self._timer = self._make_timer(rest, self._count_job(generation, refresh=False))
            self._timer.start()

    def refuse(self, wrong: Mapping[str, str]) -> None:
        """The controls make no question."""
        with self.lock:
            if self._closed:
                return
            name, text = next(iter(wrong.items()))
            self.last_error = FilterError(text, filter=name)
            self._publish(states.refused(self.state, self._next(), wrong))

    def apply(self, question: CustomerFilter | None = None, *, refresh: bool = False, at_any_cost: bool = True) -> None:
        """Ask now; with `refresh` the server and not the cache.

        Raises
        ------
        FilterError
            The question cannot be asked; nothing has changed.
        """
        with self.lock:
            query = self._query if question is None else self._base.with_filter(question)
            if self._closed:
                return
            generation = self._next()
            self._query = query
            if not at_any_cost and query.reads > states.LIVE_AT_MOST_CALLS:
                self._publish(states.held(self.state, generation, query.filter, query.reads))
                return
            self._publish(states.asked(self.state, generation, query.filter))
            self._count_job(generation, refresh=refresh)()

    def set_live(self, live: bool) -> None:  # noqa: FBT001  # a trait's new value
        """Ask settled changes by themselves, or wait for Apply."""
        with self.lock:
            self._live = live
            if live and self.state.phase == "dear":
                self.change(self.state.question)

    def choose(self, names: tuple[str, ...]) -> None:
        """Load other columns from now on; nothing is asked for that."""
        with self.lock:
            if self._closed:
                return
            state = self.state
            # What is being loaded or saved would lack what is chosen now.
            stops = state.phase == "loading" and state.task in {states.LOADING, states.SAVING}
            self._publish(states.chose(state, self._next() if stops else self._generation, names))

    def price(self) -> None:
        """Ask what `load` takes, by a call for each list."""
        with self.lock:
            if not self._can_begin() or self.state.phase == "loading":
                return
            self._publish(states.pricing(self.state))
            self._pricer.ask(self.query)

    def load(self) -> None:
        """Read everything that matches."""
        with self.lock:
            if not self._can_begin():
                return
            generation = self._next()
            query, cancel = self.query, self._cancel
            self._publish(states.began(self.state, generation, states.LOADING))

        def work() -> Reach:
            read = query.run(cancel=cancel, watcher=Progress(self, generation))
            rows = read.to_pandas()
            words = states.loaded_text(len(rows), self.state.everybody, read.report)
            if self._last_time is not None:
                words = f"{words} {self._last_time.of_rows(query, rows, read.report.finished_at)}".rstrip()
            price = kept_price(query)
            return lambda state: states.loaded(state, generation, rows, read.report.finished_at, words, price)

        self._start(generation, work)

    def save(self, path: Path) -> None:
        """Read everything that matches into a Parquet file."""
        with self.lock:
            if not self._can_begin():
                return
            generation = self._next()
            query, cancel = self.query, self._cancel
            self._publish(states.began(self.state, generation, states.SAVING))

        def work() -> Reach:
            check_target(path)
            read = query.run(cancel=cancel, watcher=Progress(self, generation))
            if cancel.is_set():
                raise Cancelled
            write(path, read)
            message = f"Saved {read.table.num_rows:,} customers to {visible(str(path))}, {read.report.verdict}."
            message = f"{message} {gaps_text(read.report.gaps)}".rstrip()
            estimate, price = kept_estimate(plain(query)), kept_price(query)
            return lambda state: states.saved(state, generation, message, estimate, price)

        self._start(generation, work)

    def turn(self, step: int) -> None:
        """Go to another page: of the loaded rows at once, else of the server's list."""
        with self.lock:
            self.show_page(self.state.page_wanted + step)

    def show_page(self, number: int) -> None:
        """Go to a page, by its number from 1."""
        with self.lock:
            state = self.state
            if self._closed or state.rows is None or number < 1:
                return
            if state.loaded:
                self._publish(states.turned(state, number))
                return
            if state.rows_of != state.question or state.phase in {"loading", "wrong"}:
                return
            why = why_without_pages(self._query)
            if why:
                self._publish(states.noticed(state, f"{why}; its further rows come with Load all."))
                return
            generation = self._next()
            query, cancel = self._query, self._cancel
            self._publish(states.turning(state, generation, number))

        def work() -> Reach:
            if number == 1:
                read = self._first_rows(query).run(cancel=cancel, watcher=Progress(self, generation, pages=False))
                return lambda state: states.paged(state, generation, read.to_pandas(), read.report.finished_at)
            rows = query.page(number, self.state.page_rows).to_pandas()
            columns = query.options.columns
            chosen = rows if columns is None else rows[[name for name in columns if name in rows.columns]]
            return lambda state: states.paged(state, generation, chosen, _now())

        self._start(generation, work)

    def count_by(self, name: str, values: Mapping[str, int]) -> None:
        """Count what matches for each value of a filter that rows do not carry: one call for each."""
        with self.lock:
            if not self._can_begin():
                return
            generation = self._next()
            query, cancel = self._query, self._cancel
            self._publish(states.began(self.state, generation, f"Counting by {name}"))

        def work() -> Reach:
            progress = Progress(self, generation)
            wanted = within(query.filter, name, values)
            progress.expect(len(wanted))
            counts = {}
            for label, value in wanted.items():
                if cancel.is_set():
                    raise Cancelled
                question = CustomerFilter.of(**{**query.filter.to_dict(), name: value})
                counts[label] = int(query.with_filter(question).count())
                progress.advance()
            found = pd.Series(counts, dtype="int64")
            found = found[found > 0].sort_values(ascending=False)
            return lambda state: states.tallied(state, generation, {name: found}, f"Counted by {name}.")

        self._start(generation, work)

    def say(self, error: Exception) -> None:
        """Show an error of something beside the question, which goes on."""
        with self.lock:
            if not self._closed:
                self.last_error = error
                self._publish(states.noticed(self.state, states.error_text(error)))

    def stop(self) -> None:
        """Stop a load, between pages, or a question that waits for the quota, or asking for a price."""
        with self.lock:
            if self.state.pricing:
                self._publish(states.priced(self.state))
            if self.state.phase == "loading" or (self.state.is_busy and self.state.waiting_until is not None):
                self._publish(states.stopped(self.state, self._next()))

    def close(self) -> None:
        """Stop timers and threads; nothing is published afterwards."""
        with self.lock:
            self._closed = True
            self._workers.drop_waiting()
            self._pricer.cancel()
            self._on_change = _ignore
            self.state = PanelState(phase="closed", generation=self._next())
            self._settled.notify_all()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until no answer is on its way, and no picture; False when the time is up first."""
        with self._settled:
            return self._settled.wait_for(lambda: not self.state.is_working, timeout)

    # ── work, off the caller's thread ──────────────────────────────────────────────────────────────────────────────
    def _count_job(self, generation: int, *, refresh: bool) -> Callable[[], None]:
        query, cancel = self._query, self._cancel

        def work() -> Reach:
            return self._count(generation, query, cancel, refresh=refresh)

        def start() -> None:
            with self.lock:
                if generation == self._generation:
                    self._asked_at = self._clock()
                    self._start(generation, work)

        return start

    def _count(self, generation: int, query: QueryLike, cancel: threading.Event, *, refresh: bool) -> Reach:
        # The first rows come first, because reading can be stopped and says when it waits for the quota; then the
        # cache knows the count, also of an answer that was asked anew.
        first = self._first_rows(query, refresh=refresh)
        read = first.run(cancel=cancel, watcher=Progress(self, generation, pages=False))
        estimate = (query.with_options(cache="use") if query.options.cache == "refresh" else query).estimate()
        if cancel.is_set():
            raise Cancelled
        everybody = self._count_everybody(query, estimate, refresh=refresh)
        rows, at = read.to_pandas(), read.report.finished_at
        fresh = read.report.calls > 0 and query.reads == 1
        return lambda state: states.counted(state, generation, estimate, everybody, rows, at, is_fresh=fresh)

    def _first_rows(self, query: QueryLike, *, refresh: bool = False) -> QueryLike:
        limit = query.options.limit
        rows = self.state.page_rows if limit is None else min(limit, self.state.page_rows)
        anew: ReadKeywords = {"cache": "refresh"} if refresh and query.options.cache == "use" else {}
        anew["limit"] = rows
        return query.with_options(**anew)

    def _count_everybody(self, query: QueryLike, estimate: EstimateLike, *, refresh: bool) -> int | None:
        if not query.filter:
            return int(estimate.rows)
        if self.state.everybody is not None and not refresh:
            return None
        anew: ReadKeywords = {"cache": "refresh"} if refresh and query.options.cache == "use" else {}
        try:
            return int(query.with_filter(_EVERYBODY).with_options(**anew).count())
        except SellerCloudError:
            # "Of how many" is a courtesy; the answer stands without it.
            return None

    def _start(self, generation: int, work: Callable[[], Reach]) -> None:
        self._workers.start(partial(self._attempt, generation, work))

    def _attempt(self, generation: int, work: Callable[[], Reach]) -> None:
        if generation != self._generation:
            return
        error: Exception | None = None
        try:
            reach = work()
        except Cancelled:
            reach = partial(states.stopped, generation=generation)
        except Exception as problem:  # noqa: BLE001  # a thread's boundary: shown in the panel, kept in last_error
            error = problem
            reach = partial(states.failed, generation=generation, message=states.error_text(problem))
        with self.lock:
            if generation != self._generation:
                return
            self.last_error = error
            self._publish(reach(self.state))
            rows = self.state.rows if self.state.drawing else None
        if rows is not None:
            self._draw_facets(rows)

    def _draw_facets(self, rows: pd.DataFrame) -> None:
        facets: Facets | None = None
        try:
            facets = self._draw(rows)
        except Exception:  # noqa: BLE001  # facets are a courtesy; the rows stand without them
            _LOG.debug("the rows on show could not be counted", exc_info=True)
        with self.lock:
            if not self._closed:
                self._publish(states.drawn(self.state, rows, facets))

    def progress(self, generation: int, reach: Reach) -> None:
        """Publish what is under way has come to."""
        with self.lock:
            if generation == self._generation:
                self._publish(reach(self.state))

    # ── inside, under the lock ─────────────────────────────────────────────────────────────────────────────────────
    def _priced(self, text: str, error: Exception | None) -> None:
        self.last_error = error
        self._publish(states.priced(self.state, text))

    def _next(self) -> int:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._cancel.set()
        self._cancel = threading.Event()
        self._generation += 1
        return self._generation

    def _can_begin(self) -> bool:
        # Nothing is asked while an entry is wrong: the question would not be the one that stands there.
        return not self._closed and self.state.phase != "wrong"

    def _publish(self, reached: PanelState) -> None:
        if reached is self.state:
            return
        if self.state.pricing and not reached.pricing:
            self._pricer.cancel()
        self.state = reached
        try:
            self._on_change(reached)
        except Exception as error:  # noqa: BLE001  # a state that cannot be shown stops no thread and no later state
            self.last_error = error
            _LOG.exception("the panel could not show its state")
        finally:
            self._settled.notify_all()


def _ignore(_state: PanelState) -> None:
    pass


def _now() -> datetime:
    return datetime.now(UTC)
