"""Which of the two published spellings a server understood: judged by paging alone, apart from I/O.

A parameter that is not understood is ignored silently, and then the server serves ten rows, whatever was asked.
"""

from enum import Enum
from typing import Protocol

from sc_pandas import forks
from sc_pandas.contract import SERVED_AT_MOST, SERVED_BY_DEFAULT, Dialect


class Evidence(Enum):
    """What a page says about the dialect it was asked in."""

    UNDERSTOOD = "understood"
    IGNORED = "ignored"
    UNDECIDED = "undecided"


def judge_first_page(asked: int, rows: int, total: int) -> Evidence:
    """Judge page 1 of any list."""
    by_default = min(SERVED_BY_DEFAULT, total)
    as_asked = {min(asked, total), min(asked, SERVED_AT_MOST, total)}
    if rows in as_asked:
        return Evidence.UNDERSTOOD if rows != by_default else Evidence.UNDECIDED
    if rows == by_default:
        return Evidence.IGNORED
    return Evidence.UNDERSTOOD if rows > SERVED_BY_DEFAULT else Evidence.UNDECIDED


def judge_probe(rows: int, total: int) -> Evidence:
    """Judge an unfiltered page 1 of page size 1."""
    if total <= 1:
        return Evidence.UNDECIDED
    return Evidence.UNDERSTOOD if rows == 1 else Evidence.IGNORED


class _Keeper(Protocol):
    def find_dialect(self) -> str | None: ...

    def keep_dialect(self, dialect: str) -> None: ...


class DialectMemory:
    """What a connection knows of its server's dialect; a `keeper` remembers it beyond this connection."""

    def __init__(self, chosen: str, keeper: _Keeper | None = None) -> None:
        self.fixed = chosen != "auto"
        self._keeper = keeper
        self._lock = forks.new_lock()
        kept = chosen if self.fixed else keeper.find_dialect() if keeper is not None else None
        # None until it is known.
        self.known = Dialect(kept) if kept in {d.value for d in Dialect} else None

    def remember(self, dialect: Dialect) -> None:
        """Keep what paging has shown."""
        with self._lock:
            if self.known is dialect:
                return
            self.known = dialect
        if self._keeper is not None:
            self._keeper.keep_dialect(dialect.value)
