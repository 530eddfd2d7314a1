"""`Client`: one user's way to one server, from a question to a verified page.

Each layer calls the next: retries, the login (`login`), pace and throttles (`paced`), the wire (`exchange`).  A body is
verified, and only then kept in the cache.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from sc_pandas.cache import HttpCache
from sc_pandas.client.bodies import Expectation, Page, accept_page, age_s, customer_body, parse_customer, parse_page
from sc_pandas.client.exchange import PAGE_BYTES_AT_MOST, Answer, Call, Timeouts, Wire
from sc_pandas.client.login import Authorizer, Login
from sc_pandas.client.outcomes import document_of, forbids_keeping
from sc_pandas.client.paced import Cancel, PacedWire
from sc_pandas.client.parsing import NotDataError, parse_json, parse_list
from sc_pandas.client.retries import Retries, RetryPolicy
from sc_pandas.client.tally import Tally
from sc_pandas.errors import AuthError, ResponseError, ServerError, TransportError
from sc_pandas.pacing import Clock, OutageGate, Pace, PaceFile, SystemClock
from sc_pandas.settings import Credentials

# A server may fail with 500 for a customer it does not know; more tries for each of thousands would be in vain.
_DETAIL_ATTEMPTS: Final = 3
T = TypeVar("T")


class Client:
    """One user's authorised, paced way to one server, whose base URL ends in ``/rest``.

    Without a `cache` nothing is kept; without a `pace_file` calls are counted for this client alone.  `max_wait_s` is
    the longest throttle, or outage of a server that has answered, that is waited out.  `ca_bundle` is a file of
    certificate authorities to trust instead of the system's.
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
        self._policy = policy or RetryPolicy()
        self._cache = cache
        self._retries = Retries(self.clock, self._policy)
        self.pace = Pace(
            self.clock,
            outages=OutageGate(self.clock, max_wait_s=max_wait_s, pause_s=self._retries.pause_s),
            max_wait_s=max_wait_s,
            file=None if pace_file is None else PaceFile(pace_file),
        )
        self._wire = Wire(url, timeouts or Timeouts(), ca_bundle)
        self._paced = PacedWire(self._wire, self.pace, self.clock)
        log_in = Login(self._paced, credentials, self._retries, self.clock, self._policy.login_attempts)
        self._authorizer = Authorizer(self._paced, log_in, credentials, self.clock)

    @property
    def latency_s(self) -> float | None:
        """How long an answer takes, averaged over the last ones; None before the first."""
        return self._paced.latency_s

    @property
    def skew_s(self) -> float | None:
        """How far the server's clock is ahead of this computer's, where it told the time."""
        return self._paced.skew_s

    @property
    def proxy(self) -> str | None:
        """Host (and port) of the proxy that calls go through, or None."""
        return self._wire.proxy

    def get_page(
        self,
        path: str,
        params: list[tuple[str, str]],
        expectation: Expectation,
        *,
        tally: Tally,
        key: str | None = None,
        is_new: bool = False,
        cancel: Cancel = None,
    ) -> Page:
        """Return one verified page, out of the cache where `key` is kept there; one that `is_new` cannot be.

        After an error (a SellerCloudError) nothing was kept.
        """
        if key is not None and not is_new and (kept := self.kept_page(key, params, expectation)) is not None:
            tally.count_saved()
            return kept
        expectation = expectation.of(params)
        unusual: tuple[int, int] | None = None

        def verified(body: bytes) -> Page:
            nonlocal unusual
            document, said_twice = parse_list(body, expectation.rows_at_most)
            try:
                return parse_page(document, expectation, said_twice)
            except NotDataError as error:
                # The same unusual number of rows twice is the server's way, not an accident on the way.
                if error.rows is None or error.rows != unusual:
                    unusual = error.rows
                    raise
                return accept_page(document, expectation, said_twice)

        call = Call(f"{path}?{urlencode(params)}", bytes_at_most=PAGE_BYTES_AT_MOST)
        page, answer = self._get(call, verified, self._policy.attempts, tally, cancel)
        page = Page(page.items, page.total, False, page.notes, answer.date, age_s(answer.headers.get("Age")))
        # In the cache, it would lose its age.
        if not page.age_s:
            self._keep(key, answer.body, answer, tally)
        return page

    def get_customer(
        self, path: str, user_id: int, *, tally: Tally, key: str | None = None, cancel: Cancel = None
    ) -> Mapping[str, Any]:
        """Ask the server for the known fields of one customer, and keep them under `key`; never card data.

        After an error (a SellerCloudError) nothing was kept.
        """
        attempts = min(self._policy.attempts, _DETAIL_ATTEMPTS)
        customer, answer = self._get(
            Call(f"{path}/{user_id}"), lambda body: parse_customer(parse_json(body), user_id), attempts, tally, cancel
        )
        self._keep(key, customer_body(customer), answer, tally)
        return customer

    def kept_page(self, key: str, params: list[tuple[str, str]], expectation: Expectation) -> Page | None:
        """Return a page that the cache has and that answers its question, without asking the server."""
        body = None if self._cache is None else self._cache.find_page(key)
        if body is None:
            return None
        expectation = expectation.of(params)
        try:
            document, said_twice = parse_list(body, expectation.rows_at_most)
            return replace(accept_page(document, expectation, said_twice), from_cache=True)
        except NotDataError:
            return None

    def kept_customer(self, key: str, max_age_s: float) -> tuple[Mapping[str, Any], float] | None:
        """Return a customer that the cache has and that is young enough, and when it was read, without asking."""
        found = None if self._cache is None else self._cache.find_dated(key, max_age_s)
        return None if found is None else (parse_json(found[0]), found[1])

    def _get(
        self, call: Call, verified: Callable[[bytes], T], attempts: int, tally: Tally, cancel: Cancel
    ) -> tuple[T, Answer]:
        def attempt() -> tuple[T, Answer]:
            answer = self._authorizer.call(call, tally, cancel)
            return document_of(answer, where="data", parse=verified), answer

        return self._tried(attempt, attempts, cancel)

    def _tried(self, attempt: Callable[[], T], attempts: int, cancel: Cancel) -> T:
        """Try until it succeeds; the error of one that does not names the server."""
        try:
            return self._retries.until_good(attempt, attempts, cancel)
        except (AuthError, ResponseError, ServerError, TransportError) as error:
            error.name_server(self.url)
            raise

    def _keep(self, key: str | None, body: bytes, answer: Answer, tally: Tally) -> None:
        if forbids_keeping(answer):
            tally.count_unkept()
        elif key is not None and self._cache is not None:
            self._cache.keep_page(key, body)

    def log_in(self, tally: Tally | None = None) -> None:
        """Log in now, so wrong credentials show at once: AuthError."""
        self._tried(lambda: self._authorizer.token(tally or Tally()), 1, None)

    def look_up_team(self, team: str) -> object:
        """Ask a team look-up at this client's URL, without a login; SellerCloudError if it did not answer."""
        call = Call(f"?{urlencode({'team': team})}")

        def attempt() -> object:
            return document_of(self._paced.call(call, Tally(), None), where="data")

        return self._tried(attempt, self._policy.attempts, None)

    def close(self) -> None:
        """Close every connection."""
        self._wire.close()
        self.pace.close()
