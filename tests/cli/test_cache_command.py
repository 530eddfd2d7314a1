"""`cache info` and `cache clear`: digests instead of names, and nothing removed that is not ours."""

import threading
from pathlib import Path
from typing import Any

import pytest

from sc_pandas.cache import HttpCache
from sc_pandas.sandbox import Sandbox


def test_info_of_nothing_makes_nothing(run: Any, cache_dir: Path) -> None:
    ran = run("cache", "info", "--json")
    assert ran.json == {"folder": str(cache_dir), "caches": []}
    assert "0 caches" in run("cache", "info").out
    assert not cache_dir.exists()


def test_info_shows_every_tenant_by_digest(
    serve: Any, run: Any, cache_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = serve(60), serve(120)
    for box in (first, second):
        monkeypatch.setenv("SELLERCLOUD_SERVER", box.url)
        assert run("export", tmp_path / "x.parquet", "--server", box.url).code == 0
    ran = run("cache", "info", "--json")
    caches = ran.json["caches"]
    assert {Path(each["path"]).name.partition(".")[0] for each in caches} == {each["tenant"] for each in caches}
    assert sorted(each["pages"] for each in caches) == [3, 5]
    assert [each["reads"] for each in caches] == [1, 1]
    assert all(0 <= each["newest_age_s"] < 60 for each in caches)
    assert all(each["size_bytes"] > 0 for each in caches)
    text = run("cache", "info").out
    assert "2 caches" in text
    for out in (ran.out, text):
        assert "demo@" not in out
        assert "sandbox.test" not in out


def test_clear_asks_and_lists(at_box: Sandbox, run: Any, cache_dir: Path) -> None:
    run("count")
    kept = {path.name for path in cache_dir.iterdir()}
    ran = run("cache", "clear", typed="n\n")
    assert (ran.code, ran.out) == (0, "0 files removed.\n")
    assert "Remove every cache" in ran.err
    assert run("cache", "clear").code == 130  # nobody answers
    assert {path.name for path in cache_dir.iterdir()} == kept
    ran = run("cache", "clear", typed="y\n")
    assert ran.code == 0
    assert ran.out.startswith(f"removed  {cache_dir}")
    # The count of the hour's calls stays: the server goes on counting, too.
    assert {path.suffix for path in cache_dir.iterdir()} == {"", ".pace"}


def test_clear_leaves_what_is_not_ours(at_box: Sandbox, run: Any, cache_dir: Path) -> None:
    run("count")
    theirs = [cache_dir / "orders.sqlite", cache_dir / "notes.txt"]
    for path in theirs:
        path.write_text("theirs")
    ran = run("cache", "clear", "--yes", "--json")
    assert ran.err == ""
    assert [Path(path).suffix for path in ran.json["removed"]]
    assert all(path.read_text() == "theirs" for path in theirs)
    assert list(cache_dir.glob("*.v*.sqlite*")) == []


def test_the_folder_can_be_said(at_box: Sandbox, run: Any, cache_dir: Path, tmp_path: Path) -> None:
    run("count", "--cache-dir", tmp_path / "other")
    assert len(run("cache", "info", "--cache-dir", tmp_path / "other", "--json").json["caches"]) == 1
    assert run("cache", "info", "--json").json["caches"] == []


def test_a_damaged_cache_is_a_line(at_box: Sandbox, run: Any, cache_dir: Path) -> None:
    run("count")
    (database,) = cache_dir.glob("*.sqlite")
    database.write_bytes(b"nonsense" * 1000)
    ran = run("cache", "info", "--json")
    assert ran.code == 0
    assert ran.json["caches"][0]["pages"] == 0
    assert ran.err.startswith("sc-pandas: warning: ")


def test_a_cache_is_closed_when_no_statement_runs(tmp_path: Path) -> None:
    """Ctrl-C closes it while answers are under way: no crash, no file that looks damaged, nothing opened again."""
    cache = HttpCache(tmp_path / "cache", "tenant")
    backend = cache._backend
    assert backend is not None
    running, finish, closed = threading.Event(), threading.Event(), threading.Event()

    def statement() -> str:
        running.set()
        finish.wait(10)
        return "answer"

    answers: list[str] = []

    def close() -> None:
        cache.close()
        closed.set()

    worker = threading.Thread(target=lambda: answers.append(backend.attempt(statement, "miss")))
    closer = threading.Thread(target=close)
    worker.start()
    assert running.wait(10)
    closer.start()
    assert not closed.wait(0.2)
    finish.set()
    worker.join(10)
    assert closed.wait(10)
    assert answers == ["answer"]
    assert backend.attempt(lambda: "late", "miss") == "miss"
    assert not list((tmp_path / "cache").glob("*.corrupt"))
