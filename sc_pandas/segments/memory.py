"""What segments gave the last times: ids and counts, in one private file for each server, user and segment.

A file is a line with the SHA-256 of what follows, and one JSON object.  The segment's name and filter are in it as
digests only, because a filter may hold an e-mail address.
"""

import contextlib
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sc_pandas.errors import ExportError
from sc_pandas.files import atomic_write, open_plain, private_folder
from sc_pandas.filters import CustomerFilter
from sc_pandas.segments.alone import alone

FOLDER: Final = "segment-memory"
FORMAT: Final = 1
# Thirteen months: a segment that is run once a year still finds its last time.
KEEP_DAYS: Final = 400
# The last reading, and the one before, which a reading that comes out of the cache again is compared with.
_KEPT: Final = 2


@dataclass(frozen=True, eq=False)
class Seen:
    """One reading: when it ended (UTC), and the ids, sorted."""

    at: datetime
    ids: npt.NDArray[np.int64] = field(repr=False)


@dataclass(frozen=True, kw_only=True, eq=False)
class Recollection:
    """What is remembered of a segment, newest first.

    Attributes
    ----------
    reads
        Its last readings.
    counts
        Its last counts that were no readings, with their times.
    filter_changed
        Whether what is remembered under the name answered another filter; it is not given then.
    damaged
        Whether there is something that cannot be read.
    """

    reads: tuple[Seen, ...] = ()
    counts: tuple[tuple[datetime, int], ...] = ()
    filter_changed: bool = False
    damaged: bool = False

    def with_read(self, seen: Seen) -> "Recollection":
        """Add a reading; one that is there already changes nothing."""
        by_time = {each.at: each for each in (*self.reads, seen)}
        newest = sorted(by_time.values(), key=lambda each: each.at, reverse=True)
        return Recollection(reads=tuple(newest[:_KEPT]), counts=self.counts)

    def with_count(self, at: datetime, count: int) -> "Recollection":
        """Add a count."""
        newest = sorted({**dict(self.counts), at: count}.items(), reverse=True)
        return Recollection(reads=self.reads, counts=tuple(newest[:_KEPT]))


class SegmentMemory:
    """What one user's segments gave at one server.

    Parameters
    ----------
    folder
        The data folder; the memory is a private folder in it, made when something is remembered.
    tenant
        Digest of the server and the user.
    """

    def __init__(self, folder: Path, tenant: str) -> None:
        self._folder = folder / FOLDER
        self._tenant = tenant

    def recall(self, name: str, question: CustomerFilter) -> Recollection:
        """Give what is remembered of a segment; a damaged file is as good as none, and says so."""
        path = self._path(name)
        try:
            with open_plain(path) as file:
                content = file.read()
        except (FileNotFoundError, NotADirectoryError):
            return Recollection()
        except OSError:
            return Recollection(damaged=True)
        try:
            document = _opened(content)
            if document["of"] != path.stem:
                return Recollection(damaged=True)
            if document["filter"] != _digest(_spelt(question)):
                return Recollection(filter_changed=True)
            return _recollection(document)
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            return Recollection(damaged=True)

    def remember(self, name: str, question: CustomerFilter, seen: Seen) -> None:
        """Keep a proven reading; of readings that end at once the later stays, whichever is kept last.

        Raises
        ------
        SettingsError
            The folder is not private or cannot be made.
        ExportError
            The file cannot be written; what it held stays.
        """
        self._change(name, question, lambda known: known.with_read(seen))

    def remember_count(self, name: str, question: CustomerFilter, at: datetime, count: int) -> None:
        """Keep a count that the server gave; raises as `remember` does."""
        self._change(name, question, lambda known: known.with_count(at, count))

    def _change(self, name: str, question: CustomerFilter, change: Callable[[Recollection], Recollection]) -> None:
        folder = private_folder(self._folder)
        with alone(folder / ".lock"):
            changed = change(self.recall(name, question))
            path = self._path(name)
            # A file that was opened to others by hand would hand its permissions on.
            with contextlib.suppress(OSError):
                path.chmod(0o600)
            with atomic_write(path) as file:
                file.write(_sealed(path.stem, question, changed))
            _remove_old(folder)

    def _path(self, name: str) -> Path:
        return self._folder / f"{self._tenant}.{_digest(name)}.json"


def forget(folder: Path, name: str) -> int:
    """Remove what is remembered of a segment, at every server and of every user of this data folder.

    Returns
    -------
    int
        How many files were removed.
    """
    return _remove(folder / FOLDER, f"*.{_digest(name)}.json")


def forget_all(folder: Path) -> int:
    """Remove everything that is remembered; says how many files that were."""
    return _remove(folder / FOLDER, f"*.{'[0-9a-f]' * 32}.json")


def _remove(folder: Path, pattern: str) -> int:
    if not folder.is_dir():
        return 0
    with alone(folder / ".lock"):
        found = list(folder.glob(pattern))
        try:
            for path in found:
                path.unlink(missing_ok=True)
        except OSError as error:
            message = f"What is remembered in {folder} cannot be removed: {error.strerror}. Remove the folder by hand."
            raise ExportError(message, path=str(folder), reason="os", errno=error.errno) from error
    return len(found)


def _remove_old(folder: Path) -> None:
    for path in folder.glob(f"*.{'[0-9a-f]' * 32}.json"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < time.time() - KEEP_DAYS * 86_400:
                path.unlink()


# ── the file ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _digest(text: str) -> str:
    # A name may hold half a character, which UTF-8 has no bytes for.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _spelt(question: CustomerFilter) -> str:
    return json.dumps(question.to_dict(), sort_keys=True)


def _sealed(of: str, question: CustomerFilter, known: Recollection) -> bytes:
    document = {
        "format": FORMAT,
        "of": of,
        "filter": _digest(_spelt(question)),
        "reads": [{"at": seen.at.isoformat(), "ids": seen.ids.tolist()} for seen in known.reads],
        "counts": [[at.isoformat(), count] for at, count in known.counts],
    }
    body = json.dumps(document, separators=(",", ":")).encode()
    return hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def _opened(content: bytes) -> dict[str, Any]:
    seal, _, body = content.partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != seal:
        raise ValueError("the seal is broken")
    document = json.loads(body)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError("another format")
    return document


def _recollection(document: dict[str, Any]) -> Recollection:
    reads = tuple(Seen(_time(each["at"]), _ids(each["ids"])) for each in document["reads"])
    return Recollection(reads=reads, counts=tuple((_time(at), _whole(count)) for at, count in document["counts"]))


def _ids(values: list[Any]) -> npt.NDArray[np.int64]:
    ids = np.array([_whole(each) for each in values], dtype=np.int64)
    if (np.diff(ids) < 0).any():
        raise ValueError("the ids are not sorted")
    return ids


def _whole(value: object) -> int:
    if type(value) is not int:
        raise TypeError(type(value))
    return value


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
