"""Threads for questions of which only the newest matters: none while nothing is asked."""

import threading
from collections.abc import Callable
from typing import Final

from sc_pandas import forks

NAME: Final = "sc_pandas-panel"


class Workers:
    """Runs each job on a thread of its own, a few at once.

    When all are busy, the newest job waits and takes the place of one that waited before: that one was overtaken.
    The threads are daemons and end with their job, so that a forgotten panel holds none and no exit waits for one.

    Parameters
    ----------
    at_once
        How many jobs may run.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._lock = forks.new_lock()
        self._forget()
        forks.owned(self, Workers._forget)  # a child has none of its parent's threads

    def _forget(self) -> None:
        self._busy = 0
        self._waiting: Callable[[], None] | None = None

    def start(self, job: Callable[[], None]) -> None:
        """Run a job as soon as a thread is free."""
        with self._lock:
            if self._busy >= self._at_once:
                self._waiting = job
                return
            self._busy += 1
        threading.Thread(target=self._work, args=(job,), name=NAME, daemon=True).start()

    def drop_waiting(self) -> None:
        """Forget the job that waits."""
        with self._lock:
            self._waiting = None

    def _work(self, job: Callable[[], None]) -> None:
        try:
            following: Callable[[], None] | None = job
            while following is not None:
                following()
                following = self._next()
        except BaseException:
            with self._lock:
                self._busy -= 1
            raise

    def _next(self) -> Callable[[], None] | None:
        with self._lock:
            following, self._waiting = self._waiting, None
            if following is None:
                self._busy -= 1
            return following
