"""A request as it came off the wire, and an answer before it is put there."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from sc_pandas.sandbox.rendering import to_json

JSON: Final = "application/json; charset=utf-8"


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request; `pairs` is the query, decoded and in order, and header names are in lower case."""

    method: str
    target: str
    path: str
    pairs: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """The type of the body, without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().casefold()

    @property
    def scheme(self) -> str:
        """How the request shows its token, as in "Bearer"."""
        scheme, space, _ = self.headers.get("authorization", "").partition(" ")
        return scheme if space else ""

    def for_first_page(self) -> "Request":
        """Return the same request for page 1."""
        pairs = tuple(pair for pair in self.pairs if pair[0].casefold().removeprefix("model.") != "pagenumber")
        return replace(self, pairs=pairs)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Status, headers and body, and what the truth log is to know about them: `user_ids`, `total` and `token`.

    `headers` are all but ``Content-Type`` and ``Content-Length``; an `encoded` body stays as it is; `items` are the
    finished rows in a page of the list.
    """

    status: int = 200
    body: bytes = b""
    content_type: str | None = JSON
    headers: tuple[tuple[str, str], ...] = ()
    encoded: bool = False
    items: tuple[bytes, ...] | None = None
    user_ids: tuple[int, ...] = ()
    total: int | None = None
    token: str | None = None

    def all_headers(self) -> list[tuple[str, str]]:
        """Return every header but the one that says how long the body is."""
        kind = [("Content-Type", self.content_type)] if self.content_type else []
        return [*kind, *self.headers]

    def gzipped(self) -> "Answer":
        """Return the same answer, compressed."""
        if self.encoded:
            return self
        headers = (*self.headers, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
        return replace(self, body=gzip.compress(self.body, 1, mtime=0), headers=headers, encoded=True)


@dataclass(frozen=True)
class Script:
    """Bytes to write as they are instead of an answer, with a pause between pieces and one after the last.

    The connection then ends by FIN ("close") or by RST ("reset").
    """

    pieces: tuple[bytes, ...]
    pause_s: float = 0.0
    linger_s: float = 0.0
    end: Literal["close", "reset"] = "close"


def json_answer(value: object, status: int = 200, **details: Any) -> Answer:
    """Return an answer whose body is a JSON value."""
    return Answer(status=status, body=to_json(value), **details)


def message(text: str, status: int, **details: Any) -> Answer:
    """Return an error in ASP.NET's shape."""
    return json_answer({"Message": text}, status, **details)


def throttled(reset_in_s: float, *, status: int = 409) -> Answer:
    """Return the documented answer to too many requests; the documentation names no status, 409 was seen."""
    reset = datetime.now(UTC) + timedelta(seconds=reset_in_s)
    # One digit more than Python's microseconds have: a parser that only knows six must cope.
    body = {"Error": "Too many requests.", "RateLimitResetTime": f"{reset:%Y-%m-%dT%H:%M:%S.%f}7Z"}
    return json_answer(body, status)
