"""Who was in segments the last times: ids, in one private file for each server, user and segment.

A file is a line with the SHA-256 of what follows, and one JSON object.  The segment's name and filter are in it as
digests only, because a filter may hold an e-mail address.
"""

import contextlib
import errno
import hashlib
import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal

import filelock
import msgspec

from sc_pandas.errors import ExportError
from sc_pandas.files import atomic_write, open_plain, private_folder
from sc_pandas.filters import CustomerFilter

FOLDER: Final = "segment-memory"
# Thirteen months: a segment that is run once a year still finds its last time.
KEEP_DAYS: Final = 400
# The last reading, and the one before, which a reading that comes out of the cache again is compared with.
_KEPT: Final = 2
# Writing takes milliseconds; who waits longer than this waits for a process that hangs.
PATIENCE_S: Final = 10.0
_FILES: Final = f"{'[0-9a-f]' * 32}.json"


class DamagedMemoryError(ValueError):
    """What is remembered of a segment cannot be read."""


class Seen(msgspec.Struct, frozen=True):
    """One reading: when it ended (UTC), and the ids."""

    at: Annotated[datetime, msgspec.Meta(tz=True)]
    ids: frozenset[Annotated[int, msgspec.Meta(le=2**63 - 1)]]

    def __repr__(self) -> str:
        return f"<Seen {len(self.ids):,} at {self.at:%Y-%m-%d %H:%M}>"


class _File(msgspec.Struct):
    format: Literal[1]
    of: str
    filter: str
    reads: list[Seen]
    counts: list[object] = []  # earlier versions wrote counts, too, and look for them


class SegmentMemory:
    """Who was in one user's segments at one server (`tenant` digests both); a private folder in the data folder."""

    def __init__(self, folder: Path, tenant: str) -> None:
        self._folder = folder / FOLDER
        self._tenant = tenant

    def before(self, name: str, asked: CustomerFilter, at: datetime) -> Seen | None:
        """Return the newest reading of a segment that ended before a moment, if one is remembered."""
        earlier = (seen for seen in self._reads(name, asked) if seen.at < at)
        return max(earlier, key=lambda seen: seen.at, default=None)

    def remember(self, name: str, asked: CustomerFilter, seen: Seen) -> None:
        """Store a proven reading; the later ones stay, in whichever order they come."""
        folder, path = private_folder(self._folder), self._path(name)
        with locked(folder / ".lock"):
            try:
                known = {each.at: each for each in self._reads(name, asked)}
            except DamagedMemoryError:
                known = {}
            newest = sorted({**known, seen.at: seen}.items(), reverse=True)[:_KEPT]
            file = _File(1, path.stem, _digest_of(asked), [each for _, each in newest])
            body = msgspec.json.encode(file)
            # A file that was opened to others by hand would hand its permissions on.
            with contextlib.suppress(OSError):
                path.chmod(0o600)
            with atomic_write(path) as opened:
                opened.write(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
            _remove_old(folder)

    def _reads(self, name: str, asked: CustomerFilter) -> list[Seen]:
        """Return what is remembered; nothing where another filter has the name."""
        path = self._path(name)
        try:
            with open_plain(path) as opened:
                seal, _, body = opened.read().partition(b"\n")
            file = msgspec.json.decode(body, type=_File)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except (OSError, msgspec.MsgspecError, RecursionError) as error:
            raise DamagedMemoryError(str(path)) from error
        if file.of != path.stem or hashlib.sha256(body).hexdigest().encode() != seal:
            raise DamagedMemoryError(str(path))
        return file.reads if file.filter == _digest_of(asked) else []

    def _path(self, name: str) -> Path:
        return self._folder / f"{self._tenant}.{_digest(name)}.json"


def forget(folder: Path, name: str | None) -> int:
    """Remove what is remembered of a segment (None: of all) in a data folder; return how many files that were."""
    folder = folder / FOLDER
    if not folder.is_dir():
        return 0
    with locked(folder / ".lock"):
        found = list(folder.glob(f"*.{_FILES if name is None else _digest(name) + '.json'}"))
        try:
            for path in found:
                path.unlink(missing_ok=True)
        except OSError as error:
            message = f"What is remembered in {folder} cannot be removed: {error.strerror}. Remove the folder by hand."
            raise ExportError(message, path=str(folder), reason="os", errno=error.errno) from error
    return len(found)


def _remove_old(folder: Path) -> None:
    for path in folder.glob(f"*.{_FILES}"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < time.time() - KEEP_DAYS * 86_400:
                path.unlink()


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file, among the threads and processes of this machine, while something beside it is written anew."""
    lock = filelock.FileLock(path, mode=0o600, thread_local=False)
    try:
        lock.acquire(timeout=PATIENCE_S, poll_interval=0.01)
    except filelock.Timeout:
        message = f"{path} is held by another process that does not end; nothing was written. End it, then try again."
        raise ExportError(message, path=str(path), reason="os", errno=errno.EAGAIN) from None
    except (OSError, NotImplementedError) as error:
        number, why = getattr(error, "errno", None), getattr(error, "strerror", None) or "no locks there"
        message = f"{path} cannot be locked, so nothing was written: {why}. Name another data folder."
        raise ExportError(message, path=str(path), reason="os", errno=number) from error
    try:
        yield
    finally:
        lock.release()


def _digest(text: str) -> str:
    # A name may hold half a character, which UTF-8 has no bytes for.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _digest_of(asked: CustomerFilter) -> str:
    return _digest(json.dumps(asked.to_dict(), sort_keys=True))
