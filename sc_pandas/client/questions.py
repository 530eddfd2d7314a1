"""Requests that know how to verify their answer, and what of it may be kept."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sc_pandas import forks
from sc_pandas.cache import KeyedRequest
from sc_pandas.client.bodies import Expectation, Page, accept_page, customer_body, parse_customer, parse_page
from sc_pandas.client.exchange import MAX_BODY_BYTES, PAGE_BYTES_AT_MOST
from sc_pandas.client.parsing import NotDataError, parse_json, parse_list
from sc_pandas.errors import FilterError


@dataclass(slots=True)
class Tally:
    """Calls of one read: made to the server (`at_most` so many), saved by the cache, and forbidden to be kept."""

    calls: int = 0
    saved: int = 0
    unkept: int = 0
    at_most: int | None = None
    _lock: threading.Lock = field(default_factory=forks.new_lock)

    def count_call(self) -> None:
        """Count one call to the server, a login or a repeated one included, before it is made.

        Raises
        ------
        FilterError
            No further one is allowed.
        """
        with self._lock:
            if self.at_most is not None and self.calls >= self.at_most:
                raise FilterError(
                    f"max_calls={self.at_most} is used up before this read has ended; nothing is returned, what was "
                    "read is kept. Allow more, or look at estimate() first."
                )
            self.calls += 1

    def count_saved(self, answers: int = 1) -> None:
        """Count answers that the cache gave."""
        with self._lock:
            self.saved += answers

    def count_unkept(self) -> None:
        """Count an answer that the server forbids to keep."""
        with self._lock:
            self.unkept += 1


class DataRequest(KeyedRequest):
    """A GET of data, and what is needed to verify the answer."""

    tally: Tally
    cancel: threading.Event | None = None
    attempts_at_most: int | None = None
    may_be_kept: bool = True
    bytes_at_most = MAX_BODY_BYTES

    def parse(self, body: bytes) -> Any:
        """Parse a body, for `accept`.

        Raises
        ------
        NotDataError
            It is no JSON within bounds.
        """
        return parse_json(body)

    def accept(self, document: Any, body: bytes) -> bytes:
        """Verify a parsed answer, note what it says, and give the body that may be kept.

        Raises
        ------
        NotDataError
            It is not what was asked for.
        """
        raise NotImplementedError


class PageRequest(DataRequest):
    """A GET of one page of the list."""

    bytes_at_most = PAGE_BYTES_AT_MOST
    expectation: Expectation
    page: Page | None = None
    _unusual: tuple[int, int] | None = None

    def parse(self, body: bytes) -> Any:
        """Parse a page, and find the keys that it says twice."""
        return parse_list(body, self.expectation.rows_at_most)

    def accept(self, document: Any, body: bytes) -> bytes:
        """Verify a page; its body is kept as it came."""
        parsed, said_twice = document
        try:
            self.page = parse_page(parsed, self.expectation, said_twice)
        except NotDataError as error:
            # The same unusual number of rows twice is the server's way, not an accident on the way.
            if error.rows is None or error.rows != self._unusual:
                self._unusual = error.rows
                raise
            self.page = accept_page(parsed, self.expectation, said_twice)
        return body


class DetailRequest(DataRequest):
    """A GET of one customer."""

    user_id: int
    customer: Mapping[str, Any] | None = None

    def accept(self, document: Any, body: bytes) -> bytes:  # noqa: ARG002  # the whole body holds credit cards
        """Verify the customer; only known fields, and never card data, are kept."""
        self.customer = parse_customer(document, self.user_id)
        return customer_body(self.customer)
