"""The cache's own room: keys, reads, expiry and privacy, without any server."""

import sqlite3
import stat
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sc_pandas import CacheWarning
from sc_pandas.cache import HttpCache, clear_folder
from sc_pandas.filters import CustomerFilter
from sc_pandas.reading.records import ListKey, ReadRecord, find_records, keep_records
from tests.support.damage import flipped

TENANT = "0" * 32
KEY = ListKey(CustomerFilter.of(city="Bern"), 50, TENANT)


@pytest.fixture
def cache(tmp_path: Path) -> HttpCache:
    return HttpCache(tmp_path / "c", TENANT)


def test_a_body_is_given_back_as_it_was_under_its_key_only(cache: HttpCache) -> None:
    bodies = {f"k{n}": bytes([n]) * n for n in range(1, 200, 17)}
    for key, body in bodies.items():
        cache.keep_page(key, body)
    assert {key: cache.find_page(key) for key in bodies} == bodies
    assert cache.find_page("k") is None
    cache.close()


def test_bodies_that_come_quickly_are_written_together(cache: HttpCache, tmp_path: Path) -> None:
    """A batch may wait; what is asked of the cache, or noted in it, comes after the bodies that it rests on."""
    other = HttpCache(tmp_path / "c", TENANT)
    for number in range(40):
        cache.keep_page(f"k{number:02}", b"{}")
    # The first is written at once, and then sixteen at a time.
    assert [other.find_page(f"k{number:02}") for number in (0, 32)] == [b"{}", b"{}"]
    assert other.find_page("k39") is None
    keep_records(cache, {KEY: ReadRecord(read_id="r", started_at=time.time())})
    assert other.find_page("k39") == b"{}"
    cache.keep_page("k40", b"{}")
    cache.close()
    assert other.find_page("k40") == b"{}"
    other.close()


def test_a_read_is_remembered_by_its_query_until_it_is_forgotten(cache: HttpCache) -> None:
    read = ReadRecord(read_id="r", started_at=time.time(), dialect="article", total=7, asks=[])
    keep_records(cache, {KEY: read})
    other = replace(KEY, page_size=7)
    assert find_records(cache, [KEY, other]) == {KEY: [read], other: []}
    cache.keep_notes({}, forget=KEY.slots)
    assert find_records(cache, [KEY]) == {KEY: []}
    cache.close()


def test_the_pages_of_a_read_that_was_replaced_or_forgotten_are_removed(cache: HttpCache) -> None:
    reads = [ReadRecord(read_id=name, started_at=time.time(), total=1, served=1, pages=1) for name in ("r1", "r2")]
    for read in reads:
        cache.keep_page(read.page_key("/p", [("n", "1")]), b"{}")
        keep_records(cache, {KEY: read})
    assert cache.find_page(reads[0].page_key("/p", [("n", "1")])) is None
    assert cache.find_page(reads[1].page_key("/p", [("n", "1")])) == b"{}"
    cache.keep_notes({}, forget=KEY.slots)
    assert cache.info().pages == 0
    cache.close()


@pytest.mark.fault("E13")
def test_what_is_older_than_seven_days_is_deleted_when_the_cache_is_opened(tmp_path: Path) -> None:
    cache = HttpCache(tmp_path / "c", TENANT)
    cache.keep_page("old", b'"canary-name"')
    cache.keep_page("new", b"{}")
    read = ReadRecord(read_id="old", started_at=time.time() - 8 * 86_400)
    keep_records(cache, {KEY: read})
    assert find_records(cache, [KEY]) == {KEY: []}
    cache.close()
    executed(cache, "UPDATE responses SET expires = ? WHERE key = 'old'", int(time.time()) - 1)
    again = HttpCache(tmp_path / "c", TENANT)
    assert again.find_page("old") is None
    assert again.find_page("new") == b"{}"
    again.close()
    assert all(b"canary-name" not in path.read_bytes() for path in (tmp_path / "c").iterdir() if path.is_file())


def test_the_dialect_is_remembered_beyond_the_connection(tmp_path: Path) -> None:
    for tenant, dialect in ((TENANT, "swagger"), ("1" * 32, None)):
        cache = HttpCache(tmp_path / "c", tenant)
        if dialect:
            cache.keep_dialect(dialect)
        cache.close()
        again = HttpCache(tmp_path / "c", tenant)
        assert again.find_dialect() == dialect
        again.close()


def executed(cache: HttpCache, statement: str, *values: object) -> list[Any]:
    with closing(sqlite3.connect(cache.path)) as con, con:
        return con.execute(statement, values).fetchall()


@pytest.mark.fault("E09")
def test_one_bit_of_what_is_known_of_a_read_makes_it_unknown(cache: HttpCache) -> None:
    """A total of 24 in place of 64 would cut a proven answer short; what is not even UTF-8 is no fault of the disk."""
    # A bit that changes nothing that is meant, such as the last digit of a time, may pass.
    facts: dict[str, Any] = {"total": 64, "served": 15, "pages": 5, "verdict": "proven (bookends)", "asks": []}
    read = ReadRecord(read_id="r", started_at=time.time(), **facts)
    keep_records(cache, {KEY: read})
    assert find_records(cache, [KEY]) == {KEY: [read]}
    ((written,),) = executed(cache, "SELECT CAST(facts AS BLOB) FROM reads")
    for torn in flipped(written, masks=(0x01, 0x04, 0x80)):
        executed(cache, "UPDATE reads SET facts = CAST(? AS TEXT)", torn)
        assert find_records(cache, [KEY])[KEY] in ([], [read])
        assert cache.info().reads in {0, 1}
    executed(cache, "UPDATE reads SET facts = CAST(? AS TEXT)", written)
    assert find_records(cache, [KEY]) == {KEY: [read]}
    other = replace(KEY, page_size=7)
    executed(cache, "UPDATE reads SET query = ?", other.slots[1])
    assert find_records(cache, [other])[other] == []
    cache.close()


