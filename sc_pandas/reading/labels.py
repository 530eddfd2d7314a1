"""Columns that rows of the list do not carry, from the lists that customers come under: pure functions.

A list is asked for each value of a filter (each channel, each month of creation, …), and a customer gets the value of
the list that it came under.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa

from sc_pandas.contract import FILTERS_BY_NAME, Ids, PageRows
from sc_pandas.contract.columns import CUSTOM, INCLUDE_OF
from sc_pandas.contract.details import DETAILS
from sc_pandas.contract.includes import INCLUDES, PARTITIONS, PartitionFact
from sc_pandas.errors import SettingsError
from sc_pandas.filters import CustomerFilter
from sc_pandas.reading.windows import EARLIEST, FURTHEST_ZONE, MINUTE
from sc_pandas.tables import detail_schema
from sc_pandas.tables.layout import BASE_SCHEMA
from sc_pandas.wording import did_you_mean, nearest, plain

# A list to ask, and the label of everybody on it.
LabelledList = tuple[Any, CustomerFilter]
LABEL_TYPES: Final = {"name": pa.string(), "bool": pa.bool_(), "month": pa.timestamp("us"), "id": pa.int64()}


@dataclass(frozen=True, slots=True)
class IncludePlan:
    """How each included name is found."""

    # The filter names the values (the `codes` here), so each list of the read itself tells.
    from_filter: tuple[PartitionFact, ...] = ()
    # One more list is asked for each value.
    by_list: tuple[PartitionFact, ...] = ()
    # Each customer is asked.
    by_customer: tuple[str, ...] = ()


def plan_includes(names: Sequence[str], question: CustomerFilter) -> IncludePlan:
    """Return how each name is found, or raise `SettingsError`."""
    from_filter, by_list, by_customer = [], [], []
    for name in names:
        fact = PARTITIONS.get(name)
        named = getattr(question, fact.field, None) if fact is not None else None
        # Flag.All asks for everybody and tells nothing of anybody.
        if fact is not None and named is not None and not (fact.kind == "bool" and -1 in named):
            from_filter.append(replace(fact, codes=named))
        elif name in DETAILS:
            by_customer.append(name)
        elif fact is not None:
            by_list.append(fact)
        else:
            raise unknown_include(name)
    return IncludePlan(tuple(from_filter), tuple(by_list), tuple(by_customer))


def included_schema(name: str, *, by_list: bool) -> pa.Schema:
    """Return the columns of what `include=` calls so."""
    return pa.schema([(name, LABEL_TYPES[PARTITIONS[name].kind])]) if by_list else detail_schema([name])


def check_columns(wanted: Iterable[str], columns: Sequence[str], *, is_known: bool = True) -> None:
    """Refuse columns that there are not; the error says which there are, and what to include."""
    missing = [name for name in wanted if name not in columns]
    if missing:
        names = list(dict.fromkeys(INCLUDE_OF[name] for name in missing if name in INCLUDE_OF))
        hint = f" Read with include={names!r}." if names else did_you_mean(nearest(missing[0], columns), quoted=True)
        if not is_known and any(name.startswith(CUSTOM) for name in missing):
            hint += " A custom column is known once a read had it: read all customers once, shop.customers().run()."
        raise SettingsError(
            f"There is no column {', '.join(map(repr, missing))}.{hint} There are: {', '.join(columns)}.",
            setting="columns",
        )


def unknown_include(name: str) -> SettingsError:
    """Return the error for a name that does not exist, with the nearest that do."""
    if name in BASE_SCHEMA.names or name.startswith("custom."):
        return SettingsError(f"{name} is in every read; include is for what is not.", setting="include")
    parts = [part.strip() for part in name.split(",") if part.strip()]
    if len(parts) > 1:
        return SettingsError(f"One text is one name; pass a list: include={parts!r}.", setting="include")
    hint = did_you_mean(nearest(name, INCLUDES)) or f" There are: {', '.join(INCLUDES)}."
    return SettingsError(f"include takes no {name!r}.{hint}", setting="include")


def one_value_each(parts: Sequence[CustomerFilter], plan: IncludePlan) -> list[CustomerFilter]:
    """Split filters with several companies into one for each company if the company is included."""
    if not any(fact.name == "company_id" for fact in plan.from_filter):
        return list(parts)
    return [replace(part, company_ids=(each,)) for part in parts for each in part.company_ids or ()]


def lists_of(questions: Iterable[CustomerFilter], fact: PartitionFact) -> list[LabelledList]:
    """Return a list for each value of a filter.  Months are in `months_of`."""
    changes = [(_label_of(fact, value), {fact.field: (value,)}) for value in fact.codes]
    return list(dict.fromkeys((label, _changed(each, change)) for each in questions for label, change in changes))


def _changed(question: CustomerFilter, changes: Mapping[str, Any]) -> CustomerFilter:
    return replace(question, **changes)


def _label_of(fact: PartitionFact, value: int) -> Any:
    if fact.kind == "bool":
        return bool(value)
    if fact.kind == "name":
        known = FILTERS_BY_NAME[fact.field].enum
        try:
            return known(value).name if known is not None else str(value)
        except ValueError:
            return str(value)
    return value


def years_of(question: CustomerFilter, fact: PartitionFact, now: datetime) -> tuple[int, int]:
    """Return the first and the last year that may hold customers."""
    start, end = _dates(question, fact)
    return (start or EARLIEST).year, (end or now + FURTHEST_ZONE).year


def within(question: CustomerFilter, fact: PartitionFact, begins: datetime | None, ends: datetime) -> CustomerFilter:
    """Return the filter for all who were created (or changed) in some time."""
    start, end = _dates(question, fact)
    begins = max(filter(None, (begins, start)), default=None)
    return _changed(question, {f"{fact.field}_from": begins, f"{fact.field}_to": min(ends, end or ends)})


def months_of(
    question: CustomerFilter, fact: PartitionFact, months: Iterable[tuple[int, int]], now: datetime
) -> list[LabelledList]:
    """Return the lists for some months.

    Each goes one minute into the next, so no customer created at a month's very beginning is missed, whether the server
    counts bounds in or out; a customer who comes under both is of the later.
    """
    start, end = _dates(question, fact)
    lists = []
    for month in months:
        begins = datetime(*month, 1)  # noqa: DTZ001  # SellerCloud documents no zone
        ends = _month_after(begins) + MINUTE
        if ends >= (start or EARLIEST) and begins <= (end or now + FURTHEST_ZONE):
            lists.append((begins, within(question, fact, begins, ends)))
    return lists


def _month_after(day: datetime) -> datetime:
    return (day + timedelta(days=32)).replace(day=1)


def _dates(question: CustomerFilter, fact: PartitionFact) -> tuple[datetime | None, datetime | None]:
    return getattr(question, f"{fact.field}_from"), getattr(question, f"{fact.field}_to")


@dataclass(frozen=True)
class Labels:
    """The labels of a column: the ids of customers, sorted, and their labels.

    Customers in `contradictions` came under several values that cannot all be theirs, and have no label.
    """

    ids: Ids
    labels: pa.Array
    contradictions: Mapping[int, Sequence[str]]

    def of(self, user_ids: pa.Array) -> pa.Array:
        """Return the labels of some customers, null for those who have none.

        Examples
        --------
        >>> labels = merge_labels(PARTITIONS["channel"], [("Amazon", np.array([0, 9]))])
        >>> labels.of(pa.array([9, None, 7, 0])).to_pylist()
        ['Amazon', None, None, 'Amazon']
        """
        wanted = user_ids.fill_null(0).to_numpy()
        places = np.searchsorted(self.ids, wanted)
        is_known = (places < len(self.ids)) & (np.append(self.ids, 0)[places] == wanted)
        is_known &= user_ids.is_valid().to_numpy(zero_copy_only=False)
        return self.labels.take(pa.array(places, mask=~is_known))


def merge_labels(fact: PartitionFact, came: Sequence[tuple[Any, Ids]]) -> Labels:
    """Make one column of labels with the ids that came under them; a label may come several times."""
    distinct = sorted({label for label, _ in came})
    code = {label: number for number, label in enumerate(distinct)}
    told = np.concatenate([PageRows().ids, *(ids for _, ids in came)])
    codes = np.concatenate([told[:0], *(np.full(len(ids), code[label]) for label, ids in came)])
    # Sorted by id, then by label: the last of an id is its latest month.
    order = np.lexsort((codes, told))
    ids, starts, counts = np.unique(told[order], return_index=True, return_counts=True)
    codes, last = codes[order], starts + counts - 1
    contradictions = {}
    for each in np.flatnonzero(codes[starts] != codes[last]):
        values = [distinct[number] for number in sorted({*codes[starts[each] : last[each] + 1].tolist()})]
        # Lists of two months that share a border overlap on purpose.
        if fact.kind != "month" or values[1:] != [_month_after(values[0])]:
            contradictions[int(ids[each])] = [*map(plain, values)]
    good = ~np.isin(ids, np.array([*contradictions], np.int64))
    labels = pa.array(distinct, LABEL_TYPES[fact.kind]).take(pa.array(codes[last[good]]))
    return Labels(ids[good], labels, contradictions)
