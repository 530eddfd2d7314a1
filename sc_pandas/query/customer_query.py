"""`CustomerQuery`: a filter bound to a connection, asked by its methods."""

import importlib.metadata
import logging
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Unpack

import pandas as pd
import pyarrow as pa

from sc_pandas.client import IN_FLIGHT, Tally
from sc_pandas.edge import public_class
from sc_pandas.errors import ExportError, FilterError, SettingsError
from sc_pandas.files import check_target
from sc_pandas.filters import CustomerFilter, shows
from sc_pandas.pacing import estimate_seconds
from sc_pandas.parquet import check_compression, write_parquet
from sc_pandas.provenance import Provenance
from sc_pandas.query.keywords import OPTIONS
from sc_pandas.query.progress import PageProgress, tell_of_cache
from sc_pandas.query.values import Count, CustomerPage, Estimate
from sc_pandas.query.words import explain, to_code, warn_of
from sc_pandas.reading import (
    CustomerRead,
    Progress,
    ReadKeywords,
    ReadOptions,
    ReadReport,
    Watcher,
    check_wanted,
    count,
    estimate,
    one_value_each,
    plan_includes,
    read_page,
    read_rows,
    with_every_column,
)
from sc_pandas.reading.options import whole
from sc_pandas.reading.plan import overlap_possible, split
from sc_pandas.secrecy import hide_unknown
from sc_pandas.segments import Segments
from sc_pandas.tables import CustomerRows, DtypeBackend, TableBuilder
from sc_pandas.writing import check_name

if TYPE_CHECKING:
    from sc_pandas.panel.panel import Panel
    from sc_pandas.query.connection import Connection

_LOG: Final = logging.getLogger(__name__)
_GUESSED_LATENCY_S: Final = 0.5


