"""The cache: whose it is, what it keeps, how old it may be; and that no fault of its file is ever an error or a wrong row."""

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pandas as pd
import pytest

import sc_pandas as sc
from sc_pandas.query.connection import Connection
from sc_pandas.settings import Credentials, Secret, base_url
from tests.integration.oracle import assert_equals_truth
from tests.support.shops import kept_bodies, shop_of

PAGE_BYTES = 16_384  # of the database
HEAD = 44  # magic, SHA-256 and time before each body


@pytest.fixture(scope="module")
def box() -> Iterator[sc.sandbox.Sandbox]:
    with sc.sandbox.serve(customers=120, seed=7) as server:
        yield server


def database(folder: Path) -> Path:
    (path,) = folder.glob("*.sqlite")
    return path


def filled(box: sc.sandbox.Sandbox, folder: Path) -> pd.DataFrame:
    with shop_of(box, folder) as shop:
        return shop.customers().to_pandas()


def drop_kept_rows(folder: Path) -> None:
    """Make the HTTP cache answer, and not the finished rows beside it."""
    for path in folder.glob("*.arrow"):
        path.unlink()


@contextmanager
def cache_warnings() -> Iterator[list[str]]:
    """Collect the reasons of cache warnings; any other warning is an error."""
    reasons: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("error")
        warnings.simplefilter("always", sc.CacheWarning)
        yield reasons
    reasons += [each.message.reason for each in caught if isinstance(each.message, sc.CacheWarning)]


@pytest.mark.fault("E01")
def test_one_user_never_gets_another_user_s_rows(box: sc.sandbox.Sandbox, tmp_path: Path) -> None:
    filled(box, tmp_path)
    strangers = [
        Credentials("eve@sandbox.test", password=Secret(box.password)),
        Credentials(None, token=Secret("eve")),
        Credentials(box.username + ".evil", token=Secret("eve")),
    ]
    for stranger in strangers:
        with Connection(base_url(box.url), stranger, cache_dir=tmp_path) as shop:
            with pytest.raises(sc.CacheMissError):
                shop.customers(cache="offline").to_pandas()
            with pytest.raises(sc.AuthError):
                shop.customers().to_pandas()
    assert len(list(tmp_path.glob("*.sqlite"))) == 4


@pytest.mark.fault("E01")
def test_one_user_at_two_servers_gets_each_server_s_rows(box: sc.sandbox.Sandbox, tmp_path: Path) -> None:
    with sc.sandbox.serve(customers=120, seed=8) as other:
        for _ in range(2):
            assert_equals_truth(filled(box, tmp_path), box.customers())
            assert_equals_truth(filled(other, tmp_path), other.customers())


def test_a_user_s_name_in_another_case_is_the_same_user(box: sc.sandbox.Sandbox, tmp_path: Path) -> None:
    filled(box, tmp_path)
    same = Credentials(f" {box.username.upper()} ", password=Secret("not asked"))
    with Connection(base_url(box.url), same, cache_dir=tmp_path) as shop:
        assert len(shop.customers(cache="offline").to_pandas()) == 120


@pytest.mark.fault("E03")
def test_a_folder_that_others_may_read_is_not_used(box: sc.sandbox.Sandbox, tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o755)
    with cache_warnings() as reasons:
        frame = filled(box, folder)
    assert_equals_truth(frame, box.customers())
    if reasons:
        assert reasons == ["not_private"]
        assert not list(folder.glob("*.sqlite*"))
    else:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_offline_asks_nobody_and_misses_with_an_error(tmp_path: Path) -> None:
    with sc.sandbox.serve(customers=120, seed=7) as box:
        truth = box.customers()
        with shop_of(box, tmp_path) as shop:
            with pytest.raises(sc.CacheMissError) as caught:
                shop.customers(cache="offline").to_pandas()
            assert caught.value.age_s is None
            assert len(box.log) == 0
            shop.customers().to_pandas()
        offline = shop_of(box, tmp_path)
    with offline:  # the server is gone
        assert_equals_truth(offline.customers(cache="offline").to_pandas(), truth)
        assert offline.customers(cache="offline").count() == 120
        with pytest.raises(sc.CacheMissError):
            offline.customers(cache="offline", city="Berlin").to_pandas()
        time.sleep(0.02)
        with pytest.raises(sc.CacheMissError) as caught:
            offline.customers(cache="offline", max_age=0.01).to_pandas()
        assert caught.value.age_s is not None
        assert 0.01 < caught.value.age_s < 60


