"""A question to its rows: the union of its reads, each proven for itself."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from sc_pandas.client import Page
from sc_pandas.filters import CustomerFilter
from sc_pandas.reading.fetch import ListRead
from sc_pandas.reading.include import IncludedRead
from sc_pandas.reading.kept import KeptTable
from sc_pandas.reading.labels import IncludePlan
from sc_pandas.reading.lists import count_lists, read_lists
from sc_pandas.reading.options import Progress, ReadOptions, Source
from sc_pandas.reading.records import ListKey
from sc_pandas.reading.report import ReadReport
from sc_pandas.tables import CustomerRows, TableBuilder


@dataclass(frozen=True, slots=True)
class Counted:
    """Totals of the reads that a question needs, and what reading them takes from here."""

    totals: tuple[int, ...]
    calls_to_read: int
    age_s: float | None
    at_most: bool = False


def count(source: Source, parts: list[CustomerFilter], options: ReadOptions, progress: Progress) -> Counted:
    """Ask how many customers each part has: one call for each that the cache does not know."""
    lists = count_lists(source, _keys(source, parts, options), options, progress)
    ages = [one.age_s for one in lists]
    return Counted(
        tuple(one.total() for one in lists),
        sum(one.calls_to_read() for one in lists),
        None if None in ages else max(filter(None, ages), default=0.0),
    )


def estimate(
    source: Source, parts: list[CustomerFilter], plan: IncludePlan, options: ReadOptions, progress: Progress
) -> Counted:
    """Say what a read takes from here, by a call for each list that the cache does not know."""
    counted = count(source, parts, options, progress)
    if not options.include:
        return counted
    keys = _keys(source, parts, options)
    table = KeptTable(source, keys, options)
    if table.load(table.found()) is not None:
        return replace(counted, calls_to_read=0)
    included = IncludedRead(source, plan, options, progress)
    planned = included.calls_to_read(parts, counted.totals, counted.calls_to_read)
    return replace(counted, calls_to_read=planned.calls, at_most=planned.at_most)


def read_page(source: Source, part: CustomerFilter, options: ReadOptions, progress: Progress, number: int) -> Page:
    """Ask one page, as the endpoint's article describes it."""
    (key,) = _keys(source, [part], options)
    return ListRead(source, key, options, progress).single_page(number)


def read_rows(
    source: Source,
    parts: list[CustomerFilter],
    plan: IncludePlan,
    options: ReadOptions,
    progress: Progress,
    new_builder: Callable[[], TableBuilder],
) -> tuple[CustomerRows, ReadReport]:
    """Read all parts and what is included, and give their rows with the report.

    Raises
    ------
    SellerCloudError
        One of its subclasses; nothing is given.
    """
    keys = _keys(source, parts, options)
    table = KeptTable(source, keys, options)
    known = table.load(table.found())
    if known is not None:
        return known
    with table.alone(progress) as beat:
        # Whoever read the same meanwhile has left it for us.
        found = table.found()
        known = table.load(found)
        if known is not None:
            return known
        if options.include:
            included = IncludedRead(source, plan, options, progress, beat)
            rows, report = included.read(found, new_builder)
            newest_read, read_at = included.newest, included.lists_read_at
            # Who failed is asked again by the next read, which finds the others kept.
            may_be_kept = included.is_whole
        else:
            read = read_lists(source, found, options, progress, new_builder, beat)
            rows, report, newest_read = read.rows, read.report, read.newest
            read_at = report.started_at.timestamp()
            may_be_kept = True
        if progress.tally.unkept:
            note = f"the server forbids to keep its answers (no-store): {progress.tally.unkept:,} were not kept"
            report = replace(report, notes=(*report.notes, note))
        elif may_be_kept:
            table.save(rows, report, newest_read, read_at)
    return rows, report


def _keys(source: Source, parts: list[CustomerFilter], options: ReadOptions) -> list[ListKey]:
    return [ListKey(part, options.page_size, source.tenant) for part in parts]
