"""What the panel asks of a query, off the caller's thread; each answer is a function from one state to the next."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import pandas as pd

from sc_pandas.errors import CacheMissError, ExportError, SellerCloudError
from sc_pandas.files import check_target
from sc_pandas.filters import CustomerFilter
from sc_pandas.pacing import Cancelled
from sc_pandas.panel import state as states
from sc_pandas.panel.including import gaps_text, plain, price_text
from sc_pandas.panel.preview import facet_counts
from sc_pandas.panel.state import PanelState
from sc_pandas.parquet import write_parquet
from sc_pandas.query import CustomerQuery, Estimate
from sc_pandas.reading import CustomerRead, ReadKeywords, Watcher
from sc_pandas.wording import visible
from sc_pandas.writing import check_name

# How a state becomes the next one.
Reach = Callable[[PanelState], PanelState]
PROGRESS_S: Final = 0.1
_LOG: Final = logging.getLogger(__name__)
_EVERYBODY: Final = CustomerFilter()


class Progress:
    """Tells how a read goes on, ten times a second at most."""

    def __init__(self, tell: Callable[[Reach], None], *, pages: bool = True) -> None:
        self._tell = tell
        self._pages = pages
        self._done = 0
        self._expected = 0
        self._told_at = float("-inf")
        self._waits_until = float("-inf")

    def expect(self, pages: int, customers: int) -> None:  # noqa: ARG002  # it tells of pages
        """`pages` more pages are expected."""
        self._expected += pages
        self._say(now=True)

    def advance(self) -> None:
        """One page has come."""
        self._done += 1
        self._say(now=self._done >= self._expected)

    def wait(self, reset_at: datetime, seconds: float) -> None:
        """Note that the quota is used up until then; pages that were under way and still come do not hide it."""
        self._waits_until = time.monotonic() + seconds
        self._wait(reset_at, "quota")

    def away(self, until: datetime, _seconds: float) -> None:
        """Note that the server takes no calls; the first page that comes says that it is back."""
        self._wait(until, "server")

    def _wait(self, until: datetime, what: states.Awaited) -> None:
        self._told_at = float("-inf")
        self._tell(partial(states.waiting, until=until, waits_for=what))

    def _say(self, *, now: bool) -> None:
        time_s = time.monotonic()
        if self._pages and (now or time_s - self._told_at >= PROGRESS_S) and time_s >= self._waits_until:
            self._told_at = time_s
            self._tell(partial(states.progressed, done=self._done, expected=self._expected))


@dataclass(frozen=True, slots=True)
class Asking:
    """One piece of work: what is asked, the state it began from, and how it is stopped and watched."""

    query: CustomerQuery
    state: PanelState
    cancel: threading.Event
    watcher: Watcher

    def count(self, *, refresh: bool) -> Reach:
        """Count the customers and read their first rows, by one call."""
        query = self.query
        # Rows first: reading can be stopped, and the cache knows the count afterwards, also of an answer asked anew.
        read = self._first(refresh=refresh)
        estimate = (query.with_options(cache="use") if query.options.cache == "refresh" else query).estimate()
        self._check()
        everybody = self._everybody(estimate, refresh=refresh)
        is_fresh = read.report.calls > 0 and query.reads == 1
        came = _came(read.to_pandas(), read.report.finished_at)
        return partial(states.counted, came=came, estimate=estimate, everybody=everybody, is_fresh=is_fresh)

    def load(self) -> Reach:
        """Read everything that matches."""
        read = self.query.run(cancel=self.cancel, watcher=self.watcher)
        came = _came(read.to_pandas(), read.report.finished_at)
        words = states.loaded_text(len(came.rows), self.state.everybody, read.report)
        return partial(states.loaded, came=came, words=words, price=_known_price(self.query))

    def save(self, path: Path) -> Reach:
        """Read everything that matches into a Parquet file."""
        query = self.query
        check_name(path, "to_parquet")
        check_target(path)
        read = query.run(cancel=self.cancel, watcher=self.watcher)
        self._check()
        if not read.report.is_proven:
            raise ExportError.not_proven(path, "Ask with consistency='auto'.")
        write_parquet(path, read.table.to_batches(), read.table.schema, read.provenance)
        message = f"Saved {read.table.num_rows:,} customers to {visible(str(path))}, {read.report.verdict}."
        message = f"{message} {gaps_text(read.report.gaps)}".rstrip()
        return partial(states.saved, message=message, estimate=_known(plain(query)), price=_known_price(query))

    def page(self, number: int) -> Reach:
        """Read one page of the list."""
        if number == 1:
            read = self._first()
            rows, at = read.to_pandas(), read.report.finished_at
        else:
            rows, at = self.query.page(number, self.state.page_rows).to_pandas(), datetime.now(UTC)
            columns = self.query.options.columns
            rows = rows if columns is None else rows[[name for name in columns if name in rows.columns]]
        return partial(states.paged, came=_came(rows, at))

    def count_by(self, name: str, values: Mapping[str, int]) -> Reach:
        """Count what matches for each value of a filter, by one call for each."""
        wanted = _within(self.query.filter, name, values)
        self.watcher.expect(len(wanted), len(wanted))
        counts = {}
        for label, value in wanted.items():
            self._check()
            question = CustomerFilter.of(**{**self.query.filter.to_dict(), name: value})
            counts[label] = int(self.query.with_filter(question).count())
            self.watcher.advance()
        found = pd.Series(counts, dtype="int64")
        found = found[found > 0].sort_values(ascending=False)
        return partial(states.tallied, counts={name: found}, message=f"Counted by {name}.")

    def _check(self) -> None:
        if self.cancel.is_set():
            raise Cancelled

    def _first(self, *, refresh: bool = False) -> CustomerRead:
        limit, most = self.query.options.limit, self.state.page_rows
        query = self.query.with_options(**self._anew(refresh))
        query = query.with_options(limit=most if limit is None else min(limit, most))
        return query.run(cancel=self.cancel, watcher=self.watcher)

    def _anew(self, refresh: bool) -> ReadKeywords:  # noqa: FBT001  # handed on
        return {"cache": "refresh"} if refresh and self.query.options.cache == "use" else {}

    def _everybody(self, estimate: Estimate, *, refresh: bool) -> int | None:
        if not self.query.filter:
            return int(estimate.rows)
        if self.state.everybody is not None and not refresh:
            return None
        try:
            return int(self.query.with_filter(_EVERYBODY).with_options(**self._anew(refresh)).count())
        except SellerCloudError:
            # "Of how many" is a courtesy; the answer stands without it.
            return None


def why_without_pages(query: CustomerQuery) -> str:
    """Return why a query has no pages of its own; empty where it has."""
    if query.reads > 1:
        return "This filter is a union of lists"
    if query.options.limit is not None:
        return "This query has a limit"
    return "This query asks nobody (cache='offline')" if query.options.cache == "offline" else ""


def _came(rows: pd.DataFrame, at: datetime) -> states.Rows:
    """Count rows by their columns of few values; rows that cannot be counted are shown without."""
    try:
        return states.Rows(rows=rows, at=at, facets=facet_counts(rows))
    except Exception:  # noqa: BLE001  # counts are a courtesy; the rows stand without them
        _LOG.debug("the rows on show could not be counted", exc_info=True)
        return states.Rows(rows=rows, at=at, facets={})


def _within(question: CustomerFilter, name: str, values: Mapping[str, int]) -> dict[str, int]:
    """Return those of a filter's values that the question lets through."""
    asked = getattr(question, name)
    if asked is None or -1 in asked:
        return dict(values)
    labels = {value: label for label, value in values.items()}
    return {labels.get(value, str(value)): value for value in asked}


def _known(query: CustomerQuery) -> Estimate | None:
    """Return what loading takes now, if the cache can tell without a call."""
    if query.options.cache != "use":
        return None
    try:
        return query.with_options(cache="offline").estimate()
    except CacheMissError:
        return None


def _known_price(query: CustomerQuery) -> str:
    estimate = _known(query) if query.options.include else None
    return "" if estimate is None else price_text(estimate)
