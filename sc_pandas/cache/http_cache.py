"""One tenant's cache: verified bodies under keys, and the reads that they belong to."""

import contextlib
import hashlib
import json
import os
import sqlite3
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sc_pandas.cache.folder import KEEP_AT_MOST, OURS, hide_from_git, home_of, left_behind, private_home
from sc_pandas.errors import CacheWarning, SettingsError
from sc_pandas.wording import caller_stacklevel

if TYPE_CHECKING:
    from sc_pandas.cache.storage import Backend

FORMAT: Final = 1
# SQLite binds at least 999 values at once.
_SLOTS_AT_ONCE: Final = 500
# Locks are removed by who holds them; those of a process that was killed, and of earlier editions, after a day.
_KEPT_S: Final = {".arrow": KEEP_AT_MOST.total_seconds(), ".lock": 86_400.0}
# What one tenant's pages may take on disk; the space of deleted ones is used again.
BYTES_AT_MOST: Final = 2**30
_BYTES_USED: Final = (
    "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
)
_SENTENCES: Final = {
    "locked": "another program holds its lock",
    "damaged": "its file is damaged; it was moved aside and a new one begins",
    "full": "the disk is full",
    "unwritable": "its file cannot be read or written",
    "not_private": "its folder is not private to you",
    "no_home": "this user has no home folder; name a folder by cache_dir= or SC_PANDAS_CACHE_DIR",
}


# It stands beside reads in their table; no edition takes it for one.
_COLUMNS: Final = "SELECT CAST(facts AS BLOB) FROM reads WHERE query = 'columns'"
_FOR_EVER: Final = 2**62


def cache_key(*parts: str | int | Iterable[tuple[str, str]]) -> str:
    """Return a key that two different questions never share: SHA-256 over typed, length-prefixed parts."""
    typed: list[tuple[bytes, str]] = []
    for part in parts:
        if isinstance(part, str):
            typed.append((b"s", part))
        elif isinstance(part, int):
            typed.append((b"i", str(part)))
        else:
            pairs = list(part)
            typed.append((b"l", str(len(pairs))))
            for name, value in pairs:
                typed += ((b"n", name), (b"v", value))
    encoded = [(kind, text.encode()) for kind, text in typed]
    return hashlib.sha256(b"".join([b"%b%d:%b" % (kind, len(raw), raw) for kind, raw in encoded])).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheInfo:
    """What `sc-pandas cache info` shows of one tenant's database."""

    path: Path
    size_bytes: int
    pages: int
    reads: int
    newest_age_s: float | None


