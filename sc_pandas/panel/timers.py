"""Waiting for controls to rest."""

import threading
from collections.abc import Callable
from typing import Protocol

from sc_pandas.panel.workers import NAME


class Timer(Protocol):
    """What a debounce needs of a timer."""

    def start(self) -> None:
        """Begin to wait."""

    def cancel(self) -> None:
        """Never mind."""


def thread_timer(seconds: float, action: Callable[[], None]) -> Timer:
    """Give a timer on a thread of its own."""
    timer = threading.Timer(seconds, action)
    timer.daemon = True
    timer.name = f"{NAME}-debounce"
    return timer
