"""The token: who may have it, how long it is trusted, and one login for each that went stale."""

import contextlib
import json
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sc_pandas import AuthError, ServerError
from sc_pandas.client import Tally
from sc_pandas.client.login import Authorizer, Token, login_body, token_of
from sc_pandas.client.paced import PacedWire
from sc_pandas.settings import Credentials, Secret
from tests.support.clocks import FakeClock

LOGIN = Credentials("ann@x.test", password=Secret('pässword"\\\n'))


class Login:
    """A login that makes tokens t0, t1, …; `before` is called first."""

    def __init__(self, before: Callable[[], object] = list) -> None:
        self.tokens: list[Token] = []
        self.posts = 0
        self.before = before
        self.clock = FakeClock()

    def __call__(self, _tally: Tally, _cancel: object) -> Token:
        self.posts += 1
        self.before()
        self.tokens.append(Token(Secret(f"t{len(self.tokens)}"), renew_at=self.clock.monotonic() + 3_600.0))
        return self.tokens[-1]

    def authorizer(self, credentials: Credentials = LOGIN) -> Authorizer:
        return Authorizer(cast("PacedWire", None), self, credentials, self.clock)  # `token` makes no other call


@pytest.mark.fault("B06")
@given(st.text())
def test_any_value_as_a_token_is_a_clean_header_or_a_typed_error(value: str) -> None:
    with contextlib.suppress(AuthError):
        text = token_of({"access_token": value}, now=0.0).value.reveal()
        assert text == value
        assert re.fullmatch("[!-~]+", text)


NO_TOKENS: list[Any] = [
    None, [], {}, "token", {"access_token": None}, {"access_token": 7}, {"access_token": ""}, {"access_token": "a b"},
    {"access_token": "a\r\nX: y"}, {"access_token": "ä"}, {"access_token": "x" * 1_000_000}, {"token": "x"},
]  # fmt: skip


@pytest.mark.parametrize("document", NO_TOKENS, ids=lambda d: repr(d)[:30])
def test_an_answer_without_a_usable_token_is_told(document: Any) -> None:
    with pytest.raises(AuthError) as caught:
        token_of(document, now=0.0)
    assert caught.value.reason == "malformed_token"


HINTS = {3_600: 3_240.0, 1_800: 1_620.0, "1800": 1_620.0, 3_599.5: 3_239.55}
HINTS |= dict.fromkeys((None, "soon", 0, -5, 1e308, float("nan"), 10**400, ()), 3_240.0)


@pytest.mark.fault("B05")
@pytest.mark.parametrize(("hint", "renew_at"), HINTS.items(), ids=lambda each: repr(each)[:20])
def test_nine_tenths_of_a_sane_life_are_used(hint: Any, renew_at: float) -> None:
    sample = {"access_token": "t", "expires_in": hint, ".issued": "2026-01-02", ".expires": "2026-01-01"}
    assert token_of(sample, now=0.0).renew_at == pytest.approx(renew_at)


def test_the_body_of_the_login_is_the_documented_one() -> None:
    assert json.loads(login_body(LOGIN, {})) == {"Username": "ann@x.test", "Password": 'pässword"\\\n'}


def test_a_token_is_used_until_it_is_old_or_refused() -> None:
    login = Login()
    auth = login.authorizer()
    first = auth.token(Tally())
    assert auth.token(Tally()) is first
    assert auth.token(Tally(), refused=Token(Secret("another"))) is first
    second = auth.token(Tally(), refused=first)
    assert second is not first
    assert auth.token(Tally(), refused=first) is second  # somebody has replaced it already
    login.clock.seconds = 3_601.0
    third = auth.token(Tally())
    assert login.tokens == [first, second, third]


@pytest.mark.fault("B04")
def test_sixteen_threads_with_one_stale_token_log_in_once() -> None:
    login = Login(before=lambda: time.sleep(0.02))
    auth = login.authorizer()
    stale = auth.token(Tally())
    barrier = threading.Barrier(16)

    def ask(_: int) -> Token:
        barrier.wait()
        return auth.token(Tally(), refused=stale)

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(16))) == [login.tokens[1]] * 16
    assert login.posts == 2


def test_a_refused_password_is_never_sent_twice() -> None:
    def refuse() -> None:
        raise AuthError("no", reason="bad_credentials")

    login = Login(before=refuse)
    auth = login.authorizer()
    for _ in range(3):
        with pytest.raises(AuthError):
            auth.token(Tally())
    assert login.posts == 1


@pytest.mark.fault("B04")
def test_another_failure_is_told_to_those_who_waited_and_tried_again_by_later_ones() -> None:
    started, go_on = threading.Event(), threading.Event()

    def fail() -> None:
        started.set()
        go_on.wait(5)
        raise ServerError("down", status=500)

    login = Login(before=fail)
    auth = login.authorizer()
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(auth.token, Tally())]
        assert started.wait(5)
        asked += [pool.submit(auth.token, Tally()) for _ in range(7)]
        time.sleep(0.1)
        go_on.set()
    assert [type(each.exception()) for each in asked] == [ServerError] * 8
    assert login.posts == 1
    login.before = list
    assert auth.token(Tally()).value.reveal() == "t0"


def test_a_given_token_that_is_refused_cannot_renew_itself() -> None:
    login = Login()
    auth = login.authorizer(Credentials(None, token=Secret("given")))
    token = auth.token(Tally())
    assert token.value.reveal() == "given"
    with pytest.raises(AuthError) as caught:
        auth.token(Tally(), refused=token)
    assert caught.value.reason == "token_rejected"
    assert login.posts == 0
