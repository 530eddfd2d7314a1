"""What a body says, and whether it is data: pure functions of it and of what was asked."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sc_pandas import json_text
from sc_pandas.client.parsing import NotDataError
from sc_pandas.contract import FILTERS_BY_NAME, SERVED_AT_MOST, SERVED_BY_DEFAULT, Dialect, PageRows, id_of
from sc_pandas.contract.details import DETAIL_ID, DetailFact, field_of, known_fields
from sc_pandas.wording import LONGEST, one_line

# More customers than there are people; a number beyond is an accident or an attack.
TOTAL_AT_MOST: Final = 10**10
_MESSAGE_KEYS: Final = ("ErrorMessage", "ExceptionMessage", "Message", "Title", "error_description", "Error")


@dataclass(frozen=True, slots=True)
class Page:
    """One verified page: its rows as parsed (numbers with a fraction as Decimal), and the total it announces.

    `date` is the server's own time of the answer and `age_s` how old a proxy says that it is; a kept page has neither.
    `notes` say what is odd in it, for the report of the read.
    """

    items: PageRows
    total: int
    from_cache: bool = False
    notes: tuple[str, ...] = ()
    date: datetime | None = None
    age_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Expectation:
    """Where a page stands in its list, and who was asked for, so that it can be judged.

    `served` is the page size that page 1 showed, or None for page 1 itself; `ids` are the customers that were asked
    for by their ids, or None.
    """

    number: int
    asked: int
    served: int | None = None
    ids: frozenset[int] | None = None

    @property
    def rows_at_most(self) -> int:
        """Rows that no page has more of, whatever page size the server understood."""
        return max(self.asked, SERVED_AT_MOST)

    def rows(self, total: int) -> set[int]:
        """Return the numbers of rows that are usual for this place in a list of `total` customers."""
        if self.served is None:
            sizes = {self.asked, min(self.asked, SERVED_AT_MOST), SERVED_BY_DEFAULT}
        else:
            sizes = {self.served}
        return {min(size, max(0, total - (self.number - 1) * size)) for size in sizes}

    def of(self, params: Iterable[tuple[str, str]]) -> "Expectation":
        """Add what the parameters of a request ask for."""
        ids = frozenset(int(text) for name, text in params if name in _IDS_ASKED)
        return replace(self, ids=ids) if ids else self


_IDS_ASKED: Final = frozenset(FILTERS_BY_NAME["customer_ids"].parameter(dialect) for dialect in Dialect)


def parse_page(document: Any, expectation: Expectation, said_twice: Iterable[str] = ()) -> Page:
    """Read a page of the customers list; NotDataError as in `accept_page`, or for another number of rows (`rows`)."""
    page = accept_page(document, expectation, said_twice)
    if len(page.items) not in expectation.rows(page.total):
        usual = " or ".join(str(n) for n in sorted(expectation.rows(page.total)))
        says = f"carries {len(page.items)} rows of {page.total:,} where page {expectation.number} should carry {usual}"
        raise NotDataError("row_count", says, rows=(len(page.items), page.total))
    return page


def accept_page(document: Any, expectation: Expectation, said_twice: Iterable[str] = ()) -> Page:
    """Read a page whose number of rows may be unusual, because the server has confirmed it.

    NotDataError if it has not the list's shape, or contradicts itself or its question, however often it comes.
    """
    if not isinstance(document, Mapping):
        raise NotDataError("shape", "is JSON but not an object with Items and TotalResults")
    if "Items" not in document:
        kind = "error_in_200" if message_of(document) else "shape"
        raise NotDataError(kind, "carries no Items")
    items, total = document["Items"], document.get("TotalResults")
    items = [] if items is None else items
    is_list = isinstance(items, list) and all(isinstance(item, dict) for item in items)
    if not is_list and not isinstance(items, PageRows):
        raise NotDataError("shape", "carries Items that are not a list of objects")
    if isinstance(total, bool) or not isinstance(total, int) or not 0 <= total <= TOTAL_AT_MOST:
        raise NotDataError("shape", "carries no TotalResults that is a whole number and could be one of customers")
    rows = PageRows.of(items)
    _check_total(len(rows), total, expectation)
    _check_ids(rows, total, expectation)
    names = [clean(name) for name in sorted(said_twice)]
    note = f"the server names {', '.join(names[:5])} twice in one object; the last counts"
    return Page(rows, total, notes=(note,) if names else ())


def _check_total(rows: int, total: int, expectation: Expectation) -> None:
    if rows > total:
        raise NotDataError("row_count", f"carries {rows} rows and says that there are {total:,} in all")
    if total and not rows and expectation.number == 1:
        raise NotDataError("row_count", f"begins a list of {total:,} with nothing")


def _check_ids(rows: PageRows, total: int, expectation: Expectation) -> None:
    """Refuse who was not asked for, unless the page shows that nothing that was asked has been understood."""
    asks_by_default = expectation.number == 1 and expectation.served is None and expectation.asked != SERVED_BY_DEFAULT
    if expectation.ids is None or (asks_by_default and len(rows) == SERVED_BY_DEFAULT < total):
        return
    strangers = sum(each is not None and each not in expectation.ids for each in map(id_of, rows))
    if strangers:
        raise NotDataError("not_asked", f"carries {strangers} customers with other ids than were asked for")


def parse_customer(document: Any, user_id: int) -> dict[str, Any]:
    """Read the known fields of a single customer out of a parsed body; card data is left behind.

    NotDataError if it has not the shape of a customer, or is another one than was asked for.
    """
    if not isinstance(document, Mapping):
        raise NotDataError("shape", "is JSON but not an object with a customer's fields")
    customer = known_fields(document)
    found = field_of(customer, DetailFact(*DETAIL_ID, "int64"))
    if found is None:
        kind = "error_in_200" if message_of(document) else "shape"
        raise NotDataError(kind, f"carries no {'.'.join(DETAIL_ID)}")
    if str(found) != str(user_id):
        raise NotDataError("shape", "is about another customer than the one that was asked for")
    return customer


def customer_body(customer: Mapping[str, Any]) -> bytes:
    """Write the known fields of a customer as `parse_json` reads them; numbers keep their digits."""
    return json_text.dump(customer).encode()


def age_s(text: str | None) -> float:
    """Return the seconds of an `Age` header; 0 where it is missing or says nothing."""
    return float(text[:12]) if text is not None and text.isascii() and text.isdecimal() else 0.0


def message_of(document: object) -> str:
    """Return the server's own words out of an error body, cut to 200 characters and cleaned; else ``""``."""
    if isinstance(document, str):
        return clean(document)
    if not isinstance(document, Mapping):
        return ""
    for key in _MESSAGE_KEYS:
        if isinstance(document.get(key), str) and document[key].strip():
            return clean(document[key])
    return ""


def clean(text: str) -> str:
    """Return a stranger's text safe to show: one line of 200 characters at most, without e-mail addresses."""
    return one_line(re.sub(r"[^\s@]+@[^\s@]+", "***@***", text[:1_000]), LONGEST)
