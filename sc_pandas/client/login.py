"""The token: one login for each that went stale, however many threads find out."""

import copy
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import requests

from sc_pandas import forks
from sc_pandas.contract import TOKEN_LIFETIME_S
from sc_pandas.errors import AuthError, SellerCloudError
from sc_pandas.pacing import Clock
from sc_pandas.secrecy import Secret, hidden
from sc_pandas.settings import Credentials

_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,16384}", re.ASCII)
_RENEW_AFTER: Final = 0.9
# A shorter life than this is taken for an error of the hint; a 401 tells the truth anyway.
_SHORTEST_HINT_S: Final = 60.0


@dataclass(eq=False, slots=True)
class Token:
    """A bearer token; `accepted` turns true with the first call that it was good for."""

    value: Secret
    renew_at: float = math.inf
    accepted: bool = False

    def sign(self, request: requests.PreparedRequest) -> None:
        """Write the token into the header of a request."""
        request.headers["Authorization"] = f"Bearer {self.value.reveal()}"


def fill_in(credentials: Credentials, request: requests.PreparedRequest) -> None:
    """Write user name and password into the body of a request for a token."""
    assert credentials.password is not None  # noqa: S101  # `Authorizer` asks only then
    body = {"Username": credentials.username, "Password": credentials.password.reveal()}
    request.prepare_body(json.dumps(body).encode(), None)


def token_of(document: Any, *, now: float) -> Token:
    """Read a token out of the login's answer; of its three times only `expires_in` is used, as a hint.

    Raises
    ------
    AuthError
        There is no token in it that could stand in a header.
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


class Authorizer:
    """Hands out the current token and replaces it when it is old or refused.

    Parameters
    ----------
    credentials
        Who asks.
    clock
        For the token's age.
    """

    def __init__(self, credentials: Credentials, clock: Clock) -> None:
        self._clock = clock
        self._lock = forks.new_lock()
        self._given = credentials.token
        self._can_log_in = credentials.password is not None
        self._begin()
        forks.owned(self, Authorizer._begin)
        self._logins = 0
        self._failure: SellerCloudError | None = None

    def _begin(self) -> None:
        # A refusal is kept by a child, too: a refused password is not sent twice.
        self._token = None if self._given is None else Token(self._given)

    def token(self, log_in: Callable[[], Token], refused: Token | None = None) -> Token:
        """Give a token that is not `refused`; `log_in` makes one login and is called by one thread at a time.

        Raises
        ------
        AuthError
            The login was refused (now or earlier: a refused password is not sent twice), or there is only a token
            and it was refused.
        SellerCloudError
            The login failed otherwise; threads that waited for it get the same error.
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
                    status=401,
                )
            return self._renew(log_in)

    def _renew(self, log_in: Callable[[], Token]) -> Token:
        try:
            self._token = log_in()
        except SellerCloudError as error:
            self._failure = error
            raise
        finally:
            # Counted when it ends, so that everybody who came while it ran knows that it was theirs, too.
            self._logins += 1
        self._failure = None
        return self._token
