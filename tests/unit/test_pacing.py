"""Waiting: never too early, never more calls than the quota, never a storm; decided without real time."""

import json
from bisect import bisect_left
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sc_pandas import RateLimitedError, TransportError
from sc_pandas.client.outcomes import Setback
from sc_pandas.client.retries import Retries, RetryPolicy
from sc_pandas.pacing import (
    Pace,
    Throttle,
    estimate_seconds,
    http_date,
    parse_reset,
    recognise_throttle,
    throttle_wait_s,
)
from tests.support.clocks import START, FakeClock

MOMENT = datetime(2026, 11, 23, 14, 5, 6, tzinfo=UTC)


@pytest.mark.fault("B07")
@given(
    st.integers(0, 9).flatmap(lambda n: st.text("0123456789", min_size=n, max_size=n)), st.sampled_from(["Z", "z", ""])
)
def test_a_reset_time_is_read_with_0_to_9_fraction_digits_and_never_rounded_down(digits: str, zone: str) -> None:
    text = f"2026-11-23T14:05:06{'.' if digits else ''}{digits}{zone}"
    got = parse_reset(text)
    assert got is not None
    nanoseconds = int(digits.ljust(9, "0") or 0) if digits else 0
    late = (got - MOMENT) // timedelta(microseconds=1) * 1_000 - nanoseconds
    assert 0 <= late < 1_000


@given(st.integers(-14 * 60, 14 * 60), st.booleans())
def test_a_reset_time_with_an_offset_is_converted(minutes: int, colon: bool) -> None:  # noqa: FBT001
    zone = timezone(timedelta(minutes=minutes))
    text = MOMENT.astimezone(zone).isoformat()
    assert parse_reset(text if colon else text[:-3] + text[-2:]) == MOMENT


GARBAGE: list[object] = [
    None, 7, "", "soon", "2026-11-23", "2026-13-01T00:00:00Z", "2026-11-23T25:00:00Z", "2026-11-23T14:05:06.1234567890Z",
    "2026-11-23T14:05:06Zjunk", "٢٠٢٦-11-23T14:05:06Z", "0001-01-01T00:00:00+14:00", {"t": 1}, [], b"2026-11-23T14:05:06Z",
    "9999-12-31T23:59:59.9999999-14:00",
]  # fmt: skip


@pytest.mark.parametrize("text", GARBAGE, ids=repr)
def test_a_reset_time_that_is_none_is_none(text: object) -> None:
    assert parse_reset(text) is None


@given(st.text() | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d*)?.{0,6}", fullmatch=True))
def test_any_text_is_a_time_in_utc_or_none(text: str) -> None:
    got = parse_reset(text)
    assert got is None or got.utcoffset() == timedelta(0)


BODIES = {
    '{"Error": "x", "RateLimitResetTime": "2026-11-23T14:05:06Z"}': MOMENT,
    '{"error": "x", "rateLimitResetTime": "2026-11-23T14:05:06.0000000Z", "More": 1}': MOMENT,
    '{"Error": "x", "RateLimitResetTime": null}': None, '{"Error": null, "RateLimitResetTime": "soon"}': None,
}  # fmt: skip


@pytest.mark.parametrize(("body", "known"), BODIES.items())
def test_a_throttle_is_known_by_its_two_keys(body: str, known: datetime | None) -> None:
    assert recognise_throttle(json.loads(body)) == Throttle(known)


@pytest.mark.parametrize(
    "document", [None, [], "RateLimitResetTime", {}, {"Error": "x"}, {"RateLimitResetTime": "x"}, {"Items": []}, 7]
)
def test_anything_else_is_no_throttle(document: Any) -> None:
    assert recognise_throttle(document) is None


# ── never too early ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.fault("B07")
@given(
    skew_s=st.floats(-7_200, 7_200),
    reset_in_s=st.floats(0.001, 3_600),
    second=st.floats(0, 0.999),
    retry_after=st.none() | st.integers(0, 4_000).map(str) | st.sampled_from(["soon", "-5", "1e3", ""]),
)
def test_no_wait_ends_before_the_reset_whatever_the_local_clock_says(
    skew_s: float, reset_in_s: float, second: float, retry_after: str | None
) -> None:
    server_now = MOMENT + timedelta(seconds=second)
    wait_s = throttle_wait_s(
        Throttle(server_now + timedelta(seconds=reset_in_s)),
        server_date=http_date(format_datetime(server_now, usegmt=True)),
        retry_after=retry_after,
        now=server_now + timedelta(seconds=skew_s),
    )
    assert wait_s >= reset_in_s - 2e-6
    said = float(retry_after) if retry_after is not None and retry_after.isdecimal() else 0.0
    assert wait_s >= said
    # Not much later either: the Date header is cut to whole seconds.
    assert wait_s <= max(reset_in_s + 1.0, said) + 2e-6


@given(st.floats(0.001, 3_600))
def test_without_a_date_the_local_clock_counts(reset_in_s: float) -> None:
    assert [http_date(text) for text in (None, "", "yesterday")] == [None] * 3
    assert wait_of(Throttle(MOMENT + timedelta(seconds=reset_in_s))) == pytest.approx(reset_in_s, abs=2e-6)


def wait_of(throttle: Throttle, retry_after: str | None = None, waits_before: int = 0) -> float:
    """Return how long is waited where the server says no date."""
    return throttle_wait_s(throttle, server_date=None, retry_after=retry_after, now=MOMENT, waits_before=waits_before)


