"""Who may ask: credentials, the tokens given for them, and how those die."""

import hmac
import itertools
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sc_pandas.sandbox.options import Options

# What the answer says; a sandbox's token dies of use, or on demand.
_LIFETIME_S: Final = 3600.0


@dataclass
class Login:
    """One token that was given out, and for how many calls it will do."""

    label: str
    calls_left: float


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
        calls = self._options.token_calls
        login = Login(f"token#{next(self._numbers)}", float("inf") if calls is None else calls)
        token = secrets.token_urlsafe(32)
        self._by_token[token] = login
        issued = datetime.now(UTC).replace(tzinfo=None)
        expires = issued + timedelta(seconds=_LIFETIME_S)
        return login, {
            "access_token": token,
            "token_type": "Bearer",
            "username": self._options.username,
            "expires_in": _LIFETIME_S,
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
