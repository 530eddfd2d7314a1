"""`CustomerQuery`: a filter bound to a connection; lazy, and its verbs are the whole vocabulary."""

import html
import importlib.metadata
import os
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Unpack
from urllib.parse import urlencode

import pandas as pd
import pyarrow as pa

from sc_pandas.client import IN_FLIGHT, Tally
from sc_pandas.contract import CUSTOMERS_PATH, Dialect
from sc_pandas.errors import ExportError, FilterError, SchemaDriftWarning, SellerCloudWarning, SettingsError
from sc_pandas.files import check_target
from sc_pandas.filters import CustomerFilter
from sc_pandas.pacing import estimate_seconds
from sc_pandas.parquet import write_parquet
from sc_pandas.provenance import Provenance
from sc_pandas.query.keywords import OPTIONS, shows
from sc_pandas.query.progress import PageProgress
from sc_pandas.query.values import Count, CustomerPage, Estimate, to_code
from sc_pandas.reading import (
    CustomerRead,
    Progress,
    ReadKeywords,
    ReadOptions,
    ReadReport,
    Watcher,
    count,
    estimate,
    one_value_each,
    plan_includes,
    read_page,
    read_rows,
)
from sc_pandas.reading.plan import overlap_possible, page_params, split
from sc_pandas.secrecy import hide_unknown
from sc_pandas.segments import SegmentMemory, Segments
from sc_pandas.settings import data_folder
from sc_pandas.tables import CustomerRows, TableBuilder, check_columns
from sc_pandas.wording import caller_stacklevel, plural

if TYPE_CHECKING:
    from sc_pandas.panel.panel import Panel
    from sc_pandas.query.connection import Connection

_GUESSED_LATENCY_S: Final = 0.5


