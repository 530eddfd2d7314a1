"""A caller that speaks plain HTTP to the sandbox: no code of the client, no HTTP library that might mend anything."""

import gzip
import http.client
import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

import sc_pandas.sandbox
from sc_pandas.sandbox import Sandbox


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        content = gzip.decompress(self.body) if self.headers.get("content-encoding") == "gzip" else self.body
        return json.loads(content)


@dataclass
class Caller:
    """Calls a sandbox, one connection per call."""

    box: Sandbox
    token: str = ""
    timeout: float = 10.0

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Reply:
        address = urlsplit(self.box.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=self.timeout)
        try:
            authorization = {"Authorization": f"Bearer {self.token}"} if self.token else {}
            connection.request(method, path, body, {**authorization, **(headers or {})})
            with connection.getresponse() as answer:
                kept = {name.lower(): value for name, value in answer.getheaders()}
                return Reply(answer.status, kept, answer.read())
        finally:
            connection.close()

    def post(self, path: str, value: object, content_type: str = "application/json") -> Reply:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return self.ask("POST", path, body, {"Content-Type": content_type})

    def login(self) -> "Caller":
        credentials = {"Username": self.box.username, "Password": self.box.password}
        self.token = self.post("/rest/api/token", credentials).json["access_token"]
        return self

    def page(self, *pairs: tuple[str, object]) -> Reply:
        return self.ask("GET", "/rest/api/Customers" + (f"?{urlencode(pairs)}" if pairs else ""))

    def ids(self, *pairs: tuple[str, object]) -> list[int]:
        """Read all pages with the swagger's names."""
        found: list[int] = []
        for number in range(1, 10_000):
            asked = [(f"model.{name}", value) for name, value in pairs]
            page = self.page(*asked, ("model.pageSize", 50), ("model.pageNumber", number)).json
            if not page["Items"]:
                assert page["TotalResults"] == len(found)
                break
            found += [item["UserID"] for item in page["Items"]]
        return found

    def raw(self) -> bytes:
        """Ask for the list and return every byte that comes back until the server hangs up."""
        address = urlsplit(self.box.url)
        head = (
            f"GET /rest/api/Customers HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {self.token}\r\n\r\n"
        )
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=self.timeout) as wire:
            wire.sendall(head.encode())
            received = b""
            while piece := wire.recv(65536):
                received += piece
        return received


@pytest.fixture
def serve() -> Iterator[Callable[..., Caller]]:
    """Start sandboxes that end with the test; gives a caller that has logged in."""
    boxes: list[Sandbox] = []

    def start(customers: int = 120, *, login: bool = True, **options: Any) -> Caller:
        box = sc_pandas.sandbox.serve(customers, **options)
        boxes.append(box)
        return Caller(box).login() if login else Caller(box)

    yield start
    for box in boxes:
        box.close()


@pytest.fixture(scope="module")
def caller() -> Iterator[Caller]:
    """Return a caller of an ordinary sandbox that the tests of a module share and do not change."""
    with sc_pandas.sandbox.serve(customers=1037, seed=7) as box:
        yield Caller(box).login()
