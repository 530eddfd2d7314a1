"""`Client`: one user's session, from a page request to a verified page."""

import threading
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar, cast
from urllib.parse import urlencode, urlsplit

import requests

from sc_pandas import forks
from sc_pandas.cache import NO_STORE, HttpCache
from sc_pandas.client.bodies import Expectation, Page, accept_page, age_s
from sc_pandas.client.exchange import Answer, ExchangeError, Route, SecretRequest, Timeouts, exchange
from sc_pandas.client.login import Authorizer, Token, fill_in, token_of
from sc_pandas.client.outcomes import (
    Setback,
    away_of,
    document_of,
    forbids_keeping,
    setback_of_exchange,
    setback_of_not_data,
    throttle_of,
)
from sc_pandas.client.parsing import NotDataError, parse_json, parse_list
from sc_pandas.client.questions import DataRequest, DetailRequest, PageRequest, Tally
from sc_pandas.client.retries import Retries, RetryPolicy
from sc_pandas.client.timed import TimedAdapter
from sc_pandas.contract import TOKEN_PATH
from sc_pandas.errors import AuthError, RateLimitedError
from sc_pandas.pacing import (
    CallBudget,
    Cancelled,
    Clock,
    OutageGate,
    PaceFile,
    StillAwayError,
    SystemClock,
    Throttle,
    ThrottleGate,
    http_date,
    throttle_wait_s,
)
from sc_pandas.secrecy import unseen
from sc_pandas.settings import Credentials, is_loopback

IN_FLIGHT: Final = 16
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "sc_pandas"}
# The article asks for the first on a GET, too; the second is for proxies on the way.
_DATA_HEADERS: Final = {"Content-Type": "application/json", "Cache-Control": "no-cache"}
_THROTTLES_AT_MOST: Final = 5
_FRESH_REFUSED_AT_MOST: Final = 3
# A server may fail with 500 for a customer it does not know; more tries for each of thousands would be in vain.
_DETAIL_ATTEMPTS: Final = 3
# A longer wait than a century is no date that Python knows; nobody waits it out.
_LONGEST_WAIT_S: Final = 100 * 365 * 86_400.0


Request = TypeVar("Request", bound=DataRequest)
Cancel = threading.Event | None


def _kept_page(body: bytes, expectation: Expectation) -> Page | None:
    """Read a page out of the cache; None where it contradicts itself or its question."""
    try:
        document, said_twice = parse_list(body, expectation.rows_at_most)
        return replace(accept_page(document, expectation, said_twice), from_cache=True)
    except NotDataError:
        return None


class _VerifyingAdapter(TimedAdapter):
    """Sits below the cache, so that only bodies that passed every check are kept."""

    def __init__(self, client: "Client") -> None:
        super().__init__(pool_connections=2, pool_maxsize=IN_FLIGHT, max_retries=0)
        self._client = client

    def send(self, request: requests.PreparedRequest, *_args: Any, **_settings: Any) -> requests.Response:
        data = cast("DataRequest", request)
        body = self._client.fetch(self, data)
        response = requests.Response()
        response.status_code = 200
        response.headers["Content-Type"] = "application/json"
        if not data.may_be_kept:
            response.headers["Cache-Control"] = NO_STORE
        response.url = request.url or ""
        response.request = request
        response._content = body  # noqa: SLF001  # requests has no public way to give a response its body
        return response


