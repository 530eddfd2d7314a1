"""Columns that rows of the list do not carry, from the lists that customers come under: pure functions.

A list is asked for each value of a filter (each channel, each month of creation, …), and a customer gets the value of
the list that it came under.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sc_pandas.contract import FILTERS_BY_NAME, Ids
from sc_pandas.contract.details import DETAILS
from sc_pandas.contract.includes import INCLUDES, PARTITIONS, PartitionFact
from sc_pandas.errors import SettingsError
from sc_pandas.filters import CustomerFilter
from sc_pandas.reading.windows import EARLIEST, FURTHEST_ZONE, MINUTE
from sc_pandas.tables.layout import BASE_SCHEMA
from sc_pandas.wording import did_you_mean, nearest

_TYPES: Final = {
    "name": pa.string(),
    "bool": pa.bool_(),
    "month": pa.date32(),
    "id": pa.int64(),
}


@dataclass(frozen=True, slots=True)
class LabelledList:
    """One list, and the label of whoever comes under it."""

    question: CustomerFilter
    label: Any


@dataclass(frozen=True, slots=True)
class IncludePlan:
    """How each included name is found.

    Attributes
    ----------
    given : tuple of PartitionFact
        The filter names one value for each read, so that the read itself tells.
    asked : tuple of PartitionFact
        Lists of their own are asked.
    details : tuple of str
        Each customer is asked.
    """

    given: tuple[PartitionFact, ...] = ()
    asked: tuple[PartitionFact, ...] = ()
    details: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[PartitionFact, ...]:
        """Everything that is found without a call for each customer."""
        return (*self.given, *self.asked)


def plan_includes(names: Sequence[str], question: CustomerFilter) -> IncludePlan:
    """Say how each name is found.

    Raises
    ------
    SettingsError
        There is no such name.
    """
    given, asked, details = [], [], []
    for name in names:
        fact = PARTITIONS.get(name)
        named = fact is not None and fact.kind != "month" and _names_values(question, fact)
        if fact is not None and named:
            given.append(fact)
        elif name in DETAILS:
            details.append(name)
        elif fact is None:
            raise unknown_include(name)
        else:
            asked.append(fact)
    return IncludePlan(tuple(given), tuple(asked), tuple(details))


def unknown_include(name: str) -> SettingsError:
    """Give the error for a name that does not exist, with the nearest that do."""
    if name in BASE_SCHEMA.names or name.startswith("custom."):
        return SettingsError(f"{name} is in every read; include is for what is not.", setting="include")
    parts = [part.strip() for part in name.split(",") if part.strip()]
    if len(parts) > 1:
        return SettingsError(f"One text is one name; give a list: include={parts!r}.", setting="include")
    hint = did_you_mean(nearest(name, INCLUDES)) or f" There are: {', '.join(INCLUDES)}."
    return SettingsError(f"include takes no {name!r}.{hint}", setting="include")


def _names_values(question: CustomerFilter, fact: PartitionFact) -> bool:
    values = getattr(question, fact.field)
    # Flag.All asks for everybody and says nothing of anybody.
    return values is not None and not (fact.kind == "bool" and -1 in values)


def one_value_each(parts: Sequence[CustomerFilter], plan: IncludePlan) -> list[CustomerFilter]:
    """Part reads further where one of them asks for several companies at once and the company is wanted."""
    if not any(fact.name == "company_id" for fact in plan.given):
        return list(parts)
    return [replace(part, company_ids=(each,)) for part in parts for each in part.company_ids or ()]


def given_label(part: CustomerFilter, fact: PartitionFact) -> Any:
    """Give the label that a read's own filter tells."""
    return _label(fact, getattr(part, fact.field)[0])


def given_lists(
    fact: PartitionFact, parts: Sequence[CustomerFilter], questions: Sequence[CustomerFilter]
) -> list[LabelledList]:
    """Give lists for the values that reads name, asked of other questions: of few customers, or the reads' own."""
    values = dict.fromkeys(getattr(part, fact.field) for part in parts)
    lists = []
    for question in questions:
        for value in values:
            chosen: dict[str, Any] = {fact.field: value}
            lists.append(LabelledList(replace(question, **chosen), _label(fact, value[0])))
    return list(dict.fromkeys(lists))


def lists_of(question: CustomerFilter, fact: PartitionFact) -> list[LabelledList]:
    """Give the lists for each value of a filter, months apart."""
    lists = []
    for value in fact.codes:
        chosen: dict[str, Any] = {fact.field: (value,)}
        lists.append(LabelledList(replace(question, **chosen), _label(fact, value)))
    return lists


def _label(fact: PartitionFact, value: Any) -> Any:
    if fact.kind == "bool":
        return bool(value)
    if fact.kind == "name":
        known = FILTERS_BY_NAME[fact.field].enum
        try:
            return known(value).name if known is not None else str(value)
        except ValueError:
            return str(value)
    return value


# ── months ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def years_back(question: CustomerFilter, fact: PartitionFact, now: datetime) -> Iterator[int]:
    """Give the years that may hold customers, the latest first."""
    first, last = _span(question, fact, now)
    yield from range(last.year, first.year - 1, -1)


