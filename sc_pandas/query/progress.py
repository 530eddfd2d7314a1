"""What a person sees of a read: a bar where there is something to wait for, a line where the cache answered."""

import sys
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from sc_pandas import forks
from sc_pandas.settings import in_kernel
from sc_pandas.wording import age, plural


class PageProgress:
    """Shows customers as their pages come: a bar if it is `wanted` (None: if a person is looking), none for one page.

    Each list has a bar of its own, so none shrinks.  `keeps` says whether pages stay in the cache for the next read,
    which Ctrl-C tells.
    """

    def __init__(self, wanted: bool | None, *, keeps: Callable[[], bool] = lambda: False) -> None:  # noqa: FBT001  # a tri-state, not a switch
        self._wanted = _person_is_looking() if wanted is None else wanted
        self._keeps = keeps
        self._bar: Any = None
        self._pages = self._came = self._customers = 0

    def expect(self, pages: int, customers: int) -> None:
        """Expect `pages` pages, with so many customers, after those that have come."""
        self._end()
        self._pages, self._customers, self._came = pages, customers, 0
        if not self._wanted or pages <= 1:
            return
        from tqdm.auto import tqdm

        class Bar(tqdm):  # type: ignore[type-arg]
            # One that no child of a fork finds locked: tqdm's own lock is, and a thread of its own beside it.
            monitor_interval = 0

        Bar.set_lock(forks.new_rlock())
        # Looked at with every page, which is what the thread is for.
        self._bar = Bar(total=customers, unit=" customers", desc="customers", leave=False, miniters=1)

    def advance(self) -> None:
        """Count one page; a second pass over pages that came moves nothing."""
        self._came += 1
        if self._bar is not None:
            self._bar.set_description("customers", refresh=False)
            self._bar.update(self._customers * min(self._came, self._pages) // self._pages - self._bar.n)

    def _end(self) -> None:
        """Close the bar as a full one: tqdm paints one red that ends before its total."""
        if self._bar is not None:
            self._bar.total = self._bar.n
            self._bar.close()
            self._bar = None

    def wait(self, reset_at: datetime, _seconds: float) -> None:
        """Note that the quota is used up until `reset_at`."""
        if self._bar is not None:
            self._bar.set_description(f"quota used up, waiting until {reset_at:%H:%M:%S} UTC")

    def away(self, until: datetime, _seconds: float) -> None:
        """Note that the server takes no calls, and until when it is waited for."""
        if self._bar is not None:
            self._bar.set_description(f"server away, trying again until {until:%H:%M:%S} UTC")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, KeyboardInterrupt) and self._came and self._keeps():
            came = min(self._came, self._pages)
            error.add_note(f"{came:,} of {self._pages:,} pages are kept; the same line goes on there.")
        if kind is None:
            self._end()
        elif self._bar is not None:
            self._bar.close()


def tell_of_cache(rows: int, age_s: float, wanted: bool | None) -> None:  # noqa: FBT001  # as `PageProgress` takes it
    """Write that rows came from the cache, and how to ask anew: into the cell of a notebook, else to stderr."""
    if _person_is_looking() if wanted is None else wanted:
        line = f"{plural(rows, 'customer')} from the cache, read {age(age_s)}; cache='refresh' asks again"
        print(line, file=sys.stdout if in_kernel() else sys.stderr)


def _person_is_looking() -> bool:
    return in_kernel() or (sys.stderr is not None and sys.stderr.isatty())
