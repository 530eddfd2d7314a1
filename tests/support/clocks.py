"""Time that passes only when it is told to."""

import threading
from datetime import UTC, datetime, timedelta

from sc_pandas.pacing import Cancelled

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class FakeClock:
    """A clock that sleeps by jumping; `skew_s` is how far its wall is ahead of the true one."""

    def __init__(self, skew_s: float = 0.0) -> None:
        self.seconds = 0.0
        self.skew_s = skew_s
        self.slept: list[float] = []

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return self.seconds

    def now(self) -> datetime:
        """Return the wall clock."""
        return START + timedelta(seconds=self.seconds + self.skew_s)

    def sleep(self, seconds: float, cancel: threading.Event | None = None) -> None:
        """Jump."""
        if cancel is not None and cancel.is_set():
            raise Cancelled
        self.slept.append(seconds)
        self.seconds += max(0.0, seconds)
