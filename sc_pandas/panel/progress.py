"""How a read under way reaches the panel: ten times a second at most."""

import time
import weakref
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final, Protocol

from sc_pandas.panel import state as states
from sc_pandas.panel.state import PanelState

PROGRESS_S: Final = 0.1
# How a state becomes the next one.
Reach = Callable[[PanelState], PanelState]


class Hearer(Protocol):
    """Who is told: the engine."""

    def progress(self, generation: int, reach: Reach) -> None:
        """Publish what a question under way has come to."""


class Progress:
    """Hands on how a read goes, ten times a second at most, unless the panel is gone."""

    def __init__(self, engine: Hearer, generation: int, *, pages: bool = True) -> None:
        self._engine = weakref.ref(engine)
        self._generation = generation
        self._pages = pages
        self._done = 0
        self._expected = 0
        self._told_at = float("-inf")
        self._waits_until = float("-inf")

    def expect(self, pages: int) -> None:
        """So many pages more are coming."""
        self._expected += pages
        self._tell(now=True)

    def advance(self) -> None:
        """One page has come."""
        self._done += 1
        self._tell(now=self._done >= self._expected)

    def wait(self, reset_at: datetime, seconds: float) -> None:
        """The quota is used up until then; pages that were under way and still come do not hide it."""
        self._told_at = float("-inf")
        self._waits_until = time.monotonic() + seconds
        self._reach(partial(states.throttled, generation=self._generation, until=reset_at))

    def away(self, until: datetime, _seconds: float) -> None:
        """The server takes no calls; the first page that comes says that it is back."""
        self._told_at = float("-inf")
        self._reach(partial(states.server_away, generation=self._generation, until=until))

    def _tell(self, *, now: bool) -> None:
        is_due = now or time.monotonic() - self._told_at >= PROGRESS_S
        if not self._pages or not is_due or time.monotonic() < self._waits_until:
            return
        self._told_at = time.monotonic()
        done, expected = self._done, self._expected
        self._reach(partial(states.progressed, generation=self._generation, done=done, expected=expected))

    def _reach(self, reach: Reach) -> None:
        engine = self._engine()
        if engine is not None:
            engine.progress(self._generation, reach)
