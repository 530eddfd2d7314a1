"""What an answer means: data, a reason to try again, or the end.  Pure functions of answers."""

from collections.abc import Callable
from typing import Any, Final

from sc_pandas.cache import NO_STORE
from sc_pandas.client.bodies import message_of
from sc_pandas.client.exchange import Answer, ExchangeError
from sc_pandas.client.parsing import NotDataError, parse_json
from sc_pandas.errors import AuthError, ResponseError, SellerCloudError, ServerError, TransportError
from sc_pandas.pacing import Throttle, recognise_throttle
from sc_pandas.secrecy import unseen

_SMALL: Final = 4_096
_AWAY: Final = frozenset({502, 503, 504})
_RESPONSE_KINDS: Final = frozenset({"encoding", "too_large", "framing"})
_PORTAL: Final = "a login page, a proxy or the address of the UI instead of the API's?"


class Setback(Exception):  # noqa: N818  # not raised to callers: it becomes one of our errors when tries run out
    """A failed attempt that is worth another; `final` gives the error for when it was the last.

    `away` says that the server seems to be down: what fails for one call fails for all.
    """

    def __init__(
        self, build: Callable[..., SellerCloudError], says: str, *, timed_out: bool = False, away: bool = False
    ) -> None:
        super().__init__(says)
        self._build = build
        self._says = says
        self.timed_out = timed_out
        self.away = away

    def final(self, attempts: int, elapsed_s: float, *, budget_exhausted: bool = False) -> SellerCloudError:
        """Give the error that says how often it was tried."""
        tries = "once" if attempts == 1 else f"{attempts} times"
        why = "; the allowance for retries is used up" if budget_exhausted else ""
        return self._build(f"{self._says} (tried {tries}{why}).", attempts, elapsed_s, budget_exhausted)

    def given_up(self, attempts: int, elapsed_s: float) -> SellerCloudError:
        """Give the error of a server that was away for as long as may be waited."""
        says = (
            f"{self._says} (tried {attempts} times in {elapsed_s:,.0f} s). It had answered before: it is down, or "
            "cannot answer this question. Ask again later: finished pages are kept; a longer max_wait= waits for it."
        )
        return self._build(says, attempts, elapsed_s, False)


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
    """Recognise that a server is down by what a gateway in front of it answers; the answer is no throttle."""
    return _server_setback(answer) if answer.status in _AWAY else None


def forbids_keeping(answer: Answer) -> bool:
    """Whether the server says that its answer must not be stored."""
    said = answer.headers.get("Cache-Control", "").lower()
    return NO_STORE in (directive.partition("=")[0].strip() for directive in said.split(","))


def document_of(answer: Answer, *, where: str, parse: Callable[[bytes], Any] = parse_json) -> Any:
    """Give the parsed body of a good answer.

    Parameters
    ----------
    answer
        Neither a throttle nor, for data, a 401.
    where
        ``"login"`` or ``"data"``.
    parse
        Parses the body, or raises a NotDataError.

    Raises
    ------
    Setback
        It failed in a way that may pass.
    SellerCloudError
        It failed for good.
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
    if not answer.body.strip():
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
    status = answer.status

    def build(says: str, attempts: int, _elapsed_s: float, budget_exhausted: bool) -> SellerCloudError:  # noqa: FBT001
        return ServerError(
            says, status=status, attempts=attempts, server_message=words, budget_exhausted=budget_exhausted
        )

    said = f" and says: {words}" if words else ""
    return Setback(build, f"The server fails with status {status}{said}", away=status in _AWAY)


def setback_of_not_data(error: NotDataError, answer: Answer) -> Setback:
    """Turn a body that is no data into a reason to try again."""
    kind, words = error.kind, _words(answer) if error.kind == "error_in_200" else ""
    content_type = answer.headers.get("Content-Type", "")
    if kind == "json" and ("json" not in content_type.lower() or answer.body.lstrip()[:1] == b"<"):
        kind = "not_json"
    hint = f" Is this {_PORTAL}" if kind == "not_json" else (f" The server says: {words}" if words else "")

    def build(says: str, attempts: int, _elapsed_s: float, budget_exhausted: bool) -> SellerCloudError:  # noqa: FBT001
        return ResponseError(
            f"{says}{hint}", kind=kind, attempts=attempts, server_message=words, budget_exhausted=budget_exhausted
        )

    return Setback(build, f"The server's answer {error}")


def setback_of_exchange(error: ExchangeError) -> Setback | SellerCloudError:
    """Turn a failed exchange into a reason to try again, or into the final error where trying is vain."""
    kind = error.kind

    def build(says: str, attempts: int, elapsed_s: float, budget_exhausted: bool) -> SellerCloudError:  # noqa: FBT001
        if kind in _RESPONSE_KINDS:
            return ResponseError(says, kind=kind, attempts=attempts, budget_exhausted=budget_exhausted)
        return TransportError(
            says, kind=kind, attempts=attempts, elapsed_s=elapsed_s, budget_exhausted=budget_exhausted
        )

    timed_out = kind in {"timeout", "deadline"}
    setback = Setback(build, f"No usable answer: {error}", timed_out=timed_out, away=error.away)
    return setback if error.retryable else setback.final(1, 0.0)


def _words(answer: Answer) -> str:
    try:
        return message_of(parse_json(answer.body)) if answer.body else ""
    except NotDataError:
        return ""