def test_facts_that_cannot_be_read_are_no_read(cache: HttpCache) -> None:
    keep_records(cache, {KEY: ReadRecord(read_id="r", started_at=time.time())})
    for facts in ("", "{", "[]", "7", '{"unknown": 1}', '{"read_id": "r"}'):
        executed(cache, "UPDATE reads SET facts = ?", facts)
        assert find_records(cache, [KEY]) == {KEY: []}
    cache.close()


PHASES: list[tuple[dict[str, Any], str]] = [
    ({"whole": True, "finished_at": 2.0, "leaves": [["a", None]]}, "whole"),
    ({"whole": False, "in_the_middle": True, "leaves": []}, "reading"),
    ({"whole": False, "in_the_middle": False, "finished_at": 2.0}, "ended"), ({"whole": False, "pages": 1}, "counted"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "phase"), PHASES)
def test_records_of_earlier_editions_are_read(cache: HttpCache, written: dict[str, Any], phase: str) -> None:
    """They had two booleans for what is now the phase, and windows of one page."""
    cache.keep_notes({KEY.slots[0]: {"read_id": "r", "started_at": time.time(), **written}})
    ((record,),) = find_records(cache, [KEY]).values()
    assert (record.phase, record.asks) == (phase, [[*ends, 1, ""] for ends in written.get("leaves", [])] or ())
    cache.close()


def test_age_never_is_negative() -> None:
    read = ReadRecord(read_id="r", started_at=100.0)
    assert read.age_s(160.0) == 60.0
    assert read.age_s(50.0) == 0.0


@pytest.mark.fault("C14")
def test_pages_of_two_reads_or_two_dialects_never_share_a_key() -> None:
    read = ReadRecord(read_id="r1", started_at=0.0, dialect="article")
    keys = {
        each.page_key("/p", [("n", "1")])
        for each in (read, replace(read, read_id="r2"), replace(read, dialect="swagger"))
    }
    assert len(keys) == 3


def test_clearing_removes_our_databases_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    cache = HttpCache(folder, TENANT)
    cache.keep_page("k", b"{}")
    cache.close()
    precious = folder / "notes.txt"
    precious.write_text("mine")
    linked = folder / f"{'2' * 32}.v1.sqlite"
    linked.symlink_to(precious)
    removed = clear_folder(folder)
    assert cache.path in removed
    assert not cache.path.exists()
    assert precious.read_text() == "mine"
    assert clear_folder(tmp_path / "nowhere") == []


def test_a_folder_that_cannot_be_made_is_a_warning_once_and_then_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.warns(CacheWarning) as caught:
        cache = HttpCache(tmp_path / "file" / "c", TENANT)
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not cache.usable
        cache.keep_page("k", b"{}")
        assert cache.find_page("k") is None
        assert find_records(cache, [KEY]) == {KEY: []}
        keep_records(cache, {KEY: ReadRecord(read_id="r", started_at=0.0)})
        assert cache.info().pages == 0
        cache.close()


def test_a_file_that_vanishes_while_it_is_counted_is_no_error(
    cache: HttpCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process removes the kept rows of an old read between the listing and the look at their size."""
    gone = cache.path.with_name(f"{TENANT}.{'1' * 32}.v1.arrow")
    monkeypatch.setattr(cache, "_files", lambda: [cache.path, gone])
    assert cache.info().size_bytes == cache.path.stat().st_size
    cache.close()


@pytest.mark.fault("E17")
def test_a_cache_inside_a_repository_hides_itself_from_git(cache: HttpCache) -> None:
    assert (cache.path.parent / ".gitignore").read_text() == "*\n"
    assert stat.S_IMODE(cache.path.parent.stat().st_mode) == 0o700
    cache.close()


def test_a_database_that_grew_too_large_drops_its_older_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked at when it is opened; what is left is given back as it was."""
    cache = HttpCache(tmp_path / "c", TENANT)
    bodies = {f"k{n:03}": bytes([n]) * 20_000 for n in range(100)}
    for key, body in bodies.items():
        cache.keep_page(key, body)
    cache.close()
    for limit, left in ((2**30, 100), (1_000_000, 50), (1_500_000, 50), (1_000, 25)):
        monkeypatch.setattr("sc_pandas.cache.http_cache.BYTES_AT_MOST", limit)
        cache = HttpCache(tmp_path / "c", TENANT)
        found = {key: cache.find_page(key) for key in bodies}
        cache.close()
        assert sum(body is not None for body in found.values()) == left
        assert all(body in (None, bodies[key]) for key, body in found.items())


def test_a_cache_is_closed_when_no_statement_runs(cache: HttpCache) -> None:
    """Ctrl-C closes it while answers are under way: no crash, no file that looks damaged, nothing opened again."""
    backend = cache._backend
    assert backend is not None
    running, finish = threading.Event(), threading.Event()

    def statement() -> str:
        running.set()
        finish.wait(10)
        return "answer"

    with ThreadPoolExecutor(2) as pool:
        answer = pool.submit(backend.attempt, statement, "miss")
        assert running.wait(10)
        closing_ = pool.submit(cache.close)
        with pytest.raises(TimeoutError):
            closing_.result(0.2)
        finish.set()
        assert (answer.result(10), closing_.result(10)) == ("answer", None)
    assert backend.attempt(lambda: "late", "miss") == "miss"
    assert not list(cache.path.parent.glob("*.corrupt"))
