"""What an answer means: data, a reason to try again, or the end."""

import json
from typing import Any

import pytest

import sc_pandas as sc
from sc_pandas.client.exchange import Answer, ExchangeError
from sc_pandas.client.outcomes import Setback, document_of, setback_of_exchange, throttle_of

THROTTLE = {"Error": "Rate limit exceeded", "RateLimitResetTime": "2026-11-23T14:05:06.1234567Z"}


def answer(status: int = 200, body: Any = b"", content_type: str = "application/json", **headers: str) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status=status, headers={"Content-Type": content_type, **headers}, body=raw)


def outcome(given: Answer, where: str = "data") -> tuple[str, Any]:
    """Return the class and the telling fact of the error, and whether it is tried again."""
    try:
        document_of(given, where=where)
    except Setback as setback:
        error = setback.final(5, 1.0)
        return f"again: {type(error).__name__}", getattr(error, "kind", None) or getattr(error, "status", None)
    except sc.SellerCloudError as error:
        return (
            type(error).__name__,
            getattr(error, "kind", None) or getattr(error, "reason", None) or getattr(error, "status", None),
        )
    return "data", None


@pytest.mark.fault("B12")
@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 409, 429, 500, 503])
def test_a_throttle_is_known_by_its_body_under_any_status(status: int) -> None:
    throttle = throttle_of(answer(status, THROTTLE))
    assert throttle is not None
    assert throttle.reset_at is not None


NO_THROTTLES = [
    answer(409, {"Error": "conflict"}), answer(409, {"RateLimitResetTime": "2026-11-23T14:05:06Z"}), answer(503, b"busy"),
    answer(200, {"Items": [{"Error": "x", "RateLimitResetTime": "y"}], "TotalResults": 1}),
    answer(200, b'{"Error": "x", "RateLimitResetTime": '), answer(200, {**THROTTLE, "Padding": "x" * 5_000}),
]  # fmt: skip


@pytest.mark.parametrize("given", NO_THROTTLES)
def test_anything_else_is_no_throttle(given: Answer) -> None:
    assert throttle_of(given) is None


def test_a_429_is_a_throttle_without_a_body_too() -> None:
    for body in (b"", b"slow down", {"Message": "slow"}):
        throttle = throttle_of(answer(429, body))
        assert throttle is not None
        assert throttle.reset_at is None


TABLE: list[tuple[Answer, str, tuple[str, Any]]] = [
    (answer(200, {"Items": []}), "data", ("data", None)), (answer(200, [1]), "data", ("data", None)),
    (answer(200, b""), "data", ("again: ResponseError", "empty")),
    (answer(204, b""), "data", ("again: ResponseError", "empty")),
    (answer(200, b" \r\n"), "data", ("again: ResponseError", "empty")),
    (answer(200, b"<html>", "text/html"), "data", ("again: ResponseError", "not_json")),
    (answer(200, b"<html>"), "data", ("again: ResponseError", "not_json")),
    (answer(200, b"{"), "data", ("again: ResponseError", "json")),
    (answer(200, b"busy", "text/plain"), "data", ("again: ResponseError", "not_json")),
    (answer(500, b""), "data", ("again: ServerError", 500)),
    (answer(502, b"<html>", "text/html"), "data", ("again: ServerError", 502)),
    (answer(503, {"Message": "down"}), "login", ("again: ServerError", 503)),
    (answer(408, b""), "data", ("again: ServerError", 408)),
    (answer(400, {"Message": "The request is invalid."}), "data", ("ServerError", 400)),
    (answer(403, b""), "data", ("ServerError", 403)), (answer(404, b""), "data", ("ServerError", 404)),
    (answer(409, b""), "data", ("ServerError", 409)),
    (answer(400, {"error": "invalid_grant"}), "login", ("AuthError", "bad_credentials")),
    (answer(401, b""), "login", ("AuthError", "bad_credentials")),
    (answer(403, b""), "login", ("AuthError", "bad_credentials")), (answer(404, b""), "login", ("ServerError", 404)),
    (answer(302, b"", Location="https://evil.test/x"), "data", ("ResponseError", "redirect")),
    (answer(307, b"", Location="/login"), "login", ("ResponseError", "redirect")),
]  # fmt: skip


@pytest.mark.fault("A14", "A18", "B12")
@pytest.mark.parametrize(("given", "where", "want"), TABLE)
def test_each_answer_has_one_meaning(given: Answer, where: str, want: tuple[str, Any]) -> None:
    assert outcome(given, where) == want


EXCHANGES = dict.fromkeys(("connect", "read", "timeout", "deadline", "truncated"), ("TransportError", True))
EXCHANGES |= {"encoding": ("ResponseError", True), "framing": ("ResponseError", True)}
EXCHANGES |= {
    "too_large": ("ResponseError", False), "tls": ("TransportError", False), "proxy": ("TransportError", False)
}  # fmt: skip


@pytest.mark.parametrize(("kind", "want"), EXCHANGES.items())
def test_each_failed_exchange_has_one_meaning(kind: str, want: tuple[str, bool]) -> None:
    given = setback_of_exchange(ExchangeError(kind, "it failed", retryable=want[1]))
    error = given.final(5, 2.0) if isinstance(given, Setback) else given
    assert (type(error).__name__, isinstance(given, Setback)) == want
    assert error.kind == kind  # type: ignore[attr-defined]
    if isinstance(given, Setback):
        assert given.timed_out == (kind in {"timeout", "deadline"})
        assert "5 times" in str(error)


def test_a_server_s_words_are_told_without_addresses_and_a_redirect_names_its_host_only() -> None:
    with pytest.raises(sc.ServerError) as caught:
        document_of(answer(400, {"Message": "No ann@example.org\r\n\x1b[31m!"}), where="data")
    assert caught.value.server_message == r"No ***@*** \u001b[31m!"
    with pytest.raises(sc.ResponseError, match=r"redirects to evil\.test;") as redirected:
        document_of(answer(302, b"", Location="https://u:secret@evil.test/path?token=1"), where="data")
    assert "secret" not in str(redirected.value)
    assert "token" not in str(redirected.value)


def test_the_allowance_for_retries_is_named_when_it_is_used_up() -> None:
    given = setback_of_exchange(ExchangeError("connect", "no"))
    assert isinstance(given, Setback)
    error = given.final(1, 0.1, budget_exhausted=True)
    assert isinstance(error, sc.TransportError)
    assert error.budget_exhausted
    assert "allowance" in str(error)
