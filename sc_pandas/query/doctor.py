"""Check whether this machine can read customers, by at most five calls, and say in plain words what is wrong."""

import contextlib
import importlib.metadata
import os
import platform
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from sc_pandas import settings
from sc_pandas.cache import home_of
from sc_pandas.client import Client, Expectation, Page, RetryPolicy, Tally, Timeouts
from sc_pandas.contract import CALLS_PER_HOUR, CUSTOMERS_PATH, Dialect, PageRows
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
from sc_pandas.query.values import seconds
from sc_pandas.reading.dialect import Evidence, judge_first_page, judge_probe
from sc_pandas.reading.plan import page_params
from sc_pandas.secrecy import without_login
from sc_pandas.wording import duration, plural, size

State = Literal["ok", "warn", "fail"]
CALLS_AT_MOST: Final = 5
_ASKED: Final = 100
_SKEW_S: Final = 60.0
_CHECK_S: Final = 2.0
_PRIVATE_HERE: Final = 0o077
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
    """Check the way to a server and this machine's cache; nothing is changed but the count of calls.

    Raises
    ------
    SettingsError
        The server, the credentials or the time-out cannot be used; nothing was sent.
    SellerCloudError
        The look-up of a team failed.
    """
    server = without_login(server)
    if not 0 < seconds("timeout", timeout) < 86_400:
        raise SettingsError("timeout is a positive number of seconds.", setting="timeout")
    tally = _FewCalls()
    named = settings.server_from(server)
    url = _url_of(named, tally)
    login = settings.credentials(url, server=named, username=username)
    folder, tenant = settings.cache_folder(cache_dir), settings.tenant_digest(url, login.user_key)
    # The folder as it was found: the calls to come may make it.
    of_cache = _check_cache(home_of(folder), tenant)
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
        checks = [*of_server, _check_budget(client), *of_cache, _check_proxy(client), _check_versions()]
    finally:
        client.close()
    return Checkup(tuple(checks), tally.calls)


def _url_of(server: str, tally: Tally) -> str:
    if server.startswith("team:"):
        tally.count_call()
    return url_of(server, policy=RetryPolicy(attempts=1))


@dataclass(frozen=True, slots=True)
class _Heard:
    """The dialect that was tried last, the evidence of page 1, and that page."""

    dialect: Dialect
    evidence: Evidence
    page: Page


def _check_server(client: Client, tally: Tally) -> Iterator[Check]:
    if client.pace.left() < CALLS_AT_MOST:
        yield Check("server", "warn", "not asked, because the hour's calls are used up")
        return
    before = tally.calls
    refused = _error_of(lambda: client.log_in(tally))
    logged_in = tally.calls > before
    heard: _Heard | SellerCloudError = refused or _listen(client, tally)
    if client.latency_s is None:
        yield _check_silence(client, heard)
        return
    secure = "TLS is trusted" if client.url.startswith("https:") else "plain http, on this machine only"
    yield Check("server", "ok", f"{urlsplit(client.url).netloc} answers ({secure})")
    yield _check_clock(client)
    if logged_in:
        yield _check_login(refused)
    elif not isinstance(heard, SellerCloudError):
        yield Check("login", "ok", "the token is accepted")
    if refused is None:
        yield from _check_list(heard)


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


def _check_login(error: SellerCloudError | None) -> Check:
    match error:
        case None:
            return Check("login", "ok", "accepted")
        case AuthError(reason="malformed_token"):
            return Check("login", "fail", "the answer carries no token: is this the API's host?")
        case AuthError(reason="bad_credentials"):
            return Check("login", "fail", "the user name or the password is not accepted; it was tried once")
        case _:
            return Check("login", "fail", _plainly(error))


def _plainly(error: SellerCloudError) -> str:  # noqa: PLR0911  # one for each kind of error
    # An error's own text may hold the server's words, and those may hold anything.
    match error:
        case _TooManyCallsError():
            return f"not found out by {CALLS_AT_MOST} calls: the server fails, or refuses its tokens, again and again"
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


def _listen(client: Client, tally: Tally) -> _Heard | SellerCloudError:
    """Read page 1 in one dialect, and in the other where that is not understood."""
    heard = _Heard(Dialect.ARTICLE, Evidence.IGNORED, Page(PageRows(), 0))
    try:
        for dialect in Dialect:
            heard = _speak(client, tally, dialect)
            if heard.evidence is not Evidence.IGNORED:
                break
    except SellerCloudError as error:
        return error
    return heard


