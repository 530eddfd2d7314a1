"""What a read is given: how to read, of whom, and who watches."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from sc_pandas.cache import HttpCache
from sc_pandas.client import Client, Tally
from sc_pandas.errors import FilterError
from sc_pandas.reading.crew import Crew
from sc_pandas.reading.dialect import DialectMemory

CacheMode = Literal["use", "refresh", "offline", "off"]
Consistency = Literal["auto", "strict", "fast"]
WayName = Literal["order", "closed", "windows", "twice"]
ONE_HOUR_S = 3_600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadOptions:
    """How to read: what is asked of the cache, of the pages and of the proof."""

    page_size: int = 50
    limit: int | None = None
    cache: CacheMode = "use"
    max_age_s: float | None = None
    consistency: Consistency = "auto"
    on_bad_value: Literal["null", "raise"] = "null"
    include: tuple[str, ...] = ()
    columns: tuple[str, ...] | None = None

    @property
    def freshness_s(self) -> float:
        """Seconds that a kept answer may be old."""
        if self.max_age_s is not None:
            return self.max_age_s
        return float("inf") if self.cache == "offline" else ONE_HOUR_S


class Watcher(Protocol):
    """Is told how a read goes on (a progress bar)."""

    def expect(self, pages: int) -> None:
        """So many pages more are coming."""

    def advance(self) -> None:
        """One page has come."""

    def wait(self, reset_at: datetime, seconds: float) -> None:
        """The quota is used up until `reset_at`."""


@dataclass
class Source:
    """A server as a read sees it: client, cache, the dialect it understands, and who asks several pages at once."""

    client: Client
    cache: HttpCache | None
    tenant: str
    dialects: DialectMemory
    crew: Callable[..., Crew] = Crew


@dataclass
class Progress:
    """What the reads of one question share: calls counted, notes taken, the order to stop."""

    tally: Tally = field(default_factory=Tally)
    cancel: threading.Event = field(default_factory=threading.Event)
    notes: list[str] = field(default_factory=list)
    watcher: Watcher | None = None
    max_calls: int | None = None
    _telling: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.tally.at_most = self.max_calls

    def expect(self, pages: int) -> None:
        """Tell the watcher that so many pages more are coming."""
        if self.watcher is not None:
            with self._telling:
                self.watcher.expect(pages)

    def advance(self) -> None:
        """Tell the watcher that one page has come."""
        if self.watcher is not None:
            with self._telling:
                self.watcher.advance()

    def check_calls(self, needed: int) -> None:
        """Refuse to go on where `max_calls` does not allow so many calls more.

        Raises
        ------
        FilterError
            It does not.
        """
        needed += self.tally.calls
        if self.max_calls is not None and needed > self.max_calls:
            raise FilterError(f"This read needs about {needed:,} calls, more than max_calls={self.max_calls}.")
