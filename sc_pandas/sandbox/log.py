"""The truth log: what reached the sandbox and what it answered, in order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal, overload

from sc_pandas import forks

Kind = Literal["request", "insert", "update", "merge"]
Endpoint = Literal["token", "list", "detail", "team", "other"]


@dataclass(frozen=True, kw_only=True)
class LogEntry:
    """One thing that happened.

    No entry holds a password, a token or another header's value than the two below.

    Attributes
    ----------
    seq : int
        Position in the log, from 0.
    at : float
        `time.monotonic` when the request arrived or the change was made.
    wall : datetime
        The same by the clock, UTC.
    kind : {"request", "insert", "update", "merge"}
        What happened.
    endpoint : str or None
        "token", "list", "detail", "team" or "other"; None for changes.
    method, path : str
        Of the request line, without the query.
    params : tuple of (str, str)
        The query as sent, decoded, in order; not kept for logins.
    status : int or None
        The answer's status.
    user_ids : tuple of int
        The customers answered; for changes, those changed (for a merge: the one kept, the one dropped).
    total : int or None
        The answer's ``TotalResults``.
    fault : str or None
        The kind of fault that was played.
    early : bool
        Whether the request came before the reset time of a throttle.
    authorized : bool
        Whether it carried a living token.
    token : str or None
        Which login its token came from, as in "token#3"; for a login, the token given out.
    headers_seen : tuple of str
        Lower-case header names of the request, sorted.
    media_type : str
        The request's ``Content-Type``, as sent.
    scheme : str
        How it showed its token, as in "Bearer"; the token is not kept.
    """

    kind: Kind
    at: float
    seq: int = -1
    wall: datetime = field(default_factory=lambda: datetime.now(UTC))
    endpoint: Endpoint | None = None
    method: str = ""
    path: str = ""
    params: tuple[tuple[str, str], ...] = ()
    status: int | None = None
    user_ids: tuple[int, ...] = ()
    total: int | None = None
    fault: str | None = None
    early: bool = False
    authorized: bool = False
    token: str | None = None
    headers_seen: tuple[str, ...] = ()
    media_type: str = ""
    scheme: str = ""


class TruthLog(Sequence[LogEntry]):
    """A list of entries that one thread writes while others read.

    An entry is there before the first byte of its answer leaves.
    """

    def __init__(self) -> None:
        self._entries: list[LogEntry] = []
        self._lock = forks.new_lock()

    def __len__(self) -> int:
        with self._lock:
            return len(self._entries)

    @overload
    def __getitem__(self, index: int) -> LogEntry: ...
    @overload
    def __getitem__(self, index: slice) -> list[LogEntry]: ...
    def __getitem__(self, index: int | slice) -> LogEntry | list[LogEntry]:
        with self._lock:
            return self._entries[index]

    def __iter__(self) -> Iterator[LogEntry]:
        with self._lock:
            return iter(self._entries.copy())

    def __repr__(self) -> str:
        return f"<TruthLog, {len(self):,} entries>"

    def append(self, entry: LogEntry) -> LogEntry:
        """Add an entry and give it its position."""
        with self._lock:
            numbered = replace(entry, seq=len(self._entries))
            self._entries.append(numbered)
        return numbered

    def requests(self, endpoint: Endpoint | None = None) -> list[LogEntry]:
        """Give the requests, of one endpoint or of all."""
        return [entry for entry in self if entry.kind == "request" and endpoint in {None, entry.endpoint}]

    def clear(self) -> None:
        """Forget everything; the next entry is number 0."""
        with self._lock:
            self._entries.clear()
