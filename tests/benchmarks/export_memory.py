"""Peak memory of a streamed Parquet export, measured in a process of its own.

Run it with ``python tests/benchmarks/export_memory.py [--customers 200000]``.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from whole_read import _SERVER

import sc_pandas as sc


def export(login: str, path: str) -> None:
    """Export everybody, and print the peak before and after."""
    url, username, password = json.loads(login)
    with sc.connect(url, username=username, password=password, cache_dir=Path(path).parent / "cache") as shop:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begun = time.perf_counter()
        shop.customers(cache="off", progress=False).to_parquet(path)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    size = Path(path).stat().st_size / 2**20
    print(
        f"peak {after / 2**10:,.0f} MiB, {(after - before) / 2**10:,.0f} MiB above the imports; "
        f"{time.perf_counter() - begun:.1f} s; file {size:.1f} MiB"
    )


def main() -> None:
    """Start a sandbox, and measure in a child."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=200_000)
    parser.add_argument("--child", nargs=2)
    asked = parser.parse_args()
    if asked.child:
        export(*asked.child)
        return
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(asked.customers), "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    login = server.stdout.readline().strip()
    with tempfile.TemporaryDirectory() as folder:
        print(f"{asked.customers:,} customers: ", end="", flush=True)
        subprocess.run([sys.executable, __file__, "--child", login, f"{folder}/customers.parquet"], check=True)
    server.communicate("")


if __name__ == "__main__":
    main()
