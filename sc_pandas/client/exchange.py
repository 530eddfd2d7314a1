"""One attempt on the wire: send a request, read the whole body in time, undo its encoding, and say what failed."""

import re
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from sc_pandas.client.timed import Limits, TimedAdapter, limited
from sc_pandas.pacing import Clock
from sc_pandas.secrecy import unseen

# Of any answer, as it came and unpacked; and of a page of the list: fifty customers with 160 KiB each.
MAX_BODY_BYTES: Final = 64 * 2**20
PAGE_BYTES_AT_MOST: Final = 8 * 2**20
_CHUNK: Final = 64 * 2**10


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeouts:
    """Seconds to connect, between two pieces of an answer, and for one whole attempt."""

    connect_s: float = 5.0
    read_s: float = 30.0
    total_s: float = 60.0

    def __post_init__(self) -> None:
        if not all(0 < seconds < 86_400 for seconds in (self.connect_s, self.read_s, self.total_s)):
            raise ValueError("time-outs are positive numbers of seconds")


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A whole answer, decoded."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)  # that of a login holds the token

    @property
    def to_host(self) -> str:
        """Host that a redirect points to."""
        return urlsplit(self.headers.get("Location", "")).hostname or "the same host"


@dataclass(frozen=True, slots=True)
class Route:
    """The proxies (a password may stand in their addresses), and whose certificates are trusted."""

    proxies: Mapping[str, str] = field(repr=False)
    verify: bool | str


class SecretRequest(requests.PreparedRequest):
    """A request whose secret is written into a copy on the wire, so that no frame above holds it."""

    def __init__(
        self,
        plain: requests.PreparedRequest,
        write: Callable[[requests.PreparedRequest], None],
        bytes_at_most: int = MAX_BODY_BYTES,
    ) -> None:
        super().__init__()
        self._plain, self._write = plain, write
        self.bytes_at_most = bytes_at_most

    def written(self) -> requests.PreparedRequest:
        """Return the request that can be sent, secret and all."""
        request = self._plain.copy()
        self._write(request)
        return request


class ExchangeError(Exception):
    """No whole answer; `kind` is that of `TransportError` or `ResponseError`, `away` that no server took the call."""

    def __init__(self, kind: str, says: str, *, retryable: bool = True, away: bool = False) -> None:
        super().__init__(says)
        self.kind = kind
        self.retryable = retryable
        self.away = away


def exchange(
    adapter: TimedAdapter,
    request: requests.PreparedRequest,
    *,
    timeouts: Timeouts,
    clock: Clock,
    route: Route,
    cancel: threading.Event | None = None,
) -> Answer:
    """Send a request once and read its whole answer; errors leave without the frames that hold its secret.

    Raises
    ------
    ExchangeError
        Nothing, or not everything, came, or not in time.
    Cancelled
        `cancel` was set.
    """
    deadline = clock.monotonic() + timeouts.total_s

    def attempt() -> Answer:
        sent, bytes_at_most = request, MAX_BODY_BYTES
        if isinstance(request, SecretRequest):
            sent, bytes_at_most = request.written(), request.bytes_at_most
        with limited(Limits(time.monotonic() + timeouts.total_s, timeouts.read_s, cancel)):
            response = _opened(adapter, sent, timeouts=timeouts, deadline=deadline, clock=clock, route=route)
            return _whole(response, timeouts=timeouts, deadline=deadline, clock=clock, bytes_at_most=bytes_at_most)

    return unseen(attempt)


def _opened(
    adapter: TimedAdapter,
    request: requests.PreparedRequest,
    *,
    timeouts: Timeouts,
    deadline: float,
    clock: Clock,
    route: Route,
) -> requests.Response:
    try:
        # Not adapter.send: a subclass below the cache overrides that with the retries around this attempt.
        return HTTPAdapter.send(
            adapter,
            request,
            stream=True,
            timeout=(timeouts.connect_s, min(timeouts.read_s, timeouts.total_s)),
            proxies=route.proxies,
            verify=route.verify,
            cert=None,
        )
    except requests.exceptions.ReadTimeout:
        raise _late(deadline, clock, timeouts, "the server did not begin to answer in time") from None
    except requests.RequestException as error:
        raise _explained(error) from None
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise ExchangeError("read", f"the connection failed ({type(error).__name__})") from None


