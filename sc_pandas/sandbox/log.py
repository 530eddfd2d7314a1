"""The truth log: what reached the sandbox and what it answered, in order."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["request", "insert", "update", "merge"]
Endpoint = Literal["token", "list", "detail", "team", "other"]


@dataclass(frozen=True, kw_only=True)
class LogEntry:
    """One thing that happened.

    No entry holds a password, a token or another header's value than the two below.

    Attributes
    ----------
    at : float
        `time.monotonic` when the request arrived or the change was made.
    kind, endpoint : str
        What happened, and where; changes have no endpoint.
    method, path, params, status
        Of the request and its answer; `params` is the query as sent, decoded, in order, and empty for logins.
    user_ids : tuple of int
        The customers answered; for changes, those changed (for a merge: who stays, who goes).
    total : int or None
        The answer's ``TotalResults``.
    fault : str or None
        The kind of fault that was played, or its function's name.
    early : bool
        The request came before the reset time of a throttle.
    token : str or None
        Which login its token came from, as in "token#3"; for a login, the token given out.
    headers_seen : tuple of str
        Lower-case header names of the request, sorted.
    media_type : str
        The request's ``Content-Type``, without parameters.
    scheme : str
        How the request showed its token, as in "Bearer".
    """

    kind: Kind
    at: float
    endpoint: Endpoint | None = None
    method: str = ""
    path: str = ""
    params: tuple[tuple[str, str], ...] = ()
    status: int | None = None
    user_ids: tuple[int, ...] = ()
    total: int | None = None
    fault: str | None = None
    early: bool = False
    token: str | None = None
    headers_seen: tuple[str, ...] = ()
    media_type: str = ""
    scheme: str = ""


class TruthLog(list[LogEntry]):
    """A list of entries; an entry is there before the first byte of its answer leaves."""

    def requests(self, endpoint: Endpoint | None = None) -> list[LogEntry]:
        """Return the requests, of one endpoint or of all."""
        return [entry for entry in self if entry.kind == "request" and endpoint in {None, entry.endpoint}]
