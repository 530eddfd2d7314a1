"""How many calls: the hour's quota, and an allowance for retries."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sc_pandas import forks
from sc_pandas.contract import CALLS_PER_HOUR
from sc_pandas.pacing.clock import Clock
from sc_pandas.pacing.pace_file import HOUR_S, PaceFile
from sc_pandas.pacing.throttle import ThrottleGate

# A long wait is looked at again now and then: clocks are set, and laptops sleep.
_NAP_S: Final = 30.0


class RetryBudget:
    """A client-wide allowance for retries, so that an outage is not answered with a storm.

    500 tokens; a retry costs 5, after a time-out 10, and a success gives one back (botocore's figures).
    """

    _FULL: Final = 500

    def __init__(self) -> None:
        self._lock = forks.new_lock()
        self._tokens = self._FULL

    def spend(self, *, timed_out: bool) -> bool:
        """Pay for one retry; False when the allowance is used up."""
        cost = 10 if timed_out else 5
        with self._lock:
            if self._tokens < cost:
                return False
            self._tokens -= cost
            return True

    def refund(self) -> None:
        """Give back for a call that succeeded."""
        with self._lock:
            self._tokens = min(self._FULL, self._tokens + 1)


@dataclass
class CallBudget:
    """Counts calls in a sliding hour and settles long reads at the quota; short ones burst.

    Calls of this object are always counted here.  With `shared`, those of all threads and processes of the machine are
    counted together, also beyond the end of a process; where the file cannot be used, what is counted here still holds.
    """

    clock: Clock
    calls_per_hour: int = CALLS_PER_HOUR
    total: int = 0
    shared: PaceFile | None = None
    window_s: float = HOUR_S
    _times: deque[float] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=forks.new_lock)

    def take(
        self,
        cancel: threading.Event | None = None,
        gate: ThrottleGate | None = None,
        on_wait: Callable[[datetime, float], None] | None = None,
    ) -> None:
        """Count one call, after waiting for the gate and for a free place in the hour.

        Raises
        ------
        RateLimitedError
            The gate stays closed for longer than it may be waited.
        """
        while True:
            if gate is not None:
                gate.pass_through(cancel)
            wait_s = self._try_take()
            if wait_s <= 0:
                return
            if on_wait is not None:
                on_wait(self.clock.now() + timedelta(seconds=wait_s), wait_s)
            self.clock.sleep(min(wait_s, _NAP_S), cancel)

    def _try_take(self) -> float:
        with self._lock:
            now = self.clock.monotonic()
            self._forget(now)
            if len(self._times) >= self.calls_per_hour:
                # Never 0, which would mean that the call was counted.
                return max(1e-3, self._times[0] + self.window_s - now)
            if self.shared is not None and (wait_s := self.shared.take(self.clock)) > 0:
                return wait_s
            self._times.append(now)
            self.total += 1
            return 0.0

    def left(self) -> int:
        """Calls that may still be made within the hour, those of the machine's other processes counted."""
        elsewhere = 0 if self.shared is None else self.shared.used(self.clock)
        with self._lock:
            self._forget(self.clock.monotonic())
            return self.calls_per_hour - max(len(self._times), elsewhere)

    def _forget(self, now: float) -> None:
        while self._times and self._times[0] <= now - self.window_s:
            self._times.popleft()


def estimate_seconds(calls: int, *, latency_s: float, in_flight: int, calls_left: int) -> float:
    """Seconds that so many calls will take at this latency, and at the quota once it is used up."""
    network = -(-calls // max(1, in_flight)) * latency_s
    beyond = max(0, calls - calls_left)
    return max(network, beyond * HOUR_S / CALLS_PER_HOUR)
