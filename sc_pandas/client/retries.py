"""Tries of one call: how many, and the jittered waits between."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import tenacity

from sc_pandas.client.outcomes import Setback
from sc_pandas.pacing import DICE, Clock, RetryBudget

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """How often a call is tried, and the bounds of the fully jittered waits between."""

    attempts: int = 5
    login_attempts: int = 3
    base_s: float = 0.5
    cap_s: float = 20.0


class Retries:
    """Tries calls again, out of one allowance for all calls of a client."""

    def __init__(self, clock: Clock, policy: RetryPolicy) -> None:
        self._clock = clock
        self._budget = RetryBudget()
        self._longest = tenacity.wait_exponential(multiplier=policy.base_s, max=policy.cap_s)

    def pause_s(self, number: int) -> float:
        """Give the seconds to wait after the so-manieth try."""
        state = tenacity.RetryCallState(tenacity.Retrying(), None, (), {})
        state.attempt_number = number
        return self._jittered(state)

    def _jittered(self, state: tenacity.RetryCallState) -> float:
        return DICE.uniform(0.0, self._longest(state))

    def until_good(self, attempt: Callable[[], T], attempts: int, cancel: threading.Event | None) -> T:
        """Try until it succeeds, fails for good, or was tried so many times.

        Raises
        ------
        SellerCloudError
            It did not succeed.
        """
        started = self._clock.monotonic()

        def pay(state: tenacity.RetryCallState) -> None:
            setback = state.outcome.exception() if state.outcome else None
            if isinstance(setback, Setback) and not self._budget.spend(timed_out=setback.timed_out):
                raise setback.final(state.attempt_number, self._clock.monotonic() - started, budget_exhausted=True)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Setback),
            stop=tenacity.stop_after_attempt(attempts),
            wait=self._jittered,
            sleep=lambda seconds: self._clock.sleep(seconds, cancel),
            before_sleep=pay,
            reraise=True,
        )
        try:
            result = retrying(attempt)
        except Setback as setback:
            made = retrying.statistics.get("attempt_number", attempts)
            raise setback.final(made, self._clock.monotonic() - started) from None
        self._budget.refund()
        return result
