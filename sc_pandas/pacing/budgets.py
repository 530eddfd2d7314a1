"""How many retries an outage may cost, and how long so many calls take."""

from typing import Final

from sc_pandas import forks
from sc_pandas.contract import CALLS_PER_HOUR
from sc_pandas.pacing.pace_file import HOUR_S


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


def estimate_seconds(calls: int, *, latency_s: float, in_flight: int, calls_left: int) -> float:
    """Return the seconds that so many calls take at this latency, and at the quota once it is used up."""
    network = -(-calls // max(1, in_flight)) * latency_s
    beyond = max(0, calls - calls_left)
    return max(network, beyond * HOUR_S / CALLS_PER_HOUR)
