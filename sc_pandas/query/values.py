"""Counts, estimates and pages, the code of a query, and the checks of what `connect` takes."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final, Self

import pandas as pd
import pyarrow as pa

from sc_pandas.errors import SettingsError
from sc_pandas.tables import DtypeBackend, to_pandas


def check_kinds(**given: object) -> None:
    """Refuse settings of another kind than they can be; a value itself is not shown."""
    for name, value in given.items():
        kinds, says = _KINDS_OF[name]
        if value is not None and not isinstance(value, kinds):
            raise SettingsError(f"{name} is {says}, not {type(value).__name__}.", setting=name)


_KINDS_OF: Final[Mapping[str, tuple[tuple[type, ...], str]]] = {
    "username": ((str,), "text"),
    "ca_bundle": ((str, os.PathLike), "the path of a file"),
    "cache_dir": ((str, os.PathLike), "the path of a folder"),
    "server_timezone": ((str, tzinfo), "the name of a time zone, such as 'America/New_York', or a tzinfo"),
}


# Estimates that took no more calls than this are not worth the words.
_WORTH_A_WORD: Final = 10
# Below so many customers what moves costs a few calls.
_MOVES_FROM: Final = 5_000


class Count(int):
    """A number of customers; with `is_upper_bound` some may be counted twice."""

    is_upper_bound: bool

    def __new__(cls, value: int, *, is_upper_bound: bool = False) -> Self:
        """Make the number."""
        self = super().__new__(cls, value)
        self.is_upper_bound = is_upper_bound
        return self

    def __getnewargs_ex__(self) -> tuple[tuple[int], dict[str, bool]]:
        return (int(self),), {"is_upper_bound": self.is_upper_bound}


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Estimate:
    """What reading a query takes.

    Attributes
    ----------
    rows : Count
        Customers that match, or an upper bound.
    calls : int
        Calls to make now; 0 where the cache has everything.
    calls_at_most : int or None
        The same while customers come and go: up to ten join a second, or one leaves every ten seconds.
    seconds : float
        At the latency seen so far and within the hourly quota.
    reads : int
        Lists that the filter is split into.
    age_s : float or None
        Age of the count in seconds, if it came from the cache (of its oldest part).
    calls_left : int or None
        Calls that this machine may still make within the hour.
    calls_made : int
        Calls that this estimate itself took.
    is_upper_bound : bool
        True if fewer calls may suffice, because some customers may be cached.
    """

    rows: Count
    calls: int
    seconds: float
    reads: int
    age_s: float | None = None
    calls_left: int | None = None
    calls_made: int = 0
    calls_at_most: int | None = None
    is_upper_bound: bool = False

    def __str__(self) -> str:
        bound = "at most " if self.rows.is_upper_bound else ""
        most = "at most " if self.is_upper_bound else ""
        moving = ""
        if self.rows >= _MOVES_FROM and (self.calls_at_most or 0) > self.calls:
            moving = f" (up to {self.calls_at_most:,} while customers come and go)"
        looked = f"; the estimate itself took {self.calls_made:,} calls" if self.calls_made > _WORTH_A_WORD else ""
        seconds = max(1, round(self.seconds))
        return f"{bound}{self.rows:,} customers, {most}{self.calls:,} calls{moving}, about {seconds:,} s{looked}"

    def __repr__(self) -> str:
        return f"<Estimate: {self}>"


@dataclass(frozen=True, kw_only=True, slots=True)
class CustomerPage:
    """One page as the endpoint returns it.

    Attributes
    ----------
    number, size : int
        The page's number and the rows asked for.
    total_results : int
        The endpoint's ``TotalResults``.
    table : pyarrow.Table
        The endpoint's ``Items`` in the server's order, typed as any other answer.
    dtype_backend : str
        The dtypes of `to_pandas`, as the query was asked for them.
    """

    number: int
    size: int
    total_results: int
    table: pa.Table
    dtype_backend: DtypeBackend = "pyarrow"

    def to_pandas(self) -> pd.DataFrame:
        """Return the page's rows as a DataFrame.

        Returns
        -------
        pandas.DataFrame
            Shape ``(rows, columns)``, in the server's order.
        """
        return to_pandas(self.table, self.dtype_backend)
