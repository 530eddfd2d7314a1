"""The call budget of a sliding hour, and the lock that a throttle puts on the door."""

import time
from collections import deque
from typing import Final

from sc_pandas import forks

WINDOW_S: Final = 3600.0


class Quota:
    """Counts calls and says when the next one is welcome."""

    def __init__(self, calls_per_hour: int) -> None:
        self._limit = calls_per_hour
        self._calls: deque[float] = deque()
        self._locked_until = 0.0
        self._lock = forks.new_lock()

    def lock_for(self, seconds: float) -> None:
        """Refuse every call for a while."""
        with self._lock:
            self._locked_until = max(self._locked_until, time.monotonic() + seconds)

    def unlock(self) -> None:
        """Forget the lock; the calls of the hour stay counted."""
        with self._lock:
            self._locked_until = 0.0

    def locked_s(self) -> float:
        """Seconds until the lock opens; 0 if it is open."""
        with self._lock:
            return max(self._locked_until - time.monotonic(), 0.0)

    def admit(self, now: float | None = None) -> float | None:
        """Count a call, or give the seconds until there is room for it again."""
        now = time.monotonic() if now is None else now
        with self._lock:
            while self._calls and self._calls[0] <= now - WINDOW_S:
                self._calls.popleft()
            if len(self._calls) < self._limit:
                self._calls.append(now)
                return None
            return self._calls[0] + WINDOW_S - now if self._calls else WINDOW_S
