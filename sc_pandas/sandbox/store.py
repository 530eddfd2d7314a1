"""The customers of a sandbox in memory: filtered, ordered and cut into pages."""

import functools
import itertools
import pickle
from bisect import bisect_left
from collections.abc import Callable, Iterable
from operator import attrgetter
from random import Random
from typing import Any, Final

from sc_pandas import forks
from sc_pandas.sandbox import matching
from sc_pandas.sandbox.binding import Asked
from sc_pandas.sandbox.matching import Row
from sc_pandas.sandbox.options import Options
from sc_pandas.sandbox.people import Population, Record
from sc_pandas.sandbox.rendering import list_item

# The key of each order, and whether it descends.
_ORDERS: Final[dict[str, tuple[Callable[[Row], Any], bool]]] = {
    "id_asc": (attrgetter("user_id"), False),
    "id_desc": (attrgetter("user_id"), True),
    "created_desc": (attrgetter("created_on", "user_id"), True),
    "modified_desc": (attrgetter("modified_on", "user_id"), True),
    "unstable": (lambda row: (row.created_on.date(), row.user_id), False),
}
_CREATED: Final = attrgetter("created_on")


class Store:
    """Customers that many threads may read and change."""

    def __init__(self, options: Options, rows: Iterable[Row]) -> None:
        self._options = options
        self._lock = forks.new_lock()
        self._draws = Random(options.seed)
        self._rows = {row.user_id: row for row in rows}
        self._by_creation: list[Row] = []
        # Computed once while nothing changes: the pages of one list follow each other.
        self._remembered = functools.lru_cache(maxsize=12)(self._ordered)

    def __len__(self) -> int:
        """Count the customers."""
        return len(self._rows)

    def put(self, records: Iterable[Record]) -> None:
        """Write customers, all or none; those whose id is there are replaced."""
        rows = {record["user_id"]: row_of(record) for record in records}
        with self._lock:
            self._rows |= rows
            self._forget()

    def drop(self, user_id: int) -> None:
        """Remove a customer."""
        with self._lock:
            self._rows.pop(user_id, None)
            self._forget()

    def record(self, user_id: int) -> Record | None:
        """Return the full record of a customer, a copy."""
        row = self._rows.get(user_id)
        return None if row is None else _record(row)

    def records(self) -> list[Record]:
        """Return every full record in the order of the ids, copies."""
        with self._lock:
            rows = sorted(self._rows.values())
        return [_record(row) for row in rows]

    def page(self, asked: Asked) -> tuple[list[Row] | None, int]:
        """Return the rows of a page, cut to the server's page size (None: ``Items`` is null), and how many match."""
        size = min(asked.page_size, self._options.page_cap)
        filters = tuple(sorted(asked.filters.items()))
        with self._lock:
            order = self._shuffled(filters) if self._options.order == "unstable" else self._remembered(filters)
        start = (asked.page_number - 1) * size
        if start >= len(order) and self._options.past_end == "null":
            return None, len(order)
        if start >= len(order) > 0 and self._options.past_end == "last":
            start = (len(order) - 1) // size * size
        return order[start : start + size], len(order)

    def _forget(self) -> None:
        self._by_creation.clear()
        self._remembered.cache_clear()

    def _ordered(self, filters: tuple[tuple[str, Any], ...]) -> list[Row]:
        """Return all matching customers in the server's order."""
        asked, bounds = dict(filters), self._options.date_bounds
        by_creation = self._by_creation = self._by_creation or sorted(self._rows.values(), key=_CREATED)
        low, high = matching.window(asked, "created_on", bounds)
        begin = 0 if low is None else bisect_left(by_creation, low, key=_CREATED)
        end = len(by_creation) if high is None else bisect_left(by_creation, high, key=_CREATED)
        rows = by_creation[begin:end]
        low, high = matching.window(asked, "modified_on", bounds)
        if low is not None:
            rows = [row for row in rows if row.modified_on >= low]
        if high is not None:
            rows = [row for row in rows if row.modified_on < high]
        for test in matching.tests(asked):
            rows = list(filter(test, rows))
        key, descends = _ORDERS[self._options.order]
        return sorted(rows, key=key, reverse=descends)

    def _shuffled(self, filters: tuple[tuple[str, Any], ...]) -> list[Row]:
        """Return the customers by day of creation, those of one day in a new order for every call."""
        order: list[Row] = []
        for _, ties in itertools.groupby(self._ordered(filters), key=lambda row: row.created_on.date()):
            same_day = list(ties)
            self._draws.shuffle(same_day)
            order.extend(same_day)
        return order


def row_of(record: Record) -> Row:
    """Return a customer as the store holds it."""
    facts = {name: record[name] for name in Row._fields if name in record}
    facts |= {
        name: (value or "").casefold() for name, value in facts.items() if value is None or isinstance(value, str)
    }
    phones = filter(None, (matching.digits(record[name]) for name in matching.PHONE_FIELDS))
    pickled = pickle.dumps(record, pickle.HIGHEST_PROTOCOL)
    return Row(**facts, phones="|".join(phones), item=list_item(record), record=pickled)


def _record(row: Row) -> Record:
    record: Record = pickle.loads(row.record)  # noqa: S301 - written by this process, held in its memory
    return record


def founded(customers: int, seed: int) -> tuple[tuple[Row, ...], bytes]:
    """Return the rows of a population's first customers, and the population, pickled, to make further ones.

    Small populations are remembered, so the next sandbox starts at once.
    """
    return _remembered(customers, seed) if customers <= 5_000 else _founded(customers, seed)  # about 2 kB each


def _founded(customers: int, seed: int) -> tuple[tuple[Row, ...], bytes]:
    population = Population(seed)
    return tuple(row_of(record) for record in population.founders(customers)), pickle.dumps(population)


_remembered: Final = functools.lru_cache(maxsize=4)(_founded)
