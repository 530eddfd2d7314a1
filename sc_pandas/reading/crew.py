"""Pages in parallel, results in order."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self, TypeVar

from sc_pandas.client import IN_FLIGHT

T = TypeVar("T")
R = TypeVar("R")


class Crew:
    """Up to 16 calls in flight; results come in order, and the first failure stops the rest."""

    def __init__(self, cancel: threading.Event, in_flight: int | None = None) -> None:
        self._stop = cancel
        self._in_flight = IN_FLIGHT if in_flight is None else min(in_flight, IN_FLIGHT)
        self._pool = ThreadPoolExecutor(self._in_flight, thread_name_prefix="sc_pandas")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_exc: object) -> None:
        if kind is not None:
            self._stop.set()
        # After a failure nobody waits for answers that are still under way.
        self._pool.shutdown(wait=kind is None, cancel_futures=True)

    def in_order(self, places: Iterable[T], get: Callable[[T], R]) -> Iterator[tuple[T, R]]:
        """Give the results in the order of `places`, asking ahead as far as calls may be in flight."""
        waiting: list[tuple[T, Future[R]]] = []
        ahead = iter(places)
        while True:
            while len(waiting) < 2 * self._in_flight and (place := next(ahead, None)) is not None:
                waiting.append((place, self._pool.submit(get, place)))
            if not waiting:
                return
            place, future = waiting.pop(0)
            yield place, future.result()
