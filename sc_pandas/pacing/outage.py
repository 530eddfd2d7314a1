"""While the server is away: calls wait, and one at a time finds out whether it is back."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sc_pandas import forks
from sc_pandas.pacing.clock import Clock

_LOOK_EVERY_S: Final = 0.1
_LONGEST_TOLD_S: Final = 30 * 86_400.0


@dataclass(eq=False)
class Outage:
    """One time that the server was away.

    `why` is what the last refused call met, `calls` how many were refused.
    """

    since: float
    deadline: float
    until: datetime
    why: object = None
    calls: int = 0
    probes: int = 0
    next_at: float = 0.0
    probing: bool = False
    is_over: bool = False


class StillAwayError(Exception):
    """The server was away for as long as may be waited; never leaves the client."""

    def __init__(self, outage: Outage, elapsed_s: float) -> None:
        super().__init__(f"away for {elapsed_s:.0f} s")
        self.outage = outage
        self.elapsed_s = elapsed_s


class OutageGate:
    """Holds calls back while a server that has answered before takes none.

    A server that never answered, and one that was away for the whole of the longest wait, is not waited for: there each
    call ends by its own attempts.

    The longest wait counts from the first refused call on; `pause_s` gives the seconds before a probe, by its number.
    """

    def __init__(
        self, clock: Clock, *, max_wait_s: float, pause_s: Callable[[int], float] = lambda _number: 1.0
    ) -> None:
        self._clock = clock
        self._max_wait_s = max_wait_s
        self._pause_s = pause_s
        self._lock = forks.new_lock()
        self._has_answered = False
        self._outage: Outage | None = None
        forks.owned(self, OutageGate._renew)

    def _renew(self) -> None:
        self._outage = None  # its prober is a thread of the parent

    def enter(
        self, cancel: threading.Event | None = None, tell: Callable[[datetime, float], object] = lambda _until, _s: None
    ) -> Outage | None:
        """Wait while the server is away; the one call that finds out whether it is back is given the outage.

        Whoever was given it calls `leave` at the end.  A wait is told: until when at most, and for how many seconds.
        StillAwayError if it was away for as long as may be waited; Cancelled once `cancel` is set.
        """
        outage: Outage | None = None
        while True:
            with self._lock:
                if outage is not None and outage.is_over:
                    raise StillAwayError(outage, self._clock.monotonic() - outage.since)
                first, outage = outage is None, self._outage
                if outage is None:
                    return None
                now = self._clock.monotonic()
                if not outage.probing and now >= outage.next_at:
                    outage.probing = True
                    return outage
                until_s = _LOOK_EVERY_S if outage.probing else min(_LOOK_EVERY_S, outage.next_at - now)
            if first:
                tell(outage.until, max(0.0, outage.deadline - now))
            self._clock.sleep(until_s, cancel)

    def answered(self, asked_at: float) -> None:
        """Note that the server answered a call that was made then: everybody may call, unless it went away since."""
        with self._lock:
            self._has_answered = True
            if self._outage is not None and asked_at >= self._outage.since:
                self._outage = None

    def refused(self, why: object, probed: Outage | None) -> None:
        """Note that the server took no call; `probed` is what `enter` gave for it.

        StillAwayError after the last probe: it was away for as long as may be waited.
        """
        with self._lock:
            now = self._clock.monotonic()
            outage = self._outage
            if outage is None:
                if not self._has_answered or self._max_wait_s <= 0:
                    return
                until = self._clock.now() + timedelta(seconds=min(self._max_wait_s, _LONGEST_TOLD_S))
                outage = self._outage = Outage(now, now + self._max_wait_s, until)
            outage.why = why
            outage.calls += 1
            is_probe = outage is probed
            if is_probe or not outage.probes:
                outage.probes += 1
                # The last one comes at the very end, so that the whole of the wait counts.
                outage.next_at = min(now + self._pause_s(outage.probes), max(outage.deadline, now))
            if not is_probe or now < outage.deadline:
                return
            outage.is_over = True
            self._outage = None
            self._has_answered = False
        raise StillAwayError(outage, now - outage.since)

    def leave(self, probed: Outage | None) -> None:
        """Note that a call has ended: if it was to find out and did not, another one goes on."""
        if probed is not None:
            probed.probing = False