def test_refresh_keeps_the_new_answer_and_max_age_decides(tmp_path: Path) -> None:
    with sc.sandbox.serve(customers=120, seed=7) as box, shop_of(box, tmp_path) as shop:
        shop.customers().to_pandas()
        box.update(1001, first_name="Changed")
        assert "Changed" not in set(shop.customers().to_pandas().first_name)
        time.sleep(0.02)
        assert shop.customers(max_age=60).run().report.calls == 0
        assert_equals_truth(shop.customers(cache="refresh").to_pandas(), box.customers())
        assert_equals_truth(shop.customers(cache="offline").to_pandas(), box.customers())
        box.insert(3)
        time.sleep(0.02)
        assert_equals_truth(shop.customers(max_age=0.01).to_pandas(), box.customers())
        assert_equals_truth(shop.customers().to_pandas(), box.customers())


def test_off_keeps_nothing(box: sc.sandbox.Sandbox, tmp_path: Path) -> None:
    with shop_of(box, tmp_path) as shop:
        shop.customers(cache="off").to_pandas()
        assert kept_bodies(tmp_path) == []
        with pytest.raises(sc.CacheMissError):
            shop.customers(cache="offline").to_pandas()


@pytest.fixture(scope="module")
def good(box: sc.sandbox.Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a healthy cache, to be copied."""
    folder = tmp_path_factory.mktemp("good") / "c"
    filled(box, folder)
    return folder


def damaged_read(box: sc.sandbox.Sandbox, good: Path, folder: Path, content: bytes) -> list[str]:
    """Read with a cache whose file is this: the rows must be right; return the reasons of the warnings."""
    database(shutil.copytree(good, folder)).write_bytes(content)
    with cache_warnings() as reasons:
        frame = filled(box, folder)
    assert_equals_truth(frame, box.customers())
    return reasons


@pytest.mark.fault("E09")
def test_any_page_overwritten_gives_right_rows_and_one_warning(
    box: sc.sandbox.Sandbox, good: Path, tmp_path: Path
) -> None:
    content = database(good).read_bytes()
    warned = []
    for place in range(0, len(content), PAGE_BYTES):
        folder = tmp_path / str(place)
        reasons = damaged_read(
            box, good, folder, content[:place] + os.urandom(PAGE_BYTES) + content[place + PAGE_BYTES :]
        )
        assert reasons in (["damaged"], []) if place else (["damaged"],)
        warned += reasons
        # What was moved aside is private, and the next read is healthy.
        assert all(stat.S_IMODE(p.stat().st_mode) == 0o600 for p in folder.glob("*.corrupt*"))
        with cache_warnings() as later:
            filled(box, folder)
        assert not later
    assert len(warned) > 1


NO_DATABASE = [b"", b"x", b"SQLite format 3\0", b"\0" * 8192, b"not a database at all" * 999]


@pytest.mark.fault("E09")
@pytest.mark.parametrize("left", [*NO_DATABASE, 0.1, 0.5, 0.9, 0.99])
def test_what_is_no_database_or_cut_short_gives_right_rows(
    left: bytes | float, box: sc.sandbox.Sandbox, good: Path, tmp_path: Path
) -> None:
    whole = database(good).read_bytes()
    content = left if isinstance(left, bytes) else whole[: int(len(whole) * left)]
    assert len(damaged_read(box, good, tmp_path / "c", content)) <= 1


@pytest.mark.fault("E10")
def test_an_entry_with_a_flipped_byte_is_never_served(box: sc.sandbox.Sandbox, tmp_path: Path) -> None:
    """Anywhere in its head and in its body; the read itself heals it."""
    filled(box, tmp_path)
    for place in [*range(0, HEAD + 4, 3), *range(-1, -3_000, -300)]:
        with closing(sqlite3.connect(database(tmp_path))) as con, con:
            key, value = con.execute("SELECT key, value FROM responses ORDER BY length(value) LIMIT 1").fetchone()
            bad = bytearray(value)
            bad[place] ^= 0x01
            con.execute("UPDATE responses SET value = ? WHERE key = ?", (bytes(bad), key))
        drop_kept_rows(tmp_path)
        before = box.calls("list")
        assert_equals_truth(filled(box, tmp_path), box.customers())
        assert box.calls("list") > before


@pytest.mark.fault("E10")
def test_an_entry_in_another_entry_s_place_is_never_served(box: sc.sandbox.Sandbox, tmp_path: Path) -> None:
    filled(box, tmp_path)
    with closing(sqlite3.connect(database(tmp_path))) as con, con:
        keys, values = zip(*con.execute("SELECT key, value FROM responses").fetchall(), strict=True)
        moved = zip((*values[1:], values[0]), keys, strict=True)
        con.executemany("UPDATE responses SET value = ? WHERE key = ?", moved)
    drop_kept_rows(tmp_path)
    before = box.calls("list")
    assert_equals_truth(filled(box, tmp_path), box.customers())
    assert box.calls("list") > before


def test_an_entry_that_is_gone_is_asked_again(box: sc.sandbox.Sandbox, tmp_path: Path) -> None:
    filled(box, tmp_path)
    with closing(sqlite3.connect(database(tmp_path))) as con, con:
        con.execute("DELETE FROM responses WHERE key = (SELECT max(key) FROM responses)")
    drop_kept_rows(tmp_path)
    assert_equals_truth(filled(box, tmp_path), box.customers())


HOLD = """
import sqlite3, sys
con = sqlite3.connect(sys.argv[1], isolation_level=None)
con.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.fault("E11")
@pytest.mark.parametrize("state", ["cold", "warm"])
def test_a_lock_of_another_process_costs_under_three_seconds(
    state: str, box: sc.sandbox.Sandbox, tmp_path: Path
) -> None:
    with shop_of(box, tmp_path) as shop:
        shop.customers(city="Berlin").to_pandas()
    if state == "warm":
        filled(box, tmp_path)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database(tmp_path))], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        started = time.monotonic()
        with cache_warnings() as reasons:
            frame = filled(box, tmp_path)
        took = time.monotonic() - started
        holder.communicate(b"")
    assert_equals_truth(frame, box.customers())
    assert took < 3.0
    assert reasons == ([] if state == "warm" else ["locked"])


