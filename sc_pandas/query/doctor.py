"""Check whether this machine can read customers, by at most five calls, and say in plain words what is wrong."""

import contextlib
import importlib.metadata
import os
import platform
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from sc_pandas import settings
from sc_pandas.cache import home_of
from sc_pandas.client import Client, Page, RetryPolicy, Tally, Timeouts
from sc_pandas.contract import CALLS_PER_HOUR, Dialect
from sc_pandas.errors import (
    AuthError,
    RateLimitedError,
    ResponseError,
    SellerCloudError,
    ServerError,
    SettingsError,
    TransportError,
)
from sc_pandas.files import private_folder
from sc_pandas.filters import CustomerFilter
from sc_pandas.query.connection import pace_file, url_of
from sc_pandas.reading import Progress, ReadOptions, Source, read_page
from sc_pandas.reading.dialect import DialectMemory
from sc_pandas.reading.options import seconds
from sc_pandas.secrecy import without_login
from sc_pandas.wording import duration, plural, size

State = Literal["ok", "warn", "fail"]
CALLS_AT_MOST: Final = 5
_ASKED: Final = 100
_SKEW_S: Final = 60.0
_LIBRARIES: Final = ("sc_pandas", "pandas", "pyarrow", "requests", "requests-cache", "urllib3", "msgspec")
_ONCE: Final = RetryPolicy(attempts=2, login_attempts=1)
_NO_ANSWER: Final = {
    "tls": "its TLS certificate is not trusted here, or TLS failed; name your network's authorities with --ca-bundle",
    "proxy": "the proxy does not let calls through",
    "timeout": "it does not answer in time",
    "deadline": "it does not answer in time",
    "connect": "no connection: is the name right, and is the network up?",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its name, its state, and what that means."""

    name: str
    state: State
    words: str


@dataclass(frozen=True, slots=True)
class Checkup:
    """All checks, and the calls that they took; without any secret, name or e-mail."""

    checks: tuple[Check, ...]
    calls: int

    @property
    def is_fine(self) -> bool:
        """True if nothing fails; warnings may be there."""
        return all(check.state != "fail" for check in self.checks)


class _TooManyCallsError(SellerCloudError):
    """The answer needs more calls than a checkup makes."""


class _FewCalls(Tally):
    """Counts calls, and refuses one too many."""

    __slots__ = ()

    def count_call(self) -> None:
        if self.calls >= CALLS_AT_MOST:
            raise _TooManyCallsError
        Tally.count_call(self)


def check_up(
    server: str | None = None,
    *,
    username: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    timeout: float = 20.0,
    ca_bundle: str | None = None,
) -> Checkup:
    """Check the way to a server and this machine's cache; nothing is changed but the count of calls."""
    server = without_login(server)
    if not 0 < seconds("timeout", timeout) < 86_400:
        raise SettingsError("timeout is a positive number of seconds.", setting="timeout")
    tally = _FewCalls()
    named = settings.server_from(server)
    url = _url_of(named, tally)
    login = settings.credentials(url, server=named, username=username)
    folder, tenant = settings.cache_folder(cache_dir), settings.tenant_digest(url, login.user_key)
    # The folder as it was found: the calls to come may make it.
    of_cache = _check_cache(home_of(folder))
    client = Client(
        url,
        login,
        timeouts=Timeouts(connect_s=min(5.0, timeout), read_s=timeout, total_s=timeout),
        max_wait_s=0.0,
        policy=_ONCE,
        ca_bundle=ca_bundle,
        pace_file=pace_file(folder, tenant),
    )
    try:
        of_server = list(_check_server(client, tally))
        checks = [*of_server, _check_budget(client), of_cache, _check_proxy(client), _check_versions()]
    finally:
        client.close()
    return Checkup(tuple(checks), tally.calls)


def _url_of(server: str, tally: Tally) -> str:
    if server.startswith("team:"):
        tally.count_call()
    return url_of(server, policy=RetryPolicy(attempts=1))


def _check_server(client: Client, tally: Tally) -> Iterator[Check]:
    if client.pace.left() < CALLS_AT_MOST:
        yield Check("server", "warn", "not asked, because the hour's calls are used up")
        return
    before = tally.calls
    refused = _error_of(lambda: client.log_in(tally))
    logged_in = tally.calls > before
    dialects = DialectMemory("auto")
    heard: Page | SellerCloudError = refused or _listen(client, tally, dialects)
    if client.latency_s is None:
        yield _check_silence(client, heard)
        return
    secure = "TLS is trusted" if client.url.startswith("https:") else "plain http, on this machine only"
    yield Check("server", "ok", f"{urlsplit(client.url).netloc} answers ({secure})")
    yield _check_clock(client)
    if logged_in:
        yield Check("login", "fail", _plainly(refused)) if refused else Check("login", "ok", "accepted")
    elif not isinstance(heard, SellerCloudError):
        yield Check("login", "ok", "the token is accepted")
    if refused is None:
        yield from _check_list(heard, dialects.known)


def _check_silence(client: Client, error: object) -> Check:
    host = urlsplit(client.url).netloc
    match error:
        case RateLimitedError():
            return Check("server", "warn", "not asked, because it takes no calls at the moment (see quota)")
        case TransportError(kind=kind):
            return Check("server", "fail", f"{host} cannot be used: {_NO_ANSWER.get(kind, 'its answer broke off')}")
        case _:
            return Check("server", "fail", f"{host} answers, but not as the API does: is this the API's host?")


def _error_of(action: Callable[[], object]) -> SellerCloudError | None:
    try:
        action()
    except SellerCloudError as error:
        return error
    return None


def _plainly(error: SellerCloudError) -> str:  # noqa: PLR0911  # one for each kind of error
    # An error's own text may hold the server's words, and those may hold anything.
    match error:
        case _TooManyCallsError():
            return f"not found out by {CALLS_AT_MOST} calls: the server fails, or refuses its tokens, again and again"
        case AuthError(reason="malformed_token"):
            return "the answer carries no token: is this the API's host?"
        case AuthError(reason="bad_credentials"):
            return "the user name or the password is not accepted; it was tried once"
        case AuthError():
            return "this user may not read customers, or the token is no longer good"
        case ServerError(status=status):
            hint = " (is this the API's host?)" if status == 404 else ""
            return f"the server answers with status {status}{hint}"
        case ResponseError(kind=kind):
            return f"the server's answer is no customer data ({kind.replace('_', ' ')})"
        case TransportError(kind=kind):
            return f"no whole answer came: {_NO_ANSWER.get(kind, 'it broke off')}"
        case RateLimitedError():
            return "the server takes no calls at the moment (see quota)"
        case _:
            return type(error).__name__


def _listen(client: Client, tally: Tally, dialects: DialectMemory) -> Page | SellerCloudError:
    """Read page 1 of all customers, as every read begins."""
    source, options = Source(client, None, "", dialects), ReadOptions(page_size=_ASKED, cache="off")
    try:
        return read_page(source, CustomerFilter(), options, Progress(tally), 1)
    except SellerCloudError as error:
        return error


def _check_list(heard: Page | SellerCloudError, understood: Dialect | None) -> Iterator[Check]:
    if isinstance(heard, ResponseError) and heard.kind == "paging_ignored":
        words = "paging is ignored in both dialects; filters may be ignored too, and nothing can be read"
        yield Check("dialect", "fail", words)
        return
    if isinstance(heard, SellerCloudError):
        yield Check("customers", "fail", _plainly(heard))
        return
    rows, total = len(heard.items), heard.total
    if understood is None:
        yield Check("dialect", "warn", f"too few customers ({total}) to tell which one the server understands")
    else:
        yield Check("dialect", "ok", f"{understood.value} is understood")
    cap = f"{rows} rows come when {_ASKED} are asked, of {total:,} customers"
    yield Check("page cap", "ok", cap if rows < total else f"unknown: all {total:,} customers fit on one page")


def _check_clock(client: Client) -> Check:
    if client.skew_s is None:
        return Check("clock", "warn", "the server does not tell the time")
    ahead, off_s = client.skew_s < 0, abs(client.skew_s)
    if off_s <= _SKEW_S:
        return Check("clock", "ok", "this computer and the server agree within a minute")
    off = f"{duration(off_s)} {'ahead of' if ahead else 'behind'}"
    return Check("clock", "warn", f"this computer's clock is {off} the server's; set it by the network")


def _check_budget(client: Client) -> Check:
    left = client.pace.left()
    error = _error_of(client.pace.check)
    if isinstance(error, RateLimitedError):
        until = f" until {error.reset_at:%H:%M:%S} UTC" if error.reset_at else ""
        return Check("quota", "fail", f"the server takes no calls{until}; other programs may have used them up")
    words = f"{left:,} of {CALLS_PER_HOUR:,} calls are left in this hour, as counted on this computer"
    return Check("quota", "fail" if left < CALLS_AT_MOST else "warn" if left < CALLS_PER_HOUR // 10 else "ok", words)


def _check_proxy(client: Client) -> Check:
    proxy = client.proxy
    return Check("proxy", "ok", f"calls go through {proxy}" if proxy else "none; calls go directly")


def _check_cache(folder: Path) -> Check:
    shown = _without_home(folder)
    if not os.path.lexists(folder):
        return Check("cache folder", "ok", f"{shown} is not there yet; the first read makes it")
    try:
        private_folder(folder)
        sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    except SettingsError:
        words = f"{shown} is accessible to other users; caching is off (`chmod 700` it, or choose another)"
        return Check("cache folder", "fail", words)
    except OSError:
        return Check("cache folder", "fail", f"{shown} cannot be read")
    if not os.access(folder, os.W_OK | os.X_OK):
        return Check("cache folder", "fail", f"{shown} cannot be written to; caching is off")
    return Check("cache folder", "ok", f"{shown} is private, {size(sum(sizes))} in {plural(len(sizes), 'file')}")


def _without_home(path: Path) -> str:
    with contextlib.suppress(ValueError, RuntimeError):
        return str(Path("~") / path.absolute().relative_to(Path.home()))
    return str(path)


def _check_versions() -> Check:
    found = [f"Python {platform.python_version()}"]
    for name in _LIBRARIES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found.append(f"{name} {importlib.metadata.version(name)}")
    return Check("versions", "ok", ", ".join([*found, f"SQLite {sqlite3.sqlite_version}"]))
