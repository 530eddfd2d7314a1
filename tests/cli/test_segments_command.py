"""`segments list | save | delete | run`, and `--segment`: what is printed where, and how it ends."""

import stat
from pathlib import Path
from typing import Any

import pytest

import sc_pandas as sc
from sc_pandas.cli.options import flag
from sc_pandas.contract import FILTERS
from sc_pandas.sandbox import Sandbox


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SC_PANDAS_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def saved(run: Any) -> None:
    assert run("segments", "save", "happy", "--rating", "satisfied", "--rating", "5").code == 0
    assert run("segments", "save", "wholesale", "--customer-type", "wholesale").code == 0


def happy(box: Sandbox) -> list[int]:
    return [each["user_id"] for each in box.customers() if each["rating"] in {4, 5}]


# ── names and filters ──────────────────────────────────────────────────────────────────────────────────────────────


def test_saved_listed_and_deleted_without_asking_anybody(run: Any, data_dir: Path) -> None:
    """No server is known here: a question would be an error."""
    ran = run("segments", "list")
    assert (ran.code, ran.out) == (0, "")
    assert "No segment is saved" in ran.err
    ran = run("segments", "save", " happy ", "--rating", "satisfied")
    assert (ran.code, ran.out, ran.err) == (0, "saved  happy  rating='Satisfied'\n", "")
    assert run("segments", "save", "happy", "--rating", "5").out == "replaced  happy  rating='Very_Satisfied'\n"
    assert run("segments", "save", "all").out == "saved  all  all customers\n"
    assert run("segments", "list").out == "all    all customers\nhappy  rating='Very_Satisfied'\n"
    assert stat.S_IMODE((data_dir / "segments.json").stat().st_mode) == 0o600
    ran = run("segments", "delete", "all", "hapy")
    assert (ran.code, ran.out) == (2, "")
    assert "Did you mean 'happy'?" in ran.err
    assert run("segments", "delete", "all", "happy").out == "deleted  all\ndeleted  happy\n"
    assert list(sc.Segments()) == []


@pytest.mark.parametrize("fact", FILTERS, ids=lambda fact: fact.name)
def test_every_filter_can_be_saved(fact: Any, run: Any) -> None:
    value = {"ids": "7", "date": "2026-01-31"}.get(fact.kind, "1")
    assert run("segments", "save", "x", flag(fact.name), value).code == 0
    assert list(sc.Segments()["x"].given()) == [fact.name]


def test_what_cannot_be_saved_is_a_line(run: Any, data_dir: Path) -> None:
    for args in (("save", " "), ("save", "x", "--rating", "grand"), ("save", "x" * 101)):
        ran = run("segments", *args)
        assert (ran.code, ran.out) == (2, "")
        assert ran.err.startswith("sc-pandas: ")
    data_dir.mkdir()
    (data_dir / "segments.json").write_text("{")
    for words in (["list"], ["save", "x"], ["run"]):
        ran = run("segments", *words)
        assert ran.code == 2
        assert "move it away" in ran.err


def test_a_name_from_elsewhere_draws_nothing_on_the_terminal(run: Any) -> None:
    sc.Segments().save("\x1b[2Jclear", city="\x1b]0;x\x07")
    out = run("segments", "list").out
    assert "\x1b" not in out
    assert "\\u001b" in out


# ── running them ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_run_prints_the_table_and_the_difference(serve: Any, run: Any, saved: None) -> None:
    box = serve(300, seed=7)
    ran = run("segments", "run")
    assert ran.code == 0
    assert [line.split()[2:] for line in ran.out.splitlines()] == [["first", "time"]] * 2
    gone = happy(box)[0]
    box.update(gone, rating=1)
    box.insert(3, rating=5)
    ran = run("segments", "run", "happy", "--cache", "refresh")
    assert ran.out.startswith(f"happy  {len(happy(box))}  +3 −1  since 20")
    assert "made)" in ran.err
    ran = run("segments", "run", "happy", "--json")
    (told,) = ran.json["segments"]
    assert ran.json["calls"] == 0
    assert (told["added"], told["removed"], told["count"]) == (3, 1, len(happy(box)))
    assert told["filter"] == {"rating": ["Satisfied", "Very_Satisfied"]}
    assert told["verdict"].startswith("proven")
    run("cache", "clear", "--yes")
    assert "+0 −0" in run("segments", "run", "happy").out


def test_one_that_fails_is_shown_among_the_others(serve: Any, run: Any, saved: None) -> None:
    serve(120)
    sc.Segments().save("zoned", created_on_from="2024-01-01T00:00+01:00")
    ran = run("segments", "run")
    assert ran.code == 2
    assert [line.split()[0] for line in ran.out.splitlines()] == ["happy", "wholesale", "zoned"]
    assert "failed: FilterError" in ran.out
    assert "sc-pandas: zoned: created_on_from has a time zone" in ran.err
    told = run("segments", "run", "--json").json
    assert [each["name"] for each in told["segments"]] == ["happy", "wholesale"]
    assert [(each["name"], each["error"]) for each in told["failed"]] == [("zoned", "FilterError")]
    assert run("segments", "run", "--server-timezone", "UTC").code == 0


def test_nothing_saved_asks_for_no_login(run: Any) -> None:
    ran = run("segments", "run", "--json")
    assert (ran.code, ran.json["segments"]) == (0, [])
    assert "No segment is saved" in run("segments", "run").out


def test_a_segment_stands_for_the_filters_of_other_commands(serve: Any, run: Any, saved: None, tmp_path: Path) -> None:
    box = serve(300, seed=7)
    assert run("count", "--segment", "happy", "--json").json["count"] == len(happy(box))
    assert run("export", tmp_path / "happy.parquet", "--segment", "happy").code == 0
    frame = sc.read_parquet(tmp_path / "happy.parquet")
    assert frame["user_id"].tolist() == happy(box)
    assert frame.attrs["sellercloud"]["filter"] == {"rating": ["Satisfied", "Very_Satisfied"]}
    calls = box.calls()
    for args in (["--segment", "hapy"], ["--segment", "happy", "--rating", "5"]):
        ran = run("count", *args)
        assert (ran.code, ran.out) == (2, "")
        assert run("segments", "run", "hapy").code == 2
    assert box.calls() == calls
