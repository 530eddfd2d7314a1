"""Asks what loading takes, beside the questions: off the caller's thread, and the newest wins."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from sc_pandas.panel.including import price_text
from sc_pandas.panel.protocols import QueryLike
from sc_pandas.panel.state import error_text
from sc_pandas.panel.workers import Workers


class Pricer:
    """Runs estimates, which may take a call for each of many lists.

    Parameters
    ----------
    lock
        Held while a price is told, and by whoever calls the methods.
    tell
        Called with the price in words, and with the error where that is what it says.
    """

    def __init__(self, lock: AbstractContextManager[Any], tell: Callable[[str, Exception | None], None]) -> None:
        self._lock = lock
        self._tell = tell
        # Workers of its own, so that a price never takes the place of a question.
        self._workers = Workers(1)
        self._cancel = threading.Event()

    def ask(self, query: QueryLike) -> None:
        """Ask what a query takes, instead of what was asked before."""
        self.cancel()
        self._workers.start(partial(self._ask, query, self._cancel))

    def cancel(self) -> None:
        """Ask no longer; nothing is told then."""
        self._cancel.set()
        self._cancel = threading.Event()

    def _ask(self, query: QueryLike, cancel: threading.Event) -> None:
        error: Exception | None = None
        text = ""
        try:
            if not cancel.is_set():
                text = price_text(query.estimate(cancel=cancel))
        except Exception as problem:  # noqa: BLE001  # a thread's boundary: shown in the panel, kept in last_error
            error, text = problem, error_text(problem)
        with self._lock:
            if self._cancel is cancel:
                self._tell(text, error)
