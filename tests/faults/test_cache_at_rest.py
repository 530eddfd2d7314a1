"""Rows E of the fault catalogue: what lies on the disk runs no code, tells no secret, and is nobody else's."""

import base64
import os
import pickle
import shutil
import sqlite3
import stat
import subprocess
import threading
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests_cache

import sc_pandas as sc
from sc_pandas.query.connection import Connection
from sc_pandas.settings import Credentials, Secret, base_url
from tests.faults.raw import TOKEN, RawServer, Wire, page, whole
from tests.integration.oracle import assert_equals_truth
from tests.support.shops import shop_of


@pytest.fixture(scope="module")
def box() -> Iterator[sc.sandbox.Sandbox]:
    with sc.sandbox.serve(customers=120, seed=7) as server:
        yield server


def filled(box: sc.sandbox.Sandbox, folder: Path) -> None:
    with shop_of(box, folder) as shop:
        shop.customers().to_pandas()


def again(box: sc.sandbox.Sandbox, folder: Path) -> None:
    """Read once more: the rows must be right, whatever the cache holds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sc.CacheWarning)
        with shop_of(box, folder) as shop:
            assert_equals_truth(shop.customers().to_pandas(), box.customers())


def other_name(box: sc.sandbox.Sandbox, folder: Path) -> Connection:
    login = Credentials("eve@sandbox.test", password=Secret("wrong"))
    return Connection(base_url(box.url), login, cache_dir=folder, dialect="article")


def planted_names(mine: Path, theirs: Path, suffix: str) -> int:
    """Rename every file of one user as if it were another's; return how many there were."""
    tenants = [next(folder.glob("*.sqlite")).name.split(".")[0] for folder in (mine, theirs)]
    files = [path for path in mine.iterdir() if path.name.startswith(tenants[0]) and path.name.endswith(suffix)]
    for path in files:
        shutil.copy(path, theirs / path.name.replace(tenants[0], tenants[1]))
    return len(files)


@pytest.mark.fault("E01")
def test_a_database_under_another_user_s_name_is_not_theirs(box: sc.sandbox.Sandbox, tmp_path: Path) -> None:
    filled(box, tmp_path / "mine")
    with other_name(box, tmp_path / "theirs"):
        pass
    assert planted_names(tmp_path / "mine", tmp_path / "theirs", ".sqlite")
    with other_name(box, tmp_path / "theirs") as eve, pytest.raises(sc.CacheMissError):
        eve.customers(cache="offline").to_pandas()


class Bomb:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


