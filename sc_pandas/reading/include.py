"""Reading what the list does not carry: customers come under lists, or are asked one by one.

The decisions are in `labels`; here is who asks.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa

from sc_pandas.client import IN_FLIGHT
from sc_pandas.contract import SERVED_AT_MOST
from sc_pandas.contract.includes import PARTITIONS, PartitionFact
from sc_pandas.filters import CustomerFilter
from sc_pandas.json_text import dump
from sc_pandas.reading.crew import Crew
from sc_pandas.reading.details import Customer, DetailReads
from sc_pandas.reading.fetch import ListRead
from sc_pandas.reading.judge import WINDOWS, weakest
from sc_pandas.reading.kept import Beat
from sc_pandas.reading.labels import (
    Ids,
    IncludePlan,
    LabelledList,
    Labels,
    before_year,
    given_label,
    label_type,
    lists_of,
    merge_labels,
    months_of,
    years_back,
)
from sc_pandas.reading.lists import ListsRead, list_ids, read_lists, since
from sc_pandas.reading.options import Progress, ReadOptions, Source
from sc_pandas.reading.report import IncludeGap, ReadReport
from sc_pandas.tables import Coercion, CustomerRows, TableBuilder, detail_columns, detail_schema, refused
from sc_pandas.tables.columns import Reject, RejectFor

# Labels, each with the ids that came under it.
Found = list[tuple[Any, Ids]]

# Lists that are read at the same time, and how many calls of each are then in flight.
_LISTS_AT_ONCE: Final = 8
_CREATED: Final = "created_month"


@dataclass(frozen=True, slots=True)
class Sized:
    """A list whose total is known."""

    asked: LabelledList
    read: ListRead
    total: int


class IncludedRead:
    """A read with more columns than the list has."""

    def __init__(
        self,
        source: Source,
        plan: IncludePlan,
        options: ReadOptions,
        progress: Progress,
        beat: Beat | None = None,
    ) -> None:
        self._source = source
        self._plan = plan
        self._options = options
        self._progress = progress
        self._beat = beat or Beat(None)
        # A label's list is read to its end, whatever part of the customers is wanted.
        self._whole = replace(options, limit=None, include=())
        self._began = source.client.clock.now().timestamp()
        # Whether nothing is missing that another try may bring.
        self.is_whole = True
        self._years_counted = 0

    # ── what it takes ──────────────────────────────────────────────────────────────────────────────────────────────
    def calls_to_read(self, parts: list[CustomerFilter], totals: Sequence[int], list_calls: int) -> int:
        """Give the calls that `read` makes from here, by a call for each list that the cache does not know.

        Parameters
        ----------
        parts, totals
            The lists of the customers themselves, and how many each has.
        list_calls
            Calls to read these.
        """
        rows = sum(totals) if self._options.limit is None else min(self._options.limit, sum(totals))
        calls = list_calls
        shared = self._shares_months(parts, totals, list_calls)
        for fact in self._plan.asked if rows else ():
            if self._names_customers(parts, rows):
                calls += len(self._lists([CustomerFilter()], fact))
                continue
            calls += sum(each.read.calls_to_read() for each in self._sized(self._lists(parts, fact)))
            if fact.kind == "month" and self._options.cache in {"off", "refresh"}:
                calls += self._years_counted
                self._years_counted = 0
            if shared and fact.name == _CREATED:
                # The whole list is asked for its total alone, and once more at the end.
                calls += 1 + (self._options.cache == "refresh") - list_calls
        return calls + (self._detail_calls(parts, rows, list_calls) if self._plan.details else 0)

    def _detail_calls(self, parts: list[CustomerFilter], rows: int, list_calls: int) -> int:
        if list_calls or self._options.limit is not None:
            return rows
        details = DetailReads(self._source, self._options, self._progress)
        ids = [list_ids(self._source, part, self._options, self._progress, self._list(part)) for part in parts]
        return details.calls_to_read(np.unique(np.concatenate(ids)).tolist())

    # ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────
    def read(
        self, parts: list[CustomerFilter], new_builder: Callable[[], TableBuilder]
    ) -> tuple[CustomerRows, ReadReport]:
        """Read the customers and what is included.

        Raises
        ------
        SellerCloudError
            One of its subclasses; nothing is given.
        """
        read, found = self._read_by_month(parts, new_builder)
        if read is None:
            read = read_lists(self._source, parts, self._options, self._progress, new_builder, self._beat)
        calls = self._progress.tally.calls
        labels = self._labels(parts, read, found)
        rows, gaps, notes = self._with_columns(read.rows, labels)
        asked_later = self._progress.tally.calls > calls
        report = replace(
            read.report,
            calls=self._progress.tally.calls,
            calls_saved=self._progress.tally.saved,
            coercions=rows.coercions,
            gaps=tuple(gaps),
            notes=(*read.report.notes, *notes),
            finished_at=self._source.client.clock.now() if asked_later else read.report.finished_at,
        )
        return rows, report

    def _labels(self, parts: list[CustomerFilter], read: ListsRead, found: Found | None) -> dict[str, Labels]:
        came = [np.concatenate(read.ids)] if len(parts) == 1 else read.ids
        labels = {
            fact.name: merge_labels(
                fact, [(given_label(part, fact), ids) for part, ids in zip(parts, came, strict=False)]
            )
            for fact in self._plan.given
        }
        questions = parts
        if self._names_customers(parts, read.rows.num_rows):
            ids = [int(each) for batch in read.rows.iter_batches() for each in batch.column("user_id").drop_null()]
            questions = [CustomerFilter(customer_ids=tuple(ids))] if ids else []
        for fact in self._plan.asked:
            known = found if fact.name == _CREATED else None
            if known is None:
                known = (
                    self._found(_with_customers(self._sized(self._lists(questions, fact))))
                    if read.rows.num_rows
                    else []
                )
            labels[fact.name] = merge_labels(fact, known)
        return labels

    def _names_customers(self, parts: list[CustomerFilter], rows: int) -> bool:
        """Whether the lists are asked of these few customers by their ids: one response each."""
        return rows <= SERVED_AT_MOST and (self._options.limit is not None or len(parts) > 1)

    def _list(self, part: CustomerFilter) -> ListRead:
        return ListRead(self._source, part, self._options, self._progress)

    # ── lists ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def _lists(self, questions: Sequence[CustomerFilter], fact: PartitionFact) -> list[LabelledList]:
        of_question = self._months if fact.kind == "month" else lists_of
        return [each for question in questions for each in of_question(question, fact)]

    def _months(self, question: CustomerFilter, fact: PartitionFact) -> list[LabelledList]:
        """Give the months of the years that have customers: the latest first, until nobody is older."""
        now = self._source.client.clock.now().replace(tzinfo=None)
        lists: list[LabelledList] = []
        newer: int | None = None
        for year in years_back(question, fact, now):
            before = before_year(question, fact, year)
            older = 0
            if before is not None:
                older = ListRead(self._source, before, self._whole, self._progress).total()
                self._years_counted += 1
            if older != newer:
                lists += months_of(question, fact, year, now)
            if not older:
                break
            newer = older
        return lists

    def _sized(self, lists: Sequence[LabelledList]) -> list[Sized]:
        def sized(asked: LabelledList) -> Sized:
            in_flight = IN_FLIGHT // _LISTS_AT_ONCE
            read = ListRead(self._source, asked.question, self._whole, self._progress, in_flight)
            return Sized(asked, read, read.total())

        with Crew(self._progress.cancel) as crew:
            return [each for _, each in crew.in_order(lists, sized)]

    def _found(self, lists: Sequence[Sized]) -> Found:
        """Give each label with the ids that came under it."""

        def ids_of(each: Sized) -> Ids:
            in_flight = IN_FLIGHT // _LISTS_AT_ONCE
            return list_ids(self._source, each.asked.question, self._whole, self._progress, each.read, in_flight)

        found = []
        with Crew(self._progress.cancel, _LISTS_AT_ONCE) as crew:
            for each, ids in crew.in_order(lists, ids_of):
                self._beat.beat()
                found.append((each.asked.label, ids))
        return found

    def _shares_months(self, parts: list[CustomerFilter], totals: Sequence[int], list_calls: int) -> bool:
        """Whether the months of creation are lists that together prove the whole, so that it is not read besides."""
        options, cache = self._options, self._source.cache
        return (
            any(fact.name == _CREATED for fact in self._plan.asked)
            and len(parts) == 1
            and totals[0] > SERVED_AT_MOST
            and list_calls > 1
            and options.limit is None
            and options.consistency != "fast"
            and options.cache in {"use", "refresh"}
            and cache is not None
            and cache.usable
        )

    def _read_by_month(
        self, parts: list[CustomerFilter], new_builder: Callable[[], TableBuilder]
    ) -> tuple[ListsRead | None, Found | None]:
        """Read the customers by the months of their creation, where these add up to the whole list.

        A creation date does not change, so that whoever lived through the read is in the list of a month, and each of
        those is proven for itself.  Customers without a date would be missing: then the months add up to less.
        """
        wanted = any(fact.name == _CREATED for fact in self._plan.asked)
        if not wanted or len(parts) > 1 or self._options.cache not in {"use", "refresh"}:
            return None, None
        whole = self._list(parts[0])
        before = whole.total()
        if not self._shares_months(parts, [before], whole.calls_to_read()):
            return None, None
        fact = PARTITIONS[_CREATED]
        lists = _with_customers(self._sized(self._lists(parts, fact)))
        found = self._found(lists)
        distinct = len(np.unique(np.concatenate([ids for _, ids in found]))) if found else 0
        uncached = replace(self._options, cache="off")
        after = ListRead(self._source, parts[0], uncached, self._progress).total()
        if not before == distinct == after:
            return None, found
        questions = [each.asked.question for each in lists]
        kept = since(self._source, self._options, self._began)
        read = read_lists(self._source, questions, kept, self._progress, new_builder, self._beat)
        if read.rows.num_rows != distinct:
            return None, found
        report = replace(read.report, verdict=weakest([read.report.verdict, WINDOWS]))
        return replace(read, report=report), found

    # ── columns ────────────────────────────────────────────────────────────────────────────────────────────────────
    def _with_columns(
        self, rows: CustomerRows, labels: dict[str, Labels]
    ) -> tuple[CustomerRows, list[IncludeGap], list[str]]:
        details = DetailReads(self._source, self._options, self._progress, self._beat.beat)
        facts = {fact.name: fact for fact in self._plan.labels}
        names = self._options.include
        schemas = {
            name: pa.schema([(name, label_type(facts[name]))]) if name in facts else detail_schema([name])
            for name in names
        }
        coercions: list[Coercion] = []
        gaps: list[IncludeGap] = []
        missing = dict.fromkeys(labels, 0)

        def columns_of(batch: pa.RecordBatch) -> Iterator[pa.Array]:
            self._beat.beat()
            ids = batch.column("user_id")
            customers = self._customers(details, ids)
            for name in names:
                if name in labels:
                    array = labels[name].of(ids)
                    missing[name] += array.null_count
                    gaps.extend(_contradictions(labels[name], ids))
                    yield array
                else:
                    yield from detail_columns([name], customers, self._reject_for(ids, coercions))

        added = pa.schema([field for name in names for field in schemas[name]])
        with_columns = rows.with_columns(added, lambda batch: list(columns_of(batch)), coercions)
        gaps += [IncludeGap(each.user_id, self._plan.details, each.reason) for each in details.failed]
        self.is_whole = all(each.is_final for each in details.failed)
        return with_columns, gaps, list(_notes(labels, missing, rows.num_rows))

    def _customers(self, details: DetailReads, ids: pa.Array) -> list[Customer | None]:
        if not self._plan.details:
            return []
        known = [each for each in ids.to_pylist() if each is not None]
        read = iter(details.read(known))
        return [None if each is None else next(read) for each in ids.to_pylist()]

    def _reject_for(self, ids: pa.Array, coercions: list[Coercion]) -> RejectFor:
        def reject_for(column: str) -> Reject:
            def reject(index: int, value: object, reason: str) -> None:
                coercion = Coercion(ids[index].as_py(), column, dump(value), reason)
                if self._options.on_bad_value == "raise":
                    raise refused(coercion)
                coercions.append(coercion)

            return reject

        return reject_for


def _with_customers(lists: Sequence[Sized]) -> list[Sized]:
    return [each for each in lists if each.total]


def _contradictions(labels: Labels, ids: pa.Array) -> Iterator[IncludeGap]:
    if labels.contradictions:
        here = set(ids.to_pylist())
        for user_id, values in labels.contradictions:
            if user_id in here:
                yield IncludeGap(user_id, (labels.name,), f"came under {' and under '.join(values)}")


def _notes(labels: dict[str, Labels], missing: dict[str, int], rows: int) -> Iterator[str]:
    for name, column in labels.items():
        if missing[name]:
            yield f"{name}: {missing[name]:,} of {rows:,} customers came under no single value and have none"
        if column.on_borders:
            yield f"{name}: {column.on_borders:,} customers came under two neighbouring months and have the later one"
