"""The gate of an outage, decided without real time."""

import threading
from datetime import datetime

import pytest

from sc_pandas.client.retries import Retries, RetryPolicy
from sc_pandas.pacing import Cancelled, OutageGate, StillAwayError
from sc_pandas.query.progress import PageProgress
from tests.support.clocks import START, FakeClock


def gate_of(max_wait_s: float = 120.0, *, answered: bool = True) -> tuple[OutageGate, FakeClock]:
    """Return a gate of a server that has answered once, and its clock."""
    clock = FakeClock()
    gate = OutageGate(clock, max_wait_s=max_wait_s, pause_s=Retries(clock, RetryPolicy()).pause_s)
    if answered:
        gate.answered(clock.monotonic())
    return gate, clock


def probe_until(gate: OutageGate, clock: FakeClock, back_at: float) -> int:
    """Call as one caller does; give how many calls were refused."""
    refused = 0
    while True:
        probed = gate.enter()
        if clock.monotonic() >= back_at:
            gate.answered(clock.monotonic())
            return refused
        refused += 1
        try:
            gate.refused("no", probed)
        finally:
            gate.leave(probed)


@pytest.mark.parametrize("attempt", range(20))
def test_a_minute_s_outage_takes_few_calls(attempt: int) -> None:
    gate, clock = gate_of()
    assert 4 <= probe_until(gate, clock, 60.0) <= 30
    assert clock.monotonic() <= 60.0 + 20.0 + 0.2, "found back within the longest pause"


def test_the_last_call_comes_at_the_end_of_the_longest_wait() -> None:
    """An outage that ends a moment before it is waited out; one that does not is told once."""
    for _ in range(20):
        gate, clock = gate_of()
        probe_until(gate, clock, 119.9)
        assert clock.monotonic() <= 120.2
    gate.answered(clock.monotonic())
    with pytest.raises(StillAwayError) as caught:
        probe_until(gate, clock, 1e9)
    assert caught.value.elapsed_s == pytest.approx(120.1, abs=0.1 + 1e-9)
    probed = gate.enter()
    assert probed is None, "who asks anew asks at once"
    gate.refused("no", probed)
    assert gate.enter() is None, "and is not waited for until the server has answered again"


@pytest.mark.parametrize(("max_wait_s", "answered"), [(0.0, True), (120.0, False)])
def test_without_a_wait_or_an_answer_before_there_is_no_gate(max_wait_s: float, answered: bool) -> None:  # noqa: FBT001
    gate, clock = gate_of(max_wait_s, answered=answered)
    for _ in range(5):
        probed = gate.enter()
        gate.refused("no", probed)
        gate.leave(probed)
    assert clock.slept == []


def test_one_probes_and_the_next_takes_over_where_it_ends() -> None:
    gate, clock = gate_of()
    gate.refused("no", None)
    probed = gate.enter()
    assert probed is not None
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        gate.enter(stop)  # somebody is finding out already
    gate.leave(probed)
    assert gate.enter() is probed
    gate.answered(clock.monotonic())
    gate.leave(probed)
    assert gate.enter() is None


def test_who_is_late_to_leave_leaves_the_next_outage_alone() -> None:
    gate, clock = gate_of()
    gate.refused("no", None)
    first = gate.enter()
    gate.answered(clock.monotonic())  # by another call
    gate.refused("no", None)
    second = gate.enter()
    assert second is not None
    assert second is not first
    gate.refused("no", first)
    gate.leave(first)
    assert second.probing


def test_whoever_waits_is_told_until_when() -> None:
    gate, clock = gate_of()
    told: list[tuple[datetime, float]] = []

    def tell(until: datetime, seconds: float) -> None:
        told.append((until, seconds))

    gate.enter(tell=tell)
    assert told == []
    gate.refused("no", None)
    while (probed := gate.enter(tell=tell)) is None:
        pass
    gate.refused("no", probed)
    gate.leave(probed)
    gate.enter(tell=tell)
    assert len(told) >= 1
    assert {(until - clock.now()).total_seconds() <= 120.0 for until, _ in told} == {True}


def test_a_wait_without_an_end_can_be_told() -> None:
    gate, clock = gate_of(float("inf"))
    assert probe_until(gate, clock, 4_000.0) > 100


def test_the_bar_of_pages_says_that_the_server_is_away(capsys: pytest.CaptureFixture[str]) -> None:
    with PageProgress(True) as bar:
        bar.expect(3, 120)
        bar.away(START, 30.0)
        assert "server away, trying again until 12:00:00 UTC" in capsys.readouterr().err
        bar.advance()
    assert "away" not in capsys.readouterr().err.rpartition("customers")[2]


def test_an_answer_to_a_call_from_before_ends_no_outage() -> None:
    """The server answered it before it went away."""
    gate, clock = gate_of()
    before = clock.monotonic()
    clock.sleep(1.0)
    gate.refused("no", None)
    gate.answered(before)
    assert gate.enter() is not None
    gate.answered(clock.monotonic())
    assert gate.enter() is None
