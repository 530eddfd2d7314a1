"""Secrets, so that no traceback shows them: wrapped from the first line on, and in clear only inside `unseen`."""

import re
from collections.abc import Callable, Container
from typing import Any, NoReturn, TypeVar, cast


class Secret:
    """A password or token that prints as ``***`` and refuses to be copied away."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself, to be used inside `unseen` only."""
        return cast("str", self._value)

    def fits(self, form: re.Pattern[str]) -> bool:
        """Return whether it is text of a form."""
        return isinstance(self._value, str) and form.fullmatch(self._value) is not None

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("secrets are not pickled or copied; connect again where you need them")


def hidden(secret: Any) -> Any:
    """Wrap a password or token, before anything can raise in a frame that holds it in clear."""
    return secret if secret is None or isinstance(secret, Secret) else Secret(secret)


def hide_unknown(given: Any, known: Container[str]) -> None:
    """Wrap, in place, the values of keywords that are not known: ``pasword=`` is a password, too."""
    given.update({name: hidden(value) for name, value in given.items() if name not in known})


def without_login(server: Any) -> Any:
    """Star out what a URL carries besides its place; `base_url` refuses it then without showing it."""
    if not isinstance(server, str):
        return server
    return re.sub(r"(?s)([?#]).*", r"\1***", re.sub(r"(?s)^([A-Za-z]+://)?.*@", r"\1***@", server))


_Result = TypeVar("_Result")


def unseen(call: Callable[[], _Result]) -> _Result:
    """Call what holds a secret in clear; what it raises leaves without its frames and its chain.

    Tools that print the locals of a traceback (IPython, pytest, rich, Sentry) would show the secret, those of libraries
    below included, and also where Ctrl-C strikes.
    """
    try:
        return call()
    except BaseException as error:  # noqa: BLE001  # raised below
        failure = error.with_traceback(None)
        failure.__cause__ = failure.__context__ = None
    try:
        raise failure
    finally:
        del failure  # an error that its own traceback holds would be freed late
