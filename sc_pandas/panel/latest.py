"""Runs work off the caller's thread, of which only the newest matters."""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from sc_pandas import forks

NAME: Final = "sc_pandas-panel"
DEBOUNCE_S: Final = 0.3
# However one types, questions that wait for a rest are no closer than this: 13 in five seconds at most.
APART_S: Final = 0.4


def thread_timer(seconds: float, action: Callable[[], None]) -> threading.Timer:
    """Return a timer on a thread of its own."""
    timer = threading.Timer(seconds, action)
    timer.daemon = True
    timer.name = f"{NAME}-timer"
    return timer


class Latest:
    """Runs work on threads; what was begun before is cancelled, and its result is dropped.

    While all threads are busy, the newest work waits for one.  A thread is a daemon and ends with its work, so a
    forgotten panel holds none, and no exit waits for one.  The reentrant `lock` is held by whoever calls `begin` and
    `start`, and while `tell` is called with a result and None, or with None and the error.  `at_once` threads may run;
    overtaken work runs to its end on its thread.  `make_timer` and `clock` are for tests.
    """

    def __init__(
        self,
        lock: "threading.RLock",
        tell: Callable[[Any, Exception | None], None],
        at_once: int = 1,
        *,
        make_timer: Callable[[float, Callable[[], None]], Any] = thread_timer,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lock = lock
        self._tell = tell
        self._at_once = at_once
        self._make_timer = make_timer
        self._clock = clock
        self._started_at = float("-inf")
        self._forget()
        forks.owned(self, Latest._forget)  # a child has none of its parent's threads

    def _forget(self) -> None:
        self._cancel = threading.Event()
        self._timer: Any = None
        self._waiting: Callable[[], None] | None = None
        self._busy = 0

    def begin(self) -> threading.Event:
        """Cancel what was begun before; return the event that is set when this is overtaken in turn."""
        self._cancel.set()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._waiting = None
        self._cancel = threading.Event()
        return self._cancel

    def start(self, cancel: threading.Event, work: Callable[[], Any], *, at_rest: bool = False) -> None:
        """Do work on a thread: at once, or when nothing overtook it for `DEBOUNCE_S`."""
        run = partial(self._run, cancel, work)
        if not at_rest:
            run()
            return
        rest = max(DEBOUNCE_S, self._started_at + APART_S - self._clock())
        self._timer = self._make_timer(rest, run)
        self._timer.start()

    def _run(self, cancel: threading.Event, work: Callable[[], Any]) -> None:
        job = partial(self._attempt, cancel, work)
        with self._lock:
            if cancel.is_set():
                return
            self._started_at = self._clock()
            if self._busy == self._at_once:
                self._waiting = job
                return
            self._busy += 1
        threading.Thread(target=self._work, args=(job,), name=NAME, daemon=True).start()

    def _work(self, job: Callable[[], None] | None) -> None:
        while job is not None:
            job()
            with self._lock:
                job, self._waiting = self._waiting, None
                self._busy -= job is None

    def _attempt(self, cancel: threading.Event, work: Callable[[], Any]) -> None:
        result, error = None, None
        try:
            result = work()
        except Exception as problem:  # noqa: BLE001  # a thread's boundary: `tell` shows it
            error = problem
        with self._lock:
            if not cancel.is_set():
                self._tell(result, error)
