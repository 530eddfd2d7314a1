"""What the panel needs of a query; it never imports one."""

import threading
from datetime import datetime
from typing import Any, Protocol, Unpack

import pandas as pd

from sc_pandas.filters import CustomerFilter
from sc_pandas.reading import ReadKeywords


class CountLike(Protocol):
    """A number of customers."""

    @property
    def is_upper_bound(self) -> bool:
        """Whether it only bounds the number."""

    def __int__(self) -> int: ...

    def __format__(self, spec: str, /) -> str: ...


class EstimateLike(Protocol):
    """What reading a query takes."""

    @property
    def rows(self) -> Any:
        """Customers that match."""

    @property
    def calls(self) -> int:
        """Calls to make."""

    @property
    def seconds(self) -> float:
        """Seconds they take."""

    @property
    def age_s(self) -> float | None:
        """Age of the count where the cache gave it."""

    @property
    def calls_left(self) -> int | None:
        """Calls that may still be made within the hour."""


class OptionsLike(Protocol):
    """How a query reads."""

    @property
    def limit(self) -> int | None:
        """At most so many rows."""

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Columns to keep."""

    @property
    def include(self) -> tuple[str, ...]:
        """Columns to read that the list does not carry."""

    @property
    def page_size(self) -> int:
        """Rows to ask for in a page."""

    @property
    def cache(self) -> Any:
        """What the cache is used for: use, refresh, offline or off."""

    @property
    def max_age(self) -> float | None:
        """Seconds that a kept answer may be old."""


class PageLike(Protocol):
    """One page of the list."""

    def to_pandas(self) -> pd.DataFrame:
        """Give its rows."""


class ReadLike(Protocol):
    """Rows, and how they were read."""

    @property
    def table(self) -> Any:
        """The rows as an Arrow table."""

    @property
    def report(self) -> Any:
        """How the read went."""

    @property
    def provenance(self) -> Any:
        """Where the rows came from."""

    def to_pandas(self) -> pd.DataFrame:
        """Give the rows."""


class Watcher(Protocol):
    """Is told how a read goes on."""

    def expect(self, pages: int) -> None:
        """So many pages more are coming."""

    def advance(self) -> None:
        """One page has come."""

    def wait(self, reset_at: datetime, seconds: float) -> None:
        """The quota is used up until then."""

    def away(self, until: datetime, seconds: float) -> None:
        """The server takes no calls; it is waited for until then."""


class QueryLike(Protocol):
    """A question bound to a server."""

    @property
    def filter(self) -> CustomerFilter:
        """What it asks."""

    @property
    def options(self) -> OptionsLike:
        """How it reads."""

    @property
    def reads(self) -> int:
        """Lists that the filter is split into: calls that counting takes."""

    def with_filter(self, question: CustomerFilter) -> "QueryLike":
        """Give the query that asks something else in the same way."""

    def with_options(self, **changes: Unpack[ReadKeywords]) -> "QueryLike":
        """Give the query that asks the same in another way."""

    def count(self) -> Any:
        """Count the customers."""

    def estimate(self, *, cancel: threading.Event | None = None) -> EstimateLike:
        """Say what reading takes."""

    def page(self, number: int, size: int) -> PageLike:
        """Give one page."""

    def run(self, *, cancel: threading.Event | None = None, watcher: Watcher | None = None) -> ReadLike:
        """Read everything, or as many rows as the limit says."""

    def to_code(self) -> str:
        """Give the code that asks the same."""
