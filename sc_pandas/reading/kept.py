"""Finished, proven reads in the cache as one Arrow file each, and who reads what no other process is reading."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import filelock

from sc_pandas.cache import cache_key
from sc_pandas.errors import ExportError
from sc_pandas.pacing import Cancelled
from sc_pandas.reading.judge import satisfies
from sc_pandas.reading.lists import ListsRead
from sc_pandas.reading.options import Progress, ReadOptions, Source
from sc_pandas.reading.records import Found, ListKey, find_records
from sc_pandas.reading.report import IncludeGap, ReadReport
from sc_pandas.tables import CustomerRows
from sc_pandas.tables.arrow_file import FORMAT, read_rows, write_rows

BYTES_AT_MOST: Final = 2**30
_LOOK_EVERY_S: Final = 0.05
# A reader that got no answer for so long is not waited for: it may be stopped, or throttled.
_PATIENCE_S: Final = 30.0


class KeptTable:
    """The file with the rows of some lists, if they were read whole and proven."""

    def __init__(self, source: Source, keys: Sequence[ListKey], options: ReadOptions) -> None:
        self._source = source
        self._keys = keys
        self._options = options
        cache = source.cache
        usable = cache is not None and cache.usable and options.cache != "off" and options.limit is None
        asked = [("filter", key.text) for key in keys] + [("include", name) for name in options.include]
        asked += [("exact_decimals", "")] if options.exact_decimals else []
        self.key = cache_key(source.tenant, "table", asked, options.page_size)[:32]
        file = f"{source.tenant}.{self.key}.v{FORMAT}.arrow"
        self._path = cache.path.with_name(file) if cache is not None and usable else None

    def found(self) -> Found:
        """Return what the cache knows now of each list."""
        is_asked = self._options.cache not in {"off", "refresh"}
        return find_records(self._source.cache if is_asked else None, self._keys)

    def load(self, found: Found | None = None) -> tuple[CustomerRows, ReadReport] | None:
        """Return the rows in the file and their report, if they are young enough, and no list was read later."""
        kept = None if self._path is None or self._options.cache == "refresh" else read_rows(self._path)
        if kept is None:
            return None
        rows, facts = kept
        # The name of a file can be given to another; the key inside says whose rows it holds, of which lists.
        if facts.pop("of", None) != self.key or (self._options.on_bad_value == "raise" and rows.coercions):
            return None
        started, finished, newest_then = (facts.pop(name) for name in ("started_at", "finished_at", "newest_read"))
        # Single customers may be older than the list that they were read for.
        age_s = self._source.client.clock.now().timestamp() - facts.pop("read_at", started)
        found = self.found() if found is None else found
        newest_now = max((each.started_at for records in found.values() for each in records), default=0.0)
        is_latest = newest_now <= (newest_then or float("inf"))
        good = satisfies(facts["verdict"], self._options.consistency)
        if age_s > self._options.freshness_s() or not is_latest or not good:
            return None
        gaps = facts.pop("gaps", ())
        report = ReadReport(
            **facts | {"notes": tuple(facts["notes"])},
            gaps=tuple(IncludeGap(user_id, tuple(names), why) for user_id, names, why in gaps),
            rows=rows.num_rows,
            doubles_dropped=rows.doubles_dropped,
            rows_without_key=rows.rows_without_key,
            coercions=rows.coercions,
            undocumented=rows.undocumented,
            calls_saved=facts["pages"],
            started_at=datetime.fromtimestamp(started, UTC),
            finished_at=datetime.fromtimestamp(finished, UTC),
        )
        return rows, report

    def save(self, read: ListsRead) -> None:
        """Keep proven rows; a folder that takes no more is no error."""
        path, report = self._path, read.report
        if path is None or not report.is_proven or self._options.on_bad_value == "raise":
            return
        note = {
            "of": self.key,
            "verdict": report.verdict,
            "pages": report.pages,
            "notes": list(report.notes),
            "gaps": [[each.user_id, each.include, each.reason] for each in report.gaps],
            "read_at": read.oldest,
            "started_at": report.started_at.timestamp(),
            "finished_at": report.finished_at.timestamp(),
            "newest_read": read.newest,
        }
        with contextlib.suppress(ExportError):
            write_rows(path, read.rows, note)
            self._purge(path.parent)

    def _purge(self, folder: Path) -> None:
        """Remove this user's oldest rows if all together are too large; what is too old goes when a cache opens."""
        # Only what bears the tenant's digest: the folder may be one where others keep Arrow files of their own.
        ours = folder.glob(f"{self._source.tenant}.*.v{FORMAT}.arrow")
        total = 0
        for _, size, path in sorted(((each.stat().st_mtime, each.stat().st_size, each) for each in ours), reverse=True):
            total += size
            if total > BYTES_AT_MOST:
                path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def alone(self, progress: Progress) -> Iterator[None]:
        """Be the only one on this machine who reads these lists; who comes later waits, and finds them in the cache.

        The wait ends when the reader ends (also by a crash), or has got no answer for half a minute.
        """
        if self._path is None or self._options.cache == "refresh":
            yield
            return
        path = self._path.with_name(f"{self._source.tenant}.{self.key}.lock")
        lock = filelock.FileLock(path, mode=0o600, thread_local=False)
        if not _acquired(lock, path, progress):
            yield
            return
        progress.lock = path
        try:
            yield
        finally:
            progress.lock = None
            # Removed while it is held.  Who waits for it now is let in, and may read beside one who comes later: the
            # lock spares calls, and nothing more.
            with contextlib.suppress(OSError):
                path.unlink()
            lock.release()


def _acquired(lock: filelock.BaseFileLock, path: Path, progress: Progress) -> bool:
    began = time.time()
    while True:
        try:
            lock.acquire(timeout=_LOOK_EVERY_S, poll_interval=_LOOK_EVERY_S)
        except filelock.Timeout:
            if progress.cancel.is_set():
                raise Cancelled from None
            # The reader sets both times with each answer; whoever tries to lock may set the other one.
            with contextlib.suppress(OSError):
                began = max(began, path.stat().st_atime)
            if time.time() - began > _PATIENCE_S:
                return False
        except OSError:
            return False
        else:
            return True
