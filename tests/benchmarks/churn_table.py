"""Print the churn table as markdown: ``python -m tests.benchmarks.churn_table [customers …] [part …] [order …] [seeds=4]``.

Parts are moves, merges, odd, stale and first; all of them, and 5,000 and 50,000 customers, where none is named.
A cell says: verdicts · calls, median (most) · virtual seconds; ✗ counts reads against the bounds that tests hold.
"""

import sys
from typing import Final

from tests.simulation.cells import MERGES, MOVES, ODD, STALE, cell, row_of
from tests.simulation.shop import ORDERS

PARTS: Final = {"moves": MOVES, "merges": MERGES, "odd": ODD, "stale": STALE}
SEEDS: Final = {5_000: 10, 50_000: 4, 200_000: 2}


def main(words: list[str]) -> None:
    """Print the parts and sizes that are named."""
    sizes = [int(word) for word in words if word.isdecimal()] or [5_000, 50_000]
    parts = [word for word in words if word in PARTS] or ([] if "first" in words else list(PARTS))
    orders = [word for word in words if word in ORDERS] or list(ORDERS)
    seeds = next((int(word.removeprefix("seeds=")) for word in words if word.startswith("seeds=")), None)
    print(f"| customers | what moves | {' | '.join(orders)} |\n|---|---|{'---|' * len(orders)}")
    complaints: list[str] = []
    for customers in sizes:
        for part in parts:
            for says, facts in PARTS[part].items():
                row = []
                for order in orders:
                    one = cell(says, customers, order, facts)
                    outcomes = one.run(range(seeds or SEEDS.get(customers, 4)))
                    complaints += one.complaints(outcomes)[:2]
                    row.append((one, outcomes))
                print(row_of(row), flush=True)
    if "first" in words or not parts:
        for customers in (1_037, 20_000, 200_000):
            for says, facts in (("nothing", {}), ("1 new/s", {"inserts": 1.0})):
                row = [(one, one.run(range(2))) for order in orders for one in [cell(says, customers, order, facts)]]
                print(row_of(row), flush=True)
    print("\n".join(["", *complaints]))


if __name__ == "__main__":
    main(sys.argv[1:])