@pytest.mark.fault("B08")
def test_where_nobody_says_a_time_the_wait_grows_from_five_seconds_to_five_minutes() -> None:
    waits = [wait_of(Throttle(None), waits_before=n) for n in range(9)]
    assert waits == [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0, 300.0]


def test_a_reset_that_stays_in_the_past_is_no_reason_to_hammer() -> None:
    past = Throttle(MOMENT - timedelta(seconds=1))
    assert [wait_of(past, waits_before=n) for n in range(3)] == [0.0, 10.0, 20.0]
    assert wait_of(Throttle(MOMENT - timedelta(days=1))) == 5.0


def test_retry_after_may_be_a_date() -> None:
    assert wait_of(Throttle(None), format_datetime(MOMENT + timedelta(seconds=90), usegmt=True)) == 90.0


def test_a_throttle_holds_everybody_until_the_reset_and_not_much_longer() -> None:
    clock = FakeClock()
    pace = Pace(clock, max_wait_s=120)
    told: list[tuple[datetime, float]] = []
    with pace.heard_by(lambda at, seconds: told.append((at, seconds)), nobody), pace.heard_by(nobody, nobody):
        pace.wait_for_turn()
        assert clock.slept == []
        pace.throttled(Throttle(START + timedelta(seconds=60)), 60.0)
        pace.throttled(Throttle(START + timedelta(seconds=10)), 10.0)  # an older word never opens it earlier
        pace.wait_for_turn()
        assert 60.0 <= clock.monotonic() <= 63.1
        assert len(told) == 1
        pace.wait_for_turn()
        assert len(told) == 1
    pace.throttled(Throttle(None), 5.0)
    pace.wait_for_turn()
    assert len(told) == 1, "nobody is told who no longer listens"


def nobody(_until: datetime, _seconds: float) -> None:
    """Listen, and do nothing."""


@pytest.mark.fault("B08")
def test_a_wait_beyond_max_wait_is_an_error_at_once_that_says_until_when() -> None:
    clock = FakeClock()
    pace = Pace(clock, max_wait_s=30)
    reset = START + timedelta(seconds=600)
    pace.throttled(Throttle(reset), 600.0)
    for ask in (pace.wait_for_turn, pace.check):
        with pytest.raises(RateLimitedError) as caught:
            ask()
        assert caught.value.reset_at == reset
        assert 600 <= caught.value.wait_s <= 603
    assert clock.slept == []
    clock.seconds = 603.0
    pace.check()
    pace.wait_for_turn()
    assert pace.total == 1


# ── budgets ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.fault("B11")
@pytest.mark.parametrize("pause_s", [0.0, 0.05, 0.3, 0.4])
def test_eleven_thousand_calls_never_pass_the_quota_in_any_hour(pause_s: float) -> None:
    clock = FakeClock()
    pace = Pace(clock)
    times = []
    for _ in range(11_000):
        pace.wait_for_turn()
        times.append(clock.monotonic())
        clock.seconds += pause_s
    assert all(i - bisect_left(times, at - 3_600 + 1e-6) < 10_800 for i, at in enumerate(times))
    assert pace.total == 11_000
    assert times[10_799] == pytest.approx(10_799 * pause_s)  # nobody waits before the quota is used up


def test_a_pace_shared_by_threads_counts_every_call() -> None:
    pace = Pace(FakeClock(), calls_per_hour=1_000_000)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: [pace.wait_for_turn() for _ in range(500)], range(16)))
    assert (pace.total, pace.left()) == (8_000, 992_000)


@pytest.mark.fault("A19")
def test_retries_run_out_in_an_outage_and_come_back_with_successes() -> None:
    def tries(retries: Retries, *, timed_out: bool) -> int:
        made = 0

        def attempt() -> None:
            nonlocal made
            made += 1
            raise Setback(TransportError, "No answer", timed_out=timed_out)

        with pytest.raises(TransportError, match="allowance") as caught:
            retries.until_good(attempt, 1_000, None)
        assert caught.value.budget_exhausted
        return made

    for timed_out, first in ((False, 101), (True, 51)):
        retries = Retries(FakeClock(), RetryPolicy())
        assert tries(retries, timed_out=timed_out) == first
        for _ in range(5):
            retries.until_good(lambda: None, 1, None)
        assert [tries(retries, timed_out=True), tries(retries, timed_out=False)] == [1, 2]
        for _ in range(10_000):
            retries.until_good(lambda: None, 1, None)
        assert tries(retries, timed_out=False) == 101


@pytest.mark.parametrize(
    ("calls", "latency_s", "in_flight", "left", "seconds"),
    [(0, 1.0, 16, 10_800, 0), (16, 1.0, 16, 10_800, 1), (17, 1.0, 16, 10_800, 2), (10_800, 0.0, 16, 0, 3_600)],
)
def test_an_estimate_counts_latency_and_quota(
    calls: int, latency_s: float, in_flight: int, left: int, seconds: float
) -> None:
    got = estimate_seconds(calls, latency_s=latency_s, in_flight=in_flight, calls_left=left)
    assert got == pytest.approx(seconds)


@given(st.floats(0.0, 1e7), st.floats(0.0, 7_200.0))
def test_a_call_is_counted_or_waits_also_where_floats_round(first: float, later: float) -> None:
    clock = FakeClock()
    pace = Pace(clock, calls_per_hour=1)
    clock.seconds = first
    pace.wait_for_turn()
    clock.seconds = first + later
    pace.wait_for_turn()
    assert pace.total == 2
    assert clock.seconds >= first + 3_600 - 1e-6
