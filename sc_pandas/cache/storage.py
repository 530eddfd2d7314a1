"""The database of one tenant, on requests-cache's `SQLiteDict`; a child may not close its `_connection`.

`SQLiteDict` opens the file, once for all threads, with write-ahead logging.  Its way to write is not used: it waits for
a lock for ever, and swallows errors of the write.
"""

import hashlib
import os
import sqlite3
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from requests_cache.backends.sqlite import SQLiteDict

from sc_pandas import forks
from sc_pandas.cache.folder import KEEP_AT_MOST

LOCK_WAIT_S: Final = 2.0
# Small bodies that come quickly are written together: so many, or what came in so many seconds.
_AT_ONCE: Final = 16
_AT_ONCE_S: Final = 0.25
_SMALL: Final = 2**20
_MAGIC: Final = b"scp1"
_HEAD: Final = struct.Struct(">4s32sd")
# Files that this process, a child, may not open.
_ABANDONED: Final[set[object]] = set()
T = TypeVar("T")


class CacheBusy(sqlite3.OperationalError):  # never leaves this room
    """Another process holds the database's write lock for longer than we wait."""


class _Connection(sqlite3.Connection):
    """A connection that overwrites what is deleted."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.execute("PRAGMA secure_delete=ON")
        # Of a new file: a body fills a few pages then, and not ten.
        self.execute("PRAGMA page_size=16384")


class Pages(SQLiteDict):
    """The table of bodies, beside it the table of reads."""

    def init_db(self) -> None:
        """Create the tables where they are missing; opening a good database takes no lock."""
        with self.connection() as con:
            names = {row[0] for row in con.execute("SELECT name FROM sqlite_master WHERE type='table'")}
        if {"responses", "reads"} <= names:
            return
        with self.connection(commit=True) as con:
            con.execute("CREATE TABLE IF NOT EXISTS responses (key TEXT PRIMARY KEY, value BLOB, expires INTEGER)")
            con.execute("CREATE INDEX IF NOT EXISTS expires_idx ON responses(expires)")
            con.execute("CREATE TABLE IF NOT EXISTS reads (query TEXT PRIMARY KEY, facts TEXT, expires INTEGER)")

    @contextmanager
    def connection(self, commit: bool = False) -> Iterator[sqlite3.Connection]:  # noqa: FBT001, FBT002  # its base's
        """Open the connection; with `commit`, hold the write lock and commit at the end."""
        if self.db_path in _ABANDONED:
            raise CacheBusy("locked by the parent of this process")
        with super().connection() as con:
            if not commit:
                yield con
                return
            try:
                con.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                raise CacheBusy(str(error)) from error
            try:
                yield con
                con.commit()
            except BaseException:
                with suppress(sqlite3.Error):
                    con.rollback()
                raise

    def abandon(self) -> None:
        """Leave the file alone for ever, in the child of a process that could not leave it in time."""
        # SQLite holds locks of its own then, and a child may not even close a connection that its parent opened.
        forks.let_be(self._connection)
        self._connection = None
        _ABANDONED.add(self.db_path)

    def deserialize(self, key: str, value: object) -> tuple[bytes, float]:
        """Return a body and when it was kept; an entry that is not what was written is a miss (KeyError)."""
        if not isinstance(value, bytes) or len(value) < _HEAD.size:
            raise KeyError(key)
        magic, checksum, created = _HEAD.unpack_from(value)
        body = value[_HEAD.size :]
        if magic != _MAGIC or checksum != _checksum(key, created, body):
            raise KeyError(key)
        return body, created


def _checksum(key: str, created: float, body: bytes) -> bytes:
    return hashlib.sha256(f"{key}|{created!r}|".encode() + body).digest()


class Backend:
    """A database whose faults are misses; the first one is told to `on_fault` and turns it off."""

    def __init__(self, path: Path, on_fault: Callable[[str], None]) -> None:
        # One connection serves all threads: closed under a running statement, it would end the process or look damaged.
        self._in_use = forks.new_rlock()
        self._off = False
        self._on_fault = on_fault
        self._waiting: list[tuple[str, bytes, int]] = []
        self._written_at = 0.0
        _create_private(path)
        forks.rests(self, self._in_use, close=Backend._let_go, abandon=Backend._abandon)
        with self._in_use:
            self.pages = Pages(
                path,
                table_name="responses",
                serializer=None,
                wal=True,
                busy_timeout=int(LOCK_WAIT_S * 1_000),
                timeout=LOCK_WAIT_S,
                lock=self._in_use,
                factory=_Connection,
            )

    def get(self, key: str) -> tuple[bytes, float] | None:
        """Return a body and when it was kept, Unix seconds; None where it is missing or damaged."""
        return self.attempt(lambda: self.pages.get(key), None)

    def put(self, key: str, body: bytes) -> None:
        """Keep a body under a key; a process that is killed may lose the last ones."""
        created = time.time()
        blob = _HEAD.pack(_MAGIC, _checksum(key, created, body), created) + body
        with self._in_use:
            if self._off:
                return
            self._waiting.append((key, blob, int(created + KEEP_AT_MOST.total_seconds())))
            has_waited = time.monotonic() > self._written_at + _AT_ONCE_S
            if len(self._waiting) >= _AT_ONCE or has_waited or len(body) > _SMALL:
                self.flush()

    def flush(self) -> None:
        """Write what waits."""
        self.attempt(lambda: None, None)

    def _write(self) -> None:
        rows, self._waiting = self._waiting, []
        if rows:
            with self.pages.connection(commit=True) as con:
                con.executemany("INSERT OR REPLACE INTO responses (key, value, expires) VALUES (?, ?, ?)", rows)
            self._written_at = time.monotonic()

    def attempt(self, action: Callable[[], T], default: T) -> T:
        """Do it, or return the default where the file is at fault; after a fault the file is left alone."""
        with self._in_use:
            if self._off:
                return default
            try:
                self._write()
                return action()
            except (sqlite3.Error, OSError) as error:
                self._off = True
                self._on_fault(fault_reason(error))
                return default

    def close(self) -> None:
        """Close the file once no statement runs; answers that come later are not kept."""
        with self._in_use:
            self._let_go()
            self._off = True

    def _let_go(self) -> None:
        # While a process forks; whoever needs the file next opens it again.
        if not self._off:
            self.flush()
        with suppress(sqlite3.Error, AttributeError):  # AttributeError: it could not be opened
            self.pages.close()  # type: ignore[no-untyped-call]

    def _abandon(self) -> None:
        self._waiting.clear()
        with suppress(AttributeError):
            self.pages.abandon()


def fault_reason(error: Exception) -> str:
    """Name a fault of the file."""
    text = str(error).lower()
    if isinstance(error, CacheBusy) or "locked" in text or "busy" in text:
        return "locked"
    if "full" in text or "disk i/o" in text:
        return "full"
    if isinstance(error, sqlite3.OperationalError | OSError):
        return "unwritable"
    return "damaged"


def _create_private(path: Path) -> None:
    # SQLite gives -wal and -shm the mode of the database, so one file made 0600 keeps all three private.
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    os.close(os.open(path, flags, 0o600))


def set_aside(path: Path) -> None:
    """Move a damaged database out of the way (only the newest one is kept)."""
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        path.replace(path.with_name(path.name + ".corrupt"))