class Client:
    """One user's authorised, paced session with one server.

    Parameters
    ----------
    url
        Base URL, ending in ``/rest``.
    credentials
        Who asks.
    cache
        Keeps verified bodies, or None.
    timeouts, max_wait_s
        Bounds of every wait; `max_wait_s` is the longest throttle, or outage of a server that has answered, that is
        waited out.
    policy, clock
        For tests: other retries, other time.
    ca_bundle
        File of certificate authorities to trust instead of the system's.
    pace_file
        Where the calls of all processes of this machine are counted, or None to count this client's alone.
    """

    def __init__(
        self,
        url: str,
        credentials: Credentials,
        *,
        cache: HttpCache | None = None,
        timeouts: Timeouts | None = None,
        max_wait_s: float = 120.0,
        policy: RetryPolicy | None = None,
        clock: Clock | None = None,
        ca_bundle: str | None = None,
        pace_file: Path | None = None,
    ) -> None:
        self.url = url
        self.clock: Clock = clock or SystemClock()
        self.pace = None if pace_file is None else PaceFile(pace_file)
        self._policy = policy or RetryPolicy()
        self._retries = Retries(self.clock, self._policy)
        self.budget = CallBudget(self.clock, shared=self.pace)
        self.gate = ThrottleGate(self.clock, max_wait_s=max_wait_s, shared=self.pace)
        self.outage = OutageGate(self.clock, max_wait_s=max_wait_s, pause_s=self._retries.pause_s)
        self.skew_s: float | None = None
        self.latency_s: float | None = None
        self._credentials = credentials
        self._timeouts = timeouts or Timeouts()
        self._route = self._route_there(ca_bundle)
        self._authorizer = Authorizer(credentials, self.clock)
        self._one_by_one = forks.new_lock()
        self._cache = cache
        self._begin()
        forks.owned(self, Client._begin)

    def _begin(self) -> None:
        """Make sessions whose pools, sockets and locks are this process's own."""
        self._adapter = _VerifyingAdapter(self)
        self._plain = self._mounted(requests.Session())
        kept = self._cache.session() if self._cache is not None else None
        self._cached = None if kept is None else self._mounted(kept)

    def _mounted(self, session: requests.Session) -> requests.Session:
        session.adapters.clear()
        session.mount(f"{urlsplit(self.url).scheme}://", self._adapter)
        session.trust_env = False
        return session

    def _route_there(self, ca_bundle: str | None) -> Route:
        # Environment proxies and CA bundles are read once, here; ~/.netrc is never read.
        with requests.Session() as session:
            found = session.merge_environment_settings(self.url, {}, None, ca_bundle, None)
        if is_loopback(urlsplit(self.url).hostname or ""):
            found["proxies"] = {}
        return Route(dict(found["proxies"]), found["verify"] or True)

    @property
    def proxy(self) -> str | None:
        """Host (and port) of the proxy that calls go through, or None; its user and password are not shown."""
        try:
            return unseen(self._proxy_host) or None
        except ValueError:
            return "a proxy whose address cannot be read"

    def _proxy_host(self) -> str:
        return urlsplit(requests.utils.select_proxy(self.url, self._route.proxies) or "").netloc.rpartition("@")[2]

    # ── pages ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def _prepared(self, request: Request, url: str, tally: Tally, key: str | None, cancel: Cancel) -> Request:
        request.prepare(method="GET", url=url, headers=_HEADERS)
        request.tally, request.cache_key, request.cancel = tally, key or "", cancel
        return request

    def _send(self, request: DataRequest) -> bytes:
        session = self._cached if request.cache_key and self._cached is not None else self._plain
        return bytes(session.send(request, allow_redirects=False).content)

    def get_page(
        self,
        path: str,
        params: list[tuple[str, str]],
        expectation: Expectation,
        *,
        tally: Tally,
        key: str | None = None,
        cancel: threading.Event | None = None,
    ) -> Page:
        """Give one verified page, out of the cache where `key` is kept there.

        Raises
        ------
        SellerCloudError
            One of its subclasses; nothing was kept.
        """
        request = self._prepared(PageRequest(), f"{self.url}{path}?{urlencode(params)}", tally, key, cancel)
        request.expectation = expectation.of(params)
        body = self._send(request)
        if request.page is None:
            kept = _kept_page(body, request.expectation)
            if kept is not None:
                tally.count_saved()
                return kept
            # What the cache gave is no answer to this question: the server is asked instead.
            self._plain.send(request, allow_redirects=False)
        return cast("Page", request.page)

    def get_customer(
        self, path: str, user_id: int, *, tally: Tally, key: str | None = None, cancel: threading.Event | None = None
    ) -> Mapping[str, Any]:
        """Give the known fields of one customer, out of the cache where `key` is kept there; never card data.

        Raises
        ------
        SellerCloudError
            One of its subclasses; nothing was kept.
        """
        request = self._prepared(DetailRequest(), f"{self.url}{path}/{user_id}", tally, key, cancel)
        request.user_id = user_id
        request.attempts_at_most = _DETAIL_ATTEMPTS
        body = self._send(request)
        if request.customer is not None:
            return request.customer
        tally.count_saved()
        return cast("Mapping[str, Any]", parse_json(body))

    @staticmethod
    def kept_customer(cache: HttpCache, key: str, max_age_s: float) -> tuple[Mapping[str, Any], float] | None:
        """Give a customer that the cache has and that is young enough, and when it was read, without asking anybody."""
        found = cache.find_dated(key, max_age_s)
        return None if found is None else (parse_json(found[0]), found[1])

    @staticmethod
    def kept_page(cache: HttpCache, key: str, params: list[tuple[str, str]], expectation: Expectation) -> Page | None:
        """Give a page that the cache has and that answers its question, without asking anybody."""
        body = cache.find_page(key)
        return None if body is None else _kept_page(body, expectation.of(params))

    def fetch(self, adapter: TimedAdapter, request: DataRequest) -> bytes:
        """Fetch a body with retries, verify it, and leave what it says on the request."""

        def attempt() -> bytes:
            answer = self._authorized(adapter, request)
            try:
                body = request.accept(document_of(answer, where="data", parse=request.parse), answer.body)
            except NotDataError as error:
                raise setback_of_not_data(error, answer) from None
            if forbids_keeping(answer):
                request.may_be_kept = False
                request.tally.count_unkept()
            if isinstance(request, PageRequest) and request.page is not None:
                request.page = replace(
                    request.page, date=http_date(answer.headers.get("Date")), age_s=age_s(answer.headers.get("Age"))
                )
                # Kept, it would lose its age.
                request.may_be_kept = request.may_be_kept and not request.page.age_s
            return body

        attempts = min(self._policy.attempts, request.attempts_at_most or self._policy.attempts)
        return self._retries.until_good(attempt, attempts, request.cancel)

    # ── one authorised call ────────────────────────────────────────────────────────────────────────────────────────
    def _authorized(self, adapter: TimedAdapter, request: DataRequest) -> Answer:
        token = self._token(None, adapter, request)
        answer = self._signed(adapter, request, token)
        if answer.status == requests.codes.unauthorized and token.accepted:
            token = self._token(token, adapter, request)
            answer = self._signed(adapter, request, token)
        if answer.status != requests.codes.unauthorized:
            return answer
        # A token that was given out just now is refused.  Threads that meet this go on one by one, so that none uses a
        # fresh token up before the others.
        with self._one_by_one:
            for _renewal in range(_FRESH_REFUSED_AT_MOST):
                token = self._token(token, adapter, request)
                answer = self._signed(adapter, request, token)
                if answer.status != requests.codes.unauthorized:
                    return answer
        raise AuthError(
            "The server refuses this user also after a new login. Is the account disabled, or without permission to "
            "read customers?",
            reason="rejected_after_login",
            status=401,
        )

    def _signed(self, adapter: TimedAdapter, request: DataRequest, token: Token) -> Answer:
        secret = SecretRequest(request, partial(_sign, token), request.bytes_at_most)
        answer = self._call(adapter, secret, request.tally, request.cancel)
        if answer.status != requests.codes.unauthorized:
            token.accepted = True
        return answer

    def _token(self, refused: Token | None, adapter: TimedAdapter, request: DataRequest) -> Token:
        return self._authorizer.token(lambda: self._log_in(adapter, request.tally, request.cancel), refused)

    def _log_in(self, adapter: TimedAdapter, tally: Tally, cancel: threading.Event | None) -> Token:
        plain = requests.PreparedRequest()
        headers = {**_HEADERS, "Content-Type": "application/json"}
        plain.prepare(method="POST", url=f"{self.url}{TOKEN_PATH}", headers=headers)
        request = SecretRequest(plain, partial(fill_in, self._credentials))

        def attempt() -> Token:
            answer = self._call(adapter, request, tally, cancel)
            return token_of(document_of(answer, where="login"), now=self.clock.monotonic())

        return self._retries.until_good(attempt, self._policy.login_attempts, cancel)

    def log_in(self, tally: Tally | None = None) -> None:
        """Log in now, so that wrong credentials show at once.

        Raises
        ------
        AuthError
            They are not accepted.
        """
        request = DataRequest()
        request.tally = tally or Tally()
        self._token(None, self._adapter, request)

    def look_up_team(self, url: str, team: str) -> object:
        """Ask a team look-up, which needs no login.

        Raises
        ------
        SellerCloudError
            It did not answer.
        """
        request = requests.PreparedRequest()
        request.prepare(method="GET", url=f"{url}?{urlencode({'team': team})}", headers=_HEADERS)

        def attempt() -> object:
            return document_of(self._call(self._adapter, request, Tally(), None), where="data")

        return self._retries.until_good(attempt, self._policy.attempts, None)

    def _call(self, adapter: TimedAdapter, request: requests.PreparedRequest, tally: Tally, cancel: Cancel) -> Answer:
        """Make one call when the gates are open, and wait out throttles."""
        for waits in range(_THROTTLES_AT_MOST + 1):
            answer = self._call_once_back(adapter, request, tally, cancel)
            throttle = throttle_of(answer)
            if throttle is None:
                return answer
            self.gate.close(throttle, self._wait_s(throttle, answer, waits))
        self.gate.pass_through(cancel)
        raise RateLimitedError(
            f"SellerCloud throttled the same call {_THROTTLES_AT_MOST + 1} times in a row; finished pages are kept.",
            reset_at=throttle.reset_at if throttle else None,
        )

    def _call_once_back(
        self, adapter: TimedAdapter, request: requests.PreparedRequest, tally: Tally, cancel: Cancel
    ) -> Answer:
        """Make one call; while the server is away, wait until it is back, or be the one that finds that out."""
        try:
            while True:
                probed = self.outage.enter(cancel)
                asked_at = self.clock.monotonic()
                try:
                    answer = self._exchange(adapter, request, tally, cancel)
                except Setback as setback:
                    if setback.away:
                        self.outage.refused(setback, probed)
                    elif probed is not None:
                        self.outage.answered(asked_at)
                    if probed is None or not setback.away:
                        raise
                else:
                    self.outage.answered(asked_at)
                    return answer
                finally:
                    self.outage.leave(probed)
        except StillAwayError as still:
            raise cast("Setback", still.outage.why).given_up(still.outage.calls, still.elapsed_s) from None

    def _exchange(
        self, adapter: TimedAdapter, request: requests.PreparedRequest, tally: Tally, cancel: Cancel
    ) -> Answer:
        self.budget.take(cancel, self.gate, self.gate.tell)
        if cancel is not None and cancel.is_set():
            raise Cancelled
        tally.count_call()
        begun = self.clock.monotonic()
        try:
            answer = exchange(
                adapter, request, timeouts=self._timeouts, clock=self.clock, route=self._route, cancel=cancel
            )
        except ExchangeError as error:
            raise setback_of_exchange(error) from None
        self._remember_latency(self.clock.monotonic() - begun)
        date = http_date(answer.headers.get("Date"))
        self.skew_s = self.skew_s if date is None else (date - self.clock.now()).total_seconds()
        if throttle_of(answer) is None and (setback := away_of(answer)) is not None:
            raise setback
        return answer

    def _wait_s(self, throttle: Throttle, answer: Answer, waits_before: int) -> float:
        wait_s = throttle_wait_s(
            throttle,
            server_date=answer.headers.get("Date"),
            retry_after=answer.headers.get("Retry-After"),
            now=self.clock.now(),
            waits_before=waits_before,
        )
        return min(wait_s, _LONGEST_WAIT_S)

    def _remember_latency(self, seconds: float) -> None:
        self.latency_s = seconds if self.latency_s is None else 0.8 * self.latency_s + 0.2 * seconds

    def close(self) -> None:
        """Close every connection."""
        self._plain.close()
        self._adapter.close()
        if self._cached is not None:
            requests.Session.close(self._cached)
        if self.pace is not None:
            self.pace.close()


def _sign(token: Token, request: requests.PreparedRequest) -> None:
    # Written below our own cache, which would take "no-cache" for an order to itself.
    request.headers.update(_DATA_HEADERS)
    token.sign(request)
