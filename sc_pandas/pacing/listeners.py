"""Who is told that calls wait."""

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime

from sc_pandas import forks

Listener = Callable[[datetime, float], None]


class Listeners:
    """Somebody to tell of waits: until when at most, and for how many seconds."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        # Whoever listens is a read of the parent.
        forks.owned(self, lambda each: each.renew())

    def renew(self) -> None:
        """Forget what the parent process was doing."""
        self._listeners.clear()

    @contextlib.contextmanager
    def heard_by(self, listener: Listener) -> Iterator[None]:
        """Tell somebody of every wait meanwhile."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            with contextlib.suppress(ValueError):  # this is a child, forked meanwhile
                self._listeners.remove(listener)

    def tell(self, until: datetime, wait_s: float) -> None:
        """Tell of a wait."""
        for listener in tuple(self._listeners):
            listener(until, wait_s)
