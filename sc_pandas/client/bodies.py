"""What a body says, and whether it is data: pure functions of bytes."""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NoReturn

import msgspec

from sc_pandas import json_text
from sc_pandas.contract import SERVED_AT_MOST, SERVED_BY_DEFAULT
from sc_pandas.contract.details import DETAIL_ID, DetailFact, field_of, known_fields

_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)
_MESSAGE_KEYS: Final = ("ErrorMessage", "ExceptionMessage", "Message", "Title", "error_description", "Error")
_BOM: Final = b"\xef\xbb\xbf"


class NotDataError(Exception):
    """A body that is no data; `kind` is that of `ResponseError`, `rows` its number of rows where it has any."""

    def __init__(self, kind: str, says: str, rows: tuple[int, int] | None = None) -> None:
        super().__init__(says)
        self.kind = kind
        self.rows = rows


@dataclass(frozen=True, slots=True)
class Page:
    """One verified page: its rows as parsed (numbers with a fraction as Decimal), and the total it announces.

    `date` is the server's own time of the answer and `age_s` how old a proxy says that it is; a kept page has neither.
    """

    items: list[dict[str, Any]]
    total: int
    from_cache: bool = False
    date: datetime | None = None
    age_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Expectation:
    """Where a page stands in its list, so that its number of rows can be judged.

    `served` is the page size that page 1 showed, or None for page 1 itself.
    """

    number: int
    asked: int
    served: int | None = None

    def rows(self, total: int) -> set[int]:
        """Give the numbers of rows that are usual for this place in a list of `total` customers."""
        if self.served is None:
            sizes = {self.asked, min(self.asked, SERVED_AT_MOST), SERVED_BY_DEFAULT}
        else:
            sizes = {self.served}
        return {min(size, max(0, total - (self.number - 1) * size)) for size in sizes}


def parse_json(body: bytes) -> Any:
    """Parse strict JSON (UTF-8, no NaN, nothing after it); whole numbers keep every digit.

    Raises
    ------
    NotDataError
        It is not JSON.
    """
    try:
        return _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _parse_odd_json(body)


def _parse_odd_json(body: bytes) -> Any:
    # msgspec refuses a byte order mark and half characters ("\ud83d" alone), which old data is known to have.
    def refuse(_constant: str) -> NoReturn:
        raise ValueError

    try:
        return json.loads(body.removeprefix(_BOM).decode(), parse_float=Decimal, parse_constant=refuse)
    except (ValueError, RecursionError):
        raise NotDataError("json", "is not valid JSON") from None


def parse_page(document: Any, expectation: Expectation) -> Page:
    """Read a page of the customers list out of a parsed body.

    Raises
    ------
    NotDataError
        It has not the list's shape, or not the number of rows that its place asks for.
    """
    if not isinstance(document, Mapping):
        raise NotDataError("shape", "is JSON but not an object with Items and TotalResults")
    if "Items" not in document:
        kind = "error_in_200" if message_of(document) else "shape"
        raise NotDataError(kind, "carries no Items")
    items, total = document["Items"], document.get("TotalResults")
    items = [] if items is None else items
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise NotDataError("shape", "carries Items that are not a list of objects")
    if isinstance(total, bool) or not isinstance(total, int) or total < 0:
        raise NotDataError("shape", "carries no TotalResults that is a whole number")
    if len(items) not in expectation.rows(total):
        usual = " or ".join(str(n) for n in sorted(expectation.rows(total)))
        says = f"carries {len(items)} rows of {total:,} where page {expectation.number} should carry {usual}"
        raise NotDataError("row_count", says, rows=(len(items), total))
    return Page(items, total)


def accept_rows(document: Any) -> Page:
    """Read a page whose unusual number of rows the server has confirmed."""
    return Page(list(document["Items"] or []), int(document["TotalResults"]))


def parse_customer(document: Any, user_id: int) -> dict[str, Any]:
    """Read the known fields of a single customer out of a parsed body; card data is left behind.

    Raises
    ------
    NotDataError
        It has not the shape of a customer, or is another one than was asked for.
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
    """Give the server's own words out of an error body, cut to 200 characters and cleaned; else ``""``."""
    if isinstance(document, str):
        return clean(document)
    if not isinstance(document, Mapping):
        return ""
    for key in _MESSAGE_KEYS:
        if isinstance(document.get(key), str) and document[key].strip():
            return clean(document[key])
    return ""


def clean(text: str) -> str:
    """Make a stranger's text safe to show: one line, no control or direction characters, at most 200 characters."""
    visible = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text[:1_000])
    visible = re.sub(r"[^\s@]+@[^\s@]+", "***@***", re.sub(r" +", " ", visible).strip())
    return visible if len(visible) <= 200 else visible[:199] + "…"
