"""What the panel needs of a query; it never imports one."""

import os
import threading
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from sc_pandas.filters import CustomerFilter


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


class PageLike(Protocol):
    """One page of the list."""

    def to_pandas(self) -> pd.DataFrame:
        """Give its rows."""


class ReadLike(Protocol):
    """All rows, and how they were read."""

    @property
    def report(self) -> Any:
        """How the read went."""

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


class QueryLike(Protocol):
    """A question bound to a server."""

    @property
    def filter(self) -> CustomerFilter:
        """What it asks."""

    @property
    def reads(self) -> int:
        """Lists that the filter is split into: calls that counting takes."""

    def with_filter(self, question: CustomerFilter) -> "QueryLike":
        """Give the query that asks something else in the same way."""

    def with_options(self, **changes: Any) -> "QueryLike":
        """Give the query that asks the same in another way."""

    def count(self) -> Any:
        """Count the customers."""

    def estimate(self) -> EstimateLike:
        """Say what reading takes."""

    def head(self, n: int) -> pd.DataFrame:
        """Give the first rows."""

    def page(self, number: int, size: int) -> PageLike:
        """Give one page."""

    def run(self, *, cancel: threading.Event | None = None, watcher: Watcher | None = None) -> ReadLike:
        """Read everything."""

    def to_code(self) -> str:
        """Give the code that asks the same."""

    def to_parquet(self, path: str | os.PathLike[str]) -> Path:
        """Write everything to a file."""
