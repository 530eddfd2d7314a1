"""Who may ask: credentials, the tokens given for them, and how those die."""

import hmac
import itertools
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sc_pandas.sandbox.options import Options


@dataclass
class Login:
    """One token that was given out, and how long it will do."""

    label: str
    dies_at: float
    calls_left: float

    @property
    def alive(self) -> bool:
        """The token still opens the door."""
        return self.calls_left > 0 and time.monotonic() < self.dies_at


class Logins:
    """Makes tokens for credentials and knows each of them again."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._numbers = itertools.count(1)
        self._by_token: dict[str, Login] = {}

    def accepts(self, username: str, password: str) -> bool:
        """Check credentials; the user's name is not case-sensitive."""
        same_password = hmac.compare_digest(password.encode(), self._options.password.text.encode())
        return username.casefold() == self._options.username.casefold() and same_password

    def give(self) -> tuple[Login, dict[str, Any]]:
        """Log in: make a new token and the answer that hands it over."""
        lifetime_s, calls = self._options.token_lifetime_s, self._options.token_calls
        login = Login(
            label=f"token#{next(self._numbers)}",
            dies_at=time.monotonic() + lifetime_s,
            calls_left=float("inf") if calls is None else calls,
        )
        token = secrets.token_urlsafe(32)
        self._by_token[token] = login
        issued = datetime.now(UTC).replace(tzinfo=None)
        expires = issued + timedelta(seconds=min(lifetime_s, 10**9))
        return login, {
            "access_token": token,
            "token_type": "Bearer",
            "username": self._options.username,
            "expires_in": lifetime_s,
            ".issued": issued.isoformat(timespec="milliseconds"),
            ".expires": expires.isoformat(timespec="milliseconds"),
        }

    def find(self, headers: Mapping[str, str]) -> Login | None:
        """Return the login behind an ``Authorization`` header, dead or alive; None for a token never given."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return self._by_token.get(token.strip()) if scheme.casefold() == "bearer" else None

    def expire_all(self) -> None:
        """Let every token given so far die."""
        for login in list(self._by_token.values()):
            login.calls_left = 0