class HttpCache:
    """The cache of one (host, user).

    Parameters
    ----------
    folder
        Where databases lie, or in a folder below where others' files lie; made private.  None where there is none.
    tenant
        Digest of host and user: the file's name and a part of every key.

    Warns
    -----
    CacheWarning
        Once, when the file is locked, damaged, full or not private; from then on everything is a miss.
    """

    def __init__(self, folder: Path | None, tenant: str) -> None:
        self.tenant = tenant
        home = Path(os.devnull) if folder is None else home_of(folder)
        self.path = home / f"{tenant}.v{FORMAT}.sqlite"
        self._warned = False
        self._backend = self._open(folder)
        self._purge()

    @property
    def usable(self) -> bool:
        """True if there is a database at all."""
        return self._backend is not None

    def _open(self, folder: Path | None) -> "Backend | None":
        # Imported here, because requests-cache takes a fifth of a second of the CPU to import.
        from sc_pandas.cache.storage import Backend, fault_reason, set_aside

        if folder is None:
            self._warn("no_home")
            return None
        try:
            hide_from_git(private_home(folder))
        except SettingsError:
            self._warn("not_private")
            return None
        except OSError:
            self._warn("unwritable")
            return None
        if left_behind(folder):
            message = (
                f"Among other files in {folder} lies a cache of an earlier edition, which is not used any more: the "
                f"cache lies in {self.path.parent} now. Remove it with `sc-pandas cache clear --cache-dir {folder}`."
            )
            warnings.warn(CacheWarning(message, reason="left_behind"), stacklevel=4)
        for _attempt in range(2):
            try:
                return Backend(self.path, self._fault)
            except (sqlite3.Error, OSError) as error:
                reason = fault_reason(error)
                self._warn(reason)
                if reason != "damaged":
                    return None
                set_aside(self.path)
        return None

    def _fault(self, reason: str) -> None:
        from sc_pandas.cache.storage import set_aside

        self._warn(reason)
        if reason == "damaged" and self._backend is not None:
            self._backend.close()
            set_aside(self.path)

    def _warn(self, reason: str) -> None:
        if not self._warned:
            self._warned = True
            message = f"The cache is not used: {_SENTENCES[reason]}. Rows come from the server."
            warnings.warn(CacheWarning(message, reason=reason), stacklevel=3)

    def find_page(self, key: str) -> bytes | None:
        """Return a kept body, or None."""
        found = self.find_dated(key)
        return None if found is None else found[0]

    def find_dated(self, key: str, max_age_s: float = float("inf")) -> tuple[bytes, float] | None:
        """Return a kept body that is young enough, and when it was kept, Unix seconds; or None."""
        found = None if self._backend is None else self._backend.get(key)
        return found if found is not None and time.time() - found[1] <= max_age_s else None

    def keep_page(self, key: str, body: bytes) -> None:
        """Keep a body that was verified, in the place of what its key had before."""
        if self._backend is not None:
            self._backend.put(key, body)

    def flush(self) -> None:
        """Write what waits to be written."""
        if self._backend is not None:
            self._backend.flush()

    def has_pages(self, prefix: str) -> bool:
        """Return whether any body is kept under a key that begins so."""
        sql = "SELECT 1 FROM responses WHERE key >= ? AND key < ? LIMIT 1"
        return bool(self._attempt(sql, (prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1))))

    def drop_page(self, key: str) -> None:
        """Forget a kept body."""
        self._attempt("DELETE FROM responses WHERE key = ?", (key,), write=True)

    def find_notes(self, slots: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return what is noted in some slots; what is not as it was written, by one bit, is left out."""
        notes: dict[str, dict[str, Any]] = {}
        for begin in range(0, len(slots), _SLOTS_AT_ONCE):
            some = slots[begin : begin + _SLOTS_AT_ONCE]
            rows = self._attempt(_noted(some), (*some, int(time.time())))
            notes |= {slot: note for slot, facts in rows if (note := _facts_read(slot, facts)) is not None}
        return notes

    def keep_notes(self, notes: Mapping[str, Mapping[str, Any]], forget: Sequence[str] = ()) -> None:
        """Note reads in slots and forget others, at once; the pages of reads that stood there before are removed.

        A note has the `read_id` that the keys of its pages begin with, and when the read began, `started_at`.
        """
        if self._backend is None:
            return
        pages, slots = self._backend.pages, [*notes, *forget]
        life_s = KEEP_AT_MOST.total_seconds()
        rows = [(each, _facts_written(each, note), int(note["started_at"] + life_s)) for each, note in notes.items()]

        def run() -> None:
            with pages.connection(commit=True) as con:
                before = [
                    _facts_read(slot, facts) for slot, facts in con.execute(_noted(slots), (*slots, 0)).fetchall()
                ]
                con.executemany("DELETE FROM reads WHERE query = ?", [(slot,) for slot in forget])
                con.executemany("INSERT OR REPLACE INTO reads (query, facts, expires) VALUES (?, ?, ?)", rows)
                gone = {note["read_id"] for note in before if note} - {note["read_id"] for note in notes.values()}
                ranges = [(f"{read_id}-", f"{read_id}.") for read_id in gone]
                con.executemany("DELETE FROM responses WHERE key >= ? AND key < ?", ranges)

        self._backend.attempt(run, None)

    def find_dialect(self) -> str | None:
        """Return the dialect that this server was found to understand, if it is remembered."""
        row = self._attempt("SELECT CAST(facts AS BLOB) FROM reads WHERE query = 'dialect'", ())
        return bytes(row[0][0] or b"").decode(errors="replace") if row else None

    def keep_dialect(self, dialect: str) -> None:
        """Remember the dialect that this server understands."""
        sql = "INSERT OR REPLACE INTO reads (query, facts, expires) VALUES ('dialect', ?, ?)"
        self._attempt(sql, (dialect, int(time.time() + KEEP_AT_MOST.total_seconds())), write=True)

    def find_columns(self) -> bytes | None:
        """Return what is remembered of the shop's columns, as it was written; a damaged memory is told, and goes."""
        row = self._attempt(_COLUMNS, ())
        found = _unsealed(row)
        if row and found is None:
            self._attempt("DELETE FROM reads WHERE query = 'columns'", (), write=True)
            message = "What was remembered of this shop's custom columns is damaged; it begins anew with the next read."
            warnings.warn(CacheWarning(message, reason="damaged"), stacklevel=caller_stacklevel())
        return found

    def keep_columns(self, grown: Callable[[bytes | None], bytes]) -> None:
        """Remember what `grown` makes of what is remembered, while no other process can."""
        if self._backend is None:
            return
        pages = self._backend.pages

        def run() -> None:
            with pages.connection(commit=True) as con:
                after = grown(_unsealed(con.execute(_COLUMNS).fetchall())).decode()
                sql = "INSERT OR REPLACE INTO reads (query, facts, expires) VALUES ('columns', ?, ?)"
                con.execute(sql, (f"{cache_key('columns', after)} {after}", _FOR_EVER))

        self._backend.attempt(run, None)

    def _purge(self) -> None:
        now = int(time.time())
        for path in self._files():
            with contextlib.suppress(OSError):  # another process may have removed it
                if path.suffix in _KEPT_S and path.stat().st_mtime < now - _KEPT_S[path.suffix]:
                    path.unlink(missing_ok=True)
        if self._attempt("SELECT 1 FROM responses WHERE expires <= ? LIMIT 1", (now,)):
            self._attempt("DELETE FROM responses WHERE expires <= ?", (now,), write=True)
            self._attempt("DELETE FROM reads WHERE expires <= ?", (now,), write=True)
        used = self._attempt(_BYTES_USED, ())
        if used and used[0][0] > BYTES_AT_MOST:
            # The older half goes; a read that misses a page is read anew.
            older = "SELECT key FROM responses ORDER BY expires LIMIT (SELECT count(*) / 2 FROM responses)"
            self._attempt(f"DELETE FROM responses WHERE key IN ({older})", (), write=True)  # noqa: S608  # no value in it

    def _attempt(self, sql: str, args: tuple[Any, ...], *, write: bool = False) -> list[tuple[Any, ...]]:
        if self._backend is None:
            return []
        pages = self._backend.pages

        def run() -> list[tuple[Any, ...]]:
            with pages.connection(commit=write) as con:
                return list(con.execute(sql, args).fetchall())

        return self._backend.attempt(run, [])

    def info(self) -> CacheInfo:
        """Return size, counts and the age of the newest read."""
        pages = self._attempt("SELECT count(*) FROM responses", ())
        rows = self._attempt("SELECT CAST(query AS BLOB), CAST(facts AS BLOB) FROM reads WHERE query != 'dialect'", ())
        found = (_facts_read(slot.decode(errors="replace"), facts) for slot, facts in rows)
        reads = [read for read in found if read is not None]
        newest = max((read["started_at"] for read in reads), default=None)
        return CacheInfo(
            path=self.path,
            size_bytes=sum(map(_size_of, self._files())),
            pages=pages[0][0] if pages else 0,
            reads=len(reads),
            newest_age_s=None if newest is None else max(0.0, time.time() - newest),
        )

    def _files(self) -> list[Path]:
        found = self.path.parent.glob(f"{self.tenant}.*")
        return [path for path in found if OURS.fullmatch(path.name) and path.is_file()]

    def close(self) -> None:
        """Close the database."""
        if self._backend is not None:
            self._backend.close()


def _unsealed(rows: Sequence[tuple[bytes | None]]) -> bytes | None:
    """Return what is remembered of columns, or None: there is nothing, or it is not what was written."""
    check, _, body = bytes(rows[0][0] or b"").partition(b" ") if rows else (b"", b"", b"")
    text = body.decode(errors="replace")
    return body if check and check == cache_key("columns", text).encode() else None


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # another process removed it just now
        return 0


def _noted(slots: Sequence[str]) -> str:
    marks = ",".join("?" * len(slots))
    return f"SELECT query, CAST(facts AS BLOB) FROM reads WHERE query IN ({marks}) AND expires > ?"  # noqa: S608


def _facts_written(slot: str, facts: Mapping[str, Any]) -> str:
    return json.dumps({**facts, "check": cache_key(slot, json.dumps(facts))})


def _facts_read(slot: str, raw: bytes) -> dict[str, Any] | None:
    """Return what was noted of a read; None where it is not what was written, by one bit."""
    try:
        facts: dict[str, Any] = json.loads(raw)
        check = facts.pop("check")
        return facts if check == cache_key(slot, json.dumps(facts)) else None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
