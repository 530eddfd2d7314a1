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

    def count_call(self) -> None:
        """Count one call to the server, a login or a repeated one included, before it is made.

        Raises
        ------
        FilterError
            No further one is allowed.
        """
        with self._lock:
            if self.at_most is not None and self.calls >= self.at_most:
                raise FilterError(
                    f"max_calls={self.at_most} is used up before this read has ended; nothing is returned, what was "
                    "read is kept. Allow more, or look at estimate() first."
                )
            self.calls += 1

    def count_saved(self, answers: int = 1) -> None:
        """Count answers that the cache gave."""
        with self._lock:
            self.saved += answers

    def count_unkept(self) -> None:
        """Count an answer that the server does not allow into a cache."""
        with self._lock:
            self.unkept += 1
