"""Columns that the list does not carry: which can be chosen, what they cost, and the query that reads them; pure."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sc_pandas.contract import CALLS_PER_HOUR, FILTERS_BY_NAME, SERVED_AT_MOST
from sc_pandas.contract.details import DETAILS
from sc_pandas.contract.includes import INCLUDES, PARTITIONS, PartitionFact
from sc_pandas.filters import CustomerFilter
from sc_pandas.panel.protocols import EstimateLike, OptionsLike, QueryLike
from sc_pandas.reading import plan_includes
from sc_pandas.tables import detail_schema
from sc_pandas.wording import duration, join, plural

NOTHING_CHOSEN: Final = "Read by Load all and Save Parquet; counts and first rows stay cheap."
_KEPT: Final = "What is kept costs nothing."
_EACH: Final = "a call for each customer"
_VALUES: Final = {"channel": "channels", "customer_type": "types"}


# ── what can be chosen ─────────────────────────────────────────────────────────────────────────────────────────────
def offered() -> tuple[tuple[str, str], ...]:
    """Give what can be chosen, each as words with its cost and as a name: what takes few lists comes first.

    Examples
    --------
    >>> words = dict((name, said) for said, name in offered())
    >>> words["channel"], words["phones"]
    ('channel (a list for each of 74 channels)', 'phones (a call for each customer)')
    """
    names = sorted(INCLUDES, key=_rank)
    return tuple((f"{name} ({_cost_of(name)})", name) for name in names)


def _rank(name: str) -> tuple[int, int]:
    fact = PARTITIONS.get(name)
    if fact is None:
        return 3, 0
    kinds = {"bool": 0, "name": 0, "month": 1, "id": 2}
    return kinds[fact.kind], len(fact.codes)


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


# ── the query ──────────────────────────────────────────────────────────────────────────────────────────────────────
def plain(query: QueryLike) -> QueryLike:
    """Give the query that asks the list alone, as counts and first rows do."""
    return _reading(query, query.options, ()) if query.options.include else query


def including(query: QueryLike, opened: OptionsLike, names: tuple[str, ...]) -> QueryLike:
    """Give the query that reads more columns, too.

    Parameters
    ----------
    query
        What is asked.
    opened
        The options that the panel was opened with; where they name columns, those of `names` come or go.
    names
        What to include.
    """
    return query if names == query.options.include else _reading(query, opened, names)


def _reading(query: QueryLike, opened: OptionsLike, names: tuple[str, ...]) -> QueryLike:
    columns = opened.columns
    if columns is not None:
        wanted = _columns_of(names)
        gone = set(_columns_of(opened.include)) - set(wanted)
        kept = [each for each in columns if each not in gone]
        new = _columns_of(each for each in names if each not in opened.include)
        columns = (*kept, *(each for each in new if each not in kept)) or ("user_id",)
    return query.with_options(include=names, columns=columns)


def _columns_of(names: Iterable[str]) -> list[str]:
    return [column for name in names for column in (detail_schema([name]).names if name in DETAILS else [name])]


# ── what it costs ──────────────────────────────────────────────────────────────────────────────────────────────────
def cost_text(
    names: Sequence[str],
    question: CustomerFilter,
    rows: int | None,
    *,
    is_upper_bound: bool = False,
    limit: int | None = None,
) -> str:
    """Say what loading takes, from what is known without a call.

    Parameters
    ----------
    names
        What to include.
    question
        The filter.
    rows
        Customers that match; None where nobody has counted.
    is_upper_bound
        Whether there may be fewer.
    limit
        At most so many are read.

    Examples
    --------
    >>> print(cost_text(["channel", "title"], CustomerFilter(), 117))
    Load all: 117 customers; also 74 lists or more for channel, and 117 calls for title. What is kept costs nothing.
    """
    if not names:
        return NOTHING_CHOSEN
    count = rows if rows is None or limit is None else min(rows, limit)
    if count == 0:
        return "Load all: no customers, and nothing more to read."
    plan = plan_includes(names, question)
    # A few customers are asked by their ids, whatever lists they came under.
    few = count is not None and count <= SERVED_AT_MOST
    by_id = few and (limit is not None or question.reads > 1)
    costs = [_lists(fact, 1 if by_id else question.reads, "" if few else " or more") for fact in plan.by_list]
    bound = "at most " if is_upper_bound else ""
    if plan.by_customer:
        calls = _EACH if count is None else f"{bound}{plural(count, 'call')}"
        costs.append(f"{calls} for {join(plan.by_customer)}")
    costs += [_given(fact, question) for fact in plan.from_filter]
    customers = "everybody who matches" if count is None else f"{bound}{plural(count, 'customer')}"
    too_many = plan.by_customer and count is not None and count > CALLS_PER_HOUR
    quota = f" SellerCloud allows {CALLS_PER_HOUR:,} calls in an hour." if too_many else ""
    return f"Load all: {customers}; also {join(costs, ', and ')}. {_KEPT}{quota}"


def _lists(fact: PartitionFact, reads: int, more: str) -> str:
    if fact.kind == "month":
        return f"{12 * reads} lists{more} a year for {fact.name}"
    return f"{plural(len(fact.codes) * reads, 'list')}{more} for {fact.name}"


def _given(fact: PartitionFact, question: CustomerFilter) -> str:
    values = getattr(question, fact.field)
    if FILTERS_BY_NAME[fact.field].many and len(values) > 1:
        return f"{plural(len(values), 'list')} instead of one for {fact.name}"
    return f"nothing for {fact.name}"


def price_text(estimate: EstimateLike) -> str:
    """Say what an estimate says."""
    if estimate.calls == 0:
        return "no call, everything is kept."
    left = "" if estimate.calls_left is None else f"; {plural(estimate.calls_left, 'call')} left this hour"
    return f"{plural(estimate.calls, 'call')}, about {duration(max(1, estimate.seconds))}{left}."


# ── what is missing ────────────────────────────────────────────────────────────────────────────────────────────────
def gaps_text(gaps: Iterable[Any]) -> str:
    """Say how many customers lack what; empty where nobody lacks anything."""
    lacking: dict[tuple[str, ...], set[int]] = {}
    for gap in gaps:
        lacking.setdefault(gap.include, set()).add(gap.user_id)
    said = [
        f"{plural(len(ids), 'customer')} {'lacks' if len(ids) == 1 else 'lack'} {join(names)}"
        for names, ids in lacking.items()
    ]
    return f"{'; '.join(said)}." if said else ""