def before_year(question: CustomerFilter, fact: PartitionFact, year: int) -> CustomerFilter | None:
    """Give the question for who was created (or changed) before a year; None where the question excludes them."""
    start = _field(question, fact, "from")
    end = _field(question, fact, "to")
    border = datetime(year, 1, 1)  # noqa: DTZ001  # SellerCloud documents no zone
    if start is not None and start >= border:
        return None
    return question if end is not None and end <= border else _within(question, fact, start, border)


def months_of(
    question: CustomerFilter, fact: PartitionFact, year: int, now: datetime, months: Sequence[int] = range(1, 13)
) -> list[LabelledList]:
    """Give the lists for the months of a year.

    Each goes one minute into the next, so that nobody is missed who was created at a month's very beginning, whether
    the server counts bounds in or out; who comes under both is of the later.
    """
    first, last = _span(question, fact, now)
    start, end = _field(question, fact, "from"), _field(question, fact, "to")
    lists = []
    for month in months:
        begins = datetime(year, month, 1)  # noqa: DTZ001  # as above
        ends = (begins + timedelta(days=32)).replace(day=1) + MINUTE
        if ends >= first and begins <= last:
            within = _within(question, fact, max(begins, start or begins), min(ends, end or ends))
            lists.append(LabelledList(within, begins.date()))
    return lists


def _span(question: CustomerFilter, fact: PartitionFact, now: datetime) -> tuple[datetime, datetime]:
    first, last = _field(question, fact, "from"), _field(question, fact, "to")
    return first or EARLIEST, last or now + FURTHEST_ZONE


def _field(question: CustomerFilter, fact: PartitionFact, end: str) -> datetime | None:
    value: datetime | None = getattr(question, f"{fact.field}_{end}")
    return value


def _within(question: CustomerFilter, fact: PartitionFact, start: datetime | None, end: datetime) -> CustomerFilter:
    ends: dict[str, Any] = {f"{fact.field}_from": start, f"{fact.field}_to": end}
    return replace(question, **ends)


# ── who came under what ────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class Labels:
    """The labels of a column, by customer.

    Attributes
    ----------
    name : str
        The column.
    ids, labels
        Customers, sorted, and their labels.
    contradictions : tuple
        Customers who came under several values that cannot both be theirs, with these values; they have no label.
    on_borders : int
        Customers who came under two months, which share their border; they have the later one.
    """

    name: str
    ids: Ids
    labels: pa.Array
    contradictions: tuple[tuple[int, tuple[str, ...]], ...] = ()
    on_borders: int = 0

    def of(self, user_ids: pa.Array) -> pa.Array:
        """Give the labels of some customers, null for whoever has none."""
        return self.labels.take(pc.index_in(user_ids, value_set=pa.array(self.ids)))


def merge_labels(fact: PartitionFact, found: Sequence[tuple[Any, Ids]]) -> Labels:
    """Make one column of the lists that customers came under.

    Parameters
    ----------
    fact
        The column.
    found
        Labels with the ids that came under them; a label may come several times.
    """
    distinct = sorted({label for label, _ in found}, key=lambda label: (str(type(label)), label))
    code = {label: number for number, label in enumerate(distinct)}
    ids = np.concatenate([each for _, each in found] or [np.empty(0, np.int64)])
    codes = np.concatenate([np.full(len(each), code[label]) for label, each in found] or [np.empty(0, np.int64)])
    pairs = np.unique(np.stack([ids, codes.astype(np.int64)], axis=1), axis=0)
    ids, codes = pairs[:, 0], pairs[:, 1]
    # Sorted by id, then by label: the last of an id is its latest month.
    changes = np.flatnonzero(ids[1:] != ids[:-1]) + 1
    starts = np.append(0, changes) if len(ids) else changes
    ends = np.append(changes, len(ids))[: len(starts)]
    doubled = np.flatnonzero(ends - starts > 1)
    several = [
        (int(ids[starts[each]]), [distinct[number] for number in codes[starts[each] : ends[each]]]) for each in doubled
    ]
    on_borders = {user_id for user_id, values in several if fact.kind == "month" and _are_neighbours(values)}
    contradictions = [(user_id, tuple(map(str, values))) for user_id, values in several if user_id not in on_borders]
    last = ends - 1
    kept = last[~np.isin(ids[last], [user_id for user_id, _ in contradictions])]
    return Labels(
        name=fact.name,
        ids=ids[kept],
        labels=pa.array(distinct, label_type(fact)).take(pa.array(codes[kept])),
        contradictions=tuple(contradictions),
        on_borders=len(on_borders),
    )


def _are_neighbours(months: Sequence[date]) -> bool:
    """Whether these are two months that share a border, where lists overlap on purpose."""
    return len(months) == 2 and (months[0] + timedelta(days=32)).replace(day=1) == months[1]


def label_type(fact: PartitionFact) -> pa.DataType:
    """Give the type of a column of labels."""
    return _TYPES[fact.kind]
