"""A filter to its rows: the union of its lists, each proven for itself."""

from dataclasses import replace
from pathlib import Path

from sc_pandas.client import Page
from sc_pandas.filters import CustomerFilter
from sc_pandas.reading.columns import learnt
from sc_pandas.reading.fetch import ListRead
from sc_pandas.reading.include import IncludedRead
from sc_pandas.reading.kept import KeptTable
from sc_pandas.reading.labels import IncludePlan
from sc_pandas.reading.lists import Counted, count_lists, read_lists
from sc_pandas.reading.options import Progress, ReadOptions, Source
from sc_pandas.reading.records import keys_of
from sc_pandas.reading.report import ReadReport
from sc_pandas.tables import CustomerRows


def count(source: Source, parts: list[CustomerFilter], options: ReadOptions, progress: Progress) -> Counted:
    """Ask how many customers each part has: one call for each that the cache does not know."""
    lists = count_lists(source, keys_of(parts, options.page_size, source.tenant), options, progress)
    ages = [one.age_s for one in lists]
    again = {each for part in parts for each, _ in part.beyond()} if options.cache in {"off", "refresh"} else ()
    return Counted(
        tuple(one.total_within() for one in lists),
        sum(one.calls_to_read() for one in lists) + len(again),
        None if None in ages else max(filter(None, ages), default=0.0),
        more_calls=sum(one.calls_to_read(at_most=True) - one.calls_to_read() for one in lists),
    )


def estimate(
    source: Source, parts: list[CustomerFilter], plan: IncludePlan, options: ReadOptions, progress: Progress
) -> Counted:
    """Return what a read takes from here, by a call for each list that the cache does not know."""
    counted = count(source, parts, options, progress)
    if not options.include:
        return counted
    table = KeptTable(source, keys_of(parts, options.page_size, source.tenant), options)
    if table.load() is not None:
        return replace(counted, calls_to_read=0, more_calls=0)
    return IncludedRead(source, plan, options, progress).planned(parts, counted)


def read_page(source: Source, part: CustomerFilter, options: ReadOptions, progress: Progress, number: int) -> Page:
    """Ask one page, as the endpoint's article describes it."""
    (key,) = keys_of([part], options.page_size, source.tenant)
    return ListRead(source, key, options, progress).single_page(number)


def read_rows(
    source: Source,
    parts: list[CustomerFilter],
    plan: IncludePlan,
    options: ReadOptions,
    progress: Progress,
    spool_folder: Path | None = None,
) -> tuple[CustomerRows, ReadReport]:
    """Read all parts and what is included; return their rows with the report."""
    table = KeptTable(source, keys_of(parts, options.page_size, source.tenant), options)
    known = table.load()
    if known is not None:
        return learnt(source, parts, options, progress, known)
    with table.alone(progress):
        # Another process may have read the same meanwhile.
        found = table.found()
        known = table.load(found)
        if known is not None:
            return learnt(source, parts, options, progress, known)
        try:
            if options.include:
                read = IncludedRead(source, plan, options, progress).read(found, spool_folder)
            else:
                read = read_lists(source, found, options, progress, spool_folder)
        finally:
            if source.cache is not None:
                source.cache.flush()
        report = read.report
        if progress.tally.unkept:
            note = f"the server forbids to keep its answers (no-store): {progress.tally.unkept:,} were not kept"
            report = replace(report, notes=(*report.notes, note))
        elif read.is_final:
            # Customers who failed are asked again by the next read, which finds the others in the cache.
            table.save(read)
    return learnt(source, parts, options, progress, (read.rows, report))
