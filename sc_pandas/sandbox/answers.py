"""An answer before it is put on the wire."""

import gzip
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from sc_pandas.sandbox.rendering import to_json

JSON: Final = "application/json; charset=utf-8"
HTML: Final = "text/html; charset=utf-8"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Status, headers and body, and what the truth log wants to know about them."""

    status: int = 200
    body: bytes = b""
    content_type: str | None = JSON
    headers: tuple[tuple[str, str], ...] = ()
    encoded: bool = False
    items: tuple[str, ...] | None = None
    user_ids: tuple[int, ...] = ()
    total: int | None = None
    authorized: bool = False
    token: str | None = None

    def all_headers(self) -> list[tuple[str, str]]:
        """Give every header but the one that says how long the body is."""
        kind = [("Content-Type", self.content_type)] if self.content_type else []
        return [*kind, *self.headers]

    def gzipped(self) -> "Answer":
        """Give the same answer, compressed."""
        if self.encoded:
            return self
        headers = (*self.headers, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
        return replace(self, body=gzip.compress(self.body, 1, mtime=0), headers=headers, encoded=True)

    def head(self, length: str | None = None, version: str = "HTTP/1.1") -> bytes:
        """Give the bytes before the body, for those who write to the wire themselves.

        Parameters
        ----------
        length : str, optional
            The header line that says where the body ends; None for none.
        version : str
            The protocol's version.
        """
        try:
            reason = HTTPStatus(self.status).phrase
        except ValueError:
            reason = "Unknown"
        lines = [f"{version} {self.status} {reason}"]
        lines += [f"{name}: {value}" for name, value in self.all_headers()]
        lines += [length] if length else []
        return ("\r\n".join([*lines, "Connection: close"]) + "\r\n\r\n").encode("latin-1")


def json_answer(value: object, status: int = 200, **details: Any) -> Answer:
    """Give an answer whose body is a JSON value."""
    return Answer(status=status, body=to_json(value).encode(), **details)


def message(text: str, status: int, **details: Any) -> Answer:
    """Give an error in ASP.NET's shape."""
    return json_answer({"Message": text}, status, **details)


def throttled(
    reset_in_s: float,
    *,
    status: int,
    retry_after: str | bool = False,
    body_extra: Mapping[str, Any] | None = None,
) -> Answer:
    """Give the documented answer to too many requests: two keys, the reset time with seven digits and Z.

    Parameters
    ----------
    reset_in_s : float
        Seconds until calls are served again.
    status : int
        The documentation names none; 409 was seen.
    retry_after : str or bool
        A ``Retry-After`` header: True for the right number of seconds, a text for that text.
    body_extra : mapping, optional
        Members to add or to replace; None as a member's value removes it.
    """
    reset = datetime.now(UTC) + timedelta(seconds=reset_in_s)
    # One digit more than Python's microseconds have: a parser that only knows six must cope.
    body: dict[str, Any] = {
        "Error": "Too many requests.",
        "RateLimitResetTime": f"{reset:%Y-%m-%dT%H:%M:%S.%f}7Z",
    }
    body |= body_extra or {}
    headers: tuple[tuple[str, str], ...] = ()
    if retry_after is not False:
        seconds = str(max(math.ceil(reset_in_s), 0)) if retry_after is True else retry_after
        headers = (("Retry-After", seconds),)
    return json_answer({name: value for name, value in body.items() if value is not None}, status, headers=headers)
