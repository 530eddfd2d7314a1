"""Finished reads in the cache as Arrow files, and read by one process at a time."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import sc_pandas as sc
from sc_pandas.reading import Progress, ReadOptions
from sc_pandas.reading.kept import KeptTable
from sc_pandas.reading.records import keys_of
from tests.support.damage import flipped
from tests.support.shops import shop_of

_READ = """
import sys, sc_pandas as sc
with sc.connect(sys.argv[1], username=sys.argv[2], password=sys.argv[3], cache_dir=sys.argv[4]) as shop:
    print(len(shop.customers(progress=False).run()))
"""


def reader(box: sc.sandbox.Sandbox, folder: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", _READ, box.url, box.username, box.password, str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def arrow_file(folder: Path) -> Path:
    (path,) = folder.glob("*.arrow")
    return path


def test_a_warm_read_opens_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No call, no JSON, the equal table and report, for unions too; the file is private."""
    with sc.sandbox.serve(customers=400, seed=7) as box, shop_of(box, tmp_path) as shop:
        for asked in (shop.customers(), shop.customers(rating=[0, 4, 5], city=["Berlin", "Bern"])):
            cold = asked.run()
            calls = box.calls()
            with monkeypatch.context() as patch:
                patch.setattr("sc_pandas.client.client.parse_json", None)
                warm = asked.run()
            assert warm.table.equals(cold.table)
            assert warm.to_pandas().attrs == cold.to_pandas().attrs
            assert warm.report.verdict == cold.report.verdict
            assert warm.report.calls == 0
            assert box.calls() == calls
        assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("*.arrow")} == {0o600}
        assert list(tmp_path.glob("*.lock")) == []


@pytest.mark.fault("E09", "E10")
def test_a_damaged_file_is_never_served(tmp_path: Path) -> None:
    """A flipped byte anywhere, or a cut: the pages of the HTTP cache answer, without a call."""
    with sc.sandbox.serve(customers=120, seed=7) as box, shop_of(box, tmp_path) as shop:
        cold = shop.customers().run()
        path = arrow_file(tmp_path)
        whole = path.read_bytes()
        calls = box.calls()
        for damaged in flipped(whole, 509):
            path.write_bytes(damaged)
            assert shop.customers().run().table.equals(cold.table)
            assert path.read_bytes() == whole
        path.write_bytes(whole[:-100])
        assert shop.customers().run().table.equals(cold.table)
        assert box.calls() == calls


def test_what_was_asked_anew_is_not_answered_with_older_rows(tmp_path: Path) -> None:
    """A refreshed count makes the kept rows old, also within their hour."""
    with sc.sandbox.serve(customers=120, seed=7) as box, shop_of(box, tmp_path) as shop:
        assert len(shop.customers().to_pandas()) == 120
        box.insert(3)
        assert shop.customers().count() == 120
        assert shop.customers(cache="refresh").count() == 123
        assert len(shop.customers().to_pandas()) == 123
        assert len(shop.customers(cache="offline").to_pandas()) == 123


def test_a_strict_read_is_not_answered_by_order(tmp_path: Path) -> None:
    with sc.sandbox.serve(customers=120, seed=7) as box, shop_of(box, tmp_path) as shop:
        assert shop.customers().run().report.verdict == "proven (order)"
        assert shop.customers(consistency="strict").run().report.verdict == "proven (closed list)"
        assert shop.customers().run().report.verdict == "proven (closed list)"


def test_four_processes_ask_the_server_once(tmp_path: Path) -> None:
    """One of them reads, the others wait and find the rows kept."""
    with sc.sandbox.serve(customers=2_000, seed=7, latency_s=0.02) as box:
        readers = [reader(box, tmp_path) for _ in range(4)]
        assert [each.communicate(timeout=150)[0].strip() for each in readers] == ["2000"] * 4
        assert box.calls() <= 1 + 40 + 2 + 4


