"""Reading what the list does not carry: customers come under lists, or are asked one by one."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from sc_pandas.client import IN_FLIGHT
from sc_pandas.contract import SERVED_AT_MOST, Ids
from sc_pandas.contract.includes import PartitionFact
from sc_pandas.filters import CustomerFilter
from sc_pandas.json_text import dump
from sc_pandas.reading.columns import check_wanted
from sc_pandas.reading.details import DetailReads
from sc_pandas.reading.fetch import ListRead
from sc_pandas.reading.judge import NOT_VERIFIED
from sc_pandas.reading.labels import (
    IncludePlan,
    LabelledList,
    Labels,
    included_schema,
    lists_of,
    merge_labels,
    months_of,
    within,
    years_of,
)
from sc_pandas.reading.lists import Counted, ListsRead, count_lists, read_lists
from sc_pandas.reading.options import Progress, ReadOptions, Source
from sc_pandas.reading.records import Found, ListKey, keys_of
from sc_pandas.reading.report import IncludeGap
from sc_pandas.tables import Coercion, CustomerRows, detail_columns, refused

# Lists that are read at the same time, and how many calls of each are then in flight.
_LISTS_AT_ONCE: Final = 8
_IN_FLIGHT: Final = IN_FLIGHT // _LISTS_AT_ONCE


class IncludedRead:
    """A read with more columns than the list has."""

    def __init__(self, source: Source, plan: IncludePlan, options: ReadOptions, progress: Progress) -> None:
        self._source = source
        self._plan = plan
        self._options = options
        # A list for a label is read to its end, whatever part of the customers is wanted.
        self._list_options = replace(options, limit=None, include=())
        self._progress = progress
        # Lists for labels are told of together, so a bar does not shrink with each.
        self._told = replace(progress, is_told=True)
        self._details = DetailReads(source, plan.by_customer, options, progress)
        self._years_counted = 0
        # Why lists that were read for labels are not proven.
        self._unproven: dict[str, None] = {}
        self._oldest_list = float("inf")

    def planned(self, parts: list[CustomerFilter], counted: Counted) -> Counted:
        """Return what `read` takes besides lists that were counted, by a call for each that the cache does not know."""
        total, limit = sum(counted.totals), self._options.limit
        rows = total if limit is None else min(limit, total)
        if not rows:
            return counted
        few = self._are_few(parts, rows)
        more = self._plan.from_filter if self._is_cut_short(parts) else ()
        calls, at_most = counted.calls_to_read, few or bool(more)
        for fact in (*more, *self._plan.by_list):
            # Of a few customers each value takes one call; their months are not more than everybody's.
            lists = self._lists([CustomerFilter()] if few and fact.codes else parts, fact)
            if few or fact in more:
                calls += len(lists)
                continue
            calls += sum(one.calls_to_read() for _, one in self._counted(lists))
            if self._options.cache in {"off", "refresh"}:
                calls += self._years_counted
            self._years_counted = 0
        if self._plan.by_customer and (counted.calls_to_read or limit is not None):
            calls, at_most = calls + rows, at_most or self._details.any_kept
        elif self._plan.by_customer:
            reads = count_lists(self._source, self._keys(parts), self._options, self._progress)
            calls += self._details.calls_to_read({each for one in reads for each in one.ids().tolist()})
        return replace(counted, calls_to_read=calls, at_most=at_most)

    def _are_few(self, parts: Sequence[CustomerFilter], rows: int) -> bool:
        """Return whether lists are asked of these few customers by their ids: one response each."""
        return rows <= SERVED_AT_MOST and (self._options.limit is not None or len(parts) > 1)

    def _is_cut_short(self, parts: Sequence[CustomerFilter]) -> bool:
        """Return whether a limit may end the read before each of its lists has told who is on it."""
        return self._options.limit is not None and len(parts) > 1

    def read(self, found: Found, spool_folder: Path | None) -> ListsRead:
        """Read the customers and what is included."""
        read = read_lists(self._source, found, self._options, self._progress, spool_folder)
        labelled = {name for name in self._options.include if name not in self._plan.by_customer}
        schemas = [included_schema(name, by_list=name in labelled) for name in self._options.include]
        added = pa.schema([each for schema in schemas for each in schema])
        if self._options.columns is not None:
            # Before each customer is asked.
            check_wanted(self._source, self._options.columns, [*read.rows.schema.names, *added.names])
        labels = self._labels([key.filter for key in found], read)
        rows, gaps, notes = self._with_columns(read.rows, labels, added)
        lists_read_at = min(read.oldest, self._oldest_list)
        report = replace(
            read.report,
            calls=self._progress.tally.calls,
            calls_saved=self._progress.tally.saved,
            coercions=rows.coercions,
            gaps=tuple(gaps),
            verdict=NOT_VERIFIED if self._unproven else read.report.verdict,
            notes=(*read.report.notes, *filter(None, self._unproven), *notes),
            started_at=datetime.fromtimestamp(min(lists_read_at, self._details.oldest), UTC),
        )
        return replace(read, rows=rows, report=report, oldest=lists_read_at, is_final=self._details.is_final)

    def _labels(self, parts: list[CustomerFilter], read: ListsRead) -> dict[str, Labels]:
        if not read.rows.num_rows:
            return {fact.name: merge_labels(fact, []) for fact in (*self._plan.from_filter, *self._plan.by_list)}
        questions = parts
        if self._are_few(parts, read.rows.num_rows):
            ids = [each for batch in read.rows.iter_batches() for each in _ids(batch)]
            questions = [CustomerFilter(customer_ids=tuple(ids))] if ids else []
        told = {} if self._is_cut_short(parts) else dict(zip(parts, read.ids, strict=True))
        labels = {}
        for fact in self._plan.from_filter:
            labels[fact.name] = merge_labels(fact, self._came(lists_of(parts if told else questions, fact), told))
        for fact in self._plan.by_list:
            labels[fact.name] = merge_labels(fact, self._came(self._lists(questions, fact), {}))
        return labels

    def _lists(self, questions: Sequence[CustomerFilter], fact: PartitionFact) -> list[LabelledList]:
        if fact.codes:
            return lists_of(questions, fact)
        return list(dict.fromkeys(each for question in questions for each in self._months(question, fact)))

    def _months(self, question: CustomerFilter, fact: PartitionFact) -> Iterator[LabelledList]:
        """Find the months of the years that have customers: the latest first, until none has older ones."""
        now = self._source.client.clock.now().replace(tzinfo=None)
        first, last = years_of(question, fact, now)
        newer: int | None = None
        for year in range(last, first - 1, -1):
            older = 0
            if year > first:
                border = datetime(year, 1, 1)  # noqa: DTZ001  # SellerCloud documents no zone
                ((_, one),) = self._counted([(None, within(question, fact, None, border))])
                older = one.total()
                self._years_counted += 1
            if older != newer:
                # A December shares its end with a January, which is asked even if its year has no other customer.
                yield from months_of(question, fact, [*((year, month) for month in range(1, 13)), (year + 1, 1)], now)
            if not older:
                return
            newer = older

    def _counted(self, lists: Sequence[LabelledList]) -> list[tuple[Any, ListRead]]:
        """Count lists, by a call for each that is not known."""
        keys = self._keys([question for _, question in lists])
        reads = count_lists(self._source, keys, self._list_options, self._told, _IN_FLIGHT)
        begun = [one.kept.started_at for one in reads if one.kept is not None]
        self._oldest_list = min([self._oldest_list, *begun])
        return [(label, one) for (label, _), one in zip(lists, reads, strict=True)]

    def _came(self, lists: Sequence[LabelledList], told: Mapping[CustomerFilter, Ids]) -> list[tuple[Any, Ids]]:
        """Return each label with the ids that came under it, from lists that were told already or are read now."""
        known = [(label, told[question]) for label, question in lists if question in told]
        asked = self._counted([each for each in lists if each[1] not in told])
        some = [(label, one) for label, one in asked if one.total()]
        calls = sum(one.calls_to_read() for _, one in some)
        self._progress.tally.check(calls)
        self._progress.expect(calls, sum(one.total() for _, one in some))
        with self._source.crew(self._progress.cancel, _LISTS_AT_ONCE) as crew:
            came = [(label, ids) for (label, _), ids in crew.in_order(some, lambda each: each[1].ids())]
        self._unproven |= {one.judgement.says: None for _, one in some if not one.judgement.is_proven}
        return [*known, *came]

    def _with_columns(
        self, rows: CustomerRows, labels: dict[str, Labels], added: pa.Schema
    ) -> tuple[CustomerRows, list[IncludeGap], list[str]]:
        coercions: list[Coercion] = []
        gaps: list[IncludeGap] = []
        missing: Counter[str] = Counter()
        if self._plan.by_customer:
            self._details.check(rows.num_rows, (_ids(batch) for batch in rows.iter_batches()))

        def columns_of(batch: pa.RecordBatch) -> Iterator[pa.Array]:
            ids = batch.column("user_id")
            read = iter(self._details.read(_ids(batch)) if self._plan.by_customer else ())
            whose = ids.to_pylist() if self._plan.by_customer else ()
            customers = [None if each is None else next(read, None) for each in whose]
            for name in self._options.include:
                if name in labels:
                    array = labels[name].of(ids)
                    missing[name] += array.null_count
                    gaps.extend(_contradictions(name, labels[name], ids))
                    yield array
                else:
                    yield from detail_columns([name], customers, partial(partial, self._reject, coercions, ids))

        with_columns = rows.with_columns(added, lambda batch: list(columns_of(batch)), coercions)
        gaps = sorted([*gaps, *self._details.gaps], key=lambda gap: gap.user_id)
        says = f"of {rows.num_rows:,} customers came under no single value and have none"
        notes = [f"{name}: {count:,} {says}" for name, count in missing.items() if count]
        return with_columns, gaps, [*notes, *self._details.notes()]

    def _reject(self, into: list[Coercion], ids: pa.Array, column: str, index: int, value: object, why: str) -> None:
        into.append(Coercion(ids[index].as_py(), column, dump(value), why))
        if self._options.on_bad_value == "raise":
            raise refused(into[-1])

    def _keys(self, questions: Iterable[CustomerFilter]) -> list[ListKey]:
        return keys_of(questions, self._options.page_size, self._source.tenant)


def _ids(batch: pa.RecordBatch) -> list[int]:
    ids: list[int] = batch.column("user_id").drop_null().to_pylist()
    return ids


def _contradictions(name: str, labels: Labels, ids: pa.Array) -> Iterator[IncludeGap]:
    for user_id in labels.contradictions.keys() & set(ids.to_pylist()) if labels.contradictions else ():
        values = labels.contradictions[user_id]
        more = f" and {len(values) - 3} more" if len(values) > 3 else ""
        yield IncludeGap(user_id, (name,), f"came under {' and under '.join(values[:3])}{more}")
