"""The login: the token that signs calls, and one login for each that went stale, however many threads find out."""

import copy
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from sc_pandas import forks
from sc_pandas.client.exchange import Answer, Call
from sc_pandas.client.outcomes import document_of
from sc_pandas.client.paced import Cancel, PacedWire
from sc_pandas.client.retries import Retries
from sc_pandas.client.tally import Tally
from sc_pandas.contract import TOKEN_LIFETIME_S, TOKEN_PATH
from sc_pandas.errors import AuthError, SellerCloudError
from sc_pandas.pacing import Clock
from sc_pandas.secrecy import Secret, hidden
from sc_pandas.settings import Credentials

_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,16384}", re.ASCII)
_RENEW_AFTER: Final = 0.9
# A shorter life than this is taken for an error of the hint; a 401 tells the truth anyway.
_SHORTEST_HINT_S: Final = 60.0
_FRESH_REFUSED_AT_MOST: Final = 3
_UNAUTHORIZED: Final = 401


@dataclass(eq=False, slots=True)
class Token:
    """A bearer token; `accepted` turns true with the first call that it was good for."""

    value: Secret
    renew_at: float = math.inf
    accepted: bool = False

    def sign(self, headers: dict[str, str]) -> None:
        """Write the token into the headers of a call."""
        headers["Authorization"] = f"Bearer {self.value.reveal()}"


def login_body(credentials: Credentials, _headers: dict[str, str]) -> bytes:
    """Return the body of a login, with user name and password."""
    assert credentials.password is not None  # noqa: S101  # `Authorizer` logs in only then
    return json.dumps({"Username": credentials.username, "Password": credentials.password.reveal()}).encode()


def token_of(document: Any, *, now: float) -> Token:
    """Read a token out of the login's answer; AuthError if none is there that could stand in a header.

    Of its three times only `expires_in` is used, as a hint.
    """
    says = document if isinstance(document, dict) else {}
    value, life_s = hidden(says.get("access_token")), _lifetime_s(says.get("expires_in"))
    del document, says  # what is no usable token may yet be one
    if value is None or not value.fits(_TOKEN):
        raise AuthError("The server's answer to the login carries no usable token.", reason="malformed_token")
    return Token(value, renew_at=now + _RENEW_AFTER * life_s)


def _lifetime_s(hint: Any) -> float:
    try:
        seconds = float(hint)
    except (TypeError, ValueError, OverflowError):
        return TOKEN_LIFETIME_S
    return seconds if _SHORTEST_HINT_S <= seconds <= 24 * TOKEN_LIFETIME_S else TOKEN_LIFETIME_S


class Login:
    """Logs in: each call of it is one login, with its retries."""

    def __init__(
        self, wire: PacedWire, credentials: Credentials, retries: Retries, clock: Clock, attempts: int
    ) -> None:
        self._wire, self._retries, self._clock, self._attempts = wire, retries, clock, attempts
        self._call = Call(TOKEN_PATH, "POST", sign=partial(login_body, credentials))

    def __call__(self, tally: Tally, cancel: Cancel) -> Token:
        """Return a new token."""

        def attempt() -> Token:
            answer = self._wire.call(self._call, tally, cancel)
            return token_of(document_of(answer, where="login"), now=self._clock.monotonic())

        return self._retries.until_good(attempt, self._attempts, cancel)


class Authorizer:
    """Signs calls with the current token, and replaces it by `log_in`, once at a time, when it is old or refused."""

    def __init__(
        self, wire: PacedWire, log_in: Callable[[Tally, Cancel], Token], credentials: Credentials, clock: Clock
    ) -> None:
        self._wire = wire
        self._log_in = log_in
        self._clock = clock
        self._lock = forks.new_lock()
        self._one_by_one = forks.new_lock()
        self._given = credentials.token
        self._can_log_in = credentials.password is not None
        self._begin()
        forks.owned(self, Authorizer._begin)
        self._logins = 0
        self._failure: SellerCloudError | None = None

    def _begin(self) -> None:
        # A child remembers a refusal, too: a refused password is not sent twice.
        self._token = None if self._given is None else Token(self._given)

    def call(self, call: Call, tally: Tally, cancel: Cancel) -> Answer:
        """Make a signed call, with a new token where the server refuses the current one.

        Setback if it failed in a way that may pass, else SellerCloudError: AuthError if the server refuses this user.
        """
        token = self.token(tally, cancel)
        answer = self._signed(call, token, tally, cancel)
        if answer.status == _UNAUTHORIZED and token.accepted:
            token = self.token(tally, cancel, refused=token)
            answer = self._signed(call, token, tally, cancel)
        if answer.status != _UNAUTHORIZED:
            return answer
        # A token that was given out just now is refused.  Threads that meet this go on one by one, so none uses a fresh
        # token up before the others.
        with self._one_by_one:
            for _renewal in range(_FRESH_REFUSED_AT_MOST):
                token = self.token(tally, cancel, refused=token)
                answer = self._signed(call, token, tally, cancel)
                if answer.status != _UNAUTHORIZED:
                    return answer
        raise AuthError(
            "The server refuses this user also after a new login. Is the account disabled, or without permission to "
            "read customers?",
            reason="rejected_after_login",
            status=_UNAUTHORIZED,
        )

    def _signed(self, call: Call, token: Token, tally: Tally, cancel: Cancel) -> Answer:
        answer = self._wire.call(Call(call.target, call.method, call.bytes_at_most, token.sign), tally, cancel)
        token.accepted |= answer.status != _UNAUTHORIZED
        return answer

    def token(self, tally: Tally, cancel: Cancel = None, *, refused: Token | None = None) -> Token:
        """Return a token that is not `refused`.

        AuthError if the login was refused (now or earlier: a refused password is not sent twice), or if there is only a
        token and it was refused.  If a login failed otherwise, threads that waited for it get the same error.
        """
        seen = self._logins
        with self._lock:
            if isinstance(self._failure, AuthError) or (self._failure is not None and self._logins > seen):
                # A copy: one exception raised again and again would grow its traceback each time.
                raise copy.copy(self._failure)
            current = self._token
            if current is not None and current is not refused and self._clock.monotonic() < current.renew_at:
                return current
            if not self._can_log_in:
                raise AuthError(
                    "The server no longer accepts this token. Connect again with a new token, or with username= and "
                    "password=, which renew themselves.",
                    reason="token_rejected",
                    status=_UNAUTHORIZED,
                )
            return self._renew(tally, cancel)

    def _renew(self, tally: Tally, cancel: Cancel) -> Token:
        try:
            self._token = self._log_in(tally, cancel)
        except SellerCloudError as error:
            self._failure = error
            raise
        finally:
            # Counted when it ends, so everybody who came while it ran knows that it was theirs, too.
            self._logins += 1
        self._failure = None
        return self._token
