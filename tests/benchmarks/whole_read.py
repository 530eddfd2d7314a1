"""Rows a second of a whole read, against the loop people write, side by side in one run.

Run it with ``python tests/benchmarks/whole_read.py [--customers 20000] [--latency 0.2]``; it prints medians and ratios.
The sandbox runs in a process of its own, so that it does not share the client's interpreter.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import requests
import requests_cache

import sc_pandas as sc

_SERVER = """
import json, sys, sc_pandas.sandbox as s
box = s.serve(customers=int(sys.argv[1]), seed=7, latency_s=float(sys.argv[2]), calls_per_hour=10_000_000)
print(json.dumps([box.url, box.username, box.password]), flush=True)
sys.stdin.read()
box.close()
"""


def plain_loop(url: str, username: str, password: str, session: requests.Session) -> pd.DataFrame:
    """Read all pages as a hand-written loop does."""
    login = requests.post(f"{url}/rest/api/token", json={"Username": username, "Password": password}, timeout=60)
    headers = {"Authorization": f"Bearer {login.json()['access_token']}"}
    rows: list[dict[str, object]] = []
    page = 1
    while True:
        params = {"model.pageNumber": page, "model.pageSize": 50}
        answer = session.get(f"{url}/rest/api/Customers", params=params, headers=headers, timeout=60).json()
        if not answer["Items"]:
            break
        rows += answer["Items"]
        page += 1
    return pd.json_normalize(rows).convert_dtypes(dtype_backend="pyarrow")


def timed(read: Callable[[], object], repeats: int) -> float:
    """Median seconds of a read."""
    seconds = []
    for _ in range(repeats):
        begun = time.perf_counter()
        read()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(asked.customers), str(asked.latency)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    url, username, password = json.loads(server.stdout.readline())
    with tempfile.TemporaryDirectory() as folder:
        shop = sc.connect(url, username=username, password=password, cache_dir=Path(folder) / "cache")
        shop.log_in()
        with requests_cache.CachedSession(str(Path(folder) / "loop.sqlite")) as kept, requests.Session() as plain:
            results = {
                "plain loop": timed(lambda: plain_loop(url, username, password, plain), asked.repeats),
                "sc_pandas, no cache": timed(
                    lambda: shop.customers(cache="off", progress=False).to_pandas(), asked.repeats
                ),
                "sc_pandas, cold cache": timed(
                    lambda: shop.customers(cache="refresh", progress=False).to_pandas(), asked.repeats
                ),
                "sc_pandas, warm cache": timed(lambda: shop.customers(progress=False).to_pandas(), asked.repeats),
            }
            plain_loop(url, username, password, kept)
            results["plain loop, warm requests-cache"] = timed(
                lambda: plain_loop(url, username, password, kept), asked.repeats
            )
        shop.close()
    server.communicate("")
    slowest = results["plain loop"]
    print(f"{asked.customers:,} customers, {asked.latency * 1000:g} ms a call, median of {asked.repeats}")
    for name, seconds in results.items():
        print(f"{name:<34}{seconds:8.2f} s {asked.customers / seconds:10,.0f} rows/s {slowest / seconds:7.1f} x")


if __name__ == "__main__":
    main()
