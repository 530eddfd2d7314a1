"""What an answer means: data, a reason to try again, or the end.  Pure functions of answers."""

from collections.abc import Callable
from typing import Final, TypeVar

from sc_pandas.client.bodies import message_of
from sc_pandas.client.exchange import Answer, ExchangeError
from sc_pandas.client.parsing import NotDataError, parse_json
from sc_pandas.errors import AuthError, ResponseError, SellerCloudError, ServerError, TransportError
from sc_pandas.pacing import Throttle, recognise_throttle
from sc_pandas.secrecy import unseen

T = TypeVar("T")
_SMALL: Final = 4_096
_AWAY: Final = frozenset({502, 503, 504})
_RESPONSE_KINDS: Final = frozenset({"encoding", "too_large", "framing"})
_PORTAL: Final = "a login page, a proxy or the address of the UI instead of the API's?"


class Setback(Exception):  # noqa: N818  # not raised to callers: it becomes one of our errors when tries run out
    """A failed attempt that is worth another; `final` returns the error for when it was the last.

    `away` says that the server seems to be down: what fails for one call fails for all.
    """

    def __init__(
        self,
        error: type[SellerCloudError],
        says: str,
        *,
        hint: str = "",
        timed_out: bool = False,
        away: bool = False,
        **facts: object,
    ) -> None:
        super().__init__(says)
        self._error, self._hint, self._facts = error, hint, facts
        self.timed_out = timed_out
        self.away = away

    def final(self, attempts: int, elapsed_s: float, *, budget_exhausted: bool = False) -> SellerCloudError:
        """Return the error that says how often it was tried."""
        tries = "once" if attempts == 1 else f"{attempts} times"
        why = "; the allowance for retries is used up" if budget_exhausted else ""
        return self._built(f"tried {tries}{why}", attempts, elapsed_s, budget_exhausted=budget_exhausted)

    def given_up(self, attempts: int, elapsed_s: float) -> SellerCloudError:
        """Return the error of a server that was away for as long as may be waited."""
        hint = (
            " It had answered before: it is down, or cannot answer this question. Ask again later: finished pages are "
            "kept; a longer max_wait= waits for it."
        )
        return self._built(f"tried {attempts} times in {elapsed_s:,.0f} s", attempts, elapsed_s, hint=hint)

    def _built(
        self, tries: str, attempts: int, elapsed_s: float, *, hint: str = "", budget_exhausted: bool = False
    ) -> SellerCloudError:
        facts = {**self._facts, "attempts": attempts, "budget_exhausted": budget_exhausted}
        if self._error is TransportError:
            facts["elapsed_s"] = elapsed_s
        return self._error(f"{self} ({tries}).{hint or self._hint}", **facts)


def throttle_of(answer: Answer) -> Throttle | None:
    """Recognise a throttle by its body under any status; a 429 is one without a body too."""
    if len(answer.body) <= _SMALL and b"ratelimitresettime" in answer.body.lower():
        try:
            throttle = recognise_throttle(parse_json(answer.body))
        except NotDataError:
            throttle = None
        if throttle is not None:
            return throttle
    return Throttle(None) if answer.status == 429 else None


def away_of(answer: Answer) -> Setback | None:
    """Recognise that a server is down by what a gateway in front of it answers."""
    return _server_setback(answer) if answer.status in _AWAY and throttle_of(answer) is None else None


def forbids_keeping(answer: Answer) -> bool:
    """Return whether the server says that its answer must not be stored."""
    said = answer.headers.get("Cache-Control", "").lower()
    return "no-store" in said and "no-store" in [directive.partition("=")[0].strip() for directive in said.split(",")]


def document_of(answer: Answer, *, where: str, parse: Callable[[bytes], T] = parse_json) -> T:
    """Return the parsed body of a good answer, which is no throttle and, for data, no 401.

    `where` is "login" or "data"; `parse` may raise a NotDataError.  Setback if it failed in a way that may pass, else
    SellerCloudError.
    """
    if 300 <= answer.status < 400:
        raise ResponseError(
            f"The server redirects to {answer.to_host}; redirects are never followed, because they could carry the "
            "login along. Check the server id or base URL.",
            kind="redirect",
            attempts=1,
        )
    if answer.status >= 500 or answer.status == 408:
        raise _server_setback(answer)
    if answer.status >= 400:
        raise _refusal(answer, where=where)
    if not answer.body or answer.body.isspace():
        raise setback_of_not_data(NotDataError("empty", "is empty"), answer)
    try:
        return unseen(lambda: parse(answer.body))  # a cut-off login may hold a token
    except NotDataError as error:
        raise setback_of_not_data(error, answer) from None


def _refusal(answer: Answer, *, where: str) -> SellerCloudError:
    words = _words(answer)
    said = f" It says: “{words}”." if words else ""
    if where == "login" and answer.status in {400, 401, 403}:
        return AuthError(
            f"SellerCloud does not accept this user name and password.{said} It is not tried again; connect anew with "
            "the right ones (accounts with two-factor login cannot use the API).",
            reason="bad_credentials",
            status=answer.status,
            server_message=words,
        )
    hint = " Is this the API's host?" if answer.status == 404 else ""
    return ServerError(
        f"The server refused the {where} request with status {answer.status}.{said}{hint}",
        status=answer.status,
        attempts=1,
        server_message=words,
    )


def _server_setback(answer: Answer) -> Setback:
    words = _words(answer)
    said = f" and says: {words}" if words else ""
    says = f"The server fails with status {answer.status}{said}"
    return Setback(ServerError, says, away=answer.status in _AWAY, status=answer.status, server_message=words)


def setback_of_not_data(error: NotDataError, answer: Answer) -> Setback:
    """Turn a body that is no data into a reason to try again."""
    kind, words = error.kind, _words(answer) if error.kind == "error_in_200" else ""
    content_type = answer.headers.get("Content-Type", "")
    if kind == "json" and ("json" not in content_type.lower() or answer.body.lstrip()[:1] == b"<"):
        kind = "not_json"
    hint = f" Is this {_PORTAL}" if kind == "not_json" else (f" The server says: {words}" if words else "")
    return Setback(ResponseError, f"The server's answer {error}", hint=hint, kind=kind, server_message=words)


def setback_of_exchange(error: ExchangeError) -> Setback | SellerCloudError:
    """Turn a failed exchange into a reason to try again, or into the final error where trying is vain."""
    kind = error.kind
    setback = Setback(
        ResponseError if kind in _RESPONSE_KINDS else TransportError,
        f"No usable answer: {error}",
        timed_out=kind in {"timeout", "deadline"},
        away=error.away,
        kind=kind,
    )
    return setback if error.retryable else setback.final(1, 0.0)


def _words(answer: Answer) -> str:
    try:
        return message_of(parse_json(answer.body)) if answer.body else ""
    except NotDataError:
        return ""
