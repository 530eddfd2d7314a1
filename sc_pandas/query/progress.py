"""What a person sees of a read: a bar where there is something to wait for, a line where the cache answered."""

import sys
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from sc_pandas import forks
from sc_pandas.settings import in_kernel
from sc_pandas.wording import age, plural


class PageProgress:
    """Shows pages as they come: a bar if it is `wanted` (None: if a person is looking), nothing for a single page."""

    def __init__(self, wanted: bool | None) -> None:  # noqa: FBT001  # a tri-state, not a switch
        self._wanted = _person_is_looking() if wanted is None else wanted
        self._bar: Any = None
        self._pages = 0

    def expect(self, pages: int) -> None:
        """Expect `pages` more pages."""
        self._pages += pages
        if not self._wanted or self._pages <= 1:
            return
        if self._bar is None:
            from tqdm.auto import tqdm

            class Bar(tqdm):  # type: ignore[type-arg]
                # One that no child of a fork finds locked: tqdm's own lock is, and a thread of its own beside it.
                monitor_interval = 0

            Bar.set_lock(forks.new_rlock())
            # Looked at with every page, which is what the thread is for.
            self._bar = Bar(total=self._pages, unit=" pages", desc="customers", leave=False, miniters=1)
        self._bar.total = self._pages
        self._bar.refresh()

    def advance(self) -> None:
        """Count one page."""
        if self._bar is not None:
            self._bar.set_description("customers", refresh=False)
            self._bar.update()

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
        if self._bar is not None:
            self._bar.close()


def tell_of_cache(rows: int, age_s: float, wanted: bool | None) -> None:  # noqa: FBT001  # as `PageProgress` takes it
    """Write that rows came from the cache, and how to ask anew: into the cell of a notebook, else to stderr."""
    if _person_is_looking() if wanted is None else wanted:
        line = f"{plural(rows, 'customer')} from the cache, read {age(age_s)}; cache='refresh' asks again"
        print(line, file=sys.stdout if in_kernel() else sys.stderr)


def _person_is_looking() -> bool:
    return in_kernel() or (sys.stderr is not None and sys.stderr.isatty())
