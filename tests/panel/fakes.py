"""A server that answers when a test says so, and a time that passes when a test says so."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pyarrow as pa

from sc_pandas.filters import CustomerFilter
from sc_pandas.pacing import Cancelled
from sc_pandas.panel.engine import Engine
from sc_pandas.panel.state import PanelState
from sc_pandas.provenance import Provenance
from sc_pandas.query import Count, Estimate
from sc_pandas.reading import IncludeGap, ReadOptions, Watcher

SOON_S = 10.0
READ_AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


PROVENANCE = Provenance(
    base_url="http://127.0.0.1/rest", filter={}, columns=None, limit=None, page_size=50,
    finished_at="2026-11-23T09:00:00+00:00", verdict="proven (order)", version="0",
)  # fmt: skip


@dataclass
class Held:
    """An answer that waits for the test."""

    arrived: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None
    thread: threading.Thread | None = None

    def let_go(self) -> None:
        """Answer, and wait until all that follows from the answer is done."""
        assert self.arrived.wait(SOON_S)
        self.release.set()
        assert self.thread is not None
        self.thread.join(SOON_S)
        assert not self.thread.is_alive()


@dataclass
class Report:
    """How a read went."""

    calls: int = 1
    verdict: str = "proven (order)"
    is_proven: bool = True
    finished_at: datetime = READ_AT
    gaps: tuple[IncludeGap, ...] = ()


@dataclass
class Read:
    """Rows of a fake read."""

    frame: pd.DataFrame
    report: Report
    provenance: Provenance = PROVENANCE

    @property
    def table(self) -> Any:
        return pa.Table.from_pandas(self.frame, preserve_index=False)

    def to_pandas(self) -> pd.DataFrame:
        return self.frame


class FakeServer:
    """What answers: by default at once, `customers` for everybody and a few rows for each question."""

    def __init__(self, customers: int = 1_000) -> None:
        self.customers = customers
        self.calls: list[tuple[str, CustomerFilter, ReadOptions]] = []
        self.held: dict[tuple[str, CustomerFilter], Held] = {}
        self.errors: dict[CustomerFilter, Exception] = {}
        self.on_run: Callable[[CustomerFilter, threading.Event | None, Watcher | None], None] | None = None
        self.everything: pd.DataFrame | None = None
        self.report = Report()
        self.cancelled: list[str] = []

    def query(self, question: CustomerFilter | None = None, **options: Any) -> Any:
        return FakeQuery(self, question or CustomerFilter(), ReadOptions(**options))

    def hold(self, question: CustomerFilter, kind: str = "run", error: Exception | None = None) -> Held:
        """Keep the answer to a question until the test lets it go."""
        self.held[kind, question] = held = Held(error=error)
        return held

    def asked(self, kind: str = "run") -> list[CustomerFilter]:
        """Return the questions that were asked in a way, in order."""
        return [question for each, question, _ in self.calls if each == kind]

    def call(self, kind: str, query: "FakeQuery") -> None:
        """Take a call: note it, hold it, fail it."""
        self.calls.append((kind, query.filter, query.options))
        held = self.held.get((kind, query.filter))
        if held is not None:
            held.thread = threading.current_thread()
            held.arrived.set()
            assert held.release.wait(SOON_S)
            if held.error is not None:
                raise held.error
        if kind != "estimate" and query.filter in self.errors:
            raise self.errors[query.filter]


@dataclass(frozen=True)
class FakeQuery:
    """A question bound to the fake server."""

    server: FakeServer
    filter: CustomerFilter
    options: ReadOptions

    @property
    def reads(self) -> int:
        return self.filter.reads

    def with_filter(self, question: CustomerFilter) -> "FakeQuery":
        return replace(self, filter=question)

    def with_options(self, **changes: Any) -> "FakeQuery":
        return replace(self, options=replace(self.options, **changes))

    def count(self) -> Count:
        self.server.call("count", self)
        return Count(self.server.customers)

    def estimate(self, *, cancel: threading.Event | None = None) -> Estimate:
        self.server.call("estimate", self)
        if cancel is not None and cancel.is_set():
            self.server.cancelled.append("estimate")
            raise Cancelled
        rows = Count(self.server.customers)
        return Estimate(rows=rows, calls=-(-rows // 50), seconds=1.0, reads=self.reads)

    def page(self, number: int, size: int) -> Read:
        self.server.call("page", self)
        return Read(rows_of(self.filter, size, start=(number - 1) * size), self.server.report)

    def run(self, *, cancel: threading.Event | None = None, watcher: Watcher | None = None) -> Read:
        self.server.call("run", self)
        if self.server.on_run is not None:
            self.server.on_run(self.filter, cancel, watcher)
        if cancel is not None and cancel.is_set():
            raise Cancelled
        if self.server.everything is not None:
            return Read(self.server.everything.iloc[: self.options.limit], self.server.report)
        return Read(rows_of(self.filter, self.options.limit or 120), self.server.report)

    def to_code(self) -> str:
        return f"read({self.filter.to_code()})" if not self.options.include else f"read(include={self.options.include})"


def rows_of(question: CustomerFilter, n: int = 50, start: int = 0) -> pd.DataFrame:
    """Return rows that say which question they answer."""
    ids = pd.arrays.ArrowExtensionArray(pa.array(range(start + 1, start + n + 1), type=pa.int64()))
    names = pd.arrays.ArrowExtensionArray(pa.array([question.to_json()] * n, type=pa.string()))
    return pd.DataFrame({"user_id": ids, "first_name": names})


class Watch:
    """A clock with timers, moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[HandTimer] = []

    def __call__(self) -> float:
        return self.now

    def timer(self, seconds: float, action: Callable[[], None]) -> "HandTimer":
        return HandTimer(self, seconds, action)

    def add(self, timer: "HandTimer") -> None:
        timer.at += self.now
        self._due.append(timer)

    def pass_s(self, seconds: float) -> None:
        """Let time pass; what is due happens in its order."""
        until = self.now + seconds
        while due := [each for each in self._due if not each.cancelled and each.at <= until]:
            first = min(due, key=lambda each: each.at)
            self._due.remove(first)
            self.now = max(self.now, first.at)
            first.action()
        self.now = until

    @property
    def waiting(self) -> int:
        return sum(not each.cancelled for each in self._due)


@dataclass
class HandTimer:
    """A timer of the watch."""

    watch: Watch
    at: float
    action: Callable[[], None]
    cancelled: bool = False

    def start(self) -> None:
        self.watch.add(self)

    def cancel(self) -> None:
        self.cancelled = True


class Desk:
    """An engine with everything around it in the test's hand."""

    def __init__(self, server: FakeServer | None = None, *, live: bool = True, **options: Any) -> None:
        self.server = server or FakeServer()
        self.watch = Watch()
        self.states: list[PanelState] = []
        self.engine = Engine(
            self.server.query(**options), self.states.append, live=live, make_timer=self.watch.timer, clock=self.watch
        )

    @property
    def state(self) -> PanelState:
        return self.engine.state

    def settle(self) -> PanelState:
        assert self.engine.wait(SOON_S)
        return self.state

    def ask(self, question: CustomerFilter | None = None, *, refresh: bool = False) -> PanelState:
        self.engine.apply(question, refresh=refresh)
        return self.settle()

    def load(self) -> PanelState:
        self.engine.load()
        return self.settle()

    def turn(self, by: int) -> PanelState:
        self.engine.turn(by)
        return self.settle()

    def open(self) -> PanelState:
        return self.ask(CustomerFilter())


def about(text: str) -> CustomerFilter:
    """Return a question with one word in it."""
    return CustomerFilter.of(city=text)
