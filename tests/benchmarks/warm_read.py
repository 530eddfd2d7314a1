"""A warm read of many customers, side by side in one run: kept Arrow file, HTTP cache with decoding, `pd.read_parquet`.

Run it with ``python tests/benchmarks/warm_read.py [--customers 100000]``.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

import sc_pandas as sc


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
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    with (
        sc.sandbox.serve(customers=asked.customers, seed=7, calls_per_hour=10_000_000) as box,
        tempfile.TemporaryDirectory() as folder,
        sc.connect(box.url, username=box.username, password=box.password, cache_dir=Path(folder) / "cache") as shop,
    ):
        frame = shop.customers(progress=False).to_pandas()
        file = frame.sellercloud.to_parquet(Path(folder) / "customers.parquet")

        def pages() -> pd.DataFrame:
            for path in (Path(folder) / "cache").glob("*.arrow"):
                path.unlink()
            return shop.customers(progress=False).to_pandas()

        results = {
            "sc_pandas, kept Arrow file": timed(lambda: shop.customers(progress=False).to_pandas(), asked.repeats),
            "sc_pandas, pages of the HTTP cache": timed(pages, min(asked.repeats, 3)),
            "sc.read_parquet": timed(lambda: sc.read_parquet(file), asked.repeats),
            "pd.read_parquet, pyarrow dtypes": timed(
                lambda: pd.read_parquet(file, dtype_backend="pyarrow"), asked.repeats
            ),
        }
    print(f"{asked.customers:,} customers, medians")
    base = results["pd.read_parquet, pyarrow dtypes"]
    for name, seconds in results.items():
        print(
            f"{name:<36}{seconds:8.3f} s {asked.customers / seconds:12,.0f} rows/s {seconds / base:7.2f} x pd.read_parquet"
        )


if __name__ == "__main__":
    main()
