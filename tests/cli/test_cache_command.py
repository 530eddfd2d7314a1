"""`cache info` and `cache clear`: digests instead of names, and nothing removed that is not ours."""

from pathlib import Path
from typing import Any

import pytest

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
    ran = run("cache", "clear", "--yes")
    assert (ran.out, ran.err) == ("0 files removed.\n", "")
    # The count of the hour's calls stays: the server goes on counting, too.
    assert {path.suffix for path in cache_dir.iterdir()} == {"", ".pace"}


def test_a_damaged_cache_is_a_line(at_box: Sandbox, run: Any, cache_dir: Path) -> None:
    run("count")
    (database,) = cache_dir.glob("*.sqlite")
    database.write_bytes(b"nonsense" * 1000)
    ran = run("cache", "info", "--json")
    assert ran.code == 0
    assert ran.json["caches"][0]["pages"] == 0
    assert ran.err.startswith("sc-pandas: warning: ")