def _whole(
    response: requests.Response, *, timeouts: Timeouts, deadline: float, clock: Clock, bytes_at_most: int
) -> Answer:
    try:
        body = _read(response, deadline=deadline, clock=clock, timeouts=timeouts, bytes_at_most=bytes_at_most)
        plain = _decoded(response, body, bytes_at_most)
        return Answer(status=response.status_code, headers=response.headers, body=plain)
    except urllib3.exceptions.ReadTimeoutError:
        raise _late(deadline, clock, timeouts, f"no byte came for {timeouts.read_s:g} s") from None
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise ExchangeError("truncated", f"the answer broke off ({type(error).__name__})") from None
    finally:
        response.close()


def _late(deadline: float, clock: Clock, timeouts: Timeouts, says: str) -> ExchangeError:
    if clock.monotonic() < deadline:
        return ExchangeError("timeout", says)
    return ExchangeError("deadline", f"the answer was not complete after {timeouts.total_s:g} s")


def _explained(error: requests.RequestException) -> ExchangeError:
    if isinstance(error, requests.exceptions.InvalidURL):
        # Our own address was checked before.
        says = "the address of the proxy (HTTP_PROXY, HTTPS_PROXY) cannot be read"
        return ExchangeError("proxy", says, retryable=False)
    if isinstance(error, requests.exceptions.ProxyError):
        return ExchangeError("proxy", "the proxy refused the connection", retryable=False)
    if isinstance(error, requests.exceptions.SSLError):
        says = "the server's certificate is not trusted (a proxy that opens TLS needs ca_bundle=)"
        return ExchangeError("tls", says, retryable=False)
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return ExchangeError("timeout", "the server did not take the connection in time", away=True)
    if isinstance(error, requests.exceptions.ConnectionError):
        return ExchangeError("connect", "the server could not be reached (network, VPN, server id?)", away=True)
    return ExchangeError("read", f"the connection failed ({type(error).__name__})")


def _read(
    response: requests.Response, *, deadline: float, clock: Clock, timeouts: Timeouts, bytes_at_most: int
) -> bytes:
    announced = response.headers.get("Content-Length")
    if announced is not None and not re.fullmatch(r"\d{1,15}", announced.strip(), re.ASCII):
        raise ExchangeError("framing", "the answer announces an impossible length")
    received = bytearray()
    while True:
        if clock.monotonic() >= deadline:
            raise _late(deadline, clock, timeouts, "")
        piece = response.raw.read1(_CHUNK, decode_content=False)
        if not piece:
            break
        received += piece
        if len(received) > bytes_at_most:
            raise _too_large(bytes_at_most)
    # urllib3 checks this only when it reads to the end itself.
    if announced is not None and len(received) != int(announced):
        says = f"{len(received):,} of {int(announced):,} bytes came"
        raise ExchangeError("truncated", says)
    return bytes(received)


def _decoded(response: requests.Response, body: bytes, bytes_at_most: int) -> bytes:
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding in {"", "identity"} or not body:
        return body
    if encoding != "gzip":
        raise ExchangeError("encoding", "the answer has an encoding that was not asked for")
    # urllib3 accepts a gzip stream without its end; zlib says whether the end and its checksum were there.
    stream = zlib.decompressobj(wbits=31)
    try:
        plain = stream.decompress(body, bytes_at_most + 1)
    except zlib.error:
        raise ExchangeError("encoding", "the answer's compression is damaged") from None
    if len(plain) > bytes_at_most:
        raise _too_large(bytes_at_most)
    if not stream.eof or stream.unused_data:
        raise ExchangeError("truncated", "the answer's compressed data has no proper end")
    return plain


def _too_large(bytes_at_most: int) -> ExchangeError:
    hint = "; ask for fewer customers in a page (page_size=10)" if bytes_at_most == PAGE_BYTES_AT_MOST else ""
    says = f"the answer is larger than {bytes_at_most // 2**20} MiB{hint}"
    return ExchangeError("too_large", says, retryable=False)
