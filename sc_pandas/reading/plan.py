"""Which requests a question needs: pure functions of the filter and of what page 1 said."""

from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

from sc_pandas.client import Tally
from sc_pandas.contract import (
    CUSTOMERS_PATH,
    PAGE_NUMBER,
    PAGE_SIZE,
    SERVED_AT_MOST,
    SERVED_BY_DEFAULT,
    URL_BYTES_AT_MOST,
    Dialect,
)
from sc_pandas.errors import FilterError
from sc_pandas.filters import CustomerFilter

READS_WITHOUT_ASKING: Final = 100
_LONG_LISTS: Final = ("customer_ids", "company_ids")
# Fields of which a customer has one value, so reads for different values never overlap; which values of the other
# fields exclude each other is not documented.
_EXCLUSIVE: Final = frozenset({"customer_ids", "rating", "customer_type", "subscribed", "exported"})


def page_params(question: CustomerFilter, dialect: Dialect, number: int, size: int) -> list[tuple[str, str]]:
    """Return the query parameters of one page, or raise `FilterError` if the dialect cannot say the question."""
    paging = [(PAGE_NUMBER[dialect], str(number)), (PAGE_SIZE[dialect], str(size))]
    return [*question.to_params(dialect), *paging]


def split(question: CustomerFilter, url: str, *, max_calls: int | None = None) -> list[CustomerFilter]:
    """Return the filters that can each be asked in one request; the answer is the union of theirs."""
    if question.reads > READS_WITHOUT_ASKING and (max_calls is None or question.reads > max_calls):
        raise FilterError(
            f"The lists in this filter multiply to {question.reads:,} reads of at least one call each. Ask for less, "
            f"or allow it with max_calls={question.reads} or more.",
            filter=_most_values(question),
        )
    parts = [part for single in question.singles() for part in _fit_url(single, url)]
    if max_calls is not None:
        Tally(at_most=max_calls).check(len(parts))
    return parts


def _most_values(question: CustomerFilter) -> str:
    lists = {name: len(v) for name, v in question.given().items() if isinstance(v, tuple) and name not in _LONG_LISTS}
    return max(lists, key=lambda name: lists[name])


def overlap_possible(parts: list[CustomerFilter]) -> bool:
    """Return whether one customer can be in the answers to two of the parts, so their counts only bound the sum."""
    differing = {name for part in parts for name in part.given() if getattr(part, name) != getattr(parts[0], name)}
    is_all = any(-1 in (getattr(part, name) or ()) for part in parts for name in differing & {"subscribed", "exported"})
    return bool(differing - _EXCLUSIVE) or is_all


def _fit_url(question: CustomerFilter, url: str) -> list[CustomerFilter]:
    if _url_bytes(question, url) <= URL_BYTES_AT_MOST:
        return [question]
    longest = max(_LONG_LISTS, key=lambda name: len(getattr(question, name) or ()))
    values = getattr(question, longest) or ()
    if len(values) < 2:
        raise FilterError(
            f"This filter makes a URL of {_url_bytes(question, url):,} bytes, and servers take about "
            f"{URL_BYTES_AT_MOST:,}. Shorten its texts.",
            filter=next(iter(question.given()), ""),
        )
    middle = len(values) // 2
    halves: list[dict[str, Any]] = [{longest: values[:middle]}, {longest: values[middle:]}]
    return [part for half in halves for part in _fit_url(replace(question, **half), url)]


def _url_bytes(question: CustomerFilter, url: str) -> int:
    dialects = [Dialect.SWAGGER] if question.needs_swagger() else list(Dialect)
    params = (page_params(question, dialect, 1_000_000, 1_000) for dialect in dialects)
    return max(len(f"{url}{CUSTOMERS_PATH}?{urlencode(pairs)}") for pairs in params)


@dataclass(frozen=True, slots=True)
class PagePlan:
    """Which pages answer a question, once page 1 told the total and the page size that is really served.

    `sorting` is 1 where its ids rise, -1 where they fall, 0 where they are not sorted; `may_join` says that customers
    join it by a change.
    """

    total: int
    served: int
    limit: int | None = None
    asked: int = 0
    sorting: int = 1
    may_join: bool = False

    @property
    def rows(self) -> int:
        """Rows that the answer has."""
        return self.total if self.limit is None else min(self.total, self.limit)

    @property
    def last(self) -> int:
        """Number of the last page that is needed."""
        return max(1, -(-self.rows // self.served)) if self.served else 1

    @property
    def one_response(self) -> bool:
        """True if page 1 is the whole answer."""
        return self.rows <= self.served

    @property
    def needs_second(self) -> bool:
        """True if page 1 is just as full as servers fill one, so only an empty page 2 shows that it is all."""
        is_full = 0 < self.total == self.served and self.total in {SERVED_BY_DEFAULT, SERVED_AT_MOST, self.asked}
        return is_full and (self.limit is None or self.limit > self.served)

    def calls(self, consistency: str = "auto") -> int:
        """Return the calls for the whole answer of a list at rest, page 1 counted.

        By order of asking a page at either end is asked again; so are page 1 and the last where only the first rows are
        wanted.  How many windows a strict read of a list takes that customers join by a change depends on the creation
        dates; three for a page is what shops that grow from year to year took.
        """
        if self.one_response:
            return 1 + (self.needs_second and consistency != "fast")
        if consistency == "fast":
            return self.last
        if self.limit is not None:
            return self.last + 2
        if consistency == "strict" and self.may_join:
            return 3 * self.last + 6
        if consistency == "strict" or not self.sorting:
            return self.last + self.last // 10 + 13
        return self.last + (1 if self.total < 2 * self.served or (self.sorting < 0 and self.last < 8) else 2)

    def calls_at_most(self, consistency: str = "auto") -> int:
        """Return the calls for the same while customers come and go: ten a second, or one leaves every ten seconds."""
        calls = self.calls(consistency)
        if self.one_response or consistency == "fast" or self.limit is not None:
            return calls
        return calls + 20 + self.last // (12 if self.sorting and consistency == "auto" else 2)
