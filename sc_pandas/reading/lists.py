"""Several lists to one table: each proven for itself, customers in several of them once."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sc_pandas.contract import Ids, PageRows, id_of
from sc_pandas.reading.contradictions import contradictions, notes_of
from sc_pandas.reading.fetch import ListRead
from sc_pandas.reading.judge import NOT_VERIFIED, weakest
from sc_pandas.reading.options import Progress, ReadOptions, Source
from sc_pandas.reading.records import Found, ListKey, find_records, keep_records
from sc_pandas.reading.report import ReadReport
from sc_pandas.reading.ways import Came
from sc_pandas.tables import CustomerRows, TableBuilder

# Counts that are remembered by one write.
_COUNTS_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True)
class Counted:
    """Totals of lists, what reading them takes from here, and how old the oldest total is (None if one is new)."""

    totals: tuple[int, ...]
    calls_to_read: int
    age_s: float | None
    at_most: bool = False
    # While customers come and go.
    more_calls: int = 0


@dataclass(frozen=True, slots=True)
class ListsRead:
    """What came of several lists: rows, report, and for each list the ids that came under it."""

    rows: CustomerRows
    report: ReadReport
    ids: list[Ids]
    # When the first and the last of the lists that this rests on were read, Unix seconds.
    oldest: float
    newest: float
    # Nothing is missing that another try may bring.
    is_final: bool = True


def count_lists(
    source: Source, keys: Sequence[ListKey], options: ReadOptions, progress: Progress, in_flight: int | None = None
) -> list[ListRead]:
    """Return lists whose totals are known, by a call for each that the cache does not know.

    What was counted before an error is remembered.
    """
    cache = source.cache if options.cache != "off" else None
    found = find_records(cache if options.cache != "refresh" else None, keys)
    lists = [ListRead(source, key, options, progress, in_flight, found[key]) for key in keys]
    counted: list[ListRead] = []

    def keep() -> None:
        new = {one.key: one.kept for one in counted if one.kept is not None and one.kept != one.noted}
        if cache is not None and new and not progress.tally.unkept:
            keep_records(cache, new)
            for one in counted:
                one.noted = one.kept
        counted.clear()

    try:
        for one in _counting(source, lists, progress):
            counted.append(one)
            if len(counted) == _COUNTS_AT_ONCE:
                keep()
    finally:
        keep()
    return lists


def _counting(source: Source, lists: Sequence[ListRead], progress: Progress) -> Iterator[ListRead]:
    # The first alone: with its answer the dialect is known.
    for one in lists[:1]:
        one.total()
        yield one
    if len(lists) > 1:
        with source.crew(progress.cancel) as crew:
            yield from (one for one, _ in crew.in_order(lists[1:], ListRead.total))


def read_lists(
    source: Source, found: Found, options: ReadOptions, progress: Progress, spool_folder: Path | None
) -> ListsRead:
    """Read all lists, of which the cache knows what was found."""
    with TableBuilder(
        on_bad_value=options.on_bad_value, exact_decimals=options.exact_decimals, spool_folder=spool_folder
    ) as builder:
        union = _Union(builder, [*found], options.limit)
        read: list[ListRead] = []
        came: list[Ids] = []
        for key, records in found.items():
            if union.left is not None and union.left <= 0:
                break
            union.part = key.filter
            limited = options if union.left is None else replace(options, limit=union.limit)
            one = ListRead(source, key, limited, progress, found=records)
            one.read(union)
            read.append(one)
            came.append(union.taken())
        rows = builder.finish()
    begun = [one.kept.started_at for one in read if one.kept is not None]
    return ListsRead(rows, _report(rows, read, union, progress), came, min(begun), max(begun))


class _Union(Came):
    """Takes the rows of several lists into one builder, at most as many as a limit leaves."""

    def __init__(self, builder: TableBuilder, keys: Sequence[ListKey], left: int | None) -> None:
        super().__init__()
        self._builder = builder
        self._several = len(keys) > 1
        self._seen: set[int] = set()
        self.against: Counter[str] = Counter()
        self.rows = 0
        self.part = keys[0].filter
        self.left = left
        self.pages = 0

    @property
    def limit(self) -> int:
        """The limit of the next list: customers of an earlier one may come first again."""
        return (self.left or 0) + len(self._seen)

    def add(self, items: PageRows) -> None:
        super().add(items)
        self.pages += 1
        self.rows += len(items)
        self.against = self.against + contradictions(self.part, items)
        if self.left is not None:
            items = _new_until(items, self._seen, self.left) if self._several else items[: self.left]
            self.left -= len(items)
        self._builder.add(items)

    def mark(self) -> Any:
        seen = None if self.left is None else set(self._seen)
        return super().mark(), self._builder.mark(), self.against, self.rows, self.left, seen, self.pages

    def rollback(self, mark: Any) -> None:
        came, built, self.against, self.rows, self.left, seen, self.pages = mark
        super().rollback(came)
        self._builder.rollback(built)
        self._seen = set(seen or ())


def _report(rows: CustomerRows, read: Sequence[ListRead], union: _Union, progress: Progress) -> ReadReport:
    verdict = weakest([one.judgement.verdict for one in read])
    notes = dict.fromkeys((*progress.notes, *notes_of(union.against, union.rows)))
    if rows.rows_without_key:
        notes["rows without an id: whether any came twice could not be checked"] = None
        verdict = verdict if union.pages <= 1 else NOT_VERIFIED
    kept = [one.kept for one in read if one.kept is not None]
    times = [each.started_at for each in kept] + [each.finished_at or each.started_at for each in kept]
    return ReadReport(
        verdict=verdict,
        calls=progress.tally.calls,
        calls_saved=progress.tally.saved,
        pages=union.pages,
        rows=rows.num_rows,
        doubles_dropped=rows.doubles_dropped,
        rows_without_key=rows.rows_without_key,
        coercions=rows.coercions,
        undocumented=rows.undocumented,
        notes=tuple(notes),
        started_at=datetime.fromtimestamp(min(times), UTC),
        finished_at=datetime.fromtimestamp(max(times), UTC),
    )


def _new_until(items: PageRows, seen: set[int], left: int) -> PageRows:
    """Return the rows whose ids were not seen, as many as are left."""
    new: list[int] = []
    for place, item in enumerate(items):
        if len(new) == left:
            break
        each = id_of(item)
        if each is not None and each in seen:
            continue
        if each is not None:
            seen.add(each)
        new.append(place)
    return items.take(new)
