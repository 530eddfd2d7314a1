"""Time as the client sees it."""

import random
import threading
import time
from concurrent.futures import CancelledError
from datetime import UTC, datetime
from typing import Final, Protocol

# The system's own: neither `random.seed` nor a fork makes two clients wait alike.
DICE: Final = random.SystemRandom()
_PIECE_S: Final = 0.5


class Cancelled(CancelledError):  # noqa: N818  # the standard library's word for it
    """A read was told to stop."""


class Clock(Protocol):
    """Time as the client sees it; tests put their own in its place."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    def now(self) -> datetime:
        """Return the wall clock, UTC."""

    def sleep(self, seconds: float, cancel: threading.Event | None = None) -> None:
        """Wait; raise `Cancelled` as soon as `cancel` is set."""


class SystemClock:
    """The machine's own clock."""

    monotonic = staticmethod(time.monotonic)

    @staticmethod
    def now() -> datetime:
        """Return the wall clock, UTC."""
        return datetime.now(UTC)

    @staticmethod
    def sleep(seconds: float, cancel: threading.Event | None = None) -> None:
        """Wait; raise `Cancelled` as soon as `cancel` is set."""
        until = time.monotonic() + seconds
        # In pieces, because not every kind of Ctrl-C ends a long wait on every system.
        while True:
            piece_s = min(_PIECE_S, max(0.0, until - time.monotonic()))
            if cancel is None:
                time.sleep(piece_s)
            elif cancel.wait(piece_s):
                raise Cancelled
            if time.monotonic() >= until:
                return
