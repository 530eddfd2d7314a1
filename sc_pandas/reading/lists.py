"""Several lists to one table: each proven for itself, customers in several of them once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import numpy as np

from sc_pandas.cache import KeptRead
from sc_pandas.contract import id_of
from sc_pandas.filters import CustomerFilter
from sc_pandas.reading.contradictions import Contradictions
from sc_pandas.reading.fetch import ListRead
from sc_pandas.reading.judge import NOT_VERIFIED, weakest
from sc_pandas.reading.kept import Beat
from sc_pandas.reading.labels import Ids
from sc_pandas.reading.options import Progress, ReadOptions, Source
from sc_pandas.reading.report import ReadReport
from sc_pandas.reading.ways import BeginAnewError
from sc_pandas.tables import CustomerRows, TableBuilder

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ListsRead:
    """The rows of several lists, the report, and for each list the ids that came under it."""

    rows: CustomerRows
    report: ReadReport
    ids: list[Ids]


def until_proven(source: Source, options: ReadOptions, lists: int, attempt: Callable[[ReadOptions], T]) -> T:
    """Try to read some lists, anew when one did not stand still.

    Parameters
    ----------
    source, options
        Of whom, and how at first; what was read since is fresh enough for the tries after it.
    lists
        How many: each may be begun anew in two other ways and in the other dialect, and the cache may be torn once.
    attempt
        Reads from the beginning.
    """
    begun = source.client.clock.now().timestamp()
    for _attempt in range(3 * lists + 1):
        try:
            return attempt(options)
        except BeginAnewError:
            options = since(source, options, begun)
    return attempt(options)


def since(source: Source, options: ReadOptions, begun: float) -> ReadOptions:
    """Give the options with which what a refreshing read has asked since it began is not asked again."""
    if options.cache != "refresh":
        return options
    return replace(options, cache="use", max_age_s=source.client.clock.now().timestamp() - begun + 1.0)


def read_lists(
    source: Source,
    parts: list[CustomerFilter],
    options: ReadOptions,
    progress: Progress,
    new_builder: Callable[[], TableBuilder],
    beat: Beat,
) -> ListsRead:
    """Read all parts.

    Raises
    ------
    SellerCloudError
        One of its subclasses; nothing is given.
    """

    def attempt(fresh: ReadOptions) -> ListsRead:
        with new_builder() as builder:
            return _read_into(builder, source, parts, fresh, progress, beat)

    return until_proven(source, options, len(parts), attempt)


def list_ids(
    source: Source,
    part: CustomerFilter,
    options: ReadOptions,
    progress: Progress,
    asked: ListRead,
    in_flight: int | None = None,
) -> Ids:
    """Read the ids of one list, whose total may have been asked already.

    Raises
    ------
    SellerCloudError
        One of its subclasses; nothing is given.
    """
    first: list[ListRead] = [asked]

    def attempt(fresh: ReadOptions) -> Ids:
        one = first.pop() if first else ListRead(source, part, fresh, progress, in_flight)
        return _ids([item for page in one.pages() for item in page.items])

    return until_proven(source, options, 1, attempt)


def _read_into(
    builder: TableBuilder,
    source: Source,
    parts: list[CustomerFilter],
    options: ReadOptions,
    progress: Progress,
    beat: Beat,
) -> ListsRead:
    seen: set[int] = set()
    left = options.limit
    verdicts: list[str] = []
    kept: list[KeptRead] = []
    came: list[Ids] = []
    against = Contradictions()
    odd: dict[str, None] = {}
    pages = 0
    for part in parts:
        if left is not None and left <= 0:
            break
        one = ListRead(source, part, options if len(parts) == 1 else _limited(options, left, seen), progress)
        under: list[Ids] = []
        for page in one.pages():
            pages += 1
            beat.beat()
            items = page.items
            against.see(part, items)
            odd |= dict.fromkeys(page.notes)
            under.append(_ids(items))
            if left is not None:
                items = items[:left] if len(parts) == 1 else list(_new_until(items, seen, left))
                left -= len(items)
            builder.add(items)
        came.append(np.concatenate(under or [_ids([])]))
        verdicts.append(one.judgement.verdict)
        kept += [one.kept] if one.kept is not None else []
    rows = builder.finish()
    verdict = weakest(verdicts)
    notes = dict.fromkeys((*progress.notes, *against.notes(), *odd))
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
    return ListsRead(rows, report, came)


def _ids(items: Sequence[dict[str, Any]]) -> Ids:
    ids = (id_of(item) for item in items)
    return np.array([each for each in ids if each is not None and each < 2**63], dtype=np.int64)


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
