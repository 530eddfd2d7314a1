"""Connections for tests: tries and waits are short, everything else is as users have it."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sc_pandas.client import RetryPolicy, Timeouts
from sc_pandas.query.connection import Connection
from sc_pandas.sandbox import Sandbox, serve
from sc_pandas.settings import Credentials, Secret, base_url

QUICK = RetryPolicy(base_s=0.001, cap_s=0.01)
BRISK = Timeouts(connect_s=0.5, read_s=0.4, total_s=0.5)
PATIENT = Timeouts(connect_s=5.0, read_s=10.0, total_s=20.0)


def shop_of(box: Sandbox, folder: Path, *, password: str | None = None, **options: Any) -> Connection:
    """Connect to a sandbox with short waits; `options` are those of `Connection`."""
    settings: dict[str, Any] = {"policy": QUICK, "timeouts": PATIENT, "max_wait_s": 30.0, "cache_dir": folder}
    login = Credentials(box.username, password=Secret(box.password if password is None else password))
    return Connection(base_url(box.url), login, **(settings | options))


@contextmanager
def served(folder: Path, **options: Any) -> Iterator[tuple[Sandbox, Connection]]:
    """Serve a sandbox and connect to it; `options` are those of `serve`."""
    with serve(**options) as box, shop_of(box, folder) as shop:
        yield box, shop


def kept_bodies(folder: Path) -> list[Any]:
    """Return every body that a cache folder holds, parsed; read with SQLite alone."""
    bodies = []
    for path in folder.glob("*.sqlite"):
        con = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            bodies += [json.loads(bytes(row[0])[44:]) for row in con.execute("SELECT value FROM responses")]
        finally:
            con.close()
    return bodies


def finished_reads(folder: Path) -> list[dict[str, Any]]:
    """Return what a cache folder remembers of reads, read with SQLite alone."""
    reads = []
    for path in folder.glob("*.sqlite"):
        con = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            rows = con.execute("SELECT facts FROM reads WHERE query NOT IN ('dialect', 'columns')").fetchall()
        finally:
            con.close()
        reads += [json.loads(row[0]) for row in rows]
    return reads
