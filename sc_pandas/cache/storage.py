"""requests-cache's SQLite backend with checksummed entries, a bounded wait for locks, and errors that are misses."""

import hashlib
import os
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from requests import Response
from requests_cache.backends.base import BaseCache, DictStorage
from requests_cache.backends.sqlite import SQLiteDict
from requests_cache.models.response import CachedResponse

from sc_pandas import forks

KEEP_AT_MOST: Final = timedelta(days=7)
LOCK_WAIT_S: Final = 2.0
_MAGIC: Final = b"scp1"
_HEAD: Final = struct.Struct(">4s32sd")
# Files that this process, a child, may not open.
_ABANDONED: Final[set[object]] = set()
T = TypeVar("T")


class CacheBusy(sqlite3.OperationalError):  # never leaves this room
    """Another process holds the database's write lock for longer than we wait."""


class Pages(SQLiteDict):
    """The table of responses, beside it the table of reads."""

    def init_db(self) -> None:
        """Create the tables where they are missing; opening a good database takes no lock."""
        self.close()  # type: ignore[no-untyped-call]
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
        """Give the connection; deleted rows are overwritten, not only forgotten."""
        if self.db_path in _ABANDONED:
            raise CacheBusy("locked by the parent of this process")
        fresh = self._connection is None
        with super().connection(commit=False) as con:
            if fresh:
                con.execute("PRAGMA secure_delete=ON")
        if commit and not self._active_transaction:
            with self._acquire_sqlite_lock():
                yield con
        else:
            yield con

    @contextmanager
    def _acquire_sqlite_lock(self) -> Iterator[None]:
        # requests-cache 1.3 repeats BEGIN IMMEDIATE for ever and swallows errors of the write.  Here SQLite's own busy
        # timeout bounds the wait, and what went wrong is told to the caller.
        with self._lock, super().connection() as con:
            try:
                con.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                raise CacheBusy(str(error)) from error
            self._active_transaction = True
            try:
                yield
                con.commit()
            except BaseException:
                with suppress(sqlite3.Error):
                    con.rollback()
                raise
            finally:
                self._active_transaction = False

    def abandon(self) -> None:
        """Leave the file alone for ever, in the child of a process that could not leave it in time."""
        # SQLite holds locks of its own then, and a child may not even close a connection that its parent opened.
        forks.let_be(self._connection)
        self._connection, self._lock = None, forks.new_rlock()
        _ABANDONED.add(self.db_path)

    def _write(self, key: str, value: CachedResponse) -> None:
        created = value.created_at.timestamp()
        body = value.content
        blob = _HEAD.pack(_MAGIC, _checksum(key, created, body), created) + body
        with self.connection(commit=True) as con:
            con.execute(
                "INSERT OR REPLACE INTO responses (key, value, expires) VALUES (?, ?, ?)",
                (key, blob, int(created + KEEP_AT_MOST.total_seconds())),
            )

    def deserialize(self, key: str, value: object) -> CachedResponse:
        """Give the response; an entry that is not what was written is a miss (KeyError)."""
        if not isinstance(value, bytes) or len(value) < _HEAD.size:
            raise KeyError(key)
        magic, checksum, created = _HEAD.unpack_from(value)
        body = value[_HEAD.size :]
        if magic != _MAGIC or checksum != _checksum(key, created, body):
            raise KeyError(key)
        return CachedResponse(content=body, status_code=200, created_at=datetime.fromtimestamp(created, UTC))


def _checksum(key: str, created: float, body: bytes) -> bytes:
    return hashlib.sha256(f"{key}|{created!r}|".encode() + body).digest()


class Backend(BaseCache):
    """A backend whose faults are misses; the first one is told to `on_fault` and turns it off."""

    def __init__(self, path: Path, on_fault: Callable[[str], None]) -> None:
        super().__init__(cache_name=str(path))
        # One connection serves all threads: closed under a running statement, it would end the process or look damaged.
        self._in_use = forks.new_rlock()
        self._off = False
        self._on_fault = on_fault
        _create_private(path)
        busy_ms = int(LOCK_WAIT_S * 1000)
        forks.rests(self, self._in_use, close=Backend._let_go, abandon=Backend._abandon)
        with self._in_use:
            self.pages = self.responses = Pages(
                path, table_name="responses", wal=True, busy_timeout=busy_ms, timeout=LOCK_WAIT_S
            )
        self.redirects = DictStorage()  # type: ignore[no-untyped-call]

    def get_response(self, key: str, default: CachedResponse | None = None) -> CachedResponse | None:
        """Give the kept response, or the default."""
        return self.attempt(lambda: self.responses.get(key), default)

    def save_response(  # every entry has the same life, so that `expires` is not asked
        self,
        response: Response,
        cache_key: str | None = None,
        expires: datetime | None = None,  # noqa: ARG002
    ) -> None:
        """Keep the body and nothing else of a response."""
        if cache_key is not None:
            kept = CachedResponse(content=response.content, status_code=200)
            self.attempt(lambda: self.responses.__setitem__(cache_key, kept), None)

    def attempt(self, action: Callable[[], T], default: T) -> T:
        """Do it, or give the default where the file is at fault; after a fault the file is left alone."""
        with self._in_use:
            if self._off:
                return default
            try:
                return action()
            except (sqlite3.Error, OSError) as error:
                self._off = True
                self._on_fault(fault_reason(error))
                return default

    def close(self) -> None:
        """Close the file once no statement runs; answers that come later are not kept."""
        with self._in_use:
            self._off = True
            super().close()  # type: ignore[no-untyped-call]

    def _let_go(self) -> None:
        # While a process forks; whoever needs the file next opens it again.
        with suppress(sqlite3.Error, AttributeError):  # AttributeError: it could not be opened
            self.pages.close()  # type: ignore[no-untyped-call]

    def _abandon(self) -> None:
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
    # SQLite gives -wal and -shm the mode of the database, so that one file made 0600 keeps all three private.
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    os.close(os.open(path, flags, 0o600))


def set_aside(path: Path) -> None:
    """Move a damaged database out of the way (only the newest one is kept)."""
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        path.replace(path.with_name(path.name + ".corrupt"))
