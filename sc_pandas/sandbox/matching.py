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

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sc_pandas.sandbox.options import DateBounds

Condition = tuple[str, list[Any]]

_NOT_DIGITS: Final = re.compile(r"[^0-9]+")
PHONE_FIELDS: Final = ("phone1", "phone2", "phone3", "mobile", "fax")
_FIRST_MOMENT: Final = datetime(1, 1, 1)  # noqa: DTZ001 - the API's dates carry no zone
_LAST_MINUTE: Final = datetime(9999, 12, 31, 23, 59)  # noqa: DTZ001
_INSTANT: Final = timedelta(microseconds=1)
_STEPS: Final = {"date_only": timedelta(days=1), "minute": timedelta(minutes=1)}


def digits(text: str | None) -> str:
    """Give the ASCII digits of a text.

    Examples
    --------
    >>> digits("+1 (212) 555-0134")
    '12125550134'
    """
    return _NOT_DIGITS.sub("", text) if text else ""


def search_columns(record: Mapping[str, Any]) -> dict[str, Any]:
    """Give the columns that the conditions below look at."""
    folded = {
        f"{name}_folded": (record[name] or "").casefold()
        for name in ("email", "first_name", "last_name", "city", "zip_code", "corporate_name")
    }
    return folded | {
        "user_id": record["user_id"],
        "phone_digits": "|".join(filter(None, (digits(record[name]) for name in PHONE_FIELDS))),
        "rating": record["rating"],
        "wholesale": int(record["is_whole_sale_user"]),
        "subscribed": int(record["subscribed"]),
        "exported": int(record["exported"]),
        "channel": record["channel"],
        "company_id": record["company_id"],
        "created_on": sortable(record["created_on"]),
        "modified_on": sortable(record["modified_on"]),
    }


def sortable(moment: datetime) -> str:
    """Write a moment so that texts compare as moments do."""
    return moment.isoformat(timespec="microseconds")


def _contains(column: str) -> Callable[[str], Condition]:
    return lambda asked: (f"instr({column}, ?) > 0", [asked.casefold()])


def _equals(column: str) -> Callable[[Any], Condition]:
    def condition(asked: Any) -> Condition:
        return f"{column} = ?", [asked.casefold() if isinstance(asked, str) else asked]

    return condition


def _any_of(column: str) -> Callable[[tuple[int, ...]], Condition]:
    return lambda asked: (f"{column} IN ({', '.join('?' * len(asked))})", list(asked))


def _switch(column: str) -> Callable[[int], Condition]:
    return lambda asked: ("1", []) if asked == -1 else (f"{column} = ?", [asked])


def _phone(asked: str) -> Condition:
    wanted = digits(asked)
    return ("instr(phone_digits, ?) > 0", [wanted]) if wanted else ("0", [])


def _keyword(asked: str) -> Condition:
    columns = ("email_folded", "first_name_folded", "last_name_folded", "corporate_name_folded", "phone_digits")
    tests = [f"instr({column}, ?) > 0" for column in columns]
    return f"({' OR '.join(tests)} OR user_id || '' = ?)", [asked.casefold()] * len(columns) + [asked]


_CONDITIONS: Final[dict[str, Callable[[Any], Condition]]] = {
    "customer_ids": _any_of("user_id"),
    "company_ids": _any_of("company_id"),
    "email": _equals("email_folded"),
    "zip_code": _equals("zip_code_folded"),
    "first_name": _contains("first_name_folded"),
    "last_name": _contains("last_name_folded"),
    "city": _contains("city_folded"),
    "corporate_name": _contains("corporate_name_folded"),
    "rating": _equals("rating"),
    "channel": _equals("channel"),
    "customer_type": _equals("wholesale"),
    "subscribed": _switch("subscribed"),
    "exported": _switch("exported"),
    "phone_number": _phone,
    "keyword": _keyword,
}


def where(filters: Mapping[str, Any], date_bounds: DateBounds) -> Condition:
    """Translate filters to a SQL condition.

    Parameters
    ----------
    filters : mapping
        Filters by our names, as `binding.bind` gives them.
    date_bounds : {"inclusive", "exclusive_to", "date_only", "minute"}
        How dates are compared.

    Returns
    -------
    tuple of (str, list)
        The condition and the values of its question marks.

    Examples
    --------
    >>> where({"rating": 4, "phone_number": "555-01"}, "inclusive")
    ('rating = ? AND instr(phone_digits, ?) > 0', [4, '55501'])
    """
    conditions = [make(filters[name]) for name, make in _CONDITIONS.items() if name in filters]
    for column in ("created_on", "modified_on"):
        bounds = filters.get(f"{column}_from"), filters.get(f"{column}_to")
        conditions.extend(_date_conditions(column, *bounds, date_bounds))
    texts = [text for text, _ in conditions]
    return " AND ".join(texts) or "1", [value for _, values in conditions for value in values]


def _date_conditions(
    column: str, low: datetime | None, high: datetime | None, date_bounds: DateBounds
) -> Iterator[Condition]:
    """Put every way of comparing as ``low <= x < high`` on the plain column, so that its index serves."""
    if low is not None:
        yield f"{column} >= ?", [sortable(_first_served(low, date_bounds))]
    if high is not None:
        try:
            end = _first_beyond(high, date_bounds)
        except OverflowError:
            return  # nothing lies beyond the last moment there is
        yield f"{column} < ?", [sortable(end)]


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
