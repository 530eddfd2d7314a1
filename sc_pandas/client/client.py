"""`Client`: one user's session, from a page request to a verified page."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar, cast
from urllib.parse import urlencode, urlsplit

import requests
import tenacity

from sc_pandas.cache import HttpCache
from sc_pandas.client.bodies import Expectation, NotDataError, Page, accept_rows, age_s, parse_json
from sc_pandas.client.exchange import Answer, ExchangeError, Timeouts, exchange
from sc_pandas.client.login import Authorizer, Token, login_body, token_of
from sc_pandas.client.outcomes import Setback, document_of, setback_of_exchange, setback_of_not_data, throttle_of
from sc_pandas.client.questions import DataRequest, DetailRequest, PageRequest, Tally
from sc_pandas.client.timed import TimedAdapter
from sc_pandas.contract import TOKEN_PATH
from sc_pandas.errors import AuthError, RateLimitedError
from sc_pandas.pacing import (
    CallBudget,
    Cancelled,
    Clock,
    PaceFile,
    RetryBudget,
    SystemClock,
    Throttle,
    ThrottleGate,
    http_date,
    throttle_wait_s,
)
from sc_pandas.settings import Credentials, is_loopback

IN_FLIGHT: Final = 16
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "sc_pandas"}
_THROTTLES_AT_MOST: Final = 5
_FRESH_REFUSED_AT_MOST: Final = 3
# A server may fail with 500 for a customer it does not know; more tries for each of thousands would be in vain.
_DETAIL_ATTEMPTS: Final = 3
# A longer wait than a century is no date that Python knows; nobody waits it out.
_LONGEST_WAIT_S: Final = 100 * 365 * 86_400.0


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """How often a call is tried, and the bounds of the fully jittered waits between."""

    attempts: int = 5
    login_attempts: int = 3
    base_s: float = 0.5
    cap_s: float = 20.0


Request = TypeVar("Request", bound=DataRequest)
Cancel = threading.Event | None


class _VerifyingAdapter(TimedAdapter):
    """Sits below the cache, so that only bodies that passed every check are kept."""

    def __init__(self, client: "Client") -> None:
        super().__init__(pool_connections=2, pool_maxsize=IN_FLIGHT, max_retries=0)
        self._client = client

    def send(self, request: requests.PreparedRequest, *_args: Any, **_settings: Any) -> requests.Response:
        body = self._client.fetch(self, cast("DataRequest", request))
        response = requests.Response()
        response.status_code = 200
        response.headers["Content-Type"] = "application/json"
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
        Bounds of every wait; `max_wait_s` is the longest throttle that is waited out.
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
        self.budget = CallBudget(self.clock, shared=self.pace)
        self.gate = ThrottleGate(self.clock, max_wait_s=max_wait_s, shared=self.pace)
        self.skew_s: float | None = None
        self.latency_s: float | None = None
        self._credentials = credentials
        self._timeouts = timeouts or Timeouts()
        self._policy = policy or RetryPolicy()
        self._retries = RetryBudget()
        self._settings = self._connection_settings(ca_bundle)
        self._adapter = _VerifyingAdapter(self)
        self._authorizer = Authorizer(credentials, self.clock)
        self._one_by_one = threading.Lock()
        self._plain = self._mounted(requests.Session())
        kept = cache.session() if cache is not None else None
        self._cached = None if kept is None else self._mounted(kept)

    def _mounted(self, session: requests.Session) -> requests.Session:
        session.adapters.clear()
        session.mount(f"{urlsplit(self.url).scheme}://", self._adapter)
        session.trust_env = False
        return session

    def _connection_settings(self, ca_bundle: str | None) -> dict[str, Any]:
        # Environment proxies and CA bundles are read once, here; ~/.netrc is never read.
        with requests.Session() as session:
            found = session.merge_environment_settings(self.url, {}, None, ca_bundle, None)
        if is_loopback(urlsplit(self.url).hostname or ""):
            found["proxies"] = {}
        return {"proxies": dict(found["proxies"]), "verify": found["verify"] or True, "cert": None}

    @property
    def proxy(self) -> str | None:
        """Host (and port) of the proxy that calls go through, or None; its user and password are not shown."""
        chosen = requests.utils.select_proxy(self.url, self._settings["proxies"])
        return urlsplit(chosen).netloc.rpartition("@")[2] if chosen else None

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
        request.expectation = expectation
        body = self._send(request)
        if request.page is not None:
            return request.page
        tally.count_saved()
        kept = accept_rows(parse_json(body))
        return Page(kept.items, kept.total, from_cache=True)

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
    def kept_page(cache: HttpCache, key: str) -> Page | None:
        """Give a page that the cache has, without asking anybody."""
        body = cache.find_page(key)
        if body is None:
            return None
        kept = accept_rows(parse_json(body))
        return Page(kept.items, kept.total, from_cache=True)

    def fetch(self, adapter: TimedAdapter, request: DataRequest) -> bytes:
        """Fetch a body with retries, verify it, and leave what it says on the request."""

        def attempt() -> bytes:
            answer = self._authorized(adapter, request)
            try:
                body = request.accept(document_of(answer, where="data"), answer.body)
            except NotDataError as error:
                raise setback_of_not_data(error, answer) from None
            if isinstance(request, PageRequest) and request.page is not None:
                request.page = replace(
                    request.page, date=http_date(answer.headers.get("Date")), age_s=age_s(answer.headers.get("Age"))
                )
            return body

        attempts = min(self._policy.attempts, request.attempts_at_most or self._policy.attempts)
        return cast("bytes", self._retrying(attempt, attempts, request.cancel))

    def _retrying(self, attempt: Callable[[], object], attempts: int, cancel: threading.Event | None) -> Any:
        started = self.clock.monotonic()
        policy = self._policy

        def pay(state: tenacity.RetryCallState) -> None:
            setback = state.outcome.exception() if state.outcome else None
            if isinstance(setback, Setback) and not self._retries.spend(timed_out=setback.timed_out):
                raise setback.final(state.attempt_number, self.clock.monotonic() - started, budget_exhausted=True)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Setback),
            stop=tenacity.stop_after_attempt(attempts),
            wait=tenacity.wait_random_exponential(multiplier=policy.base_s, max=policy.cap_s),
            sleep=lambda seconds: self.clock.sleep(seconds, cancel),
            before_sleep=pay,
            reraise=True,
        )
        try:
            result = retrying(attempt)
        except Setback as setback:
            made = retrying.statistics.get("attempt_number", attempts)
            raise setback.final(made, self.clock.monotonic() - started) from None
        self._retries.refund()
        return result

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
        signed = request.copy()
        # A second look is worth nothing where a proxy gives the first one's answer again. Said below our own cache,
        # which would obey.
        signed.headers["Cache-Control"] = "no-cache"
        signed.headers["Authorization"] = f"Bearer {token.value.reveal()}"
        answer = self._call(adapter, signed, request.tally, request.cancel)
        if answer.status != requests.codes.unauthorized:
            token.accepted = True
        return answer

    def _token(self, refused: Token | None, adapter: TimedAdapter, request: DataRequest) -> Token:
        return self._authorizer.token(lambda: self._log_in(adapter, request.tally, request.cancel), refused)

    def _log_in(self, adapter: TimedAdapter, tally: Tally, cancel: threading.Event | None) -> Token:
        request = requests.PreparedRequest()
        request.prepare(
            method="POST",
            url=f"{self.url}{TOKEN_PATH}",
            headers={**_HEADERS, "Content-Type": "application/json"},
            data=login_body(self._credentials),
        )

        def attempt() -> Token:
            answer = self._call(adapter, request, tally, cancel)
            return token_of(document_of(answer, where="login"), now=self.clock.monotonic())

        return cast("Token", self._retrying(attempt, self._policy.login_attempts, cancel))

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

        return self._retrying(attempt, self._policy.attempts, None)

    def _call(
        self, adapter: TimedAdapter, request: requests.PreparedRequest, tally: Tally, cancel: threading.Event | None
    ) -> Answer:
        """Make one call when the gate is open, and wait out throttles."""
        for waits in range(_THROTTLES_AT_MOST + 1):
            self.budget.take(cancel, self.gate, self.gate.tell)
            if cancel is not None and cancel.is_set():
                raise Cancelled
            tally.count_call()
            begun = self.clock.monotonic()
            try:
                answer = exchange(
                    adapter,
                    request,
                    timeouts=self._timeouts,
                    clock=self.clock,
                    settings=self._settings,
                    cancel=cancel,
                )
            except ExchangeError as error:
                raise setback_of_exchange(error) from None
            self._remember_latency(self.clock.monotonic() - begun)
            date = http_date(answer.headers.get("Date"))
            self.skew_s = self.skew_s if date is None else (date - self.clock.now()).total_seconds()
            throttle = throttle_of(answer)
            if throttle is None:
                return answer
            self.gate.close(throttle, self._wait_s(throttle, answer, waits))
        self.gate.pass_through(cancel)
        raise RateLimitedError(
            f"SellerCloud throttled the same call {_THROTTLES_AT_MOST + 1} times in a row; finished pages are kept.",
            reset_at=throttle.reset_at if throttle else None,
        )

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
