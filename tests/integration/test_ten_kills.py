"""A long read whose process is killed ten times: nothing is lost, and nothing that was finished is asked anew."""

import logging
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

import sc_pandas as sc
from sc_pandas.sandbox import LogEntry
from tests.integration.oracle import assert_equals_truth

_log = logging.getLogger(__name__)

CUSTOMERS = 20_000
PAGES = CUSTOMERS // 50
KILLS = 10
SEED = 4
IN_FLIGHT = 16  # calls that a reader may have made whose answers were not kept yet when it died

_READ = """
import sys, sc_pandas as sc
url, username, password, folder, target = sys.argv[1:]
with sc.connect(url, username=username, password=password, cache_dir=folder) as shop:
    shop.customers(progress=False).to_parquet(target)
"""


def reader(box: sc.sandbox.Sandbox, folder: Path, target: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", _READ, box.url, box.username, box.password, str(folder), str(target)]
    return subprocess.Popen(command)


def pages_of(entries: list[LogEntry]) -> Counter[int]:
    """Count how often each page was asked; the question is the same in all of them."""
    return Counter(int(value) for each in entries for name, value in each.params if name.endswith("pageNumber"))


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.fault("C20")
def test_ten_kills_lose_nothing_and_ask_nothing_anew(tmp_path: Path) -> None:
    """Page 1 and the last page prove the answer and are asked by each reader; of all others only what was in flight."""
    (tmp_path / "out").mkdir()
    target = tmp_path / "out" / "customers.parquet"
    # So many calls each reader lives for; enough that what the last kill tore is finished at the next one.
    randomly = random.Random(SEED)
    lives = [randomly.randint(2, 48), *(randomly.randint(2 * IN_FLIGHT + 2, 48) for _ in range(KILLS - 1))]
    kills: list[tuple[int, int]] = []
    began = time.monotonic()
    with sc.sandbox.serve(customers=CUSTOMERS, seed=7, latency_s=0.2) as box:
        for life in lives:
            with reader(box, tmp_path / "cache", target) as process:
                begun = box.calls("list")
                while box.calls("list") < begun + life:
                    assert process.poll() is None, "it ended before it could be killed"
                    time.sleep(0.01)
                process.kill()
                killed_at = box.calls("list")
            time.sleep(0.5)  # what was in flight reaches the log
            kills.append((killed_at, box.calls("list")))
            assert not target.exists()
            assert list(target.parent.iterdir()) == []
        with reader(box, tmp_path / "cache", target) as process:
            assert process.wait() == 0
        seconds = time.monotonic() - began
        asked = box.log.requests("list")
        frame = sc.read_parquet(target)
        assert_equals_truth(frame, box.customers())
    assert frame.attrs["sellercloud"]["verdict"].startswith("proven")
    assert list(target.parent.iterdir()) == [target]

    _log.info("%d calls for %d pages, %d kills, %.1f s", len(asked), PAGES, KILLS, seconds)
    proving = {1, PAGES}
    begun, kept = 0, set[int]()
    for killed_at, over_at in kills:
        lived = asked[begun:killed_at]
        begun = over_at
        later = pages_of(asked[over_at:]).keys() - proving
        # The last answers before the kill may have been on their way into the cache.
        kept |= pages_of(lived[: max(0, len(lived) - IN_FLIGHT)]).keys()
        assert not kept & later
        assert len(pages_of(lived).keys() & later) <= IN_FLIGHT
    times = pages_of(asked)
    assert set(times) == set(range(1, PAGES + 1))
    assert max(times[number] for number in times.keys() - proving) <= 2
    assert sum(times[number] - 1 for number in times.keys() - proving) <= IN_FLIGHT * KILLS
    assert all(times[number] <= 2 * (KILLS + 1) for number in proving)
