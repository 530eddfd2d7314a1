"""Saved filters asked now: who is in them, who came and went since the last time."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import pandas as pd
import pyarrow as pa

from sc_pandas.errors import ExportError, SellerCloudError, SellerCloudWarning, SettingsError
from sc_pandas.filters import CustomerFilter
from sc_pandas.provenance import ATTRS_KEY, Provenance
from sc_pandas.query.customer_query import CustomerQuery
from sc_pandas.query.segment_members import Ids, SegmentMembers
from sc_pandas.query.values import Count
from sc_pandas.reading import ReadOptions, ReadReport
from sc_pandas.segments import (
    CountChange,
    Difference,
    Recollection,
    Seen,
    SegmentMemory,
    Segments,
    UnknownSegmentError,
    change_of,
    difference_of,
)
from sc_pandas.settings import data_folder
from sc_pandas.tables import to_pandas
from sc_pandas.wording import caller_stacklevel, html_table, visible

if TYPE_CHECKING:
    from sc_pandas.query.connection import Connection

OnError = Literal["collect", "raise"]
_LONGEST_ERROR = 160


class SegmentFailedError(SellerCloudError, KeyError):
    """The segment was asked, and failed; its own error is the cause, and in ``run.errors``."""

    # A KeyError would print its message in quotes.
    __str__ = BaseException.__str__


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class SegmentResult(SegmentMembers):
    """What a run of a saved filter gave: its members, and the difference since the last time.

    It takes part in set algebra, see `SegmentMembers`.  ``to_pandas()`` gives the frame, and by it files:
    ``run["trade"].to_pandas().sellercloud.to_parquet("trade.parquet")``.

    Attributes
    ----------
    filter : CustomerFilter
        What was asked.
    report : ReadReport
        How the read went.
    provenance : Provenance
        Where the rows came from.
    difference : Difference
        Who came and who went; prints as ``+14 −3  since 2026-11-16 09:00 UTC``.
    """

    filter: CustomerFilter
    report: ReadReport
    provenance: Provenance
    difference: Difference

    @property
    def added(self) -> Ids:
        """Ids of those who came since the last time, sorted; empty where nothing was compared."""
        return self.difference.added

    @property
    def removed(self) -> Ids:
        """Ids of those who went since the last time, sorted; empty where nothing was compared."""
        return self.difference.removed

    @property
    def since(self) -> datetime | None:
        """When the reading ended that this one was compared with, UTC; None where nothing was compared."""
        return self.difference.since

    @property
    def verdict(self) -> str:
        """The judgement on completeness, such as ``"proven (order)"``."""
        return self.report.verdict

    def to_pandas(self) -> pd.DataFrame:
        """Give the customers as a DataFrame.

        Returns
        -------
        pandas.DataFrame
            As `CustomerQuery.to_pandas` gives it, provenance included.
        """
        frame = super().to_pandas()
        frame.attrs[ATTRS_KEY] = self.provenance.to_attrs()
        return frame

    def _words(self) -> str:
        return str(self.difference) if self.report.is_proven else f"{self.difference}  {self.verdict}"


@dataclass(frozen=True, kw_only=True)
class SegmentCount:
    """How many customers a saved filter has, by one call.

    Attributes
    ----------
    name : str
        The segment.
    filter : CustomerFilter
        What was asked.
    count : Count
        Customers that match.
    change : CountChange
        What the count gained or lost since it was last counted or read; nothing for an upper bound.
    """

    name: str
    filter: CustomerFilter
    count: Count
    change: CountChange

    def _words(self) -> str:
        return str(self.change)


_T = TypeVar("_T", SegmentResult, SegmentCount)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class _Run(Mapping[str, _T], Generic[_T]):
    """Segments that were asked together, by name, in the order in which they were asked.

    Those that failed are not among them: ``run.errors`` has them, and they are shown.
    """

    asked: tuple[str, ...]
    results: Mapping[str, _T]
    errors: Mapping[str, SellerCloudError] = field(default_factory=dict)

    def __getitem__(self, name: str) -> _T:
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
        lines = []
        for name in self.asked:
            if name in self.errors:
                lines.append((visible(name), "", f"failed: {_error_text(self.errors[name])}"))
                continue
            one = self.results[name]
            bound = "≤ " if isinstance(one.count, Count) and one.count.is_upper_bound else ""
            lines.append((visible(name), f"{bound}{one.count:,}", one._words()))  # noqa: SLF001  # its own kind
        return lines

    def __str__(self) -> str:
        lines = self._lines()
        if not lines:
            return "No segment is saved. Save one: sc.Segments().save('happy', rating=[4, 5])"
        wide, number = (max(len(line[column]) for line in lines) for column in (0, 1))
        return "\n".join(f"{name:<{wide}}  {count:>{number}}  {words}" for name, count, words in lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(self._lines(), heads=("segment", "customers", "since last time"))


class SegmentRun(_Run[SegmentResult]):
    """What running saved filters gave: a mapping from names to `SegmentResult`, in the order asked.

    Made by ``shop.segments(…)``.  It prints as a small table, holds no login, and can be pickled.

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
    >>> shop.segments()
    happy       9  first time
    wholesale  18  first time
    >>> _ = box.insert(2, rating=5)
    >>> run = shop.segments("happy", cache="refresh")
    >>> len(run["happy"].added), len(run["happy"].removed), run["happy"].count
    (2, 0, 11)
    >>> shop.close(); box.close()
    """

    def summary(self) -> pd.DataFrame:
        """Give the figures as a frame.

        Returns
        -------
        pandas.DataFrame
            One row for each segment that came: segment, customers, added, removed (null where nothing was compared),
            since, verdict.
        """
        rows = list(self.values())
        known = [one.since is not None for one in rows]
        columns = {
            "segment": pa.array([one.name for one in rows], pa.string()),
            "customers": pa.array([one.count for one in rows], pa.int64()),
            "added": pa.array(
                [len(one.added) if there else None for one, there in zip(rows, known, strict=True)], pa.int64()
            ),
            "removed": pa.array(
                [len(one.removed) if there else None for one, there in zip(rows, known, strict=True)], pa.int64()
            ),
            "since": pa.array([one.since for one in rows], pa.timestamp("us", tz="UTC")),
            "verdict": pa.array([one.verdict for one in rows], pa.string()),
        }
        return to_pandas(pa.table(columns))


class SegmentCounts(_Run[SegmentCount]):
    """What counting saved filters gave: a mapping from names to `SegmentCount`; see `SegmentRun`."""


# ── asking ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def run_segments(
    connection: "Connection",
    names: Sequence[str],
    segments: Mapping[str, CustomerFilter] | None,
    options: ReadOptions,
    *,
    errors: OnError,
    remember: bool,
) -> SegmentRun:
    """Read segments one after the other; see `Connection.segments`."""

    def read(name: str, question: CustomerFilter, memory: SegmentMemory) -> SegmentResult:
        given = CustomerQuery(connection, question, options).run()
        result = SegmentResult(
            name=name,
            base_url=connection.url,
            table=given.table,
            filter=question,
            report=given.report,
            provenance=given.provenance,
            difference=Difference(state="not comparable"),
        )
        # Who has no id can neither come nor go.
        if given.report.rows_without_key:
            return result
        seen = Seen(given.report.finished_at, result.ids)
        known = _recalled(memory, name, question)
        if remember and given.report.is_proven:
            _kept(name, lambda: memory.remember(name, question, seen))
        return replace(result, difference=difference_of(known, seen.ids, seen.at))

    asked, results, failed = _each(connection, names, segments, read, errors)
    return SegmentRun(asked=asked, results=results, errors=failed)


def count_segments(
    connection: "Connection",
    names: Sequence[str],
    segments: Mapping[str, CustomerFilter] | None,
    options: ReadOptions,
    *,
    errors: OnError,
    remember: bool,
) -> SegmentCounts:
    """Count segments one after the other; see `Connection.segment_counts`."""
    clock = connection.source.client.clock

    def counted(name: str, question: CustomerFilter, memory: SegmentMemory) -> SegmentCount:
        begun = clock.now()
        estimate = CustomerQuery(connection, question, options).estimate()
        rows, age_s = estimate.rows, estimate.age_s
        at = clock.now() if age_s is None else begun - timedelta(seconds=age_s)
        known = _recalled(memory, name, question)
        # A count that comes out of the cache once more is no new one.
        if remember and age_s is None and not rows.is_upper_bound:
            _kept(name, lambda: memory.remember_count(name, question, at, int(rows)))
        change = change_of(known, int(rows), at, is_upper_bound=rows.is_upper_bound)
        return SegmentCount(name=name, filter=question, count=rows, change=change)

    asked, results, failed = _each(connection, names, segments, counted, errors)
    return SegmentCounts(asked=asked, results=results, errors=failed)


def _each(
    connection: "Connection",
    names: Sequence[str],
    segments: Mapping[str, CustomerFilter] | None,
    ask: Callable[[str, CustomerFilter, SegmentMemory], _T],
    errors: OnError,
) -> tuple[tuple[str, ...], dict[str, _T], dict[str, SellerCloudError]]:
    if errors not in {"collect", "raise"}:
        raise SettingsError("errors is 'collect' or 'raise'.", setting="errors")
    source: Mapping[str, CustomerFilter] = Segments() if segments is None else segments
    memory = SegmentMemory(_folder_of(source), connection.source.tenant)
    asked = _chosen(names, source)
    results: dict[str, _T] = {}
    failed: dict[str, SellerCloudError] = {}
    for name in asked:
        try:
            results[name] = ask(name, _filter_of(source[name]), memory)
        except SellerCloudError as error:
            if errors == "raise":
                raise
            # Its frames hold the connection, and with it the login.
            failed[name] = error.with_traceback(None)
    return asked, results, failed


def _folder_of(source: Mapping[str, CustomerFilter]) -> Path:
    return source.folder if isinstance(source, Segments) else data_folder()


def _chosen(names: Sequence[str], source: Mapping[str, CustomerFilter]) -> tuple[str, ...]:
    if not all(isinstance(name, str) for name in names):
        raise SettingsError("segments takes names one by one: shop.segments('happy', 'wholesale').", setting="names")
    known = dict.fromkeys(source)
    for name in names:
        if name not in known:
            raise UnknownSegmentError.among(name, known)
    return tuple(dict.fromkeys(names)) or tuple(known)


def _filter_of(saved: CustomerFilter | Mapping[str, Any]) -> CustomerFilter:
    return saved if isinstance(saved, CustomerFilter) else CustomerFilter.of(**saved)


def _recalled(memory: SegmentMemory, name: str, question: CustomerFilter) -> Recollection:
    known = memory.recall(name, question)
    if known.damaged:
        text = f"What is remembered of the segment {visible(name)!r} is damaged; this run counts as its first."
        warnings.warn(SellerCloudWarning(text), stacklevel=caller_stacklevel())
    return known


def _kept(name: str, keep: Callable[[], None]) -> None:
    try:
        keep()
    except (SettingsError, ExportError) as error:
        text = f"The segment {visible(name)!r} is not remembered for the next time: {error}"
        warnings.warn(SellerCloudWarning(text), stacklevel=caller_stacklevel())


def _error_text(error: SellerCloudError) -> str:
    return visible(f"{type(error).__name__}: {error}", _LONGEST_ERROR)
