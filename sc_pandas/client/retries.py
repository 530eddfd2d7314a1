"""Tries of one call: how many, and the jittered waits between."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Final, TypeVar

from sc_pandas import forks
from sc_pandas.client.outcomes import Setback
from sc_pandas.pacing import DICE, Clock

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """How often a call is tried, and the bounds of the fully jittered waits between."""

    attempts: int = 5
    login_attempts: int = 3
    base_s: float = 0.5
    cap_s: float = 20.0


class Retries:
    """Tries calls again, out of one allowance for all calls of a client, so an outage is not answered with a storm.

    500 tokens; a retry costs 5, after a time-out 10, and a success gives one back (botocore's figures).
    """

    _FULL: Final = 500

    def __init__(self, clock: Clock, policy: RetryPolicy) -> None:
        self._clock = clock
        self._policy = policy
        self._lock = forks.new_lock()
        self._tokens = self._FULL

    def _spend(self, tokens: int) -> bool:
        """Take tokens, or give some back; False where they are used up."""
        with self._lock:
            left = self._tokens - tokens
            if left >= 0:
                self._tokens = min(self._FULL, left)
            return left >= 0

    def pause_s(self, number: int) -> float:
        """Return the seconds to wait after a try, counted from 1."""
        # Beyond 2**60 the cap holds for any base; a float could not hold much more.
        longest = min(self._policy.cap_s, self._policy.base_s * 2 ** min(number - 1, 60))
        return DICE.uniform(0.0, longest)

    def until_good(self, attempt: Callable[[], T], attempts: int, cancel: threading.Event | None) -> T:
        """Try until it succeeds, fails for good, or was tried so many times: then SellerCloudError."""
        started = self._clock.monotonic()
        for number in count(1):
            try:
                result = attempt()
            except Setback as setback:
                is_last = number >= attempts
                if is_last or not self._spend(10 if setback.timed_out else 5):
                    elapsed_s = self._clock.monotonic() - started
                    raise setback.final(number, elapsed_s, budget_exhausted=not is_last) from None
            else:
                self._spend(-1)
                return result
            self._clock.sleep(self.pause_s(number), cancel)
        raise AssertionError  # `count` does not end
