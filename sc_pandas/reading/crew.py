"""Pages in parallel, results in order."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self, TypeVar

from sc_pandas.client import IN_FLIGHT, Page

T = TypeVar("T")


class Crew:
    """Up to 16 calls in flight; results come in order, and the first failure stops the rest."""

    def __init__(self, cancel: threading.Event) -> None:
        self._stop = cancel
        self._pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="sc_pandas")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_exc: object) -> None:
        if kind is not None:
            self._stop.set()
        # After a failure nobody waits for answers that are still under way.
        self._pool.shutdown(wait=kind is None, cancel_futures=True)

    def in_order(self, places: Iterable[T], get: Callable[[T], Page]) -> Iterator[tuple[T, Page]]:
        """Give the pages in the order of `places`, asking ahead as far as calls may be in flight."""
        waiting: list[tuple[T, Future[Page]]] = []
        ahead = iter(places)
        while True:
            while len(waiting) < 2 * IN_FLIGHT and (place := next(ahead, None)) is not None:
                waiting.append((place, self._pool.submit(get, place)))
            if not waiting:
                return
            place, future = waiting.pop(0)
            yield place, future.result()