@public_class
class CustomerQuery:
    """Customers that match a filter, at one connection; made by ``shop.customers(…)``.

    Nothing is sent before a method needs an answer.

    Attributes
    ----------
    connection : Connection
        The server that is asked, and as whom.
    filter : CustomerFilter
        Which customers; what is relative to now was resolved when the query was made, see `asked`.
    options : ReadOptions
        How they are read.

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
        zone = connection.server_timezone
        now = connection.source.client.clock.now() if question.is_relative else None
        self._bound = question.resolved(zone, now).in_timezone(zone)
        parts = split(self._bound, connection.url, max_calls=self.options.max_calls)
        self._includes = plan_includes(self.options.include, self._bound)
        self._parts = one_value_each(parts, self._includes)

    def with_filter(self, question: CustomerFilter) -> "CustomerQuery":
        """Return a query with another filter and the same options.

        Raises
        ------
        FilterError
            The filter cannot be asked here.
        """
        return CustomerQuery(self.connection, question, self.options)

    @shows(ReadKeywords, **OPTIONS)
    def with_options(self, **changes: Unpack[ReadKeywords]) -> "CustomerQuery":
        """Return a query with the same filter and other options, named as in `Connection.customers`.

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
    def asked(self) -> CustomerFilter:
        """The filter as the server is asked: in its time zone, with what is relative to now resolved."""
        return self._bound

    @property
    def reads(self) -> int:
        """Number of lists that the filter is split into; counting takes a call for each."""
        return len(self._parts)

    def panel(self, *, live: bool = True) -> "Panel":
        """Open the live filter panel on this query.

        Parameters
        ----------
        live
            Whether a change is asked as soon as it settles, or waits for Apply.
        """
        from sc_pandas.panel.panel import Panel

        # A connection that is closed has no client, and says so.
        return Panel(self, title=f"Customers at {self.connection.source.client.url}", segments=Segments(), live=live)

    def count(self) -> Count:
        """Count the customers that match, by one call (none where the cache knows).

        The result is an int; its ``is_upper_bound`` is true where a customer may be counted twice.

        Raises
        ------
        SellerCloudError
            No count was found; nothing was put into the cache.
        """
        counted = count(self.connection.source, self._parts, self.options, Progress())
        return self._count_of(counted.totals)

    def _count_of(self, totals: tuple[int, ...]) -> Count:
        return Count(sum(totals), is_upper_bound=len(self._parts) > 1 and overlap_possible(self._parts))

    def estimate(self, *, cancel: threading.Event | None = None) -> Estimate:
        """Estimate what reading takes, by one call for each list (none where the cache knows).

        Parameters
        ----------
        cancel
            Set it from another thread to stop between lists; `concurrent.futures.CancelledError` is raised then.

        Raises
        ------
        SellerCloudError
            No estimate was found; nothing was put into the cache.
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

    def run(self, *, cancel: threading.Event | None = None, watcher: Watcher | None = None) -> CustomerRead:
        """Read the customers, complete or not at all.

        Parameters
        ----------
        cancel
            Set it from another thread to stop between pages; `concurrent.futures.CancelledError` is raised then.
        watcher
            Progress callbacks in place of the bar.  If given, no warning tells of missing include values; see
            ``report.gaps``.

        Raises
        ------
        PagingDriftError
            The list changed and the result cannot be proven complete; nothing is returned.
        SellerCloudError
            Another of its subclasses; nothing is returned, and pages in the cache serve the next try.

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
        return CustomerRead(
            table=table,
            report=report,
            provenance=self._provenance(report),
            dtype_backend=self.options.dtype_backend,
        )

    def to_pandas(self, *, dtype_backend: DtypeBackend | None = None) -> pd.DataFrame:
        """Read the customers into a DataFrame.

        Parameters
        ----------
        dtype_backend
            ``"pyarrow"``, ``"numpy_nullable"`` or ``"numpy"``; by default the query's own.  See
            `sc_pandas.tables.dtypes`.

        Returns
        -------
        pandas.DataFrame
            Shape ``(n, columns)``, unique by ``user_id`` and sorted by it, RangeIndex, every dtype a
            `pandas.ArrowDtype`; missing values are `pandas.NA`.  All answers of
            a shop have the same columns, an empty one too.

        Raises
        ------
        SettingsError
            There is no such `dtype_backend`.
        SellerCloudError
            See `run`.

        Notes
        -----
        Where a person is looking (a notebook, a terminal), a line says that the rows came from the cache and how old
        they are; ``progress=False`` turns it off, ``progress=True`` writes it in scripts, too.

        Examples
        --------
        >>> shop.customers().to_pandas(dtype_backend="numpy").dtypes["email"]
        <StringDtype(na_value=nan)>
        """
        if dtype_backend is not None:
            return self.with_options(dtype_backend=dtype_backend).to_pandas()
        read = self.run()
        if read.report.calls_saved and not read.report.calls:
            age = self.connection.source.client.clock.now() - read.report.started_at
            tell_of_cache(len(read), age.total_seconds(), self.options.progress)
        return read.to_pandas()

    def head(self, n: int = 5) -> pd.DataFrame:
        """Read the first `n` customers in server order, by one call for up to 50, and what `include=` takes.

        Returns
        -------
        pandas.DataFrame
            At most `n` rows, as `to_pandas` returns them.

        Raises
        ------
        SellerCloudError
            See `run`.
        """
        limit = n if self.options.limit is None else min(whole("n", n), self.options.limit)
        return self.with_options(limit=limit).to_pandas()

    def page(self, number: int = 1, size: int = 50) -> CustomerPage:
        """Read one page as the endpoint's article describes it.

        Parameters
        ----------
        number
            From 1.
        size
            Rows to ask for; SellerCloud serves 50 at most.

        Raises
        ------
        FilterError
            The filter is a union of lists, which has no pages of its own.
        SettingsError
            `number` or `size` is less than 1.
        SellerCloudError
            See `run`.
        """
        if len(self._parts) > 1:
            raise FilterError(
                "A filter with several values is a union of lists and has no pages of its own; use run()."
            )
        number, options = whole("number", number), replace(self.options, page_size=size, limit=None)
        size = options.page_size
        page = read_page(self.connection.source, self._parts[0], options, Progress(), number)
        with TableBuilder(on_bad_value=options.on_bad_value, exact_decimals=options.exact_decimals) as builder:
            builder.add(page.items)
            rows = with_every_column(builder.finish(sort=False), self.connection.source.columns.known(), options)
            table = self._selected(rows.to_table())
        return CustomerPage(
            number=number, size=size, total_results=page.total, table=table, dtype_backend=options.dtype_backend
        )

    def iter_batches(self, rows: int = 20_000) -> Iterator[pa.RecordBatch]:
        """Read the customers as Arrow batches, in bounded memory.

        All pages go to a private, unnamed file first: the first batch comes when the result is proven, and all batches
        have one schema.

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
            See `run`; there was no batch then.
        """
        with self._read(spool_folder=Path(tempfile.gettempdir())) as (read, _report):
            for batch in read.iter_batches(rows):
                yield self._selected(pa.Table.from_batches([batch])).to_batches()[0]

    def to_parquet(
        self, path: str | os.PathLike[str], *, compression: str = "zstd", allow_unverified: bool = False
    ) -> Path:
        """Write the customers to a Parquet file, crash-safe and in bounded memory.

        At any instant the path holds the file that was there before, or the complete new one.

        Parameters
        ----------
        path
            The target; a new file is private (0600), an existing one keeps its mode.
        compression
            ``"zstd"``, ``"snappy"``, ``"gzip"``, ``"brotli"``, ``"lz4"`` or ``"none"``.
        allow_unverified
            Whether a result that is not proven complete may be written; the file says so.

        Returns
        -------
        pathlib.Path
            The target.

        Raises
        ------
        ExportError
            The target cannot be written or promises another format (both known before the first call), or the result is
            not proven complete.
        SettingsError
            There is no such compression.
        SellerCloudError
            See `run`; the target is untouched.
        """
        check_name(path, "to_parquet")
        check_compression(compression)
        target = Path(path)
        check_target(target)
        with self.streamed(target, allow_unverified=allow_unverified) as (rows, schema, note):
            write_parquet(target, rows, schema, note, compression=compression)
        return target

    @contextmanager
    def streamed(
        self, path: str | os.PathLike[str] | None = None, *, allow_unverified: bool = False
    ) -> Iterator[tuple[Iterator[pa.RecordBatch], pa.Schema, Provenance]]:
        """Read the customers for a writer, in bounded memory: batches, their schema and where they came from.

        Parameters
        ----------
        path
            The file that the rows are for: they are stored in its folder meanwhile, and errors name it.
        allow_unverified
            Whether a result that is not proven complete may be handed out; the provenance says so.

        Yields
        ------
        tuple of iterator of pyarrow.RecordBatch, pyarrow.Schema and Provenance

        Raises
        ------
        ExportError
            The result is not proven complete.
        SellerCloudError
            See `run`.
        """
        folder = Path(tempfile.gettempdir()) if path is None else Path(path).parent
        with self._read(spool_folder=folder) as (rows, report):
            if not report.is_proven and not allow_unverified:
                raise ExportError.not_proven(path or "", "Read with consistency='auto', or pass allow_unverified=True.")
            schema = self._selected(rows.schema.empty_table()).schema
            batches = (self._selected(pa.Table.from_batches([b])).to_batches()[0] for b in rows.iter_batches())
            yield batches, schema, self._provenance(report)

    @contextmanager
    def _read(
        self,
        *,
        spool_folder: Path | None = None,
        cancel: threading.Event | None = None,
        watcher: Watcher | None = None,
    ) -> Iterator[tuple[CustomerRows, ReadReport]]:
        source = self.connection.source
        progress = Progress(Tally(at_most=self.options.max_calls), cancel or threading.Event())
        goes_on = self.options.cache == "use" and self.options.max_age is None

        def keeps() -> bool:
            return goes_on and source.cache is not None and source.cache.usable and not progress.tally.unkept

        with PageProgress(self.options.progress if watcher is None else False, keeps=keeps) as bar:
            progress.watcher = watcher or bar
            with source.client.pace.heard_by(progress.watcher.wait, progress.watcher.away):
                rows, report = read_rows(source, self._parts, self._includes, self.options, progress, spool_folder)
        done = (report.rows, report.verdict, report.calls, report.calls_saved)
        _LOG.info("read %d customers, %s: %d calls, %d saved by the cache", *done)
        warn_of(report, gaps=watcher is None)
        try:
            yield rows, report
        finally:
            rows.close()

    def _selected(self, table: pa.Table) -> pa.Table:
        if self.options.columns is None:
            return table
        check_wanted(self.connection.source, self.options.columns, table.column_names)
        return table.select(list(self.options.columns))

    def _provenance(self, report: ReadReport) -> Provenance:
        return Provenance(
            base_url=self.connection.url,
            # In the server's own time: it means the same on every connection.
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

    def to_code(self) -> str:
        """Return Python code that reads the same; no secret is in it, a new process finds the login itself."""
        return to_code(self.connection.url, self._bound, self.options)

    def explain(self) -> str:
        """Return the requests that a read would send, a line for each list, without sending any."""
        return explain(self.connection, self._parts, self._includes, self.options.page_size)

    def __repr__(self) -> str:
        return f"<CustomerQuery {self.filter.to_code() or 'all customers'} at {self.connection.url}>"
