"""The pace that the threads and processes of a machine share: one small locked file for each (host, user).

A ring of call times, one place for each call of the quota: a call may be made when the time in the place that it will
take is an hour old.  Beside it stands until when the server takes no calls.  Nothing else is in the file.

Why not SQLite: a table took 355 µs a call where this file takes 151, and of four processes that called at once some
starved ("database is locked").
"""

import contextlib
import math
import os
import stat
import struct
import sys
import time
import warnings
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from errno import EACCES, EAGAIN, EDEADLK, EDQUOT, ENOSPC
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from sc_pandas import forks
from sc_pandas.contract import CALLS_PER_HOUR
from sc_pandas.errors import CacheWarning, SettingsError
from sc_pandas.files import private_folder
from sc_pandas.pacing.clock import Clock

HOUR_S: Final = 3_600.0
LOCK_WAIT_S: Final = 1.0
_STEP_S: Final = 1.0
_MAGIC: Final = b"scpace01"
_FACTS: Final = struct.Struct("<8sIQddd")
_HEAD_BYTES: Final = _FACTS.size + 4
_TIME: Final = struct.Struct("<d")
_SENTENCES: Final = {
    "locked": "another program holds the lock of its file",
    "damaged": "its file was damaged and begins anew",
    "full": "the disk is full",
    "unwritable": "its file cannot be read or written",
    "not_private": "its folder is not private to you",
}
T = TypeVar("T")


class _LockedError(Exception):
    """Somebody else holds the lock for longer than we wait."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Seconds until a call may be made; `reset_at` is when a throttle ends, as the server said it, or None."""

    seconds: float
    reset_at: datetime | None = None


class _Head(NamedTuple):
    """Calls that were ever counted, and the throttle: when it was told, until when it holds, what the server said."""

    magic: bytes
    slots: int
    calls: int = 0
    told_at: float = 0.0
    until: float = 0.0
    reset_at: float = 0.0

    def pack(self) -> bytes:
        facts = _FACTS.pack(*self)
        return facts + zlib.crc32(facts).to_bytes(4, "little")


