"""Asks while the controls move: the newest question wins, off the caller's thread; knows no widget."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from sc_pandas import forks
from sc_pandas.errors import FilterError
from sc_pandas.filters import CustomerFilter
from sc_pandas.panel import state as states
from sc_pandas.panel.asking import Asking, Progress, Reach, why_without_pages
from sc_pandas.panel.including import including, plain, price_text
from sc_pandas.panel.latest import Latest
from sc_pandas.panel.state import PAGE_ROWS, PanelState
from sc_pandas.query import CustomerQuery

_LOG: Final = logging.getLogger(__name__)
_AT_ONCE: Final = 4


class Engine:
    """Turns questions into states of the panel.

    Every change is published by calling `on_change` with the new state, from whichever thread made it, one at a time
    and in order, because `lock` is held meanwhile; whoever reads several widgets together takes it, too.  No call is
    made under it.  What the query includes is read by `load` and `save` alone.  `timing` is that of `Latest`.
    """

    def __init__(
        self, query: CustomerQuery, on_change: Callable[[PanelState], None], *, live: bool = True, **timing: Any
    ) -> None:
        self.lock = forks.new_rlock()
        self._settled = threading.Condition(self.lock)
        self._opened = query.options
        self._query = plain(query)
        self._on_change = on_change
        self._live = live
        self._questions = Latest(self.lock, self._answered, _AT_ONCE, **timing)
        # A price never takes the place of a question.
        self._prices = Latest(self.lock, self._priced)
        self.state = PanelState(
            question=query.filter,
            page_rows=min(PAGE_ROWS, query.options.page_size),
            include=query.options.include,
            limit=query.options.limit,
        )
        self.last_error: BaseException | None = None

    @property
    def query(self) -> CustomerQuery:
        """The query that the controls make."""
        return including(self._query, self._opened, self.state.include)

    def change(self, question: CustomerFilter) -> None:
        """Ask something else when the controls rest, if that is cheap; after a FilterError nothing has changed."""
        with self.lock:
            query = self._query.with_filter(question)
            self._ask(query, at_rest=True, hold=not self._live or query.reads > states.LIVE_AT_MOST_CALLS)

    def apply(self, question: CustomerFilter | None = None, *, refresh: bool = False, at_any_cost: bool = True) -> None:
        """Ask now; with `refresh` the server and not the cache.  After a FilterError nothing has changed."""
        with self.lock:
            query = self._query if question is None else self._query.with_filter(question)
            hold = not at_any_cost and query.reads > states.LIVE_AT_MOST_CALLS
            self._ask(query, refresh=refresh, hold=hold)

    def _ask(self, query: CustomerQuery, *, hold: bool, refresh: bool = False, at_rest: bool = False) -> None:
        if self.state.phase == "closed":
            return
        self._query = query
        if hold:
            self._begin(states.held(self.state, query.filter, query.reads))
        else:
            work = partial(Asking.count, refresh=refresh)
            self._begin(states.asked(self.state, query.filter), query, work, pages=False, at_rest=at_rest)

    def refuse(self, wrong: Mapping[str, str]) -> None:
        """Ask nothing: the controls make no question."""
        with self.lock:
            if self.state.phase != "closed":
                name, text = next(iter(wrong.items()))
                self.last_error = FilterError(text, filter=name)
                self._begin(states.refused(self.state, wrong))

    def set_live(self, live: bool) -> None:  # noqa: FBT001  # a trait's new value
        """Ask settled changes by themselves, or wait for Apply."""
        with self.lock:
            self._live = live
            if live and self.state.phase == "held":
                self.change(self.state.question)

    def choose(self, names: tuple[str, ...]) -> None:
        """Load other columns from now on; nothing is asked for that."""
        with self.lock:
            state = self.state
            if state.phase == "closed":
                return
            chosen = states.chose(state, names)
            # A load or a save under way lacks what is chosen now.
            (self._publish if chosen.phase == state.phase else self._begin)(chosen)

    def price(self) -> None:
        """Ask what `load` takes, by a call for each list."""
        with self.lock:
            if self._can_begin() and self.state.phase != "loading":
                self._publish(replace(self.state, price="", pricing=True))
                cancel, query = self._prices.begin(), self.query
                self._prices.start(cancel, lambda: price_text(query.estimate(cancel=cancel)))

    def load(self) -> None:
        """Read everything that matches."""
        self._work(states.LOADING, Asking.load)

    def save(self, path: Path) -> None:
        """Read everything that matches into a Parquet file."""
        self._work(states.SAVING, lambda asking: asking.save(path))

    def count_by(self, name: str, values: Mapping[str, int]) -> None:
        """Count what matches for each value of a filter that rows do not carry: one call for each."""
        self._work(f"Counting by {name}", lambda asking: asking.count_by(name, values), include=False)

    def turn(self, step: int) -> None:
        """Go some pages on: of the loaded rows at once, else of the server's list."""
        with self.lock:
            state, query, number = self.state, self._query, self.state.page_wanted + step
            if state.rows is None or number < 1:
                return
            if state.loaded:
                self._publish(states.turned(state, number))
                return
            if state.rows_of != state.question or state.phase in {"loading", "wrong"}:
                return
            why = why_without_pages(query)
            if why:
                self._publish(replace(state, notice=f"{why}; its further rows come with Load all."))
                return
            self._begin(states.turning(state, number), query, lambda asking: asking.page(number), pages=False)

    def say(self, error: Exception) -> None:
        """Show an error of something beside the question, which goes on."""
        with self.lock:
            if self.state.phase != "closed":
                self.last_error = error
                self._publish(replace(self.state, notice=states.error_text(error)))

    def stop(self) -> None:
        """Stop a load, between pages, or a question that waits for the quota, or asking for a price."""
        with self.lock:
            if self.state.pricing:
                self._publish(replace(self.state, pricing=False))
            if self.state.phase == "loading" or (self.state.is_busy and self.state.waiting_until is not None):
                self._begin(states.stopped(self.state))

    def close(self) -> None:
        """Stop timers and threads; nothing is published afterwards."""
        with self.lock:
            self._on_change = lambda _state: None
            self._begin(PanelState(phase="closed"))

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until no answer is on its way; False when the time is up first."""
        with self._settled:
            return self._settled.wait_for(lambda: not (self.state.is_busy or self.state.pricing), timeout)

    def _can_begin(self) -> bool:
        # Nothing is asked while an entry is wrong: the question would not be the one that stands there.
        return self.state.phase not in {"wrong", "closed"}

    def _work(self, task: str, work: Callable[[Asking], Reach], *, include: bool = True) -> None:
        with self.lock:
            if self._can_begin():
                self._begin(states.began(self.state, task), self.query if include else self._query, work)

    def _begin(
        self,
        state: PanelState,
        query: CustomerQuery | None = None,
        work: Callable[[Asking], Reach] | None = None,
        *,
        pages: bool = True,
        at_rest: bool = False,
    ) -> None:
        """Overtake what is under way, show a state, and do work on a query."""
        cancel = self._questions.begin()
        self._publish(state)
        if query is not None and work is not None:
            watcher = Progress(partial(self._reach, cancel), pages=pages)
            asking = Asking(query, state, cancel, watcher)
            self._questions.start(cancel, partial(work, asking), at_rest=at_rest)

    def _reach(self, cancel: threading.Event, reach: Reach) -> None:
        with self.lock:
            if not cancel.is_set():
                self._publish(reach(self.state))

    def _answered(self, reach: Reach | None, error: Exception | None) -> None:
        self.last_error = error
        failed = partial(states.failed, message="" if error is None else states.error_text(error))
        self._publish((reach or failed)(self.state))

    def _priced(self, text: str | None, error: Exception | None) -> None:
        self.last_error = error
        said = text if error is None else states.error_text(error)
        self._publish(replace(self.state, price=said or "", pricing=False))

    def _publish(self, reached: PanelState) -> None:
        if reached is self.state:
            return
        if self.state.pricing and not reached.pricing:
            self._prices.begin()
        self.state = reached
        try:
            self._on_change(reached)
        except Exception as error:  # noqa: BLE001  # a state that cannot be shown stops no thread and no later state
            self.last_error = error
            _LOG.exception("the panel could not show its state")
        finally:
            self._settled.notify_all()
