"""The token: who may have it, how long it is trusted, and one login for each that went stale."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from sc_pandas import AuthError, SellerCloudError, ServerError
from sc_pandas.client.login import Authorizer, Token, fill_in, token_of
from sc_pandas.settings import Credentials, Secret
from tests.support.clocks import FakeClock

LOGIN = Credentials("ann@x.test", password=Secret('pässword"\\\n'))


def made(clock: FakeClock, lives_s: float = 3_600.0) -> tuple[Callable[[], Token], list[Token]]:
    """Give a login and the list of the tokens that it made."""
    tokens: list[Token] = []

    def log_in() -> Token:
        tokens.append(Token(Secret(f"t{len(tokens)}"), renew_at=clock.monotonic() + lives_s))
        return tokens[-1]

    return log_in, tokens


@pytest.mark.fault("B06")
@given(st.text())
def test_any_value_as_a_token_is_a_clean_header_or_a_typed_error(value: str) -> None:
    try:
        token = token_of({"access_token": value}, now=0.0)
    except AuthError:
        return
    text = token.value.reveal()
    assert text == value
    assert text.isascii()
    assert text.isprintable()
    assert not any(c.isspace() for c in text)
    assert text


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        "token",
        {"access_token": None},
        {"access_token": 7},
        {"access_token": ""},
        {"access_token": "a b"},
        {"access_token": "a\r\nX: y"},
        {"access_token": "ä"},
        {"access_token": "x" * 1_000_000},
        {"token": "x"},
    ],
    ids=lambda d: repr(d)[:30],
)
def test_an_answer_without_a_usable_token_is_told(document: Any) -> None:
    with pytest.raises(AuthError) as caught:
        token_of(document, now=0.0)
    assert caught.value.reason == "malformed_token"


@pytest.mark.fault("B05")
@pytest.mark.parametrize(
    ("hint", "renew_at"),
    [
        (3_600, 3_240.0),
        (1_800, 1_620.0),
        ("1800", 1_620.0),
        (3_599.5, 3_239.55),
        (None, 3_240.0),
        ("soon", 3_240.0),
        (0, 3_240.0),
        (-5, 3_240.0),
        (1e308, 3_240.0),
        (float("nan"), 3_240.0),
        (10**400, 3_240.0),
        ([], 3_240.0),
    ],
)
def test_the_hint_of_a_life_is_used_where_it_is_sane_and_nine_tenths_of_it(hint: Any, renew_at: float) -> None:
    sample = {"access_token": "t", "expires_in": hint, ".issued": "2026-01-02", ".expires": "2026-01-01"}
    assert token_of(sample, now=0.0).renew_at == pytest.approx(renew_at)


def test_the_body_of_the_login_is_the_documented_one() -> None:
    request = requests.PreparedRequest()
    request.prepare(method="POST", url="https://tt.api.sellercloud.com/rest/api/token")
    fill_in(LOGIN, request)
    assert json.loads(request.body or "") == {"Username": "ann@x.test", "Password": 'pässword"\\\n'}


def test_a_token_is_kept_until_it_is_old_or_refused() -> None:
    clock = FakeClock()
    log_in, tokens = made(clock)
    auth = Authorizer(LOGIN, clock)
    first = auth.token(log_in)
    assert auth.token(log_in) is first
    assert auth.token(log_in, refused=Token(Secret("another"))) is first
    second = auth.token(log_in, refused=first)
    assert second is not first
    assert auth.token(log_in, refused=first) is second  # somebody has replaced it already
    clock.seconds = 3_601.0
    third = auth.token(log_in)
    assert tokens == [first, second, third]


@pytest.mark.fault("B04")
def test_sixteen_threads_with_one_stale_token_log_in_once() -> None:
    clock = FakeClock()
    auth = Authorizer(LOGIN, clock)
    log_in, tokens = made(clock)
    stale = auth.token(log_in)
    barrier = threading.Barrier(16)

    def slowly() -> Token:
        time.sleep(0.02)
        return log_in()

    def ask() -> None:
        barrier.wait()
        got.append(auth.token(slowly, refused=stale))

    got: list[Token] = []
    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tokens) == 2
    assert all(token is tokens[1] for token in got)
    assert len(got) == 16


def test_a_refused_password_is_never_sent_twice() -> None:
    auth = Authorizer(LOGIN, FakeClock())
    posts = []

    def refuse() -> Token:
        posts.append(1)
        raise AuthError("no", reason="bad_credentials")

    for _ in range(3):
        with pytest.raises(AuthError):
            auth.token(refuse)
    assert len(posts) == 1


@pytest.mark.fault("B04")
def test_another_failure_is_told_to_those_who_waited_and_tried_again_by_later_ones() -> None:
    auth = Authorizer(LOGIN, FakeClock())
    started, go_on = threading.Event(), threading.Event()
    posts: list[int] = []

    def fail() -> Token:
        posts.append(1)
        started.set()
        go_on.wait(5)
        raise ServerError("down", status=500)

    errors: list[SellerCloudError] = []

    def ask() -> None:
        try:
            auth.token(fail)
        except SellerCloudError as error:
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    threads[0].start()
    started.wait(5)
    for thread in threads[1:]:
        thread.start()
    time.sleep(0.1)
    go_on.set()
    for thread in threads:
        thread.join()
    assert len(errors) == 8
    assert len(posts) == 1
    log_in, _ = made(FakeClock())
    assert auth.token(log_in).value.reveal() == "t0"


def test_a_given_token_that_is_refused_cannot_renew_itself() -> None:
    auth = Authorizer(Credentials(None, token=Secret("given")), FakeClock())

    def never() -> Token:
        raise AssertionError("a login without a password")

    token = auth.token(never)
    assert token.value.reveal() == "given"
    with pytest.raises(AuthError) as caught:
        auth.token(never, refused=token)
    assert caught.value.reason == "token_rejected"