class PaceFile:
    """Calls of one (host, user), counted over all threads and processes of this machine and beyond their end.

    A file that is locked for longer than a second or cannot be written is left alone from then on, and one that is
    damaged begins anew; then everything is answered as if nobody else called, and one CacheWarning says so.

    The file is made when the first call is counted, readable by its owner only.
    """

    def __init__(self, path: Path, *, slots: int = CALLS_PER_HOUR, window_s: float = HOUR_S) -> None:
        self.path = path
        self._slots = slots
        self._window_s = window_s
        self._lock = forks.new_lock()
        self._file: int | None = None
        self._off = False
        self._warned = False
        self._trouble: str | None = None
        self.tell: Callable[[CacheWarning], None] = warnings.warn
        # A lock belongs to the opened file, which parent and child would share.
        forks.owned(self, PaceFile._let_go)

    def take(self, clock: Clock) -> Wait | None:
        """Count a call, or return what it has to wait for; None also where the file cannot be used."""

        def action(file: int, head: _Head) -> Wait | None:
            now = clock.now().timestamp()
            if (throttle := self._throttle_of(head, now)) is not None:
                return throttle
            latest, earliest = self._around(file, head.calls)
            self._follow_clock(file, latest, now)
            wait_s = earliest + self._window_s - now
            if wait_s > 0:
                return Wait(max(1e-3, wait_s))
            # The head first: a process that is killed in between leaves a time in its place that is over already, and
            # it has not called.  The other way round, the next call would find its own place taken for an hour.
            _write(file, 0, head._replace(calls=head.calls + 1).pack())
            _write(file, self._place(head.calls), _TIME.pack(now))
            return None

        return self._attempt(action, None)

    def used(self, clock: Clock) -> int:
        """Count the calls of the last hour."""

        def action(file: int, _head: _Head) -> int:
            now = clock.now().timestamp()
            times = self._all_times(file)
            self._follow_clock(file, max(times), now)
            return sum(at > now - self._window_s for at in times)

        return self._attempt(action, 0)

    def _place(self, number: int) -> int:
        return _HEAD_BYTES + number % self._slots * _TIME.size

    def _around(self, file: int, count: int) -> Sequence[float]:
        """Return the time of the last of so many calls, and what stands in the place of the next."""
        if count % self._slots:
            return _times(_read(file, self._place(count - 1), 2 * _TIME.size))
        return _times(_read(file, self._place(count - 1), _TIME.size) + _read(file, _HEAD_BYTES, _TIME.size))

    def _all_times(self, file: int) -> Sequence[float]:
        return _times(_read(file, _HEAD_BYTES, self._slots * _TIME.size))

    def _follow_clock(self, file: int, latest: float, now: float) -> None:
        """Take calls of the future, which a clock that was set back leaves behind, for calls of this moment."""
        if latest > now + _STEP_S:
            times = [min(at, now) for at in self._all_times(file)]
            _write(file, _HEAD_BYTES, struct.pack(f"<{len(times)}d", *times))

    def close_gate(self, clock: Clock, wait_s: float, reset_at: datetime) -> None:
        """Tell everybody that the server takes no calls for so many seconds; at most an hour is believed."""

        def action(file: int, head: _Head) -> None:
            now = clock.now().timestamp()
            until = now + min(wait_s, self._window_s)
            if not head.told_at <= now + _STEP_S or until > head.until:
                _write(file, 0, head._replace(told_at=now, until=until, reset_at=reset_at.timestamp()).pack())

        self._attempt(action, None)

    def throttle(self, clock: Clock) -> Wait | None:
        """Return how long calls have to wait for a throttle; None where there is none."""
        return self._attempt(lambda _file, head: self._throttle_of(head, clock.now().timestamp()), None)

    def _throttle_of(self, head: _Head, now: float) -> Wait | None:
        # A throttle of the future was told before the clock was set back.
        if head.until <= now or head.told_at > now + _STEP_S or head.until > now + self._window_s + _STEP_S:
            return None
        return Wait(head.until - now, datetime.fromtimestamp(head.reset_at, UTC))

    def _attempt(self, action: Callable[[int, _Head], T], default: T) -> T:
        """Do it under the lock, or return the default where the file is at fault."""
        with self._lock:
            result = default if self._off else self._under_lock(action, default)
            trouble, self._trouble = self._trouble, None
        if trouble is not None and not self._warned:
            self._warned = True
            # Outside of the lock: warnings can be made errors, and shown by code of others.
            message = f"The hourly quota is counted for this connection alone: {_SENTENCES[trouble]}."
            self.tell(CacheWarning(message, reason=trouble))
        return result

    def _under_lock(self, action: Callable[[int, _Head], T], default: T) -> T:
        try:
            try:
                file, size = self._locked()
                try:
                    return action(file, self._head(file, size))
                except struct.error:
                    self._begin(file, "damaged")
                    return default
            finally:
                # Also where Ctrl-C came in the moment after the lock was had.
                if self._file is not None:
                    _unlock(self._file)
        except _LockedError:
            self._step_aside("locked")
        except SettingsError:
            self._step_aside("not_private")
        except OSError as error:
            self._step_aside("full" if error.errno in {ENOSPC, EDQUOT} else "unwritable")
        return default

    def _step_aside(self, trouble: str) -> None:
        self._trouble = trouble
        self._off = True
        self._let_go()

    def _locked(self) -> tuple[int, int]:
        """Return the file, locked, and its size."""
        while True:
            file = self._opened()
            _lock(file)
            facts = os.fstat(file)
            if facts.st_nlink:
                return file, facts.st_size
            self._let_go()  # the folder was removed under us

    def _opened(self) -> int:
        if self._file is None:
            private_folder(self.path.parent)
            flags = os.O_RDWR | os.O_CREAT
            for name in ("O_NOFOLLOW", "O_CLOEXEC", "O_BINARY", "O_NONBLOCK"):
                flags |= getattr(os, name, 0)
            self._file = os.open(self.path, flags, 0o600)
            if not stat.S_ISREG(os.fstat(self._file).st_mode):
                raise OSError(EACCES, "not a file")
        return self._file

    def _head(self, file: int, size: int) -> _Head:
        if size != _HEAD_BYTES + self._slots * _TIME.size:
            return self._begin(file, "damaged" if size else None)
        raw = _read(file, 0, _HEAD_BYTES)
        head = _Head(*_FACTS.unpack(raw[:-4]))
        is_whole = raw == head.pack() and head[:2] == (_MAGIC, self._slots)
        return head if is_whole else self._begin(file, "damaged")

    def _begin(self, file: int, trouble: str | None = None) -> _Head:
        self._trouble = trouble
        head = _Head(_MAGIC, self._slots)
        os.ftruncate(file, 0)
        try:
            # Written to its end, so that a full disk shows now.
            _write(file, 0, head.pack() + bytes(self._slots * _TIME.size))
        except OSError:
            # A part of it would look damaged to whoever comes next.
            os.ftruncate(file, 0)
            raise
        return head

    def _let_go(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                os.close(file)

    def close(self) -> None:
        """Close the file; calls that come later are not shared."""
        with self._lock:
            self._off = True
            self._let_go()

    def __del__(self) -> None:
        self._let_go()


def _times(raw: bytes) -> Sequence[float]:
    times: Sequence[float] = struct.unpack(f"<{len(raw) // _TIME.size}d", raw)
    if not all(0.0 <= at < math.inf for at in times):
        raise struct.error
    return times


def _read(file: int, offset: int, size: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(file, size, offset)
    os.lseek(file, offset, os.SEEK_SET)
    return os.read(file, size)


def _write(file: int, offset: int, raw: bytes) -> None:
    if hasattr(os, "pwrite"):
        written = os.pwrite(file, raw, offset)
    else:
        os.lseek(file, offset, os.SEEK_SET)
        written = os.write(file, raw)
    if written != len(raw):
        raise OSError(ENOSPC, "no room")


def _lock(file: int) -> None:
    """Lock a file, for at most a second."""
    until, pause_s = time.monotonic() + LOCK_WAIT_S, 0.0005
    while not _try_lock(file):
        if time.monotonic() > until:
            raise _LockedError
        time.sleep(pause_s)
        pause_s = min(0.01, pause_s * 1.5)


if sys.platform == "win32":
    import msvcrt

    # Locks are mandatory there: a byte far beyond the end keeps the content readable.
    _FAR: Final = 2**30

    def _try_lock(file: int) -> bool:
        os.lseek(file, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno in {EACCES, EAGAIN, EDEADLK}:
                return False
            raise
        return True

    def _unlock(file: int) -> None:
        with contextlib.suppress(OSError):
            os.lseek(file, _FAR, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in {EACCES, EAGAIN}:
                return False
            raise
        return True

    def _unlock(file: int) -> None:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_UN)
