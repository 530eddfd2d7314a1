"""One attempt on the wire: send a call, read the whole body in time, undo its encoding, and say what failed."""

import http.client
import os
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import requests
import urllib3
from urllib3 import exceptions as failures

from sc_pandas import forks
from sc_pandas.client.timed import LENGTH, Limits, TimedAdapter, limited
from sc_pandas.errors import SettingsError
from sc_pandas.pacing import http_date
from sc_pandas.secrecy import unseen
from sc_pandas.settings import is_loopback

IN_FLIGHT: Final = 16
# Of any answer, as it came and unpacked; and of a page of the list: fifty customers with 160 KiB each.
MAX_BODY_BYTES: Final = 64 * 2**20
PAGE_BYTES_AT_MOST: Final = 8 * 2**20
_CHUNK: Final = 64 * 2**10
# The article asks for a Content-Type on a GET, too; Cache-Control is for proxies on the way.
_HEADERS: Final = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
    "User-Agent": "sc_pandas",
    "Content-Type": "application/json",
    "Cache-Control": "no-cache",
}
_PROXY_URL: Final = "the address of the proxy (HTTP_PROXY, HTTPS_PROXY) cannot be read"  # our own was checked before
_EXPLAINED: Final[tuple[tuple[type[Exception], str, str], ...]] = (
    (failures.ProxyError, "proxy", "the proxy refused the connection"),
    (requests.exceptions.InvalidURL, "proxy", _PROXY_URL),
    (failures.LocationValueError, "proxy", _PROXY_URL),
    (failures.SSLError, "tls", "the certificate of {host} is not trusted (a proxy that opens TLS needs ca_bundle=)"),
    (failures.NewConnectionError, "connect", "{host} could not be reached (network, VPN, server id?)"),
    (failures.ConnectTimeoutError, "timeout", "{host} did not take the connection in time"),
    (failures.ProtocolError, "connect", "{host} closed the connection without an answer"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeouts:
    """Seconds to connect, between two pieces of an answer, and for one whole attempt."""

    connect_s: float = 5.0
    read_s: float = 30.0
    total_s: float = 60.0

    def __post_init__(self) -> None:
        if not all(0 < seconds < 86_400 for seconds in (self.connect_s, self.read_s, self.total_s)):
            raise ValueError("time-outs are positive numbers of seconds")


@dataclass(frozen=True, slots=True)
class Call:
    """One call, without its secret: `target` is path and query below the base URL.

    `sign` writes the secret into a copy of the headers, or returns the body that holds it; it is called inside of
    `Wire.exchange`, so no frame above holds the secret.
    """

    target: str
    method: str = "GET"
    bytes_at_most: int = MAX_BODY_BYTES
    sign: Callable[[dict[str, str]], bytes | None] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A whole answer, decoded; `date` is the server's own time, where it was sent."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)  # that of a login holds the token
    date: datetime | None = None

    @property
    def to_host(self) -> str:
        """Host that a redirect points to."""
        return urlsplit(self.headers.get("Location", "")).hostname or "the same host"


class ExchangeError(Exception):
    """No whole answer; `kind` is that of `TransportError` or `ResponseError`, `away` that no server took the call."""

    def __init__(self, kind: str, says: str, *, retryable: bool = True, away: bool = False) -> None:
        super().__init__(says)
        self.kind = kind
        self.retryable = retryable
        self.away = away


def _check_bundle(path: str, named: str) -> None:
    """Refuse, by a SettingsError, certificates that cannot be read: no call could be made."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(*((None, path) if Path(path).is_dir() else (path, None)))
    except (OSError, ValueError) as error:
        why = "it holds no certificates (PEM)" if isinstance(error, ssl.SSLError) else getattr(error, "strerror", error)
        says = f"{named} is {path!r}, which cannot be used: {why}. Nothing was sent."
        raise SettingsError(says, setting=named) from None


class Wire:
    """The way to one server: its connections, the proxy, and whose certificates are trusted."""

    def __init__(self, url: str, timeouts: Timeouts, ca_bundle: str | None = None) -> None:
        self._url = url
        self._timeouts = timeouts
        self._timeout = urllib3.Timeout(connect=timeouts.connect_s, read=min(timeouts.read_s, timeouts.total_s))
        # Environment proxies and CA bundles are read once, here; ~/.netrc is never read.
        with requests.Session() as session:
            trusted = str(Path(ca_bundle).expanduser()) if ca_bundle else None
            found = session.merge_environment_settings(url, {}, None, trusted, None)
        # A password may stand in the address of a proxy.
        self._proxies = {} if is_loopback(urlsplit(url).hostname or "") else dict(found["proxies"])
        self._verify = found["verify"] or True
        if url.startswith("https") and self._verify is not True:
            _check_bundle(os.fspath(self._verify), "REQUESTS_CA_BUNDLE" if ca_bundle is None else "ca_bundle")
        if self._proxy_scheme().startswith("socks") and find_spec("socks") is None:
            says = "The proxy of HTTPS_PROXY or ALL_PROXY speaks SOCKS, which needs PySocks: pip install pysocks."
            raise SettingsError(says, setting="HTTPS_PROXY")
        self._begin()
        forks.owned(self, Wire._begin)

    def _begin(self) -> None:
        """Make connections that are this process's own."""
        self.adapter = TimedAdapter(pool_connections=2, pool_maxsize=IN_FLIGHT, max_retries=0)
        self._way: tuple[urllib3.HTTPConnectionPool, str] | None = None

    @property
    def proxy(self) -> str | None:
        """Host (and port) of the proxy that calls go through, or None; its user and password are not shown."""
        try:
            return unseen(self._proxy_host) or None
        except ValueError:
            return "a proxy whose address cannot be read"

    def _proxy_scheme(self) -> str:
        return (requests.utils.select_proxy(self._url, self._proxies) or "").partition(":")[0].lower()

    def _proxy_host(self) -> str:
        return urlsplit(requests.utils.select_proxy(self._url, self._proxies) or "").netloc.rpartition("@")[2]

    def close(self) -> None:
        """Close every connection."""
        self._way = None
        self.adapter.close()

    def exchange(self, call: Call, cancel: threading.Event | None = None) -> Answer:
        """Make a call once and read its whole answer; errors leave without the frames that hold its secret.

        ExchangeError if nothing, or not everything, came in time; Cancelled once `cancel` is set.
        """
        return unseen(lambda: self._exchange(call, cancel))

    def _exchange(self, call: Call, cancel: threading.Event | None) -> Answer:
        headers = _HEADERS.copy()
        body = None if call.sign is None else call.sign(headers)
        deadline = time.monotonic() + self._timeouts.total_s
        with limited(Limits(deadline, self._timeouts.read_s, cancel)):
            response = self._opened(call, headers, body, deadline)
            return self._whole(response, deadline, call.bytes_at_most)

    def _opened(
        self, call: Call, headers: dict[str, str], body: bytes | None, deadline: float
    ) -> urllib3.BaseHTTPResponse:
        try:
            # Without requests' own `send`, which costs as much as the rest of a call.
            self._way = self._way or self.adapter.way_to(self._url, self._proxies, verify=self._verify)
            pool, base = self._way
            return pool.urlopen(
                call.method,
                base + call.target,
                body=body,
                headers=headers,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
                decode_content=False,
                retries=self.adapter.max_retries,
                timeout=self._timeout,
            )
        except failures.ReadTimeoutError:
            raise self._late(deadline, "the server did not begin to answer in time") from None
        except (failures.HTTPError, requests.RequestException, OSError, ValueError) as error:
            raise self._explained(error) from None

    def _late(self, deadline: float, says: str) -> ExchangeError:
        if time.monotonic() < deadline:
            return ExchangeError("timeout", says)
        return ExchangeError("deadline", f"the answer was not complete after {self._timeouts.total_s:g} s")

    def _explained(self, error: Exception) -> ExchangeError:
        reason = error.reason if isinstance(error, failures.MaxRetryError) else error
        host = urlsplit(self._url).netloc
        for failure, kind, says in _EXPLAINED:
            if isinstance(reason, failure):
                cause = reason.args[-1] if isinstance(reason, failures.ProtocolError) else None
                if isinstance(cause, http.client.HTTPException) and not isinstance(cause, ConnectionError):
                    says = "the answer of {host} is not HTTP"  # noqa: PLW2901
                away = isinstance(reason, failures.ConnectTimeoutError | failures.ProtocolError)
                return ExchangeError(kind, says.format(host=host), retryable=kind not in {"proxy", "tls"}, away=away)
        return ExchangeError("read", f"the connection to {host} failed ({type(reason).__name__})")

    def _whole(self, response: urllib3.BaseHTTPResponse, deadline: float, bytes_at_most: int) -> Answer:
        try:
            body = _decoded(response, self._read(response, deadline, bytes_at_most), bytes_at_most)
            date = http_date(response.headers.get("Date"))
            return Answer(status=response.status, headers=response.headers, body=body, date=date)
        except failures.ReadTimeoutError:
            raise self._late(deadline, f"no byte came for {self._timeouts.read_s:g} s") from None
        except (failures.HTTPError, OSError) as error:
            raise ExchangeError("truncated", f"the answer broke off ({type(error).__name__})") from None
        finally:
            response.close()
            response.release_conn()

    def _read(self, response: Any, deadline: float, bytes_at_most: int) -> bytes:
        announced = response.headers.get("Content-Length")
        if announced is not None and not LENGTH.fullmatch(announced.strip()):
            raise ExchangeError("framing", "the answer announces an impossible length")
        received, length = bytearray(), -1 if announced is None else int(announced)
        while len(received) != length:
            if time.monotonic() >= deadline:
                raise self._late(deadline, "")
            piece = response.read1(_CHUNK, decode_content=False)
            if not piece:
                break
            received += piece
            if len(received) > bytes_at_most:
                raise _too_large(bytes_at_most)
        # urllib3 checks this only when it reads to the end itself.
        if length not in {-1, len(received)}:
            raise ExchangeError("truncated", f"{len(received):,} of {length:,} bytes came")
        return bytes(received)


def _decoded(response: urllib3.BaseHTTPResponse, body: bytes, bytes_at_most: int) -> bytes:
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