def plant_in_tables(database: Path, bomb: bytes) -> int:
    """Put the bomb into each cell of each table in turn, keys left as they are; give how many cells there were."""
    cells = 0
    with closing(sqlite3.connect(database)) as con, con:
        tables = [row[0] for row in con.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for column in [row[1] for row in con.execute(f"PRAGMA table_info({table})")]:
                if column not in {"key", "query", "expires"}:
                    cells += con.execute(f"UPDATE {table} SET {column} = ?", (bomb,)).rowcount  # noqa: S608  # its own
    return cells


@pytest.mark.fault("E02")
def test_a_pickle_planted_everywhere_never_runs(box: sc.sandbox.Sandbox, tmp_path: Path) -> None:
    """Bare, behind our head and checksum's place, and under the names that requests-cache would use.

    Negative control: the next test.
    """
    mark = tmp_path / "ran"
    bomb = pickle.dumps(Bomb(mark))
    folder = tmp_path / "c"
    filled(box, folder)
    for planted in (bomb, b"scp1" + bytes(40) + bomb):
        for path in folder.glob("*.v*.sqlite"):
            assert plant_in_tables(path, planted) >= 4
        for path in folder.iterdir():
            if path.suffix != ".sqlite" and path.name != ".gitignore":
                path.write_bytes(planted)
        for name in ("http_cache.sqlite", "http_cache", "responses.pkl", "read.arrow"):
            (folder / name).write_bytes(planted)
        again(box, folder)
        assert not mark.exists()
        for path in list(folder.iterdir()):
            if path.name != ".gitignore":  # by which the folder is known for ours
                path.write_bytes(planted)
        again(box, folder)
        assert not mark.exists()
        filled(box, folder)


def test_negative_control_requests_cache_runs_it(tmp_path: Path) -> None:
    """The broken variant of E02: the same planted cell, read by the backend as it comes."""
    mark = tmp_path / "ran"
    session = requests_cache.CachedSession(tmp_path / "c.sqlite", backend="sqlite")
    with closing(sqlite3.connect(tmp_path / "c.sqlite")) as con, con:
        con.execute("INSERT INTO responses (key, value) VALUES ('k', ?)", (pickle.dumps(Bomb(mark)),))
    session.cache.responses.get("k")
    session.close()  # type: ignore[no-untyped-call]
    assert mark.exists()


@pytest.mark.fault("E03")
def test_no_file_is_open_to_others_at_any_moment_of_a_read(tmp_path: Path) -> None:
    """A watcher looks at the folder all through two reads under the most open umask."""
    folder = tmp_path / "deep" / "c"
    wide: set[tuple[str, int]] = set()
    seen: set[str] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for path in [folder, *folder.glob("*")]:
                try:
                    facts = path.lstat()
                except OSError:
                    continue
                seen.add(path.suffix)
                if facts.st_mode & 0o077 and path.name != ".gitignore":
                    wide.add((path.name, stat.S_IMODE(facts.st_mode)))

    before = os.umask(0)
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with sc.sandbox.serve(customers=300, seed=7, latency_s=0.01) as box, shop_of(box, folder) as shop:
            for cache in ("use", "use", "refresh"):
                shop.customers(cache=cache).to_pandas()
            shop.customers().to_parquet(folder / "x.parquet")
    finally:
        done.set()
        watcher.join()
        os.umask(before)
    assert wide == set()
    assert {".sqlite", ".sqlite-wal", ".pace", ".arrow", ".parquet"} <= seen


def hidden(secret: str) -> list[bytes]:
    """Return the forms in which a secret could lie in a file."""
    raw = secret.encode()
    return [raw, raw.hex().encode(), base64.b64encode(raw)[:-4], raw[::-1], secret.encode("utf-16-le")]


@pytest.mark.fault("E05")
def test_no_credential_lies_in_any_byte_of_the_cache(tmp_path: Path) -> None:
    """Headers of the answer in every spelling, the token and the password: looked for while open and when closed."""
    headers = [
        f"{name}: Canary-{n}"
        for n, name in enumerate(("Set-Cookie", "set-cookie", "X-Api-key", "authorization", "ETag"))
    ]

    def script(wire: Wire) -> None:
        number = int(wire.params["pageNumber"])
        ids = list(range(1, 121))[(number - 1) * 50 : number * 50]
        wire.send(whole(page(ids, 120), *headers))

    canaries = [TOKEN, "Raw-Canary", "Canary-", "ann@x.test", "Bearer", "127.0.0.1"]

    def search() -> int:
        files = [path for path in (tmp_path / "c").rglob("*") if path.is_file()]
        for path in files:
            content = path.read_bytes()
            for canary in canaries:
                assert not any(form in content for form in hidden(canary)), (path, canary)
        return sum(path.stat().st_size for path in files)

    with RawServer(script) as server, server.shop(tmp_path / "c") as shop:
        shop.customers().to_pandas()
        assert search() > 10_000
        shop.customers(cache="refresh", last_name="Canary-filter").to_pandas()
        assert search() > 10_000
    assert search() > 10_000
    # The rows are there, so that the search does look where the data is.
    assert any(b"7@example.test" in path.read_bytes() for path in (tmp_path / "c").iterdir())


@pytest.mark.fault("E17")
def test_a_cache_in_a_git_work_tree_is_not_seen(
    box: sc.sandbox.Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the default folder nothing lands in the work tree, with a cache folder in it git sees nothing of it."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)

    def git(*args: str) -> str:
        return subprocess.run(["git", *args], cwd=tree, capture_output=True, text=True, check=True).stdout

    git("init", "-q")
    monkeypatch.chdir(tree)
    monkeypatch.delenv("SC_PANDAS_CACHE_DIR", raising=False)
    with sc.connect(box.url, username=box.username, password=box.password) as shop:
        shop.customers().to_pandas()
    assert [path.name for path in tree.iterdir()] == [".git"]
    filled(box, tree / "cache")
    assert len(list((tree / "cache").iterdir())) > 1
    assert git("status", "--porcelain", "--untracked-files=all") == ""
    (tree / "cache" / ".gitignore").unlink()  # without it git would have seen them
    assert ".sqlite" in git("status", "--porcelain", "--untracked-files=all")


@pytest.mark.fault("E01")
def test_kept_rows_under_another_user_s_name_are_not_theirs(box: sc.sandbox.Sandbox, tmp_path: Path) -> None:
    """Both users have read the same question before; then one's rows are planted in the place of the other's."""
    with sc.sandbox.serve(customers=60, seed=8) as other:
        filled(other, tmp_path / "theirs")
        filled(box, tmp_path / "mine")  # later, so that they are not refused for their age
        mine, theirs = ([*(tmp_path / each).glob("*.arrow")] for each in ("mine", "theirs"))
        assert len(mine) == len(theirs) == 1
        shutil.copy(mine[0], theirs[0])
        with shop_of(other, tmp_path / "theirs") as shop:
            assert_equals_truth(shop.customers().to_pandas(), other.customers())


@pytest.mark.fault("E10")
def test_kept_rows_of_another_question_are_not_the_answer(box: sc.sandbox.Sandbox, tmp_path: Path) -> None:
    with shop_of(box, tmp_path) as shop:
        retail = shop.customers(customer_type="Retail").run().table
        (asked,) = tmp_path.glob("*.arrow")
        shop.customers().run()
        (planted,) = set(tmp_path.glob("*.arrow")) - {asked}
        shutil.copy(planted, asked)
        assert shop.customers(customer_type="Retail").run().table.equals(retail)