def test_a_reader_that_dies_is_not_waited_for(tmp_path: Path) -> None:
    with sc.sandbox.serve(customers=500, seed=7, latency_s=0.1) as box, shop_of(box, tmp_path) as shop:
        first = reader(box, tmp_path)
        while box.calls("list") < 2:
            time.sleep(0.01)
        second = reader(box, tmp_path)
        time.sleep(0.5)
        first.send_signal(signal.SIGKILL)
        first.communicate()
        assert second.communicate(timeout=150)[0].strip() == "500"
        assert shop.customers(cache="offline").run().report.is_proven


def test_a_reader_without_answers_is_waited_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that holds the lock is waited for as long as it gets answers; that another writes to the cache is no sign."""
    monkeypatch.setattr("sc_pandas.reading.kept._PATIENCE_S", 0.4)
    monkeypatch.setattr("sc_pandas.reading.options._SHOWN_EVERY_S", 0.0)
    with sc.sandbox.serve(customers=60, seed=7) as box, shop_of(box, tmp_path) as shop:
        shop.customers(city="Bern").count()
        keys = keys_of([sc.CustomerFilter()], 50, shop.source.tenant)
        (written,) = tmp_path.glob("*-wal")
        began, before, progress = time.monotonic(), box.calls(), Progress()
        with KeptTable(shop.source, keys, ReadOptions()).alone(progress), ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(shop.customers().run)
            while time.monotonic() < began + 1.0:
                progress.show_life()
                time.sleep(0.05)
            assert box.calls() == before
            while not waiting.done() and time.monotonic() < began + 5.0:
                os.utime(written)
                time.sleep(0.05)
            assert box.calls() > before
        assert len(waiting.result(20)) == 60


def test_what_others_keep_in_the_folder_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Old and too large rows of ours go; an Arrow file of somebody else stays, however old."""
    monkeypatch.setattr("sc_pandas.reading.kept.BYTES_AT_MOST", 1)
    tmp_path.chmod(0o700)
    foreign = tmp_path / "sales.arrow"
    foreign.write_bytes(b"x" * 1_000)
    os.utime(foreign, (0, 0))
    with sc.sandbox.serve(customers=60, seed=7) as box, shop_of(box, tmp_path) as shop:
        shop.customers().run()
        shop.customers(rating=0).run()
    assert [*tmp_path.glob("*.arrow")] == [foreign]


def test_locks_do_not_pile_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Private while it is held and gone afterwards, also where the read failed; what a killed one left goes, too.

    Each answer shows those who wait that the reader lives.
    """
    monkeypatch.setattr("sc_pandas.reading.options._SHOWN_EVERY_S", 0.0)
    with sc.sandbox.serve(customers=120, seed=7) as box, shop_of(box, tmp_path) as shop:
        modes: set[int] = set()
        alive: list[float] = []

        class Looks:
            def expect(self, _pages: int, _customers: int) -> None:
                (lock,) = tmp_path.glob("*.lock")
                modes.add(lock.stat().st_mode & 0o777)
                os.utime(lock, (0, 0))

            def advance(self, *_more: object) -> None:
                alive.extend(path.stat().st_atime for path in tmp_path.glob("*.lock"))

            wait = away = advance

        for rating in range(6):
            shop.customers(rating=rating).to_pandas()
        for include in ([], ["phones"]):
            shop.customers(include=include).run(watcher=Looks())
            assert alive.pop() > 0
        box.fault("status", times=None, status=400)
        with pytest.raises(sc.ServerError):
            shop.customers(city="Bern").to_pandas()
        tenant = shop.source.tenant
        assert modes == {0o600}
        assert list(tmp_path.glob("*.lock")) == []
    old, new, foreign = (tmp_path / f"{tenant}.{digit * 32}.lock" for digit in "abc")
    foreign = foreign.with_name("theirs.lock")
    for path, age_s in ((old, 90_000), (new, 60), (foreign, 90_000)):
        path.touch()
        os.utime(path, (time.time() - age_s,) * 2)
    with shop_of(box, tmp_path):
        assert sorted(tmp_path.glob("*.lock")) == sorted([new, foreign])
