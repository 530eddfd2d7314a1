"""CPU and peak memory of a streamed Parquet export, measured in a process of its own against a server of prepared pages.

Run it with ``python -m tests.benchmarks.export_memory [--customers 100000]``; a million takes about two minutes.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import sc_pandas as sc
from tests.faults.raw import RawServer, Wire, whole

_PAGE = 50


def peak_mib() -> float:
    """Peak resident memory of this process (getrusage would count the parent's, from before the exec)."""
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text(encoding="ascii"))
    assert found is not None
    return int(found[1]) / 2**10


def row(number: int) -> bytes:
    """Return a customer; every fourth has three custom columns."""
    entry: dict[str, Any] = {
        "ID": 1, "DataLength": 50, "ClientID": 7, "NewValue": None, "DataSourceContainer": [], "IsRequired": False,
    }  # fmt: skip
    entry |= dict.fromkeys(("IsDropDownColumn", "IsDropDownCustomTextAllowed", "AllowHTMLPopup"), False)
    entry |= {"IsDropDownAllowMultipleSelection": False, "DisplayName": None}
    custom = [("Loyalty Tier", 0, "Gold"), ("Visits", 1, str(number % 90)), ("Since", 3, "2024-05-06T07:08:09")]
    customer = {
        "UserID": number, "Email": f"customer{number}@example.com", "FirstName": f"Ann{number % 997}",
        "LastName": f"Lee{number % 9973}", "EmailCC": None, "CorporateName": f"Company {number % 5000}",
        "Rating": number % 6, "IsWholeSaleUser": number % 5 == 0, "IsWholesaleString": "Retail",
        "CustomColumns": [
            entry | {"ColumnName": name, "DataType": kind, "Value": value} for name, kind, value in custom[: 3 * (number % 4 == 0)]
        ],
    }  # fmt: skip
    return json.dumps(customer, separators=(",", ":")).encode()


def serve(customers: int) -> RawServer:
    """Start a server; a page is made once of the rows of another, so that it costs next to nothing."""
    made = [row(number) for number in range(10**6, 10**6 + 20 * _PAGE)]

    def answer(wire: Wire) -> None:
        number = int(next(value for name, value in wire.params.items() if name.endswith("ageNumber")))
        ids = range((number - 1) * _PAGE, min(number * _PAGE, customers))
        rows = (
            made[each % len(made)].replace(b"%d" % (10**6 + each % len(made)), b"%d" % (10**6 + each)) for each in ids
        )
        wire.send(whole(b'{"Items":[' + b",".join(rows) + b'],"TotalResults":%d}' % customers))

    return RawServer(answer)


def export(url: str, path: str) -> None:
    """Export everybody without a quota, and print what it took."""
    with sc.connect(url, username="me", password="secret", cache_dir=Path(path).parent / "cache") as shop:
        pace = shop.source.client.pace
        pace._calls_per_hour, pace.file = 10**9, None
        before, begun = peak_mib(), time.process_time()
        shop.customers(cache="off", progress=False).to_parquet(path)
        spent, after = time.process_time() - begun, peak_mib()
    size = Path(path).stat().st_size / 2**20
    print(f"peak {after:,.0f} MiB, {after - before:,.0f} above the imports; {spent:.1f} s of CPU; file {size:.1f} MiB")


def main() -> None:
    """Start the server, and measure in a child."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--child", nargs=2)
    asked = parser.parse_args()
    if asked.child:
        export(*asked.child)
        return
    with serve(asked.customers) as server, tempfile.TemporaryDirectory() as folder:
        print(f"{asked.customers:,} customers: ", end="", flush=True)
        child = [sys.executable, "-m", "tests.benchmarks.export_memory", "--child", server.url]
        subprocess.run([*child, f"{folder}/customers.parquet"], check=True)


if __name__ == "__main__":
    main()
