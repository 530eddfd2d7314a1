"""Reading what the list does not carry: customers come under lists, or are asked one by one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from sc_pandas.contract import SERVED_AT_MOST
from sc_pandas.filters import CustomerFilter
from sc_pandas.json_text import dump
from sc_pandas.reading.details import Customer, DetailReads
from sc_pandas.reading.fetch import ListRead
from sc_pandas.reading.kept import Beat
from sc_pandas.reading.labels import (
    IncludePlan,
    Labels,
    given_label,
    given_lists,
    label_type,
    merge_labels,
)
from sc_pandas.reading.lists import ListsRead, list_ids, read_lists
from sc_pandas.reading.options import Progress, ReadOptions, Source
from sc_pandas.reading.partition import Partition
from sc_pandas.reading.records import Found, ListKey
from sc_pandas.reading.report import IncludeGap, ReadReport
from sc_pandas.tables import Coercion, CustomerRows, TableBuilder, check_columns, detail_columns, detail_schema, refused
from sc_pandas.tables.columns import Reject, RejectFor


@dataclass(frozen=True, slots=True)
class Planned:
    """Calls that a read makes; `at_most` where it may make fewer, because who is kept is not known before."""

    calls: int
    at_most: bool


class IncludedRead:
    """A read with more columns than the list has.

    Attributes
    ----------
    lists_read_at : float
        When the oldest of the lists was read, Unix seconds, once `read` has ended.
    newest : float
        When the latest read of one of the customers' own lists began.
    """

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
        self._partition = Partition(source, options, progress, self._beat.beat)
        self._details = DetailReads(source, options, progress, self._beat.beat)
        self.lists_read_at = self.newest = source.client.clock.now().timestamp()

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing that another try may bring."""
        return all(each.is_final for each in self._details.failed)

    # ── what it takes ──────────────────────────────────────────────────────────────────────────────────────────────
    def calls_to_read(self, parts: list[CustomerFilter], totals: Sequence[int], list_calls: int) -> Planned:
        """Give the calls that `read` makes from here, by a call for each list that the cache does not know.

        Parameters
        ----------
        parts, totals
            The lists of the customers themselves, and how many each has.
        list_calls
            Calls to read these.
        """
        rows = sum(totals) if self._options.limit is None else min(self._options.limit, sum(totals))
        if not rows:
            return Planned(list_calls, at_most=False)
        few = self._names_customers(parts, rows)
        calls, at_most = list_calls, few
        for fact in self._plan.given if self._is_cut_short(parts) else ():
            questions = [CustomerFilter()] if few else parts
            calls += len(given_lists(fact, parts, questions))
            at_most = True
        for fact in self._plan.asked:
            if few:
                # Of these few each value takes one call; their months are not more than everybody's.
                calls += len(self._partition.sized(parts, fact)) if fact.kind == "month" else len(fact.codes)
                continue
            sized = self._partition.sized(parts, fact)
            calls += sum(each.read.calls_to_read() for each in sized)
            if self._options.cache in {"off", "refresh"}:
                calls += self._partition.counted
            self._partition.counted = 0
        if not self._plan.details:
            return Planned(calls, at_most)
        if list_calls or self._options.limit is not None:
            return Planned(calls + rows, at_most=at_most or self._details.any_kept)
        ids = [list_ids(self._list(part)) for part in parts]
        return Planned(calls + self._details.calls_to_read(np.unique(np.concatenate(ids)).tolist()), at_most)

    # ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────
    def read(self, lists: Found, new_builder: Callable[[], TableBuilder]) -> tuple[CustomerRows, ReadReport]:
        """Read the customers and what is included.

        Raises
        ------
        SellerCloudError
            One of its subclasses; nothing is given.
        """
        parts = [key.filter for key in lists]
        read = read_lists(self._source, lists, self._options, self._progress, new_builder, self._beat)
        self.newest = read.newest
        added = self._added()
        if self._options.columns is not None:
            # Before each customer is asked.
            check_columns(self._options.columns, list(dict.fromkeys([*read.rows.schema.names, *added.names])))
        labels = self._labels(parts, read)
        rows, gaps, notes = self._with_columns(read.rows, labels, added)
        self.lists_read_at = _earliest(read.report.started_at.timestamp(), self._partition.oldest)
        oldest = _earliest(self.lists_read_at, self._details.oldest)
        report = replace(
            read.report,
            calls=self._progress.tally.calls,
            calls_saved=self._progress.tally.saved,
            coercions=rows.coercions,
            gaps=tuple(gaps),
            notes=(*read.report.notes, *notes),
            started_at=datetime.fromtimestamp(oldest, UTC),
        )
        return rows, report

    def _labels(self, parts: list[CustomerFilter], read: ListsRead) -> dict[str, Labels]:
        rows = read.rows.num_rows
        questions = parts
        if self._names_customers(parts, rows):
            ids = [each for batch in read.rows.iter_batches() for each in self._ids(batch)]
            questions = [CustomerFilter(customer_ids=tuple(ids))] if ids else []
        labels = {}
        came = [np.concatenate(read.ids)] if len(parts) == 1 else read.ids
        for fact in self._plan.given:
            if self._is_cut_short(parts):
                told = self._partition.ids(self._partition.sizes(given_lists(fact, parts, questions)))
            else:
                told = [(given_label(part, fact), ids) for part, ids in zip(parts, came, strict=True)]
            labels[fact.name] = merge_labels(fact, told)
        for fact in self._plan.asked:
            known = self._partition.ids(self._partition.sized(questions, fact)) if rows else []
            labels[fact.name] = merge_labels(fact, known)
        return labels

    def _names_customers(self, parts: list[CustomerFilter], rows: int) -> bool:
        """Whether the lists are asked of these few customers by their ids: one response each."""
        return rows <= SERVED_AT_MOST and (self._options.limit is not None or len(parts) > 1)

    def _is_cut_short(self, parts: list[CustomerFilter]) -> bool:
        """Whether a limit may end the read before each of its lists has told who is on it."""
        return self._options.limit is not None and len(parts) > 1

    def _list(self, part: CustomerFilter) -> ListRead:
        key = ListKey(part, self._options.page_size, self._source.tenant)
        return ListRead(self._source, key, self._options, self._progress)

    # ── columns ────────────────────────────────────────────────────────────────────────────────────────────────────
    def _added(self) -> pa.Schema:
        facts = {fact.name: fact for fact in self._plan.labels}
        return pa.schema(
            [
                field
                for name in self._options.include
                for field in ([pa.field(name, label_type(facts[name]))] if name in facts else detail_schema([name]))
            ]
        )

    def _with_columns(
        self, rows: CustomerRows, labels: dict[str, Labels], added: pa.Schema
    ) -> tuple[CustomerRows, list[IncludeGap], list[str]]:
        names = self._options.include
        coercions: list[Coercion] = []
        gaps: list[IncludeGap] = []
        missing = dict.fromkeys(labels, 0)
        if self._plan.details:
            self._details.check(rows.num_rows, (self._ids(batch) for batch in rows.iter_batches()))

        def columns_of(batch: pa.RecordBatch) -> Iterator[pa.Array]:
            self._beat.beat()
            ids = batch.column("user_id")
            customers = self._customers(batch)
            for name in names:
                if name in labels:
                    array = labels[name].of(ids)
                    missing[name] += array.null_count
                    gaps.extend(_contradictions(labels[name], ids))
                    yield array
                else:
                    yield from detail_columns([name], customers, self._reject_for(ids, coercions))

        with_columns = rows.with_columns(added, lambda batch: list(columns_of(batch)), coercions)
        gaps += [IncludeGap(each.user_id, self._plan.details, each.reason) for each in self._details.failed]
        gaps.sort(key=lambda gap: gap.user_id)
        return with_columns, gaps, [*_notes(labels, missing, rows.num_rows), *self._details.notes()]

    @staticmethod
    def _ids(batch: pa.RecordBatch) -> list[int]:
        ids: list[int] = batch.column("user_id").drop_null().to_pylist()
        return ids

    def _customers(self, batch: pa.RecordBatch) -> list[Customer | None]:
        if not self._plan.details:
            return []
        read = iter(self._details.read(self._ids(batch)))
        return [None if each is None else next(read) for each in batch.column("user_id").to_pylist()]

    def _reject_for(self, ids: pa.Array, coercions: list[Coercion]) -> RejectFor:
        def reject_for(column: str) -> Reject:
            def reject(index: int, value: object, reason: str) -> None:
                coercion = Coercion(ids[index].as_py(), column, dump(value), reason)
                if self._options.on_bad_value == "raise":
                    raise refused(coercion)
                coercions.append(coercion)

            return reject

        return reject_for


def _earliest(first: float, *others: float | None) -> float:
    return min([first, *(each for each in others if each is not None)])


def _contradictions(labels: Labels, ids: pa.Array) -> Iterator[IncludeGap]:
    if labels.contradictions:
        here = set(ids.to_pylist())
        for user_id, values in labels.contradictions:
            if user_id in here:
                more = f" and {len(values) - 3} more" if len(values) > 3 else ""
                yield IncludeGap(user_id, (labels.name,), f"came under {' and under '.join(values[:3])}{more}")


def _notes(labels: dict[str, Labels], missing: dict[str, int], rows: int) -> Iterator[str]:
    for name, column in labels.items():
        if missing[name]:
            yield f"{name}: {missing[name]:,} of {rows:,} customers came under no single value and have none"
        if column.on_borders:
            yield f"{name}: {column.on_borders:,} customers came under two neighbouring months and have the later one"
