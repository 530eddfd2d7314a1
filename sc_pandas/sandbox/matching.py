"""What each filter matches: the sandbox's own choice, because the real server's rules are not published.

===================================  =================================================================================
Filter                               Matches a customer whose ...
===================================  =================================================================================
customer_ids, company_ids            id is one of those asked
email, zip_code                      value equals the one asked, without regard to case
first_name, last_name, city,         value contains the one asked, both case-folded, without Unicode normalisation
corporate_name
phone_number                         any phone's digits contain the digits asked; no digits asked: nobody
keyword                              e-mail, first, last or corporate name, case-folded, contains it; or any phone's
                                     digits contain it; or the id's text equals it
rating, channel, customer_type       code equals
subscribed, exported                 1 yes, 0 no, -1 all, any other number nobody
created_on_*, modified_on_*          moment lies within the bounds, by the option ``date_bounds``
===================================  =================================================================================

Phones are phone1, phone2, phone3, mobile and fax; city and zip_code are the billing address's.
"""

import functools
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Final, NamedTuple

from sc_pandas.sandbox.options import DateBounds

PHONE_FIELDS: Final = ("phone1", "phone2", "phone3", "mobile", "fax")
_NOT_DIGITS: Final = re.compile(r"[^0-9]+")
_FIRST_MOMENT: Final = datetime(1, 1, 1)  # noqa: DTZ001 - the API's dates carry no zone
_LAST_MINUTE: Final = datetime(9999, 12, 31, 23, 59)  # noqa: DTZ001
_INSTANT: Final = timedelta(microseconds=1)
_STEPS: Final = {"date_only": timedelta(days=1), "minute": timedelta(minutes=1)}


class Row(NamedTuple):
    """What the filters look at, texts case-folded; the finished row of the list; and the pickled record."""

    user_id: int
    email: str
    first_name: str
    last_name: str
    city: str
    zip_code: str
    corporate_name: str
    phones: str
    rating: int
    is_whole_sale_user: bool
    subscribed: bool
    exported: bool
    channel: int
    company_id: int
    created_on: datetime
    modified_on: datetime
    item: bytes
    record: bytes


def digits(text: str | None) -> str:
    """Return the ASCII digits of a text."""
    return _NOT_DIGITS.sub("", text) if text else ""


_texts: Final[Callable[[Row], tuple[str, ...]]] = attrgetter(
    "email", "first_name", "last_name", "corporate_name", "phones"
)
# From what is asked, texts case-folded, and a row.
_TESTS: Final[dict[str, Callable[[Any, Row], bool]]] = {
    "customer_ids": lambda asked, row: row.user_id in asked,
    "company_ids": lambda asked, row: row.company_id in asked,
    "email": lambda asked, row: row.email == asked,
    "zip_code": lambda asked, row: row.zip_code == asked,
    "first_name": lambda asked, row: asked in row.first_name,
    "last_name": lambda asked, row: asked in row.last_name,
    "city": lambda asked, row: asked in row.city,
    "corporate_name": lambda asked, row: asked in row.corporate_name,
    "rating": lambda asked, row: row.rating == asked,
    "channel": lambda asked, row: row.channel == asked,
    "customer_type": lambda asked, row: row.is_whole_sale_user == asked,
    "subscribed": lambda asked, row: asked in {-1, row.subscribed},
    "exported": lambda asked, row: asked in {-1, row.exported},
    "phone_number": lambda asked, row: asked != "" and asked in row.phones,
    "keyword": lambda asked, row: any(asked in text for text in _texts(row)) or asked == str(row.user_id),
}


def tests(filters: Mapping[str, Any]) -> list[Callable[[Row], bool]]:
    """Return a test of a row for each filter that is not on a date."""
    folded = {name: value.casefold() if isinstance(value, str) else value for name, value in filters.items()}
    if "phone_number" in folded:
        folded["phone_number"] = digits(folded["phone_number"])
    return [functools.partial(test, folded[name]) for name, test in _TESTS.items() if name in folded]


def window(filters: Mapping[str, Any], column: str, date_bounds: DateBounds) -> tuple[datetime | None, datetime | None]:
    """Return the bounds on a date column as ``low <= x < high``; None where there is no bound."""
    low, high = filters.get(f"{column}_from"), filters.get(f"{column}_to")
    first = None if low is None else _first_served(low, date_bounds)
    try:
        return first, None if high is None else _first_beyond(high, date_bounds)
    except OverflowError:
        return first, None  # nothing lies beyond the last moment there is


def _first_served(low: datetime, date_bounds: DateBounds) -> datetime:
    if date_bounds == "date_only":
        return _floor(low, _STEPS["date_only"])
    if date_bounds == "minute":  # the customer's moment is cut to its minute, the bound is not
        floor = _floor(low, _STEPS["minute"])
        return floor if floor in {low, _LAST_MINUTE} else floor + _STEPS["minute"]
    return low


def _first_beyond(high: datetime, date_bounds: DateBounds) -> datetime:
    if date_bounds == "exclusive_to":
        return high
    step = _STEPS.get(date_bounds)
    return high + _INSTANT if step is None else _floor(high, step) + step


def _floor(moment: datetime, step: timedelta) -> datetime:
    return moment - (moment - _FIRST_MOMENT) % step
