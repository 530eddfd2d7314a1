"""Peak memory of a streamed Parquet export, measured in a process of its own.

Run it with ``python tests/benchmarks/export_memory.py [--customers 200000]``.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import sc_pandas as sc


def peak_kib() -> int:
    """Peak resident memory of this process (getrusage would count the parent's, from before the exec)."""
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text(encoding="ascii"))
    assert found is not None
    return int(found[1])


def export(login: str, path: str) -> None:
    """Export everybody, and print the peak before and after."""
    url, username, password = json.loads(login)
    with sc.connect(url, username=username, password=password, cache_dir=Path(path).parent / "cache") as shop:
        before = peak_kib()
        begun = time.perf_counter()
        shop.customers(cache="off", progress=False).to_parquet(path)
        after = peak_kib()
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
    with (
        sc.sandbox.serve(customers=asked.customers, seed=7, calls_per_hour=10_000_000) as box,
        tempfile.TemporaryDirectory() as folder,
    ):
        login = json.dumps([box.url, box.username, box.password])
        print(f"{asked.customers:,} customers: ", end="", flush=True)
        subprocess.run([sys.executable, __file__, "--child", login, f"{folder}/customers.parquet"], check=True)


if __name__ == "__main__":
    main()
