"""Calls in their turn: paced, and made again where a throttle or an outage was waited out."""

import logging
import threading
from typing import Final, cast

from sc_pandas.client.exchange import Answer, Call, ExchangeError, Wire
from sc_pandas.client.outcomes import Setback, away_of, setback_of_exchange, throttle_of
from sc_pandas.client.tally import Tally
from sc_pandas.errors import RateLimitedError
from sc_pandas.pacing import Clock, Pace, StillAwayError, Throttle, throttle_wait_s

_LOG: Final = logging.getLogger(__name__)
Cancel = threading.Event | None
_THROTTLES_AT_MOST: Final = 5
# A longer wait than a century is no date that Python knows; nobody waits it out.
_LONGEST_WAIT_S: Final = 100 * 365 * 86_400.0


class PacedWire:
    """Makes calls when it is their turn; knows how long answers take, and how far the server's clock is ahead."""

    def __init__(self, wire: Wire, pace: Pace, clock: Clock) -> None:
        self._wire = wire
        self._pace = pace
        self._clock = clock
        self.skew_s: float | None = None
        self.latency_s: float | None = None

    def call(self, call: Call, tally: Tally, cancel: Cancel) -> Answer:
        """Make a call, and make it again after each throttle and when the server is back.

        Setback if it failed in a way that may pass, else SellerCloudError.
        """
        for waits in range(_THROTTLES_AT_MOST + 1):
            answer = self._once_back(call, tally, cancel)
            throttle = throttle_of(answer)
            if throttle is None:
                return answer
            _LOG.info("throttled, for the %d. time", waits + 1)
            self._pace.throttled(throttle, self._wait_s(throttle, answer, waits))
        self._pace.check()
        raise RateLimitedError(
            f"SellerCloud throttled the same call {_THROTTLES_AT_MOST + 1} times in a row; finished pages are kept.",
            reset_at=throttle.reset_at if throttle else None,
        )

    def _once_back(self, call: Call, tally: Tally, cancel: Cancel) -> Answer:
        """Make one call; while the server is away, wait until it is back, or be the one that finds that out."""
        try:
            while True:
                with self._pace.wait_for_turn(cancel) as turn:
                    tally.count_call()
                    try:
                        answer = self._exchange(call, cancel)
                    except Setback as setback:
                        if setback.away:
                            turn.refused(setback)
                        elif turn.probed is not None:
                            turn.answered()
                        if turn.probed is None or not setback.away:
                            raise
                    else:
                        turn.answered()
                        return answer
        except StillAwayError as still:
            raise cast("Setback", still.outage.why).given_up(still.outage.calls, still.elapsed_s) from None

    def _exchange(self, call: Call, cancel: Cancel) -> Answer:
        begun = self._clock.monotonic()
        try:
            answer = self._wire.exchange(call, cancel)
        except ExchangeError as error:
            _LOG.info("no answer: %s", error)
            raise setback_of_exchange(error) from None
        seconds = self._clock.monotonic() - begun
        # The query names filters, the end of the path a customer.
        path = call.target.partition("?")[0].rstrip("0123456789")
        _LOG.debug("%s %s: %d in %.3f s", call.method, path, answer.status, seconds)
        self.latency_s = seconds if self.latency_s is None else 0.8 * self.latency_s + 0.2 * seconds
        if answer.date is not None:
            self.skew_s = (answer.date - self._clock.now()).total_seconds()
        if (setback := away_of(answer)) is not None:
            raise setback
        return answer

    def _wait_s(self, throttle: Throttle, answer: Answer, waits_before: int) -> float:
        wait_s = throttle_wait_s(
            throttle,
            server_date=answer.date,
            retry_after=answer.headers.get("Retry-After"),
            now=self._clock.now(),
            waits_before=waits_before,
        )
        return min(wait_s, _LONGEST_WAIT_S)
