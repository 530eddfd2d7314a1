"""A question to its rows: the union of its reads, each proven for itself."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sc_pandas.cache import KeptRead
from sc_pandas.client import Page
from sc_pandas.filters import CustomerFilter
from sc_pandas.reading.fetch import ListRead
from sc_pandas.reading.judge import NOT_VERIFIED, id_of, weakest
from sc_pandas.reading.kept import Beat, KeptTable
from sc_pandas.reading.options import Progress, ReadOptions, Source
from sc_pandas.reading.report import ReadReport
from sc_pandas.reading.ways import BeginAnewError
from sc_pandas.tables import CustomerRows, TableBuilder


@dataclass(frozen=True, slots=True)
class Counted:
    """Totals of the reads that a question needs, and what reading them takes from here."""

    totals: tuple[int, ...]
    calls_to_read: int
    age_s: float | None


def count(source: Source, parts: list[CustomerFilter], options: ReadOptions, progress: Progress) -> Counted:
    """Ask how many customers each part has: one call for each that the cache does not know."""
    totals, calls = [], 0
    ages: list[float | None] = []
    for part in parts:
        one = ListRead(source, part, options, progress)
        totals.append(one.total())
        calls += one.calls_to_read()
        ages.append(one.age_s)
    return Counted(tuple(totals), calls, None if None in ages else max(filter(None, ages), default=0.0))


def read_page(source: Source, part: CustomerFilter, options: ReadOptions, progress: Progress, number: int) -> Page:
    """Ask one page, as the endpoint's article describes it."""
    return ListRead(source, part, options, progress).single_page(number)


def read_rows(
    source: Source,
    parts: list[CustomerFilter],
    options: ReadOptions,
    progress: Progress,
    new_builder: Callable[[], TableBuilder],
) -> tuple[CustomerRows, ReadReport]:
    """Read all parts, and give their rows with the report.

    Raises
    ------
    SellerCloudError
        One of its subclasses; nothing is given.
    """
    table = KeptTable(source, parts, options)
    known = table.load(_newest_read(source, parts, options))
    if known is not None:
        return known
    with table.alone(progress) as beat:
        # Whoever read the same meanwhile has left it for us.
        known = table.load(_newest_read(source, parts, options))
        if known is not None:
            return known
        rows, report = _read_until_proven(source, parts, options, progress, new_builder, beat)
        table.save(rows, report, _newest_read(source, parts, options))
    return rows, report


def _newest_read(source: Source, parts: list[CustomerFilter], options: ReadOptions) -> float | None:
    begun = (ListRead(source, part, options, Progress()).newest() for part in parts)
    return max((each for each in begun if each is not None), default=None)


def _read_until_proven(
    source: Source,
    parts: list[CustomerFilter],
    options: ReadOptions,
    progress: Progress,
    new_builder: Callable[[], TableBuilder],
    beat: Beat,
) -> tuple[CustomerRows, ReadReport]:
    begun = source.client.clock.now().timestamp()
    # Each part may be begun anew in two other ways and in the other dialect, and the cache may be torn once.
    for _attempt in range(3 * len(parts) + 1):
        with contextlib.suppress(BeginAnewError), new_builder() as builder:
            return _read_into(builder, source, parts, options, progress, beat)
        if options.cache == "refresh":
            # What was read since is fresh enough.
            age_s = source.client.clock.now().timestamp() - begun + 1.0
            options = replace(options, cache="use", max_age_s=age_s)
    with new_builder() as builder:
        return _read_into(builder, source, parts, options, progress, beat)


def _read_into(
    builder: TableBuilder,
    source: Source,
    parts: list[CustomerFilter],
    options: ReadOptions,
    progress: Progress,
    beat: Beat,
) -> tuple[CustomerRows, ReadReport]:
    seen: set[int] = set()
    left = options.limit
    verdicts: list[str] = []
    kept: list[KeptRead] = []
    pages = 0
    for part in parts:
        if left is not None and left <= 0:
            break
        one = ListRead(source, part, options if len(parts) == 1 else _limited(options, left, seen), progress)
        for page in one.pages():
            pages += 1
            beat.beat()
            items = page.items
            if left is not None:
                items = items[:left] if len(parts) == 1 else list(_new_until(items, seen, left))
                left -= len(items)
            builder.add(items)
        verdicts.append(one.judgement.verdict)
        kept += [one.kept] if one.kept is not None else []
    rows = builder.finish()
    verdict = weakest(verdicts)
    notes = dict.fromkeys(progress.notes)
    if rows.rows_without_key:
        notes["rows without an id: whether any came twice could not be checked"] = None
        verdict = verdict if pages <= 1 else NOT_VERIFIED
    times = [each.started_at for each in kept] + [each.finished_at or each.started_at for each in kept]
    report = ReadReport(
        verdict=verdict,
        calls=progress.tally.calls,
        calls_saved=progress.tally.saved,
        pages=pages,
        rows=rows.num_rows,
        doubles_dropped=rows.doubles_dropped,
        rows_without_key=rows.rows_without_key,
        coercions=rows.coercions,
        undocumented=rows.undocumented,
        notes=tuple(notes),
        started_at=datetime.fromtimestamp(min(times), UTC),
        finished_at=datetime.fromtimestamp(max(times), UTC),
    )
    return rows, report


def _limited(options: ReadOptions, left: int | None, seen: set[int]) -> ReadOptions:
    # Customers that an earlier part gave already may come first again.
    return options if left is None else replace(options, limit=left + len(seen))


def _new_until(items: Sequence[dict[str, Any]], seen: set[int], left: int) -> Iterator[dict[str, Any]]:
    for item in items:
        if left <= 0:
            return
        each = id_of(item)
        if each is not None and each in seen:
            continue
        if each is not None:
            seen.add(each)
        left -= 1
        yield item
