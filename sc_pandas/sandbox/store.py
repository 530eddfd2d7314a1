"""The customers, in SQLite: filters, order and pages are SQL; the truth is kept beside them, record by record."""

import itertools
import pickle
import sqlite3
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from sc_pandas import forks
from sc_pandas.sandbox import matching, rendering
from sc_pandas.sandbox.binding import Asked
from sc_pandas.sandbox.columns import packed, unpacked
from sc_pandas.sandbox.options import Options, Style
from sc_pandas.sandbox.people import Record

Row = dict[str, Any]

_SCHEMA: Final = """
CREATE TABLE customers (
    user_id INTEGER PRIMARY KEY,
    email_folded TEXT, first_name_folded TEXT, last_name_folded TEXT, city_folded TEXT, zip_code_folded TEXT,
    corporate_name_folded TEXT, phone_digits TEXT,
    rating INTEGER, wholesale INTEGER, subscribed INTEGER, exported INTEGER, channel INTEGER, company_id INTEGER,
    created_on TEXT, modified_on TEXT,
    item TEXT, record BLOB
);
CREATE INDEX by_email ON customers (email_folded);
CREATE INDEX by_created_on ON customers (created_on);
CREATE INDEX by_modified_on ON customers (modified_on);
"""
_COLUMNS: Final = (
    *("user_id", "email_folded", "first_name_folded", "last_name_folded", "city_folded", "zip_code_folded"),
    *("corporate_name_folded", "phone_digits", "rating", "wholesale", "subscribed", "exported", "channel"),
    *("company_id", "created_on", "modified_on", "item", "record"),
)
_PUT: Final = (
    f"INSERT OR REPLACE INTO customers ({', '.join(_COLUMNS)}) "  # noqa: S608 - our own column names
    f"VALUES ({', '.join(':' + column for column in _COLUMNS)})"
)
# The plus keeps SQLite from walking the wide table in the order of its key where a narrow index would do.
_ORDERS: Final = {
    "id_asc": "+user_id",
    "id_desc": "+user_id DESC",
    "created_desc": "created_on DESC, user_id DESC",
    "modified_desc": "modified_on DESC, user_id DESC",
    "unstable": "substr(created_on, 1, 10), user_id",
}
_REMEMBERED_ORDERS: Final = 12


@dataclass(frozen=True)
class Page:
    """A page as served: the rows' ids, their finished JSON (None: ``Items`` is null), and how many rows match."""

    user_ids: tuple[int, ...]
    items: tuple[str, ...] | None
    total: int


class Store:
    """A table of customers that many threads may use.

    Parameters
    ----------
    options : Options
        Order, date bounds, page cap and so on.
    rows : iterable of dict
        The customers to begin with, as `row` gives them.
    """

    def __init__(self, options: Options, rows: Iterable[Row]) -> None:
        self._options = options
        # SQLite has locks that a child cannot renew: no thread is inside when the process forks.
        self._lock = forks.new_rlock()
        forks.rests(self, self._lock)
        self._version = 0
        self._orders: OrderedDict[tuple[Any, ...], list[int]] = OrderedDict()
        self._draws = Random(options.seed)
        self._connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        weakref.finalize(self, self._connection.close)
        self._connection.executescript(_SCHEMA)
        self._put_rows(rows)

    def __len__(self) -> int:
        """Count the customers."""
        with self._lock:
            return int(self._connection.execute("SELECT count(*) FROM customers").fetchone()[0])

    def put(self, records: Iterable[Record]) -> None:
        """Write customers, all or none; those whose id is there are replaced."""
        self._put_rows(row(record, self._options.style) for record in records)

    def _put_rows(self, rows: Iterable[Row]) -> None:
        with self._lock:
            self._connection.execute("BEGIN")
            try:
                self._connection.executemany(_PUT, rows)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
            self._version += 1

    def drop(self, user_id: int) -> None:
        """Remove a customer."""
        with self._lock:
            self._connection.execute("DELETE FROM customers WHERE user_id = ?", [user_id])
            self._version += 1

    def record(self, user_id: int) -> Record | None:
        """Give the full record of a customer, a copy."""
        with self._lock:
            found = self._connection.execute("SELECT record FROM customers WHERE user_id = ?", [user_id]).fetchone()
        return None if found is None else _record(found[0])

    def records(self) -> list[Record]:
        """Give every full record in the order of the ids, copies."""
        with self._lock:
            rows = self._connection.execute("SELECT record FROM customers ORDER BY user_id").fetchall()
        return [_record(blob) for (blob,) in rows]

    def page(self, asked: Asked) -> Page:
        """Answer a request for a page, cut to the server's page size."""
        size = min(asked.page_size, self._options.page_cap)
        with self._lock:
            order = self._order(asked.filters)
            start = (asked.page_number - 1) * size
            past_end = start >= len(order)
            if past_end and order and self._options.past_end == "last":
                start = (len(order) - 1) // size * size
            if past_end and self._options.past_end == "null":
                return Page((), None, len(order))
            user_ids = tuple(order[start : start + size])
            return Page(user_ids, self._items(user_ids), len(order))

    def _items(self, user_ids: tuple[int, ...]) -> tuple[str, ...]:
        places = ", ".join("?" * len(user_ids))
        rows = self._connection.execute(
            f"SELECT user_id, item FROM customers WHERE user_id IN ({places})",  # noqa: S608 - question marks only
            user_ids,
        )
        by_id = dict(rows.fetchall())
        return tuple(by_id[user_id] for user_id in user_ids)

    def _order(self, filters: Mapping[str, Any]) -> list[int]:
        """Give the ids of all matching customers in the server's order; computed once while the table rests."""
        unstable = self._options.order == "unstable"
        key = (self._version, *sorted(filters.items()))
        if not unstable and key in self._orders:
            self._orders.move_to_end(key)
            return self._orders[key]
        condition, values = matching.where(filters, self._options.date_bounds)
        columns = "user_id, substr(created_on, 1, 10)" if unstable else "user_id"
        rows = self._connection.execute(
            f"SELECT {columns} FROM customers "  # noqa: S608 - our own columns and conditions
            f"WHERE {condition} ORDER BY {_ORDERS[self._options.order]}",
            values,
        ).fetchall()
        if unstable:
            return self._shuffled_ties(rows)
        self._orders[key] = order = [user_id for (user_id,) in rows]
        if len(self._orders) > _REMEMBERED_ORDERS:
            self._orders.popitem(last=False)
        return order

    def _shuffled_ties(self, rows: list[tuple[int, str]]) -> list[int]:
        order: list[int] = []
        for _, ties in itertools.groupby(rows, key=lambda row: row[1]):
            same_day = [user_id for user_id, _ in ties]
            self._draws.shuffle(same_day)
            order.extend(same_day)
        return order


def row(record: Record, style: Style) -> Row:
    """Give a customer as the table holds it: search columns, the finished row of the list, the full record."""
    item = rendering.article_item(record) if style == "article" else rendering.list_item(record)
    blob = pickle.dumps(record | {"custom_columns": packed(record["custom_columns"])})
    return matching.search_columns(record) | {"item": item, "record": blob}


def _record(blob: bytes) -> Record:
    record: Record = pickle.loads(blob)  # noqa: S301 - written by this process, held in its memory
    record["custom_columns"] = unpacked(record["custom_columns"])
    return record
