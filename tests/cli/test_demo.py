"""`demo`: it ends by itself, holds what it says, and leaves nothing behind."""

import importlib
import re
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import sc_pandas as sc
from sc_pandas.query import Connection

DEMO = importlib.import_module("sc_pandas.cli.demo")


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home, a temporary folder and a working folder, all below one path that is empty."""
    for name in ("home", "tmp", "work"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


def test_the_demo_as_a_person_runs_it(run_process: Any, bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 0, a page of 60 lines of 100 columns, no process, no file, nobody listening."""
    monkeypatch.setenv("COLUMNS", "40")
    begun = time.monotonic()
    ran = run_process("demo")
    assert ran.code == 0, ran
    assert ran.err == ""
    assert time.monotonic() - begun < 30  # two seconds on an idle machine
    lines = ran.out.splitlines()
    assert len(lines) < 60
    assert max(map(len, lines)) <= 100
    assert "\x1b" not in ran.out
    assert "NOT TRUE" not in ran.out
    for words in ("1,037 in", "proven (order)", "values equal, dtypes equal, attrs equal", "0 calls, the same rows"):
        assert words in ran.out
    assert "int64[pyarrow]" in ran.out
    assert "open-sesame" not in ran.out
    assert files_below(bare) == []
    port = re.search(r"http://127\.0\.0\.1:([0-9]+)", ran.out)
    assert port is not None
    with socket.socket() as caller:
        assert caller.connect_ex(("127.0.0.1", int(port[1]))) != 0


def test_its_code_does_the_same(run: Any, bare: Path) -> None:
    """The code that it prints runs as it stands, and gives the numbers that were shown."""
    ran = run("demo", "--customers", "200", "--seed", "3")
    assert ran.code == 0
    code = ran.out.partition("The same in Python\n")[2].partition("\nNext\n")[0]
    shown = re.search(r"q\.count\(\) gives ([0-9]+)", ran.out)
    assert shown is not None
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [shown[1], shown[1], "True"]


def test_it_leaves_no_thread_and_no_file(run: Any, bare: Path) -> None:
    before = set(threading.enumerate())
    assert run("demo", "--customers", "60").code == 0
    assert [t for t in threading.enumerate() if t not in before and "sc-pandas" in t.name] == []
    assert files_below(bare / "work") == []


def test_keep_leaves_the_file(run: Any, bare: Path) -> None:
    ran = run("demo", "--customers", "120", "--keep", "new/folder")
    assert ran.code == 0
    assert files_below(bare / "work") == [bare / "work" / "new" / "folder" / "customers.parquet"]
    assert len(sc.read_parquet("new/folder/customers.parquet")) == 120
    assert "new/folder/customers.parquet" in ran.out


def test_a_single_customer_is_enough(run: Any) -> None:
    assert run("demo", "--customers", "1").code == 0
    assert run("demo", "--customers", "0").code == 2


# ── it tells when something does not hold ──────────────────────────────────────────────────────────────────────────
def test_a_file_that_differs_is_told(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def altered(path: Path) -> pd.DataFrame:
        frame = sc.read_parquet(path)
        return frame.assign(email="x")

    monkeypatch.setattr(DEMO, "read_parquet", altered)
    ran = run("demo", "--customers", "60")
    assert ran.code == 1
    assert "NOT TRUE: values equal" in ran.out
    assert "did not hold" in ran.err


def test_a_call_too_many_is_told(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the cache the second read makes calls, and the demo says so."""
    ask = Connection.customers

    def uncached(self: Connection, **asked: Any) -> Any:
        return ask(self, **{**asked, "cache": "off"})

    monkeypatch.setattr(Connection, "customers", uncached)
    ran = run("demo", "--customers", "60")
    assert ran.code == 1
    assert "NOT TRUE: 3 calls" in ran.out
