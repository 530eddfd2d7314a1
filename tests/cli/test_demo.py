"""`demo`: it ends by itself, holds what it says, and leaves nothing behind."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import sc_pandas as sc
from sc_pandas.query import Connection


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home, a temporary folder and a working folder, all below one path that is empty."""
    for name in ("home", "tmp", "work"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


def test_the_demo_as_a_person_runs_it(run_process: Any, bare: Path) -> None:
    """Exit code 0, a page of 60 lines, no process, no file, nobody listening; every comparison is true."""
    begun = time.monotonic()
    ran = run_process("demo")
    assert ran.code == 0, ran
    assert ran.err == ""
    assert time.monotonic() - begun < 30  # two seconds on an idle machine
    assert len(ran.out.splitlines()) < 60
    assert "\x1b" not in ran.out
    assert "'proven (order)'" in ran.out
    assert ran.out.count("\nTrue\n") == ran.out.count(".equals(") + ran.out.count(" == ")
    assert "open-sesame" not in ran.out
    assert files_below(bare) == []


def test_it_leaves_no_file_but_what_keep_asks_for(run: Any, bare: Path) -> None:
    """Its lines run as they stand."""
    assert run("demo", "--customers", "1").code == 0
    assert files_below(bare / "work") == []
    ran = run("demo", "--customers", "120", "--keep", "new/folder")
    assert ran.code == 0
    assert files_below(bare / "work") == [bare / "work" / "new" / "folder" / "customers.parquet"]
    assert len(sc.read_parquet("new/folder/customers.parquet")) == 120
    code = [line.removeprefix(">>> ") for line in ran.out.splitlines() if line.startswith(">>> ")]
    done = subprocess.run([sys.executable, "-c", "\n".join(code)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in ran.out
    assert run("demo", "--customers", "0").code == 2


def test_a_broken_promise_ends_it(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the cache the second read makes calls, and the demo says so."""
    ask = Connection.customers

    def uncached(self: Connection, **asked: Any) -> Any:
        return ask(self, **{**asked, "cache": "off"})

    monkeypatch.setattr(Connection, "customers", uncached)
    ran = run("demo", "--customers", "60")
    assert ran.code == 1
    assert ran.out.endswith("box.calls() - calls == 0\nFalse\n")
    assert "The demo found a promise broken: box.calls() - calls == 0" in ran.err
