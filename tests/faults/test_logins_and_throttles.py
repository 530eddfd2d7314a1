"""Rows B of the fault catalogue: one login for each token, no call before the reset time, no wait without an end."""

import json
import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sc_pandas as sc
from sc_pandas import pacing
from sc_pandas.client import RetryPolicy, Tally
from sc_pandas.client.login import Authorizer, Token
from sc_pandas.client.paced import Cancel, PacedWire
from sc_pandas.pacing import Pace, Throttle, http_date, throttle_wait_s
from sc_pandas.settings import Credentials, Secret
from tests.faults.raw import RawServer, Wire, ask, no, page, whole
from tests.integration.oracle import assert_equals_truth
from tests.support.clocks import START, FakeClock
from tests.support.shops import shop_of

ONCE = RetryPolicy(attempts=1, login_attempts=1, base_s=0.001, cap_s=0.01)
CALLS = 5  # three pages and both bookends again
THREADS = 16


@pytest.mark.fault("B01")
@pytest.mark.parametrize("at", range(1, CALLS + 1))
def test_a_token_that_dies_costs_one_login_and_no_retry(at: int, tmp_path: Path) -> None:
    """One try for each call is all there is: the 401 does not use it up."""
    with sc.sandbox.serve(customers=120, seed=7) as box, shop_of(box, tmp_path, policy=ONCE) as shop:
        undisturbed = shop.customers(cache="off").run().table
        assert box.calls("token") == 1
        box.fault("token_death", at=at)
        frame = shop.customers(cache="off").run()
        assert frame.table.equals(undisturbed)
        assert box.calls("token") == 2
        assert_equals_truth(frame.to_pandas(), box.customers())


def test_negative_control_forgetful_threads_log_in_each() -> None:
    """The broken variant of B04: a refused token is renewed although somebody else has done it already."""

    class Forgetful(Authorizer):
        def token(self, tally: Tally, cancel: Cancel = None, *, refused: Token | None = None) -> Token:
            with self._lock:
                return self._renew(tally, cancel) if refused is not None or self._token is None else self._token

    login = Credentials("ann", password=Secret("pässword"))
    counts = []
    for kind in (Authorizer, Forgetful):
        logins: list[int] = []

        def log_in(_tally: Tally, _cancel: Cancel, logins: list[int] = logins) -> Token:
            logins.append(1)
            time.sleep(0.005)
            return Token(Secret("t"))

        auth = kind(cast("PacedWire", None), log_in, login, FakeClock())
        stale = auth.token(Tally())
        barrier = threading.Barrier(THREADS)

        def meet(_: int, auth: Any = auth, stale: Any = stale, barrier: Any = barrier) -> None:
            barrier.wait()
            auth.token(Tally(), refused=stale)

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(meet, range(THREADS)))
        counts.append(len(logins))
    assert counts == [2, 1 + THREADS]


@pytest.mark.fault("B02")
def test_a_user_who_is_refused_also_with_a_fresh_token_is_told(tmp_path: Path) -> None:
    with RawServer(lambda wire: wire.send(no(401))) as server, server.shop(tmp_path) as shop:
        with pytest.raises(sc.AuthError) as caught:
            shop.customers().to_pandas()
        assert caught.value.reason == "rejected_after_login"
        # One more than the catalogue's two, three times: a token may be used up by another thread of this client.
        assert server.logins <= 4
        assert server.calls <= 4


