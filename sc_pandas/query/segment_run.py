"""Saved filters asked now: who is in them, who came and went since the last time."""

import html
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from sc_pandas.errors import ExportError, SellerCloudError, SellerCloudWarning, SettingsError
from sc_pandas.filters import CustomerFilter
from sc_pandas.query.customer_query import CustomerQuery
from sc_pandas.reading import CustomerRead, ReadOptions
from sc_pandas.segments import DamagedMemoryError, Seen, SegmentMemory, Segments, UnknownSegmentError, check_names
from sc_pandas.settings import data_folder
from sc_pandas.wording import caller_stacklevel, html_table, visible

if TYPE_CHECKING:
    from sc_pandas.query.connection import Connection

_LONGEST_ERROR: Final = 160
_ID: Final = "user_id"


class SegmentFailedError(SellerCloudError, KeyError):
    """The segment was asked, and failed; its own error is the cause, and in ``run.errors``."""

    # A KeyError would print its message in quotes.
    __str__ = BaseException.__str__


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class SegmentResult:
    """Customers of a saved filter, and who came and went since the last time.

    `ids`, `added` and `removed` are frozensets, so `&`, `|`, `-` and `^` combine segments:
    ``run["happy"].ids & run["wholesale"].ids``, and ``df[df["user_id"].isin(…)]`` are the rows.

    Attributes
    ----------
    name : str
        The segment.
    filter : CustomerFilter
        What was asked.
    read : CustomerRead
        What came: the rows (``read.table``), the report, the provenance.
    before : frozenset of int
        Ids of the reading that this one is compared with.
    since : datetime.datetime or None
        When that reading ended, UTC; None where there is none, or rows have no id.
    """

    name: str
    filter: CustomerFilter
    read: CustomerRead = field(repr=False)
    before: frozenset[int] = frozenset()
    since: datetime | None = None

    @cached_property
    def ids(self) -> frozenset[int]:
        """Ids of the customers; rows without an id have none."""
        return frozenset(self.read.table[_ID].drop_null().to_pylist())

    @property
    def added(self) -> frozenset[int]:
        """Ids of those who came since the last time; empty where nothing was compared."""
        return frozenset() if self.since is None else self.ids - self.before

    @property
    def removed(self) -> frozenset[int]:
        """Ids of those who went since the last time; empty where nothing was compared."""
        return frozenset() if self.since is None else self.before - self.ids

    @property
    def count(self) -> int:
        """How many customers."""
        return len(self.read)

    def to_pandas(self) -> pd.DataFrame:
        """Return the customers.

        Returns
        -------
        pandas.DataFrame
            As `CustomerQuery.to_pandas` returns them, provenance included.
        """
        return self.read.to_pandas()

    def mask(self, customers: "pd.DataFrame | pd.Series[Any]") -> "pd.Series[bool]":
        """Mark the rows of a frame of yours that are customers of the segment: ``df[segment.mask(df)]``.

        Parameters
        ----------
        customers
            A frame with a column ``user_id``, or a column of ids; numbers as text count, too.

        Returns
        -------
        pandas.Series
            Of bool, with the frame's index; False where there is no id.

        Raises
        ------
        SettingsError
            There is no column ``user_id``, or it is no frame and no Series.
        """
        column = customers.get(_ID) if isinstance(customers, pd.DataFrame) else customers
        if not isinstance(column, pd.Series):
            kind = type(customers).__name__
            message = f"mask() takes a DataFrame with {_ID}, or a Series of ids; this {kind} has no such column."
            raise SettingsError(message, setting="customers")
        numbers = column if pd.api.types.is_numeric_dtype(column) else pd.to_numeric(column, errors="coerce")
        found = numbers.isin(self.ids).to_numpy(dtype=bool, na_value=False)
        return pd.Series(found, index=column.index, name=self.name)

    def __str__(self) -> str:
        """Return who came and went in words, as in ``+14 −3  since 2026-11-16 09:00 UTC``."""
        if self.since is None:
            told = "not compared: rows without ids" if self.read.report.rows_without_key else "first time"
        else:
            told = f"+{len(self.added):,} −{len(self.removed):,}  since {self.since:%Y-%m-%d %H:%M} UTC"
        return told if self.read.report.is_proven else f"{told}  {self.read.report.verdict}"

    def __repr__(self) -> str:
        return f"<SegmentResult {visible(self.name)}: {self.count:,} customers, {self}>"

    def _repr_html_(self) -> str:
        return f"<b>{html.escape(visible(self.name))}</b>: {self.count:,} customers, {self}"


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class SegmentRun(Mapping[str, SegmentResult]):
    """What running saved filters gave: a mapping from names to `SegmentResult`, in the order asked.

    Made by ``shop.segments(…)``.  It prints as a small table, holds no login, and can be pickled.  Segments that failed
    are not among them: ``run.errors`` has them, and they are shown.

    Attributes
    ----------
    asked : tuple of str
        Names, those that failed too.
    results : dict
        What came, by name; the mapping itself.
    errors : dict
        What failed, by name.

    Examples
    --------
    >>> import sc_pandas as sc
    >>> sc.Segments().save("happy", rating=[4, 5])
    >>> sc.Segments().save("wholesale", customer_type="Wholesale")
    >>> box = sc.sandbox.serve(customers=120, seed=7)
    >>> shop = sc.connect(box.url, username=box.username, password=box.password)
    >>> run = shop.segments()
    >>> run
    happy       9  first time
    wholesale  18  first time
    >>> len(run["happy"].ids & run["wholesale"].ids)
    1
    >>> new = box.insert(2, rating=5)
    >>> run = shop.segments("happy", cache="refresh")
    >>> run["happy"].added == set(new), len(run["happy"].removed), run["happy"].count
    (True, 0, 11)
    >>> shop.close(); box.close()
    """

    asked: tuple[str, ...]
    results: Mapping[str, SegmentResult]
    errors: Mapping[str, SellerCloudError] = field(default_factory=dict)

    def __getitem__(self, name: str) -> SegmentResult:
        if name in self.errors:
            error = self.errors[name]
            message = f"The segment {name!r} failed, see run.errors[{name!r}]: {_error_text(error)}"
            raise SegmentFailedError(message) from error
        if name not in self.results:
            asked = ", ".join(map(repr, self.asked)) or "none"
            raise UnknownSegmentError(f"This run did not ask the segment {name!r}; it asked {asked}.", filter=name)
        return self.results[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def _lines(self) -> list[tuple[str, str, str]]:
        return [
            (visible(name), "", f"failed: {_error_text(self.errors[name])}")
            if name in self.errors
            else (visible(name), f"{self.results[name].count:,}", str(self.results[name]))
            for name in self.asked
        ]

    def __str__(self) -> str:
        lines = self._lines()
        if not lines:
            return "No segment is saved. Save one: sc.Segments().save('happy', rating=[4, 5])"
        wide, number = (max(len(line[column]) for line in lines) for column in (0, 1))
        return "\n".join(f"{name:<{wide}}  {count:>{number}}  {words}" for name, count, words in lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(self._lines(), heads=("segment", "customers", "since last time"))


def run_segments(
    connection: "Connection",
    names: Sequence[str],
    segments: Mapping[str, CustomerFilter] | None,
    options: ReadOptions,
) -> SegmentRun:
    """Read segments one after the other; see `Connection.segments`."""
    source: Mapping[str, CustomerFilter] = Segments() if segments is None else segments
    folder = source.folder if isinstance(source, Segments) else data_folder()
    memory = SegmentMemory(folder, connection.source.tenant)
    asked = _chosen(names, source)
    results: dict[str, SegmentResult] = {}
    failed: dict[str, SellerCloudError] = {}
    for name in asked:
        try:
            saved = source[name]
            asked_of = saved if isinstance(saved, CustomerFilter) else CustomerFilter.of(**saved)
            results[name] = _compared(name, CustomerQuery(connection, asked_of, options), memory)
        except SellerCloudError as error:
            # Its frames hold the connection, and with it the login.
            failed[name] = error.with_traceback(None)
    return SegmentRun(asked=asked, results=results, errors=failed)


def _compared(name: str, query: CustomerQuery, memory: SegmentMemory) -> SegmentResult:
    """Read a segment, compare it with what is remembered, and remember it if it is proven."""
    result = SegmentResult(name=name, filter=query.filter, read=query.run())
    report = result.read.report
    if report.rows_without_key:  # who has no id can neither come nor go
        return result
    try:
        before = memory.before(name, query.filter, report.finished_at)
    except DamagedMemoryError:
        _warn(f"What is remembered of the segment {visible(name)!r} is damaged; this run counts as its first.")
        before = None
    if report.is_proven:
        try:
            memory.remember(name, query.filter, Seen(report.finished_at, result.ids))
        except (SettingsError, ExportError) as error:
            _warn(f"The segment {visible(name)!r} is not remembered for the next time: {error}")
    return result if before is None else replace(result, before=before.ids, since=before.at)


def _chosen(names: Sequence[str], source: Mapping[str, CustomerFilter]) -> tuple[str, ...]:
    if not all(isinstance(name, str) for name in names):
        raise SettingsError("segments takes names one by one: shop.segments('happy', 'wholesale').", setting="names")
    known = dict.fromkeys(source)
    check_names(names, known)
    return tuple(dict.fromkeys(names)) or tuple(known)


def _warn(text: str) -> None:
    warnings.warn(SellerCloudWarning(text), stacklevel=caller_stacklevel())


def _error_text(error: SellerCloudError) -> str:
    return visible(f"{type(error).__name__}: {error}", _LONGEST_ERROR)
