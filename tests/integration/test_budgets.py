"""What a read may cost besides its calls: what the cache is asked, what is written to it, and our own functions."""

import socket
import sqlite3
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import sc_pandas as sc
from sc_pandas.query.connection import Connection
from tests.support.shops import shop_of

ROOT = str(Path(sc.__file__).parent)
SANDBOX = str(Path(ROOT) / "sandbox")


class Statements(list[str]):
    """Everything that SQLite is told by the cache, on every connection that is opened from now on."""

    def begin(self) -> None:
        """Count from here."""
        self.clear()

    @property
    def asked(self) -> int:
        """Look-ups."""
        return sum(each.startswith("SELECT") for each in self)

    @property
    def written(self) -> int:
        """Transactions that were written."""
        return self.count("COMMIT")


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Statements]:
    statements, connect = Statements(), sqlite3.connect

    def traced(database: Any, *args: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(database, *args, **options)
        if str(database).startswith(str(tmp_path)):  # the sandbox has one of its own
            connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", traced)
    yield statements
    assert statements


def test_a_cold_page_asks_the_cache_four_times(tmp_path: Path, told: Statements) -> None:
    """A list of one page: 4 look-ups and 3 writes at most, and 2 look-ups when it is read again; columns are one each."""
    with sc.sandbox.serve(customers=12, seed=7) as box, shop_of(box, tmp_path) as shop:
        shop.customers(city="Bern").count()  # logged in, and the dialect is known
        told.begin()
        shop.customers().run()
        assert told.asked <= 4, told
        assert told.written <= 3, told
        told.begin()
        assert shop.customers().run().report.calls == 0
        assert (told.asked, told.written) == (2, 0), told
        for _ in range(2):
            told.begin()
            shop.customers(city="Bern").run()
            shop.customers().run()
        assert told.written == 0, told


def test_each_included_list_asks_twice_and_writes_once(tmp_path: Path, told: Statements) -> None:
    """The read itself writes a few times more; one that finds all lists in the cache writes once."""
    with sc.sandbox.serve(customers=12, seed=7) as box, shop_of(box, tmp_path) as shop:
        shop.customers(city="Bern").count()
        before = box.calls("list")
        told.begin()
        shop.customers(include=["channel"]).run()
        lists = box.calls("list") - before
        assert lists > 70
        assert told.asked <= 2 * lists
        assert told.written <= lists + 8
        told.begin()
        assert shop.customers(include=["channel"]).run().report.calls == 0
        assert (told.asked, told.written) == (2, 0), told


def test_a_union_is_looked_up_at_once(tmp_path: Path, told: Statements) -> None:
    """Fifteen lists in one file: one look-up for all of them, also where only their pages are in the cache."""
    with sc.sandbox.serve(customers=120, seed=7) as box, shop_of(box, tmp_path) as shop:
        asked: Any = {"city": ["Bern", "Berlin", "Miami"], "rating": [0, 1, 2, 3, 5]}
        told.begin()
        shop.customers(**asked).run()
        assert told.asked <= 4 * 15
        assert told.written <= 2 * 15 + 2
        for _ in range(2):
            told.begin()
            assert shop.customers(**asked).run().report.calls == 0
            assert told.asked <= 15 + 3
            assert told.written == 0
            for path in tmp_path.glob("*.arrow"):
                path.unlink()


def calls_before_the_first_byte(shop: Connection) -> int:
    """Count the functions of ours that are called until a socket sends; comprehensions are no functions."""
    calls: list[str] = []
    sent = threading.Event()

    def look(frame: FrameType, event: str, what: Any) -> None:
        code = frame.f_code
        if sent.is_set() or (event == "call" and not code.co_filename.startswith(ROOT)):
            return
        if event == "call" and not code.co_filename.startswith(SANDBOX) and not code.co_name.startswith("<"):
            calls.append(code.co_qualname)
        elif event == "c_call" and what.__name__ == "sendall" and isinstance(what.__self__, socket.socket):
            sent.set()

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        shop.customers(city="Miami").to_pandas()
    finally:
        sys.setprofile(before)
    assert sent.is_set()
    return len(calls)


def test_few_calls_of_ours_come_before_the_first_byte(tmp_path: Path) -> None:
    with sc.sandbox.serve(customers=200) as box, shop_of(box, tmp_path) as shop:
        shop.customers(city="Berlin").to_pandas()  # the dialect is known, and what is imported late is imported
        assert calls_before_the_first_byte(shop) <= 160