class CustomerQuery:
    """Customers that match a filter, at one connection; made by ``shop.customers(…)``.

    Nothing is sent before a verb needs it.

    Attributes
    ----------
    connection : Connection
        Where it asks.
    filter : CustomerFilter
        What it asks.
    options : ReadOptions
        How it reads.

    Examples
    --------
    >>> q = shop.customers()
    >>> q.count()
    120
    >>> q.run().report.verdict
    'proven (order)'
    >>> q.head(3).user_id.is_monotonic_increasing
    True
    """

    def __init__(self, connection: "Connection", question: CustomerFilter, options: ReadOptions | None = None) -> None:
        self.connection = connection
        self.filter = question
        self.options = options or ReadOptions()
        # Times with a zone are refused here, at once, where the server's zone is not known.
        self._bound = question.in_timezone(connection.server_timezone)
        parts = split(self._bound, connection.url, max_calls=self.options.max_calls)
        self._includes = plan_includes(self.options.include, self._bound)
        self._parts = one_value_each(parts, self._includes)

    def with_filter(self, question: CustomerFilter) -> "CustomerQuery":
        """Give the query that asks another filter in the same way.

        Returns
        -------
        CustomerQuery

        Raises
        ------
        FilterError
            The filter cannot be asked here.
        """
        return CustomerQuery(self.connection, question, self.options)

    @shows(ReadKeywords, **OPTIONS)
    def with_options(self, **changes: Unpack[ReadKeywords]) -> "CustomerQuery":
        """Give the query that asks the same with other options, named as in `Connection.customers`.

        Returns
        -------
        CustomerQuery

        Raises
        ------
        SettingsError
            An option that does not exist, or a value that it does not take.
        """
        hide_unknown(changes, OPTIONS)
        unknown = changes.keys() - OPTIONS.keys()
        if unknown:
            raise SettingsError(f"There is no option {', '.join(sorted(unknown))}.", setting=min(unknown))
        given: dict[str, Any] = dict(changes)
        return CustomerQuery(self.connection, self.filter, replace(self.options, **given))

    @property
    def reads(self) -> int:
        """Lists that the filter is split into; counting takes a call for each.

        Returns
        -------
        int
        """
        return len(self._parts)

    def panel(self, *, live: bool = True) -> "Panel":
        """Open the live filter panel on this query.

        Parameters
        ----------
        live
            Whether a settled change asks by itself, or waits for Apply.

        Returns
        -------
        Panel
        """
        from sc_pandas.panel.panel import Panel

        title = f"Customers at {self.connection.url}"
        memory = SegmentMemory(data_folder(), self.connection.source.tenant)
        return Panel(self, title=title, segments=Segments(), memory=memory, live=live)

    # ── how many ───────────────────────────────────────────────────────────────────────────────────────────────────
    def count(self) -> Count:
        """Count the customers that match, by one call (none where the cache knows).

        Returns
        -------
        Count
            An int; its ``is_upper_bound`` is true where the filter is a union whose reads may overlap.

        Raises
        ------
        SellerCloudError
            One of its subclasses; nothing was kept.
        """
        counted = count(self.connection.source, self._parts, self.options, Progress())
        return self._count_of(counted.totals)

    def _count_of(self, totals: tuple[int, ...]) -> Count:
        return Count(sum(totals), is_upper_bound=len(self._parts) > 1 and overlap_possible(self._parts))

    def estimate(self, *, cancel: threading.Event | None = None) -> Estimate:
        """Say what reading takes from here, by one call for each list (none where the cache knows).

        Parameters
        ----------
        cancel
            Set it from another thread to stop between lists; `concurrent.futures.CancelledError` is raised then.

        Returns
        -------
        Estimate
            Rows, calls, seconds.

        Raises
        ------
        SellerCloudError
            One of its subclasses; nothing was kept.
        """
        progress = Progress(cancel=cancel or threading.Event())
        counted = estimate(self.connection.source, self._parts, self._includes, self.options, progress)
        client = self.connection.source.client
        latency_s = _GUESSED_LATENCY_S if client.latency_s is None else client.latency_s
        calls = counted.calls_to_read
        left = client.pace.left()
        seconds = estimate_seconds(calls, latency_s=latency_s, in_flight=IN_FLIGHT, calls_left=left)
        return Estimate(
            rows=self._count_of(counted.totals),
            calls=calls,
            seconds=seconds,
            reads=len(self._parts),
            age_s=counted.age_s,
            calls_left=left,
            calls_at_most=calls + counted.more_calls,
            is_upper_bound=counted.at_most,
            calls_made=progress.tally.calls,
        )

    # ── rows ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def run(self, *, cancel: threading.Event | None = None, watcher: Watcher | None = None) -> CustomerRead:
        """Read the customers, complete or not at all.

        Parameters
        ----------
        cancel
            Set it from another thread to stop between pages; `concurrent.futures.CancelledError` is raised then.
        watcher
            Is told how the read goes on, in place of the progress bar; whoever gives one also says who lacks what.

        Returns
        -------
        CustomerRead
            ``.table`` and ``.report``.

        Raises
        ------
        PagingDriftError
            The list moved and the answer cannot be proven complete; nothing is returned.
        SellerCloudError
            Another of its subclasses; nothing is returned, finished pages are kept for the next try.

        Warns
        -----
        SellerCloudWarning
            Customers lack what was to be included; ``report.gaps`` says whose and why.
        SchemaDriftWarning
            The server sent keys that no public page documents (they are columns), or values that did not fit their
            columns (they are null there, and in full in the report).
        """
        with self._read(cancel=cancel, watcher=watcher) as (rows, report):
            table = self._selected(rows.to_table())
        return CustomerRead(table=table, report=report, provenance=self._provenance(report))

    def to_pandas(self) -> pd.DataFrame:
        """Read the customers into a DataFrame; see `run` for what can be raised.

        Returns
        -------
        pandas.DataFrame
            Shape ``(n, columns)``, unique by ``user_id`` and sorted by it, RangeIndex, every dtype a
            `pandas.ArrowDtype`; missing values are `pandas.NA`.  An empty answer has the same base columns.

        Raises
        ------
        SellerCloudError
            See `run`.
        """
        return self.run().to_pandas()

    def to_arrow(self) -> pa.Table:
        """Read the customers into an Arrow table; see `run` for what can be raised.

        Returns
        -------
        pyarrow.Table
            The rows of `to_pandas`.

        Raises
        ------
        SellerCloudError
            See `run`.
        """
        return self.run().table

    def head(self, n: int = 5) -> pd.DataFrame:
        """Read the first `n` customers that the server gives, by one call for up to 50, and what `include=` takes.

        Returns
        -------
        pandas.DataFrame
            At most `n` rows, as `to_pandas` gives them.

        Raises
        ------
        SellerCloudError
            See `run`.
        """
        limit = n if self.options.limit is None else min(n, self.options.limit)
        return CustomerQuery(self.connection, self.filter, replace(self.options, limit=limit)).to_pandas()

    def page(self, number: int = 1, size: int = 50) -> CustomerPage:
        """Give one page exactly as the endpoint's article describes it.

        Parameters
        ----------
        number
            From 1.
        size
            Rows to ask for; SellerCloud serves 50 at most.

        Returns
        -------
        CustomerPage
            ``Items`` as a typed table in the server's order, and ``TotalResults``.

        Raises
        ------
        FilterError
            The filter is a union, which has no pages of its own.
        SettingsError
            `number` or `size` is less than 1.
        SellerCloudError
            See `run`.
        """
        if len(self._parts) > 1:
            raise FilterError(
                "A filter with several values is a union of lists and has no pages of its own; use run()."
            )
        if number < 1:
            raise SettingsError("number is a whole number of at least 1.", setting="number")
        options = replace(self.options, page_size=size, limit=None)
        page = read_page(self.connection.source, self._parts[0], options, Progress(), number)
        with TableBuilder(on_bad_value=self.options.on_bad_value) as builder:
            builder.add(page.items)
            table = self._selected(builder.finish(sort=False).to_table())
        return CustomerPage(number=number, size=size, total_results=page.total, table=table)

    def iter_batches(self, rows: int = 20_000) -> Iterator[pa.RecordBatch]:
        """Give the customers in Arrow batches, in bounded memory.

        All pages are read to a private, unnamed file first, so that the first batch comes only when the answer is
        proven, and all batches have one schema.

        Parameters
        ----------
        rows
            Rows of each batch; the last may have fewer.

        Yields
        ------
        pyarrow.RecordBatch
            Unique by ``user_id`` and sorted by it, over all batches.

        Raises
        ------
        SellerCloudError
            See `run`; nothing has been given then.
        """
        with self._read(spool_folder=Path(tempfile.gettempdir())) as (read, _report):
            for batch in read.iter_batches(rows):
                yield self._selected(pa.Table.from_batches([batch])).to_batches()[0]

    def to_parquet(self, path: str | os.PathLike[str], *, allow_unverified: bool = False) -> Path:
        """Write the customers to a Parquet file, crash-safe and in bounded memory.

        At any instant the path holds the file that was there before, or the complete new one.

        Parameters
        ----------
        path
            The target; a new file is private (0600), an existing one keeps its mode.
        allow_unverified
            Whether an answer that is not proven complete may be written; the file says so.

        Returns
        -------
        pathlib.Path
            The target.

        Raises
        ------
        ExportError
            The target cannot be written (known before the first call), or the answer is not verified.
        SellerCloudError
            See `run`; the target is untouched.
        """
        target = Path(path)
        check_target(target)
        with self._read(spool_folder=target.parent) as (rows, report):
            if not report.is_proven and not allow_unverified:
                advice = "Read with consistency='auto', or pass allow_unverified=True; the file will say so."
                raise ExportError.not_proven(target, advice)
            schema = self._selected(rows.schema.empty_table()).schema
            batches = (self._selected(pa.Table.from_batches([b])).to_batches()[0] for b in rows.iter_batches())
            write_parquet(target, batches, schema, self._provenance(report))
        return target

    @contextmanager
    def _read(
        self,
        *,
        spool_folder: Path | None = None,
        cancel: threading.Event | None = None,
        watcher: Watcher | None = None,
    ) -> Iterator[tuple[CustomerRows, ReadReport]]:
        source, options = self.connection.source, self.options
        progress = Progress(Tally(at_most=self.options.max_calls), cancel or threading.Event())
        with PageProgress(self.options.progress if watcher is None else False) as bar:
            progress.watcher = watcher or bar
            with source.client.pace.heard_by(progress.watcher.wait, progress.watcher.away):
                rows, report = read_rows(
                    source,
                    self._parts,
                    self._includes,
                    options,
                    progress,
                    lambda: TableBuilder(on_bad_value=self.options.on_bad_value, spool_folder=spool_folder),
                )
        self._warn(report, gaps=watcher is None)
        try:
            yield rows, report
        finally:
            rows.close()

    @staticmethod
    def _warn(report: ReadReport, *, gaps: bool) -> None:
        if report.undocumented:
            names = ", ".join(report.undocumented)
            message = (
                "The server sent keys that no public page documents, or names that differ only in case; they are "
                f"columns: {names}."
            )
            warnings.warn(SchemaDriftWarning(message, keys=report.undocumented), stacklevel=caller_stacklevel())
        if report.coercions:
            columns = tuple(dict.fromkeys(each.column for each in report.coercions))
            message = (
                f"{len(report.coercions):,} values did not fit their columns and are null there: {', '.join(columns)}. "
                "run().report.coercions has them in full."
            )
            warnings.warn(SchemaDriftWarning(message, keys=columns), stacklevel=caller_stacklevel())
        if gaps and report.gaps:
            lack = plural(len(report.gaps), "customer lacks", "customers lack")
            message = f"{lack} what was to be included; it is null there. run().report.gaps says whose, and why."
            warnings.warn(SellerCloudWarning(message), stacklevel=caller_stacklevel())

    def _selected(self, table: pa.Table) -> pa.Table:
        if self.options.columns is None:
            return table
        check_columns(self.options.columns, table.column_names)
        return table.select(list(self.options.columns))

    def _provenance(self, report: ReadReport) -> Provenance:
        return Provenance(
            base_url=self.connection.url,
            # In the server's own time, so that it means the same on every connection.
            filter=self._bound.to_dict(),
            columns=self.options.columns,
            limit=self.options.limit,
            include=self.options.include,
            page_size=self.options.page_size,
            started_at=report.started_at.isoformat(timespec="seconds"),
            finished_at=report.finished_at.isoformat(timespec="seconds"),
            tenant=self.connection.source.tenant,
            verdict=report.verdict,
            rows=report.rows,
            version=importlib.metadata.version("sc_pandas"),
        )

    # ── in words ───────────────────────────────────────────────────────────────────────────────────────────────────
    def to_code(self) -> str:
        """Give Python code that reads the same; the login comes from where the new process finds it.

        Returns
        -------
        str
            Two lines; no secret is in them.
        """
        return to_code(self.connection.url, self._bound, self.options)

    def explain(self) -> str:
        """Say which requests a read would send, without sending any.

        Returns
        -------
        str
            One line for each list's first page, and what follows it.
        """
        dialect = self.connection.source.dialects.known or Dialect.ARTICLE
        lines = []
        for part in self._parts:
            spoken = Dialect.SWAGGER if part.needs_swagger() else dialect
            query = urlencode(page_params(part, spoken, 1, self.options.page_size))
            lines.append(f"GET {self.connection.url}{CUSTOMERS_PATH}?{query}")
        lines.append("then the further pages, up to 16 at once, and page 1 and the last page again")
        for fact in self._includes.by_list:
            each = f"of {len(fact.codes)} values" if fact.codes else "month of the years that have customers"
            lines.append(f"for {fact.name}: the same for each {each}")
        if self._includes.by_customer:
            names = ", ".join(self._includes.by_customer)
            lines.append(f"for {names}: GET {self.connection.url}{CUSTOMERS_PATH}/{{id}} for each customer")
        if self.connection.source.dialects.known is None:
            lines.append("in the other dialect, if the server shows that it does not understand this one")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<CustomerQuery {self.filter.to_code() or 'all customers'} at {self.connection.url}>"

    def _repr_html_(self) -> str:
        asked = html.escape(self.filter.to_code() or "all customers")
        return f"<code>CustomerQuery</code> {asked} at {html.escape(self.connection.url)}"
