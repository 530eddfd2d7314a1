"""CPU seconds of a cold read, against loops that people write and dlt.

Run it with ``python tests/benchmarks/cold_read.py [--customers 20000] [--repeats 3] [--dlt PYTHON]``.  A server in a process
of its own replays bodies of the sandbox, rendered before, once at 0 ms and once after 50 ms with 16 calls in flight.  Each
contender reads in a process of its own, first a shop of one page, so imports do not count, then the whole; it tells
the CPU seconds of the second read.  They take turns, and medians count.  dlt is run by a Python that has it (``pip install "dlt[duckdb]"`` in a venv of its own).
"""

import argparse
import json
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PAGE = 50
IN_FLIGHT = 16
NAMES = ("sc_pandas, cache off", "sc_pandas, cold cache", "fair loop", "fair loop, requests-cache", "dlt")


# ── the server ─────────────────────────────────────────────────────────────────────────────────────────────────────
def serve(customers: int, latency_s: float) -> None:
    """Replay pages until stdin ends."""
    bodies = rendered(customers)
    last = answer(json.dumps({"Items": [], "TotalResults": customers}).encode())
    token = answer(b'{"access_token": "t"}')

    def talk(sock: socket.socket) -> None:
        with sock:
            while head := sock.recv(65_536):
                while b"\r\n\r\n" not in head:
                    head += sock.recv(65_536)
                length = re.search(rb"(?i)content-length: (\d+)", head)
                missing = int(length[1]) - len(head.partition(b"\r\n\r\n")[2]) if length else 0
                while missing > 0:
                    missing -= len(sock.recv(missing))
                time.sleep(latency_s)
                number = re.search(rb"ageNumber=(\d+)", head)
                sock.sendall(token if number is None else bodies.get(int(number[1]), last))

    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(listener.getsockname()[1], flush=True)

    def accept() -> None:
        while True:
            sock, _ = listener.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=talk, args=(sock,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()


def rendered(customers: int) -> dict[int, bytes]:
    import requests

    from sc_pandas import sandbox

    with sandbox.serve(customers=customers, seed=7, calls_per_hour=10_000_000) as box, requests.Session() as session:
        login = {"Username": box.username, "Password": box.password}
        token = session.post(f"{box.url}/rest/api/token", json=login, timeout=60).json()["access_token"]
        session.headers["Authorization"] = f"Bearer {token}"
        url = f"{box.url}/rest/api/Customers?model.pageSize={PAGE}&model.pageNumber="
        numbers = range(1, -(-customers // PAGE) + 1)
        return {number: answer(session.get(f"{url}{number}", timeout=60).content) for number in numbers}


def answer(body: bytes) -> bytes:
    head = "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nDate: Fri, 27 Nov 2026 12:00:00 GMT\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


# ── the contenders: each returns how many rows it read ─────────────────────────────────────────────────────────────
def read_ours(url: str, in_flight: int, folder: str, *, cache: str) -> int:
    import sc_pandas as sc

    with sc.connect(url, username="a", password="b", cache_dir=Path(folder) / "cache") as shop:
        return len(shop.customers(cache=cache, progress=False).to_pandas())  # type: ignore[arg-type]


def read_by_loop(url: str, in_flight: int, folder: str, *, cached: bool) -> int:
    """Read as a careful person does: pages at once, custom columns unfolded, columns typed."""
    import pandas as pd
    import requests
    import requests_cache

    session: Any = requests_cache.CachedSession(f"{folder}/loop.sqlite") if cached else requests.Session()
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=in_flight))
    login = session.post(f"{url}/rest/api/token", json={"Username": "a", "Password": "b"}, timeout=60)
    session.headers["Authorization"] = f"Bearer {login.json()['access_token']}"

    def page(number: int) -> dict[str, Any]:
        params = {"model.pageNumber": number, "model.pageSize": PAGE}
        got: dict[str, Any] = session.get(f"{url}/rest/api/Customers", params=params, timeout=60).json()
        return got

    def unfolded(item: dict[str, Any]) -> dict[str, Any]:
        for column in item.pop("CustomColumns") or ():
            item[f"custom_{column['ColumnName']}"] = column["Value"]
        return item

    first = page(1)
    numbers = range(2, -(-first["TotalResults"] // PAGE) + 1)
    if in_flight == 1:
        pages = [first, *map(page, numbers)]
    else:
        with ThreadPoolExecutor(in_flight) as pool:
            pages = [first, *pool.map(page, numbers)]
    frame = pd.DataFrame([unfolded(item) for each in pages for item in each["Items"]])
    for name in frame.columns:
        if name.startswith("custom_"):
            texts = frame[name].astype("string[pyarrow]")
            numeric = pd.to_numeric(texts, errors="coerce")
            frame[name] = numeric if numeric.notna().sum() == texts.notna().sum() else texts
    session.close()
    return len(frame.convert_dtypes(dtype_backend="pyarrow"))


def read_by_dlt(url: str, in_flight: int, folder: str) -> int:
    import os

    os.environ.update({"DLT_DATA_DIR": folder, "RUNTIME__DLTHUB_TELEMETRY": "false"})
    import dlt
    from dlt.sources.helpers.rest_client import RESTClient
    from dlt.sources.helpers.rest_client.auth import BearerTokenAuth
    from dlt.sources.helpers.rest_client.paginators import PageNumberPaginator

    pages = PageNumberPaginator(base_page=1, page_param="model.pageNumber", total_path=None)
    client = RESTClient(f"{url}/rest/api", auth=BearerTokenAuth("t"), paginator=pages, data_selector="Items")

    read = client.paginate("/Customers", params={"model.pageSize": PAGE})
    pipeline = dlt.pipeline("shop", pipelines_dir=folder, destination=dlt.destinations.duckdb(f"{folder}/shop.duckdb"))
    pipeline.run(dlt.resource(read, name="customers", primary_key="UserID"))
    with pipeline.sql_client() as sql:
        return int(sql.execute_sql("SELECT count(*) FROM customers")[0][0])


def contend(name: str, small: str, url: str, in_flight: int) -> None:
    """Read a shop of one page, then the whole; print CPU seconds and rows of the second read."""
    reads: dict[str, Callable[[str, str], int]] = {
        NAMES[0]: lambda url, folder: read_ours(url, in_flight, folder, cache="off"),
        NAMES[1]: lambda url, folder: read_ours(url, in_flight, folder, cache="use"),
        NAMES[2]: lambda url, folder: read_by_loop(url, in_flight, folder, cached=False),
        NAMES[3]: lambda url, folder: read_by_loop(url, in_flight, folder, cached=True),
        NAMES[4]: lambda url, folder: read_by_dlt(url, in_flight, folder),
    }
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as folder:
        reads[name](small, first)
        begun = time.process_time()
        rows = reads[name](url, folder)
        print(json.dumps([time.process_time() - begun, rows]))


@contextmanager
def served(customers: int, latency_s: float) -> Iterator[str]:
    """Serve in a process of its own."""
    command = [sys.executable, __file__, "serve", str(customers), str(latency_s)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        server.communicate("")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dlt", help="a Python that has dlt")
    asked = parser.parse_args()
    names = [name for name in NAMES if name != "dlt" or asked.dlt]
    if not asked.dlt:
        print("dlt is missing; name a Python that has it by --dlt")
    for latency_s, in_flight in ((0.0, 1), (0.05, IN_FLIGHT)):
        with served(PAGE, latency_s) as small, served(asked.customers, latency_s) as url:
            seconds: dict[str, list[float]] = {name: [] for name in names}
            for name in names * asked.repeats:
                python = asked.dlt if name == "dlt" else sys.executable
                read = [python, __file__, "read", name, small, url, str(in_flight)]
                cpu_s, rows = json.loads(subprocess.run(read, capture_output=True, text=True, check=True).stdout)
                assert rows == asked.customers, (name, rows)
                seconds[name].append(cpu_s)
        medians = {name: statistics.median(each) for name, each in seconds.items()}
        print(f"{asked.customers:,} customers, {latency_s * 1000:g} ms a call, median (least) of {asked.repeats}")
        print(f"{'':<28}{'CPU s':>14}{'× cache off':>13}{'× cold cache':>14}")
        for name, median in medians.items():
            shown = f"{median:.2f} ({min(seconds[name]):.2f})"
            print(f"{name:<28}{shown:>14}{median / medians[NAMES[0]]:>13.2f}{median / medians[NAMES[1]]:>14.2f}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", customers, latency_s]:
            serve(int(customers), float(latency_s))
        case ["read", name, small, url, in_flight]:
            contend(name, small, url, int(in_flight))
        case _:
            main()
