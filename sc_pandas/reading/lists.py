"""Several lists to one table: each proven for itself, customers in several of them once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from sc_pandas.contract import Ids, PageRows, id_of
from sc_pandas.filters import CustomerFilter
from sc_pandas.reading.contradictions import Contradictions
from sc_pandas.reading.fetch import ListRead
from sc_pandas.reading.judge import NOT_VERIFIED, weakest
from sc_pandas.reading.kept import Beat
from sc_pandas.reading.options import Progress, ReadOptions, Source
from sc_pandas.reading.report import ReadReport
from sc_pandas.tables import CustomerRows, TableBuilder


@dataclass(frozen=True, slots=True)
class ListsRead:
    """The rows of several lists, the report, and for each list the ids that came under it."""

    rows: CustomerRows
    report: ReadReport
    ids: list[Ids]


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
    with new_builder() as builder:
        union = _Union(builder, options.limit, several=len(parts) > 1, beat=beat)
        read: list[ListRead] = []
        came: list[Ids] = []
        for part in parts:
            if union.left is not None and union.left <= 0:
                break
            union.part = part
            one = ListRead(source, part, replace(options, limit=union.limit), progress)
            one.read(union)
            read.append(one)
            came.append(union.taken())
        rows = builder.finish()
    return ListsRead(rows, _report(rows, read, union, progress), came)


def list_ids(one: ListRead) -> Ids:
    """Read the ids of one list, whose total may have been asked already.

    Raises
    ------
    SellerCloudError
        One of its subclasses; nothing is given.
    """
    came = _Came()
    one.read(came)
    return came.taken()


class _Came:
    """Takes the ids of the rows of a list."""

    def __init__(self) -> None:
        self._ids: list[Ids] = []

    def add(self, items: PageRows) -> None:
        self._ids.append(items.ids)

    def mark(self) -> Any:
        return len(self._ids)

    def rollback(self, mark: Any) -> None:
        del self._ids[mark:]

    def taken(self) -> Ids:
        """Return the ids that came since this was called last."""
        taken, self._ids = self._ids, []
        return np.concatenate(taken or [PageRows().ids])


class _Union(_Came):
    """Takes the rows of several lists into one builder, at most as many as a limit leaves."""

    def __init__(self, builder: TableBuilder, left: int | None, *, several: bool, beat: Beat) -> None:
        super().__init__()
        self._builder = builder
        self._several = several
        self._beat = beat
        self._seen: set[int] = set()
        self.against = Contradictions()
        self.part = CustomerFilter()
        self.left = left
        self.pages = 0

    @property
    def limit(self) -> int | None:
        """The limit of the next list: customers that an earlier one gave already may come first again."""
        return None if self.left is None else self.left + len(self._seen)

    def add(self, items: PageRows) -> None:
        super().add(items)
        self._beat.beat()
        self.pages += 1
        self.against.see(self.part, items)
        if self.left is not None:
            items = _new_until(items, self._seen, self.left) if self._several else items[: self.left]
            self.left -= len(items)
        self._builder.add(items)

    def mark(self) -> Any:
        seen = None if self.left is None else set(self._seen)
        return super().mark(), self._builder.mark(), self.against.mark(), self.left, seen, self.pages

    def rollback(self, mark: Any) -> None:
        came, built, against, self.left, seen, self.pages = mark
        super().rollback(came)
        self.against.rollback(against)
        self._builder.rollback(built)
        self._seen = set(seen or ())


def _report(rows: CustomerRows, read: Sequence[ListRead], union: _Union, progress: Progress) -> ReadReport:
    verdict = weakest([one.judgement.verdict for one in read])
    notes = dict.fromkeys((*progress.notes, *union.against.notes()))
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