FULL = """
import json, os, resource, signal, sys, traceback, warnings
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
import sc_pandas as sc
url, user, password, folder, *limits = sys.argv[1:]
for limit in limits:
    if os.fork():
        os.wait()
        continue
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with sc.connect(url, username=user, password=password, cache_dir=folder + limit) as shop:
                ids = [int(i) for i in shop.customers().to_pandas().user_id]
        print(json.dumps([ids, [getattr(w.message, "reason", str(w.message)) for w in caught]]), flush=True)
    except BaseException: traceback.print_exc()
    finally: os._exit(0)
"""
LIMITS = (0, 512, 8_192, 20_000, 60_000, 100_000)


@pytest.mark.fault("E12")
def test_a_full_disk_gives_right_rows_and_one_warning(box: sc.sandbox.Sandbox, tmp_path: Path) -> None:
    command = [sys.executable, "-c", FULL, box.url, box.username, box.password, str(tmp_path / "c"), *map(str, LIMITS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    for limit, line in zip(LIMITS, done.stdout.splitlines(), strict=True):
        ids, reasons = json.loads(line)
        assert ids == [record["user_id"] for record in box.customers()]
        assert len(reasons) <= 1
        assert set(reasons) <= {"full", "unwritable"}
        assert reasons or limit > 20_000
        # A later process with room serves the truth.
        assert_equals_truth(filled(box, tmp_path / f"c{limit}"), box.customers())


def test_a_planted_link_is_not_followed(box: sc.sandbox.Sandbox, tmp_path: Path) -> None:
    filled(box, tmp_path / "a")
    name = database(tmp_path / "a").name
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    folder = tmp_path / "b"
    folder.mkdir(mode=0o700)
    (folder / name).symlink_to(victim)
    with cache_warnings() as reasons:
        frame = filled(box, folder)
    assert_equals_truth(frame, box.customers())
    assert len(reasons) == 1
    assert victim.read_bytes() == b"precious"
