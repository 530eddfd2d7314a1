"""Answers that end in time: a deadline and a stop that hold for every byte of them, their headers too.

A socket's own time-out begins anew with each byte, so a server that drips bytes could hold a call for ever.
"""

import http.client
import io
import os
import queue
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, cast

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.wait import wait_for_read

from sc_pandas import forks
from sc_pandas.pacing import Cancelled

_LOOK_EVERY_S: Final = 0.2
# A page in one piece, where it is there.
_BUFFER_BYTES: Final = 64 * 2**10
_PLAIN_HEAD: Final = re.compile(rb"HTTP/1\.1 200 ([ -~]*)\r\n((?:[!-9;-~]+:[\t -~]*\r\n){1,50})\r\n")
LENGTH: Final = re.compile(r"\d{1,15}", re.ASCII)
_this_thread: Final = threading.local()


@dataclass(frozen=True, slots=True)
class Limits:
    """Until when (on `time.monotonic`) an answer may come, the longest gap in it, and what stops it earlier."""

    deadline: float
    gap_s: float
    cancel: threading.Event | None = None


@contextmanager
def limited(limits: Limits) -> Iterator[None]:
    """Hold the answers that this thread receives through a `TimedAdapter` to the limits."""
    _this_thread.limits = limits
    try:
        yield
    finally:
        del _this_thread.limits


class _TimedBytes(io.RawIOBase):
    """The bytes of one answer; `TimeoutError` or `Cancelled` instead of a wait beyond the limits."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, limits: Limits) -> None:
        self._raw, self._sock, self._limits = raw, sock, limits

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        until = min(time.monotonic() + self._limits.gap_s, self._limits.deadline)
        has_more = getattr(self._sock, "pending", int)  # what TLS has received and not handed on yet
        ready = False
        while not ready:
            left_s = until - time.monotonic()
            if self._limits.cancel is not None and self._limits.cancel.is_set():
                raise Cancelled
            if left_s <= 0:
                raise TimeoutError
            ready = bool(has_more()) or wait_for_read(self._sock, timeout=min(left_s, _LOOK_EVERY_S))
        self._sock.settimeout(left_s)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **more: Any) -> None:
        super().__init__(sock, *args, **more)
        limits = getattr(_this_thread, "limits", None)
        if limits is not None:
            self.fp = io.BufferedReader(_TimedBytes(self.fp.detach(), sock, limits), _BUFFER_BYTES)

    def begin(self) -> None:
        """Read the head; a plain one at once, any other as the standard library does, which takes as long as a page."""
        head = _PLAIN_HEAD.match(self.fp.peek())
        lines = [] if head is None else head[2].decode().splitlines()
        pairs = [(name, value.lstrip(" \t")) for name, _, value in (line.partition(":") for line in lines)]
        said = {name.lower(): value for name, value in pairs}
        stays = said.get("connection", "keep-alive").lower() == "keep-alive"
        is_odd = len(said) < len(pairs) or "transfer-encoding" in said or not stays
        if head is None or is_odd or not LENGTH.fullmatch(said.get("content-length", "")):
            super().begin()
            return
        self.fp.read(head.end())
        self.headers = self.msg = http.client.HTTPMessage()
        for name, value in pairs:
            self.headers[name] = value
        self.version, self.code, self.status, self.reason = 11, 200, 200, head[1].decode().strip()
        self.chunked, self.will_close, self.length = False, False, int(said["content-length"])


def _let_go(connection: HTTPConnection) -> None:
    """Close a child's copy of a socket: without a word to the server, with which the parent talks on."""
    # An AttributeError is TLS within TLS, through a proxy: that is closed when it is forgotten, silently, too.
    with suppress(AttributeError, OSError):
        if connection.sock is not None:
            os.close(connection.sock.detach())


class _TimedConnection(HTTPConnection):
    response_class = _TimedResponse

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        forks.owned(self, _let_go)


class _TimedTlsConnection(HTTPSConnection):
    response_class = _TimedResponse

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._connecting = forks.new_rlock()
        forks.owned(self, _let_go)
        forks.rests(self, self._connecting)

    def connect(self) -> None:
        # OpenSSL has locks that a child cannot renew: a child of a process that was in here could never connect.
        with self._connecting:
            super().connect()


def _renew(idle: "queue.Queue[Any]") -> None:
    # urllib3 empties a pool's queue when the pool is forgotten, and at exit: its lock must be free then.
    idle.__init__(idle.maxsize)  # type: ignore[misc]


class TimedAdapter(HTTPAdapter):
    """An adapter whose connections keep the limits of `limited`."""

    def way_to(
        self, url: str, proxies: Mapping[str, str], *, verify: bool | str
    ) -> tuple[urllib3.HTTPConnectionPool, str]:
        """Return the pool of connections to a URL, and what its targets begin with: with a proxy, the URL itself."""
        request = requests.Request("GET", url).prepare()
        pool = cast("urllib3.HTTPConnectionPool", self.get_connection_with_tls_context(request, verify, dict(proxies)))
        self.cert_verify(pool, url, verify, None)  # type: ignore[no-untyped-call]
        ours = _TimedTlsConnection if pool.scheme == "https" else _TimedConnection
        if pool.ConnectionCls is not ours:
            pool.ConnectionCls = ours
            forks.owned(cast("queue.Queue[Any]", pool.pool), _renew)
        return pool, self.request_url(request, dict(proxies))
