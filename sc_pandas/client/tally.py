"""Counts the calls of one read."""

import threading
from dataclasses import dataclass, field

from sc_pandas import forks
from sc_pandas.errors import FilterError


@dataclass(slots=True)
class Tally:
    """Calls of one read: made to the server (`at_most` so many), saved by the cache, and not allowed into it."""

    calls: int = 0
    saved: int = 0
    unkept: int = 0
    at_most: int | None = None
    _lock: threading.Lock = field(default_factory=forks.new_lock)

    def check(self, needed: int, at_most: int = 0) -> None:
        """Refuse so many calls more by a FilterError, before they are made; `at_most` while customers come and go."""
        if self.at_most is not None and self.calls + needed > self.at_most:
            most = f" (up to {self.calls + at_most:,} while customers come and go)" if at_most > needed else ""
            raise FilterError(
                f"This read needs {self.calls + needed:,} calls or more{most}, and max_calls={self.at_most} allows "
                "fewer. Nothing is returned; what was read stays in the cache. Allow more, or look at estimate() first."
            )

    def count_call(self) -> None:
        """Count a call, a login or a repeated one included, before it is made; FilterError if none is allowed."""
        with self._lock:
            self.check(1)
            self.calls += 1

    def count_saved(self, answers: int = 1) -> None:
        """Count answers that the cache gave."""
        with self._lock:
            self.saved += answers

    def count_unkept(self) -> None:
        """Count an answer that the server does not allow into a cache."""
        with self._lock:
            self.unkept += 1
