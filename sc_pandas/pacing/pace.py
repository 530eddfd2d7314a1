"""`Pace`: whose turn it is to call, by the throttle, the hour's quota and the outage, shared with other processes."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self

from sc_pandas import forks
from sc_pandas.contract import CALLS_PER_HOUR
from sc_pandas.errors import RateLimitedError
from sc_pandas.pacing.clock import DICE, Cancelled, Clock
from sc_pandas.pacing.outage import Outage, OutageGate
from sc_pandas.pacing.pace_file import HOUR_S, PaceFile, Wait
from sc_pandas.pacing.throttle import Throttle

# A long wait is looked at again now and then: clocks are set, and laptops sleep.
_NAP_S: Final = 30.0
Listener = Callable[[datetime, float], None]


@dataclass(slots=True)
class Turn:
    """Leave to make one call; whoever has it says how the call ended.

    With `probed`, the call finds out whether a server that was away is back, and may be made again.
    """

    _outages: OutageGate
    probed: Outage | None
    asked_at: float

    def answered(self) -> None:
        """Note that the server answered."""
        self._outages.answered(self.asked_at)

    def refused(self, why: object) -> None:
        """Note that the server took no call; StillAwayError after the longest wait."""
        self._outages.refused(why, self.probed)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._outages.leave(self.probed)


class Pace:
    """Decides when each call of one user may be made, and counts it.

    Short reads burst, long ones settle at the quota.  Calls of this object are always counted here; with a `file`, the
    calls of all processes of the machine are counted together, also beyond their end.

    A throttle of more than `max_wait_s` is an error at once.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        outages: OutageGate | None = None,
        max_wait_s: float = 120.0,
        file: PaceFile | None = None,
        calls_per_hour: int = CALLS_PER_HOUR,
        window_s: float = HOUR_S,
    ) -> None:
        self.total = 0
        self.file = file
        self._outages = outages or OutageGate(clock, max_wait_s=max_wait_s)
        self._clock = clock
        self._max_wait_s = max_wait_s
        self._calls_per_hour = calls_per_hour
        self._window_s = window_s
        self._times: deque[float] = deque()
        self._open_at = clock.monotonic()
        self._reset_at: datetime | None = None
        self._lock = forks.new_lock()
        self._listeners: list[tuple[Listener, Listener]] = []
        forks.owned(self, Pace._renew)

    def _renew(self) -> None:
        self._listeners.clear()  # whoever listens is a read of the parent

    def wait_for_turn(self, cancel: threading.Event | None = None) -> Turn:
        """Wait until a call may be made, and count it.

        RateLimitedError, at once, for a throttle that takes longer than may be waited; else as `OutageGate.enter`.
        """
        probed = self._outages.enter(cancel, lambda until, wait_s: self._tell(1, until, wait_s))
        try:
            while (wait := self._take()) is not None:
                self._wait(wait, cancel)
            if cancel is not None and cancel.is_set():
                raise Cancelled  # noqa: TRY301
        except BaseException:
            self._outages.leave(probed)
            raise
        return Turn(self._outages, probed, self._clock.monotonic())

    def _take(self) -> Wait | None:
        """Count a call, or return what it has to wait for."""
        with self._lock:
            now = self._clock.monotonic()
            if self._open_at > now:
                return Wait(self._open_at - now, self._reset_at)
            self._forget(now)
            if len(self._times) >= self._calls_per_hour:
                # Never 0, which would be no wait.
                return Wait(max(1e-3, self._times[0] + self._window_s - now))
            if self.file is not None and (wait := self.file.take(self._clock)) is not None:
                return wait
            self._times.append(now)
            self.total += 1
            return None

    def _wait(self, wait: Wait, cancel: threading.Event | None) -> None:
        self._check(wait)
        until = wait.reset_at or self._clock.now() + timedelta(seconds=wait.seconds)
        self._tell(0, until, wait.seconds)
        self._clock.sleep(wait.seconds if wait.reset_at else min(wait.seconds, _NAP_S), cancel)

    def throttled(self, throttle: Throttle, wait_s: float) -> None:
        """Let no call through for `wait_s` seconds, here and in other processes."""
        # A little spread, so notebooks that were stopped together do not come back together.
        wait_s += DICE.uniform(0.0, min(2.0, wait_s * 0.05))
        reset_at = throttle.reset_at or self._clock.now() + timedelta(seconds=wait_s)
        with self._lock:
            self._open_at = max(self._open_at, self._clock.monotonic() + wait_s)
            self._reset_at = reset_at
        if self.file is not None:
            self.file.close_gate(self._clock, wait_s, reset_at)

    def check(self) -> None:
        """Check that no throttle holds calls back for longer than may be waited; else RateLimitedError."""
        wait_s = self._open_at - self._clock.monotonic()
        shared = None if self.file is None else self.file.throttle(self._clock)
        for wait in (Wait(wait_s, self._reset_at), shared):
            if wait is not None:
                self._check(wait)

    def _check(self, wait: Wait) -> None:
        if wait.reset_at is not None and wait.seconds > self._max_wait_s:
            raise RateLimitedError(
                f"SellerCloud's hourly quota is used up until {wait.reset_at:%Y-%m-%d %H:%M:%S} UTC "
                f"({wait.seconds:,.0f} s), longer than max_wait={self._max_wait_s:g} s. Ask again after that; finished "
                "pages are kept.",
                reset_at=wait.reset_at,
                wait_s=wait.seconds,
            )

    def left(self) -> int:
        """Count the calls that may still be made within the hour, those of other processes taken off."""
        elsewhere = 0 if self.file is None else self.file.used(self._clock)
        with self._lock:
            self._forget(self._clock.monotonic())
            return self._calls_per_hour - max(len(self._times), elsewhere)

    def _forget(self, now: float) -> None:
        while self._times and self._times[0] <= now - self._window_s:
            self._times.popleft()

    @contextmanager
    def heard_by(self, wait: Listener, away: Listener) -> Iterator[None]:
        """Tell `wait` of waits for the quota and `away` of waits for the server meanwhile: until when, and seconds."""
        pair = (wait, away)
        self._listeners.append(pair)
        try:
            yield
        finally:
            with suppress(ValueError):  # this is a child, forked meanwhile
                self._listeners.remove(pair)

    def _tell(self, which: int, until: datetime, wait_s: float) -> None:
        for pair in tuple(self._listeners):
            pair[which](until, wait_s)

    def close(self) -> None:
        """Close the file; calls that come later are not shared."""
        if self.file is not None:
            self.file.close()


def estimate_seconds(calls: int, *, latency_s: float, in_flight: int, calls_left: int) -> float:
    """Return the seconds that so many calls take at this latency, and at the quota once it is used up."""
    network = -(-calls // max(1, in_flight)) * latency_s
    beyond = max(0, calls - calls_left)
    return max(network, beyond * HOUR_S / CALLS_PER_HOUR)
