"""Rows A27 and F14 of the fault catalogue: a read that is stopped, by a person or by SIGKILL, at any point."""

import json
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

import sc_pandas as sc
from tests.support.wire_faults import order

PERSON = r"""
import json, sys, threading, time
import sc_pandas as sc
url, user, password, folder = sys.argv[1:]
with sc.connect(url, username=user, password=password, cache_dir=folder, dialect="article", max_wait=3600) as shop:
    shop.log_in()
    print("ready", flush=True)
    try:
        shop.customers(progress=False).to_pandas()
        print("not stopped", flush=True)
    except KeyboardInterrupt:
        stopped = time.monotonic()
        print("stopped", flush=True)
    while [t for t in threading.enumerate() if t.name.startswith("sc_pandas")] and time.monotonic() < stopped + 20:
        time.sleep(0.01)
    print(time.monotonic() - stopped, flush=True)
    if sys.stdin.readline() == "again\n":
        print(len(shop.customers(progress=False).to_pandas()), flush=True)
"""
STOPS: dict[str, dict[str, Any]] = {
    "in the first page": {"kind": "hang", "at": 1},
    "in the pages between": {"kind": "hang", "at": 4},
    "while headers are awaited": {"kind": "delay", "at": 3, "delay_s": 30.0},
    "in a slow drip": {"kind": "slow_drip", "at": 3},
    "in a throttle of 20 minutes, between pages": {"kind": "throttle", "at": 4, "reset_in_s": 1_200.0},
}


@pytest.mark.fault("A27")
@pytest.mark.parametrize("where", STOPS)
def test_ctrl_c_leaves_within_a_second_and_no_thread_stays(where: str, tmp_path: Path) -> None:
    """A child is interrupted; then it asks again with the same connection, and finished pages are not asked again."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with sc.sandbox.serve(customers=300, seed=7) as box:
        order(box, **STOPS[where])
        command = [
            sys.executable, "-W", "error", "-c", PERSON, box.url, box.username, box.password, str(tmp_path / "c"),
        ]  # fmt: skip
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            assert child.stdout is not None
            assert child.stdin is not None
            assert child.stdout.readline() == "ready\n"
            until = time.monotonic() + 10.0
            while box.calls("list") < STOPS[where]["at"] and time.monotonic() < until:
                time.sleep(0.01)
            time.sleep(0.1)
            child.send_signal(signal.SIGINT)
            pressed = time.monotonic()
            assert child.stdout.readline() == "stopped\n"
            assert time.monotonic() - pressed < 1.0
            # Calls that were under way hear of it, too: their threads are gone.
            assert float(child.stdout.readline()) < 1.0
            box.clear_faults()
            asked = box.calls("list")
            # After a throttle nothing may be asked before its reset time.
            is_throttled = "throttle" in where
            child.stdin.write("end\n" if is_throttled else "again\n")
            child.stdin.flush()
            assert child.stdout.readline() == ("" if is_throttled else "300\n")
            assert child.wait(20) == 0
        finally:
            signal.signal(signal.SIGINT, before)
            child.kill()
            child.communicate()
        if where == "in the pages between":
            assert box.calls("list") - asked < 8


KILLED = """
import json, os, signal, sys, threading
from pathlib import Path
import sc_pandas as sc
from sc_pandas import files
from sc_pandas.cache import http_cache, storage
import pandas, pyarrow.compute, sc_pandas.query, sc_pandas.reading.run  # once, not in every child
url, user, password, folder, order = sys.argv[1:]

def read(path):
    with sc.connect(url, username=user, password=password, cache_dir=path, dialect="article") as shop:
        return shop.customers(progress=False).run().table["user_id"].to_pylist()

def killed_at(point, path):
    lock, seen = threading.Lock(), [0]
    def step():
        with lock:
            seen[0] += 1
            if seen[0] == point: os.kill(os.getpid(), signal.SIGKILL)
    def around(owner, name):
        real = getattr(owner, name)
        def stepped(*args, **more):
            step()
            try: return real(*args, **more)
            finally: step()
        setattr(owner, name, stepped)
    around(storage.Backend, "put")
    around(http_cache.HttpCache, "keep_notes")
    around(files, "_settle")
    around(files, "sync_folder")
    read(path)

def in_child(work, *arguments):
    child = os.fork()
    if child: return os.waitpid(child, 0)[1]
    code = 1
    try: work(*arguments); code = 0
    finally: os._exit(code)

def report(path, out):
    Path(out).write_text(json.dumps(read(path)))

point, found, step = 0, [], 2 if order == "id_asc" else 5
print("ready", flush=True)
while True:
    point += step
    path = f"{folder}/{point}"
    sys.stdin.readline()
    status = in_child(killed_at, point, path)
    print("killed", flush=True)
    sys.stdin.readline()
    again = in_child(report, path, path + ".json")
    print(json.dumps([status, again, json.loads(Path(path + ".json").read_text()) if again == 0 else []]), flush=True)
    if status == 0: break
print("end", flush=True)
"""


@pytest.mark.fault("F14", "C20", "E21")
@pytest.mark.parametrize("order", ["id_asc", "unstable"])
def test_killed_around_any_write_a_read_goes_on(order: Any, tmp_path: Path) -> None:
    """SIGKILL around each write of a page, of the read's own facts and of the kept rows; in pages and in windows.

    Asked again, the read gives what an undisturbed one gives, and the two together ask little more than one would.
    """
    with sc.sandbox.serve(customers=300, seed=7, order=order) as box:
        with sc.connect(box.url, username=box.username, password=box.password, cache_dir=tmp_path / "c") as shop:
            whole = shop.customers().run()
        command = [sys.executable, "-W", "error", "-c", textwrap.dedent(KILLED)]
        command += [box.url, box.username, box.password, str(tmp_path), order]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        costs, kills = [], 0
        try:
            assert child.stdout is not None
            assert child.stdin is not None
            assert child.stdout.readline() == "ready\n"
            while True:
                before = box.calls("list")
                for expected in ("killed\n", None):
                    child.stdin.write("go\n")
                    child.stdin.flush()
                    line = child.stdout.readline()
                    assert expected in {None, line}
                status, again, ids = json.loads(line)
                assert (status, again) in {(0, 0), (signal.SIGKILL, 0)}
                assert ids == whole.table["user_id"].to_pylist()
                costs.append(box.calls("list") - before)
                kills += status != 0
                if status == 0:
                    break
            assert child.stdout.readline() == "end\n"
        finally:
            child.kill()
            child.communicate()
    assert kills > 5
    # Up to 16 calls were under way when it struck; what proves that nothing moved is asked again.
    assert max(costs) <= whole.report.calls + 16 + 8
