"""Columns that the list does not carry: which can be chosen, what they cost, and the query that reads them; pure."""

from collections.abc import Iterable, Sequence
from typing import Final

from sc_pandas.contract import CALLS_PER_HOUR, FILTERS_BY_NAME, SERVED_AT_MOST
from sc_pandas.contract.details import DETAILS
from sc_pandas.contract.includes import INCLUDES, PARTITIONS, PartitionFact
from sc_pandas.filters import CustomerFilter
from sc_pandas.query import Count, CustomerQuery, Estimate
from sc_pandas.reading import IncludeGap, ReadOptions, plan_includes
from sc_pandas.tables import detail_schema
from sc_pandas.wording import duration, join, plural

NOTHING_CHOSEN: Final = "Load all and Save Parquet read these columns; counts and first rows do not."
_CACHED: Final = "What is cached is free."
_EACH: Final = "a call for each customer"
_VALUES: Final = {"channel": "channels", "customer_type": "types"}
_RANKS: Final = {"bool": 0, "name": 0, "month": 1, "id": 2}


def offered() -> tuple[tuple[str, str], ...]:
    """Return what can be chosen, each as words with its cost and as a name: what takes few lists comes first."""
    return tuple((f"{name} ({_cost_of(name)})", name) for name in sorted(INCLUDES, key=_rank))


def _rank(name: str) -> tuple[int, int]:
    fact = PARTITIONS.get(name)
    return (3, 0) if fact is None else (_RANKS[fact.kind], len(fact.codes))


def _cost_of(name: str) -> str:
    fact = PARTITIONS.get(name)
    if fact is None:
        return _EACH
    if fact.kind == "id":
        return f"a list for each that the filter {FILTERS_BY_NAME[fact.field].label} names, else {_EACH}"
    if fact.kind == "month":
        return "a list for each month"
    if fact.kind == "bool":
        return "a list for yes, one for no"
    return f"a list for each of {len(fact.codes)} {_VALUES[name]}"


def plain(query: CustomerQuery) -> CustomerQuery:
    """Return the query that asks the list alone, as counts and first rows do."""
    return including(query, query.options, ())


def including(query: CustomerQuery, opened: ReadOptions, names: tuple[str, ...]) -> CustomerQuery:
    """Return the query that includes `names`; if the panel was opened with columns, theirs come or go."""
    if names == query.options.include:
        return query
    columns = opened.columns
    if columns is not None:
        gone = set(_columns_of(opened.include)) - set(_columns_of(names))
        stay = [each for each in columns if each not in gone]
        new = _columns_of(each for each in names if each not in opened.include)
        columns = (*stay, *(each for each in new if each not in stay)) or ("user_id",)
    return query.with_options(include=names, columns=columns)


def _columns_of(names: Iterable[str]) -> list[str]:
    return [column for name in names for column in (detail_schema([name]).names if name in DETAILS else [name])]


def cost_text(names: Sequence[str], question: CustomerFilter, rows: int | None, limit: int | None = None) -> str:
    """Return what loading takes, from what is known without a call; `rows` is None if nobody has counted."""
    if not names:
        return NOTHING_CHOSEN
    count = rows if rows is None or limit is None else min(rows, limit)
    if count == 0:
        return "Load all: no customers, and nothing more to read."
    plan = plan_includes(names, question)
    # A few customers are asked by their ids, whatever lists they came under.
    few = count is not None and count <= SERVED_AT_MOST
    reads = 1 if few and (limit is not None or question.reads > 1) else question.reads
    costs = [_lists(fact, reads, "" if few else " or more") for fact in plan.by_list]
    bound = "at most " if isinstance(rows, Count) and rows.is_upper_bound else ""
    if plan.by_customer:
        calls = _EACH if count is None else f"{bound}{plural(count, 'call')}"
        costs.append(f"{calls} for {join(plan.by_customer)}")
    costs += [_given(fact, question) for fact in plan.from_filter]
    customers = "everybody who matches" if count is None else f"{bound}{plural(count, 'customer')}"
    too_many = plan.by_customer and count is not None and count > CALLS_PER_HOUR
    quota = f" SellerCloud allows {CALLS_PER_HOUR:,} calls in an hour." if too_many else ""
    return f"Load all: {customers}; also {join(costs, ', and ')}. {_CACHED}{quota}"


def _lists(fact: PartitionFact, reads: int, more: str) -> str:
    if fact.kind == "month":
        return f"{12 * reads} lists{more} a year for {fact.name}"
    return f"{plural(len(fact.codes) * reads, 'list')}{more} for {fact.name}"


def _given(fact: PartitionFact, question: CustomerFilter) -> str:
    values = getattr(question, fact.field)
    if FILTERS_BY_NAME[fact.field].many and len(values) > 1:
        return f"{plural(len(values), 'list')} instead of one for {fact.name}"
    return f"nothing for {fact.name}"


def price_text(estimate: Estimate) -> str:
    """Return an estimate in words."""
    if estimate.calls == 0:
        return "free (cached)."
    left = "" if estimate.calls_left is None else f"; {plural(estimate.calls_left, 'call')} left this hour"
    return f"{plural(estimate.calls, 'call')}, about {duration(max(1, estimate.seconds))}{left}."


def gaps_text(gaps: Iterable[IncludeGap]) -> str:
    """Return how many customers lack what; empty where nobody lacks anything."""
    lacking: dict[tuple[str, ...], set[int]] = {}
    for gap in gaps:
        lacking.setdefault(gap.include, set()).add(gap.user_id)
    said = [
        f"{plural(len(ids), 'customer')} {'lacks' if len(ids) == 1 else 'lack'} {join(names)}"
        for names, ids in lacking.items()
    ]
    return f"{'; '.join(said)}." if said else ""
