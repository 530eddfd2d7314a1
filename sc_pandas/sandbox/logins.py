"""Who may ask: credentials, the tokens given for them, and how those die."""

import base64
import hashlib
import hmac
import itertools
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sc_pandas import forks
from sc_pandas.sandbox.options import ExpiresIn, Options


@dataclass
class Login:
    """One token that was given out, and how long it will do."""

    label: str
    dies_at: float
    calls_left: float
    dead: bool = False

    @property
    def alive(self) -> bool:
        """Whether the token still opens the door."""
        return not self.dead and self.calls_left > 0 and time.monotonic() < self.dies_at


class Logins:
    """Gives tokens for credentials and knows each of them again.

    Parameters
    ----------
    options : Options
        Credentials, lifetimes and oddities of the answer.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._lock = forks.new_lock()
        self._numbers = itertools.count(1)
        self._by_token: dict[str, Login] = {}
        self._secret = secrets.token_bytes(32)

    def accepts(self, username: str, password: str) -> bool:
        """Tell whether these are the credentials; the user's name is not case-sensitive."""
        same_password = hmac.compare_digest(password.encode(), self._options.password.text.encode())
        return username.casefold() == self._options.username.casefold() and same_password

    def give(self) -> tuple[Login, dict[str, Any]]:
        """Log in: make a new token and the answer that hands it over."""
        options = self._options
        number = next(self._numbers)
        login = Login(
            label=f"token#{number}",
            dies_at=time.monotonic() + options.token_lifetime_s,
            calls_left=float("inf") if options.token_calls is None else options.token_calls,
        )
        issued = datetime.now(UTC).replace(tzinfo=None)
        lifetime = timedelta(seconds=min(options.token_lifetime_s, 10**9))
        token = self._jwt({"unique_name": options.username, "jti": number, "exp": str(issued + lifetime)})
        with self._lock:
            self._by_token[token] = login
        expires = issued - lifetime if options.odd_token_dates else issued + lifetime
        answer = {
            "access_token": token,
            "token_type": "Bearer",
            "username": options.username,
            "expires_in": options.expires_in,
            ".issued": issued.isoformat(timespec="milliseconds"),
            ".expires": expires.isoformat(timespec="milliseconds"),
        }
        if options.expires_in is ExpiresIn.ABSENT:
            del answer["expires_in"]
        elif options.expires_in is ExpiresIn.LIFETIME:
            answer["expires_in"] = options.token_lifetime_s
        return login, answer

    def find(self, headers: Mapping[str, str]) -> Login | None:
        """Give the login behind an ``Authorization`` header, dead or alive; None for a token never given."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        with self._lock:
            return self._by_token.get(token.strip()) if scheme.casefold() == "bearer" else None

    def expire_all(self) -> None:
        """Let every token given so far die."""
        with self._lock:
            for login in self._by_token.values():
                login.dead = True

    def _jwt(self, claims: Mapping[str, Any]) -> str:
        parts = ({"alg": "HS256", "typ": "JWT"}, claims)
        signed = b".".join(_base64url(json.dumps(part).encode()) for part in parts)
        signature = _base64url(hmac.digest(self._secret, signed, hashlib.sha256))
        return f"{signed.decode()}.{signature.decode()}"


def _base64url(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")
