"""A list that moves while it is read, as a model that stands where the client stands."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sc_pandas.client import Expectation, Page, Tally
from sc_pandas.contract import PageRows
from sc_pandas.query.connection import Connection
from sc_pandas.settings import Credentials, Secret

PAGE: Final = 10
CUSTOMERS: Final = 45
_WITHIN: Final = ("createdOnFrom", "createdOnTo")


@dataclass
class MovingList:
    """A client whose list changes before given calls: ``+`` inserts, ``-n`` drops the n-th in a thousand, ``~`` updates."""

    order: str = "id_asc"
    customers: int = CUSTOMERS
    script: dict[int, list[str]] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.rows = dict.fromkeys(range(1, self.customers + 1), 0)
        self.next_id = self.customers + 1
        self.unchanged = set(self.rows)

    def change(self, what: str) -> None:
        if what == "+":
            self.rows[self.next_id] = 0
            self.next_id += 1
        elif self.rows:
            ids = sorted(self.rows)
            each = ids[min(len(ids) - 1, int(what[1:]) * len(ids) // 1000)]
            self.unchanged.discard(each)
            if what[0] == "-":
                del self.rows[each]
            else:
                self.rows[each] += 1

    def listed(self, params: dict[str, str]) -> list[int]:
        """Return the ids that the creation dates asked for leave, in the list's order."""
        dates = [datetime.strptime(params[n], "%m/%d/%Y %H:%M") if n in params else None for n in _WITHIN]  # noqa: DTZ007
        start, end = dates
        ids = [each for each in self.rows if (not start or start <= born(each)) and (not end or born(each) <= end)]
        return sorted(ids, reverse=self.order == "id_desc")

    def served(self, number: int) -> int:
        """Return which page is given for a page number."""
        return number

    def get_page(self, _path: str, params: Any, _expectation: Expectation, *, tally: Tally, **_more: Any) -> Page:
        with self.lock:
            number = int(dict(params)["pageNumber"])
            self.asked.append(number)
            tally.count_call()
            for what in self.script.get(len(self.asked), []):
                self.change(what)
            ids = self.listed(dict(params))
            start = (self.served(number) - 1) * PAGE
            items = [{"UserID": each, "LastName": str(self.rows[each])} for each in ids[start : start + PAGE]]
            return Page(PageRows(items), len(ids))


def born(user_id: int) -> datetime:
    """Return the moment of creation: in the order of ids, some in one minute."""
    return datetime(2020, 1, 1) + timedelta(hours=7 * (user_id // 4))  # noqa: DTZ001


@contextmanager
def nowhere(folder: Path) -> Iterator[Connection]:
    """Return a connection whose own client would find nobody."""
    login = Credentials("ann", password=Secret("never sent"))
    with Connection("http://127.0.0.1:9/rest", login, dialect="article", cache_dir=folder) as shop:
        yield shop