def _speak(client: Client, tally: Tally, dialect: Dialect) -> _Heard:
    """Read page 1 in a dialect, and a page of one row where that decides nothing."""
    try:
        page = _page(client, tally, dialect, _ASKED)
    except ServerError as error:
        if error.status != 400:
            raise
        return _Heard(dialect, Evidence.IGNORED, Page(PageRows(), 0))
    evidence = judge_first_page(_ASKED, len(page.items), page.total)
    if evidence is Evidence.UNDECIDED and page.total > 1:
        evidence = judge_probe(len(_page(client, tally, dialect, 1).items), page.total)
    return _Heard(dialect, evidence, page)


def _check_list(heard: _Heard | SellerCloudError) -> Iterator[Check]:
    if isinstance(heard, SellerCloudError):
        yield Check("customers", "fail", _plainly(heard))
        return
    spoken, rows, total = heard.dialect.value, len(heard.page.items), heard.page.total
    if heard.evidence is Evidence.IGNORED:
        words = "paging is ignored in both dialects; filters may be ignored too, and nothing can be read"
        yield Check("dialect", "fail", words)
        return
    if heard.evidence is Evidence.UNDECIDED:
        yield Check("dialect", "warn", f"too few customers ({total}) to tell whether {spoken} is understood")
    else:
        yield Check("dialect", "ok", f"{spoken} is understood")
    if rows < total:
        yield Check("page cap", "ok", f"{rows} rows come when {_ASKED} are asked, of {total:,} customers")
    else:
        yield Check("page cap", "ok", f"unknown: all {total:,} customers fit on one page")


def _page(client: Client, tally: Tally, dialect: Dialect, size: int) -> Page:
    params = page_params(CustomerFilter(), dialect, 1, size)
    return client.get_page(CUSTOMERS_PATH, params, Expectation(number=1, asked=size), tally=tally)


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


def _check_cache(folder: Path, tenant: str) -> list[Check]:
    shown = _without_home(folder)
    if not os.path.lexists(folder):
        return [Check("cache folder", "ok", f"{shown} is not there yet; the first read makes it")]
    try:
        private_folder(folder)
        sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    except SettingsError:
        words = f"{shown} is accessible to other users; caching is off (`chmod 700` it, or choose another)"
        return [Check("cache folder", "fail", words)]
    except OSError:
        return [Check("cache folder", "fail", f"{shown} cannot be read")]
    if not os.access(folder, os.W_OK | os.X_OK):
        return [Check("cache folder", "fail", f"{shown} cannot be written to; caching is off")]
    here = Check("cache folder", "ok", f"{shown} is private, {size(sum(sizes))} in {plural(len(sizes), 'file')}")
    return [here, *(_check_database(path) for path in sorted(folder.glob(f"{tenant}.v[0-9]*.sqlite")))]


def _without_home(path: Path) -> str:
    with contextlib.suppress(ValueError, RuntimeError):
        return str(Path("~") / path.absolute().relative_to(Path.home()))
    return str(path)


def _check_database(path: Path) -> Check:
    name = "cache content"
    if os.name == "posix" and path.stat().st_mode & _PRIVATE_HERE:
        return Check(name, "warn", "its file can be read by others (`chmod 600` it)")
    try:
        found = _quick_check(path)
    except sqlite3.OperationalError as error:
        text = str(error).lower()
        if "interrupted" in text:
            return Check(name, "ok", f"no damage found in {_CHECK_S:g} s; it is too large to check to its end")
        held = "locked" in text or "busy" in text
        return Check(name, "warn", "another program holds it" if held else "it cannot be opened for reading")
    except sqlite3.DatabaseError:
        found = "damaged"
    if found == "ok":
        return Check(name, "ok", "undamaged")
    return Check(name, "fail", "damaged; the next read moves it aside and begins anew, or use `sc-pandas cache clear`")


def _quick_check(path: Path) -> str:
    """Let SQLite look for damage, for a bounded time and without writing."""
    until = time.monotonic() + _CHECK_S
    with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1.0)) as database:
        database.set_progress_handler(lambda: time.monotonic() > until, 10_000)
        (row,) = database.execute("PRAGMA quick_check(1)").fetchall()
        return str(row[0])


def _check_versions() -> Check:
    found = [f"Python {platform.python_version()}"]
    for name in _LIBRARIES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found.append(f"{name} {importlib.metadata.version(name)}")
    return Check("versions", "ok", ", ".join([*found, f"SQLite {sqlite3.sqlite_version}"]))
