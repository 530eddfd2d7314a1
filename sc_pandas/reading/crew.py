"""Pages in parallel, results in order."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from sc_pandas.client import IN_FLIGHT, Page


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

    def in_order(self, numbers: range | tuple[int, ...], get: Callable[[int], Page]) -> Iterator[tuple[int, Page]]:
        """Give the pages in the order of `numbers`, asking ahead as far as calls may be in flight."""
        waiting: list[tuple[int, Future[Page]]] = []
        ahead = iter(numbers)
        while True:
            while len(waiting) < 2 * IN_FLIGHT and (number := next(ahead, None)) is not None:
                waiting.append((number, self._pool.submit(get, number)))
            if not waiting:
                return
            number, future = waiting.pop(0)
            yield number, future.result()
