"""What each `include=` costs in calls, as planned by `estimate()` and as counted by the server.

    python tests/benchmarks/include_cost.py --customers 10000

The frame itself is read first, so that the figures are what the include adds; each include begins with a cache of its
own.  Any number of details costs what one does: a call for each customer.
"""

import argparse
import tempfile
import time

import sc_pandas as sc
from sc_pandas.contract.details import DETAILS
from sc_pandas.contract.includes import PARTITIONS

ASKED = [name for name in PARTITIONS if name != "company_id"]


def cost(customers: int, include: list[str]) -> tuple[int, int, int, float]:
    """Return the calls of counting, of the plan and of the read, and the seconds of the read."""
    with (
        sc.sandbox.serve(customers=customers, seed=7, calls_per_hour=10**9) as box,
        tempfile.TemporaryDirectory() as folder,
        sc.connect(box.url, username=box.username, password=box.password, cache_dir=folder) as shop,
    ):
        shop.customers().run()
        query = shop.customers(include=include, max_calls=10**9)
        before = box.calls()
        planned = query.estimate().calls
        counted = box.calls()
        begun = time.perf_counter()
        query.run()
        seconds = time.perf_counter() - begun
        return counted - before, planned, box.calls() - counted, seconds


def main() -> None:
    """Print a line for each include."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=10_000)
    customers = parser.parse_args().customers
    print(f"{customers:,} customers, already read; calls that the include adds")
    print(f"{'include':<32}{'to count':>10}{'planned':>10}{'made':>10}{'seconds':>10}")
    for include in (*([name] for name in ASKED), ASKED, sorted(DETAILS)):
        name = (
            include[0]
            if len(include) == 1
            else f"all {len(include)} by {'detail' if include[0] in DETAILS else 'list'}"
        )
        counting, planned, made, seconds = cost(customers, list(include))
        print(f"{name:<32}{counting:>10,}{planned:>10,}{made:>10,}{seconds:>10.1f}")


if __name__ == "__main__":
    main()