def limited(reset: str, now: datetime, status: int = 429) -> bytes:
    body = json.dumps({"Error": "Rate limit exceeded", "RateLimitResetTime": reset}).encode()
    lines = [f"HTTP/1.1 {status} Slow", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"Date: {format_datetime(now, usegmt=True)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Throttled:
    """A server in fake time that is used up until a moment, and notes who comes earlier."""

    def __init__(self) -> None:
        self.begin(0.0, 0.0, 7)

    def begin(self, skew_s: float, reset_in_s: float, digits: int) -> FakeClock:
        self.clock = FakeClock(skew_s)
        self.reset_at = START + timedelta(seconds=reset_in_s)
        self.digits = digits
        self.early = 0
        self.asked = 0
        return self.clock

    def script(self, wire: Wire) -> None:
        now = START + timedelta(seconds=self.clock.seconds)
        self.asked += 1
        if now >= self.reset_at:
            wire.send(whole(page([1])))
            return
        self.early += self.asked > 1
        fraction = f"{self.reset_at.microsecond:06d}000"[: self.digits]
        shown = self.reset_at if self.digits >= 6 else self.reset_at.replace(microsecond=0) + timedelta(seconds=1)
        text = f"{shown:%Y-%m-%dT%H:%M:%S}" + (
            f".{fraction if self.digits >= 6 else '0' * self.digits}" if self.digits else ""
        )
        wire.send(limited(text + "Z", now))


@pytest.fixture(scope="module")
def throttled() -> Any:
    """One server for all examples."""
    world = Throttled()
    with RawServer(world.script) as server:
        yield world, server


@pytest.mark.fault("B07")
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(skew_s=st.floats(-7_200, 7_200), reset_in_s=st.floats(0.01, 3_600), digits=st.integers(0, 9))
def test_no_call_comes_before_the_reset_time(throttled: Any, skew_s: float, reset_in_s: float, digits: int) -> None:
    """The server's clock and ours differ by up to two hours.  Negative control: the next test."""
    world, server = throttled
    clock = world.begin(skew_s, reset_in_s, digits)
    with server.client(clock=clock, max_wait_s=4_000.0) as client:
        assert ask(client) == [1]
    assert (world.early, world.asked) == (0, 2)
    assert clock.seconds < reset_in_s + 5.0


def test_negative_control_by_our_clock_calls_come_early(throttled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broken variant of B07: the server's Date is not asked, and the local clock is an hour ahead."""

    def by_local_clock(throttle: Throttle, **more: Any) -> float:
        return throttle_wait_s(throttle, **more | {"server_date": None})

    monkeypatch.setattr("sc_pandas.client.paced.throttle_wait_s", by_local_clock)
    world, server = throttled
    clock = world.begin(3_000.0, 3_600.0, 7)
    with server.client(clock=clock, max_wait_s=4_000.0) as client, suppress(sc.RateLimitedError):
        ask(client)
    assert world.early


@pytest.mark.fault("B08")
@given(
    reset=st.none() | st.datetimes().map(lambda at: at.isoformat() + "Z") | st.text(max_size=30),
    date=st.none() | st.datetimes().map(lambda at: format_datetime(at.replace(tzinfo=UTC), usegmt=True)),
    waits=st.integers(0, 5),
)
def test_a_reset_time_may_be_anything(reset: str | None, date: str | None, waits: int) -> None:
    """No wait is negative, endless or longer than what is allowed."""
    throttle = Throttle(pacing.parse_reset(reset))
    wait_s = throttle_wait_s(throttle, server_date=http_date(date), retry_after=None, now=START, waits_before=waits)
    assert 0.0 <= wait_s < math.inf
    clock = FakeClock()
    pace = Pace(clock, max_wait_s=120.0)
    pace.throttled(throttle, wait_s)
    with suppress(sc.RateLimitedError):
        pace.wait_for_turn()
    assert sum(clock.slept) <= 120.0 + 1e-6


@pytest.mark.fault("B12")
@pytest.mark.parametrize("status", [200, 409, 503])
def test_a_throttle_under_any_status_is_waited_out(status: int) -> None:
    clock = FakeClock()

    def script(wire: Wire) -> None:
        until = START + timedelta(seconds=60)
        now = START + timedelta(seconds=clock.seconds)
        wire.send(
            whole(page([1])) if now >= until else limited(f"{until:%Y-%m-%dT%H:%M:%S}.0000000Z", now, status=status)
        )

    with RawServer(script) as server, server.client(clock=clock, max_wait_s=100.0, policy=ONCE) as client:
        assert ask(client) == [1]
        assert server.calls == 2
