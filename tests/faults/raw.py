"""A server of raw sockets that plays a script of bytes: what no well-behaved server library would send."""

import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from sc_pandas.client import Client, Expectation, RetryPolicy, Tally, Timeouts
from sc_pandas.contract import CUSTOMERS_PATH
from sc_pandas.query.connection import Connection
from sc_pandas.settings import Credentials, Secret, base_url
from tests.support.shops import PATIENT, QUICK

TOKEN = "raw-token"
# Certificate and key of 127.0.0.1, good for a century and for tests alone.
LOOPBACK = Path(__file__).parent.parent / "support" / "loopback.pem"


@dataclass
class Wire:
    """One call as it came, and the way back."""

    number: int
    target: str
    sock: socket.socket
    headers: dict[str, str] = field(default_factory=dict)
    alive: bool = True

    @property
    def params(self) -> dict[str, str]:
        """Return the query parameters."""
        return dict(parse_qsl(urlsplit(self.target).query))

    def send(self, content: bytes) -> bool:
        """Send bytes; False when the client has hung up."""
        try:
            self.sock.sendall(content)
        except OSError:
            self.alive = False
        return self.alive

    def drip(self, content: bytes, every_s: float = 0.02) -> int:
        """Send a byte now and then until the client hangs up; give how many went."""
        sent = 0
        for byte in content:
            time.sleep(every_s)
            if not self.send(bytes([byte])):
                break
            sent += 1
        return sent

    def hang_up(self) -> None:
        """Close."""
        self.alive = False

    def reset(self) -> None:
        """Close with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.alive = False


Script = Callable[[Wire], object]


def whole(body: bytes, *headers: str) -> bytes:
    """Return a good answer."""
    lines = ["HTTP/1.1 200 OK", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def no(status: int, body: bytes = b"") -> bytes:
    """Return a refusal."""
    return f"HTTP/1.1 {status} No\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def to_end(body: bytes) -> bytes:
    """Return an answer whose end is that of the connection, as old proxies do."""
    return b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + body


def page(ids: list[int], total: int | None = None, **more: Any) -> bytes:
    """Return the body of a page."""
    items = [{"UserID": each, "Email": f"{each}@example.test", **more} for each in ids]
    return json.dumps({"Items": items, "TotalResults": len(ids) if total is None else total}).encode()


@dataclass
class RawServer:
    """Answers logins by itself and plays `script` for every other call."""

    script: Script
    tls: bool = False
    login: Callable[[], bytes] = lambda: whole(json.dumps({"access_token": TOKEN}).encode())
    calls: int = 0
    logins: int = 0
    failures: list[BaseException] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(LOOPBACK)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def url(self) -> str:
        """Return the base URL."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join()
        with self._lock:
            for sock in self._open:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        assert not self.failures, self.failures

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(sock)
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            sock = self._secured(sock) if self.tls else sock
            with sock, sock.makefile("rb") as lines:
                while self._answer_one(sock, lines):
                    pass
        except OSError:
            pass
        except BaseException as error:  # noqa: BLE001  # told where the test sees it
            self.failures.append(error)
        finally:
            with self._lock:
                self._open.discard(sock)

    def _secured(self, plain: socket.socket) -> socket.socket:
        secured = self._context.wrap_socket(plain, server_side=True)
        with self._lock:
            self._open.remove(plain)
            self._open.add(secured)
        return secured

    def _answer_one(self, sock: socket.socket, lines: Any) -> bool:
        head = lines.readline().split()
        if len(head) < 2:
            return False
        headers = {}
        while (line := lines.readline()) not in {b"\r\n", b""}:
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        lines.read(int(headers.get("content-length", 0)))
        target = head[1].decode()
        if target.endswith("/token"):
            with self._lock:
                self.logins += 1
            sock.sendall(self.login())
            return True
        with self._lock:
            self.calls += 1
            wire = Wire(self.calls, target, sock, headers)
        self.script(wire)
        return wire.alive

    def shop(self, folder: Path, **options: Any) -> Connection:
        """Connect as users do, with short waits."""
        return shop_at(self.url, folder, **options)

    @contextmanager
    def client(self, *, timeouts: Timeouts = PATIENT, policy: RetryPolicy = QUICK, **more: Any) -> Iterator[Client]:
        """Return a bare client without a cache."""
        login = Credentials("ann@x.test", password=Secret("Raw-Canary-pässword"))
        client = Client(base_url(self.url), login, timeouts=timeouts, policy=policy, **more)
        try:
            yield client
        finally:
            client.close()


def shop_at(url: str, folder: Path, **options: Any) -> Connection:
    """Connect as users do, with short waits, and trust in the certificate of these tests."""
    login = options.pop("login", Credentials("ann@x.test", password=Secret("Raw-Canary-pässword")))
    settings: dict[str, Any] = {"policy": QUICK, "timeouts": PATIENT, "max_wait_s": 30.0, "dialect": "article"}
    if url.startswith("https"):
        settings["ca_bundle"] = str(LOOPBACK)
    return Connection(base_url(url), login, cache_dir=folder, **(settings | options))


def ask(client: Client, number: int = 1) -> list[int]:
    """Ask for a page, and return the ids on it."""
    params = [("pageNumber", str(number)), ("pageSize", "50")]
    got = client.get_page(CUSTOMERS_PATH, params, Expectation(number=1, asked=50), tally=Tally())
    return [item["UserID"] for item in got.items]
