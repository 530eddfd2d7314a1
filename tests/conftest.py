"""What every test stands on: a clean environment, closed sockets, no thread left behind, and `--long`."""

import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# These machines are noisy: how long an example takes says nothing, and each test has a time-out of its own.
hypothesis.settings.register_profile("sc_pandas", deadline=None)
hypothesis.settings.load_profile("sc_pandas")

# Support code of the tests is imported as `tests.…`; behind everything else, so that an installed package wins.
_ROOT = str(Path(__file__).parent.parent)
if _ROOT not in sys.path:
    sys.path.append(_ROOT)

_PROXIES = {"http_proxy", "https_proxy", "all_proxy", "no_proxy", "requests_ca_bundle", "curl_ca_bundle"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--long``."""
    parser.addoption("--long", action="store_true", help="run heavy sweeps and soaks, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what is marked `long` unless it was asked for."""
    if config.getoption("--long"):
        return
    for item in items:
        if "long" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="long; run with --long"))


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Hide the developer's own logins, proxies and folders."""
    for name in list(os.environ):
        if name.startswith(("SELLERCLOUD_", "SC_PANDAS_")) or name.lower() in _PROXIES:
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))


@pytest.fixture(autouse=True, scope="session")
def closed_sockets() -> Iterator[None]:
    """Let nothing leave this machine: only 127.0.0.0/8, ::1 and local sockets can be connected to."""
    connect, connect_ex, resolve = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def check(sock: socket.socket, address: Any) -> None:
        if sock.family in {socket.AF_INET, socket.AF_INET6} and not is_local(address[0]):
            raise AssertionError(f"a test tried to connect to {address!r}")

    def guarded(sock: socket.socket, address: Any) -> None:
        check(sock, address)
        connect(sock, address)

    def guarded_ex(sock: socket.socket, address: Any) -> int:
        check(sock, address)
        return connect_ex(sock, address)

    def guarded_resolve(host: Any, *args: Any, **more: Any) -> Any:
        if host is not None and not is_local(host if isinstance(host, str) else host.decode()):
            raise AssertionError(f"a test tried to resolve {host!r}")
        return resolve(host, *args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        patch.setattr(socket.socket, "connect_ex", guarded_ex)
        patch.setattr(socket, "getaddrinfo", guarded_resolve)
        yield


def is_local(host: str) -> bool:
    """Return whether a host is this machine."""
    return host in {"localhost", "::1", ""} or host.startswith("127.")


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Let new files be open to everybody unless their writer says otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """Fail a test that leaves a thread of the package running; answers under way may take their time-out."""
    before = set(threading.enumerate())
    yield
    until = time.monotonic() + 5.0
    while left := [t for t in threading.enumerate() if t not in before and t.name.startswith("sc_pandas")]:
        assert time.monotonic() < until, f"threads left running: {[t.name for t in left]}"
        time.sleep(0.01)
