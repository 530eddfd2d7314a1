"""One value into one type, without loss, or a reason why not: the slow, exact path.

`columns` takes whole columns the fast way and comes here for those that hold something unusual.
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Context, Decimal, InvalidOperation
from typing import Any, Final

from sc_pandas import json_text
from sc_pandas.contract import SPELLINGS, Rating, fold

EMPTY_DATE: Final = "the API's empty date"
NO_TEXT: Final = "a part of a character (lone surrogate), replaced by U+FFFD"

_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,40}")
# decimal128(18, 6): quantize says InvalidOperation of what is too large for it.
_LAST_DIGIT: Final = Decimal("1E-6")
_DIGITS: Final = Context(prec=18, traps=[InvalidOperation])
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,3})?")
_ISO: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:(?P<mark>[T ])(?:[01][0-9]|2[0-3]):[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?"
    r"(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_AMERICAN: Final = re.compile(
    r"(?P<month>[0-9]{1,2})/(?P<day>[0-9]{1,2})/(?P<year>[0-9]{4})"
    r"(?: (?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}))?(?: ?(?P<half>[AaPp])[Mm])?)?"
)
_BOOLS: Final[Mapping[str, bool]] = {"true": True, "false": False, "1": True, "0": False}
_RATINGS: Final[Mapping[str, int]] = {
    **{fold(rating.name): rating.value for rating in Rating},
    **{right: Rating[vendor].value for right, vendor in SPELLINGS.items() if vendor in Rating.__members__},
}


class MisfitError(Exception):
    """A value does not fit; `instead` is what the column gets."""

    def __init__(self, reason: str, instead: object = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.instead = instead


def to_int64(value: object) -> int:
    """Take 7, 7.0 and "7"."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise MisfitError("not a whole number")
    if isinstance(value, str) and not _WHOLE.fullmatch(value):
        raise MisfitError("not a whole number")
    # The bound comes first: int(Decimal("1E+999999999")) would fill the memory.
    if isinstance(value, Decimal) and (value.adjusted() > 20 or value != value.to_integral_value()):
        raise MisfitError("not a whole number")
    whole = int(value)
    if not -(2**63) <= whole < 2**63:
        raise MisfitError("beyond 64 bits")
    return whole


def to_rating(value: object) -> int:
    """Take a code or a name in any case and spelling; codes that nobody knows pass."""
    if isinstance(value, str) and not _WHOLE.fullmatch(value):
        code = _RATINGS.get(fold(value))
        if code is None:
            raise MisfitError("not the name of a rating")
        return code
    return to_int64(value)


def to_bool(value: object) -> bool:
    """Take true and false, 0 and 1, also as text in any case."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | Decimal) and value in {0, 1}:
        return bool(value)
    if isinstance(value, str) and (known := _BOOLS.get(value.lower())) is not None:
        return known
    raise MisfitError("neither true nor false")


def to_double(value: object) -> float:
    """Take a number as the nearest double, which is a misfit unless it is written the same."""
    number = _number(value)
    try:
        near = float(number)
    except OverflowError:
        near = float("inf")
    if math.isinf(near):
        raise MisfitError("larger than any double")
    if Decimal(repr(near)) != number:
        raise MisfitError("more digits than a double holds", instead=near)
    return near


def to_decimal(value: object) -> Decimal:
    """Take a number of up to 12 digits before the point; with more than 6 after it, the nearest is a misfit."""
    number = _number(value)
    try:
        near = number.quantize(_LAST_DIGIT, context=_DIGITS)
    except InvalidOperation:
        raise MisfitError("more than 12 digits before the point") from None
    if near != number:
        raise MisfitError("more than 6 digits after the point", instead=near)
    return near


def _number(value: object) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return Decimal(value)
    raise MisfitError("not a number")


def to_json_text(value: object) -> str:
    """Take anything as its JSON text, so that 7 and "7" stay apart."""
    return to_text(value, json_text.dump)


def to_text(value: object, write: Callable[[Any], str] | None = None) -> str:
    """Take text as it is and anything else as its JSON text."""
    write = write or (lambda value: value if isinstance(value, str) else json_text.dump(value))
    if json_text.has_lone_surrogate(value):
        raise MisfitError(NO_TEXT, instead=write(json_text.without_lone_surrogates(value)))
    return write(value)


def to_timestamp(value: object) -> datetime:
    """Take ISO 8601 and mm/dd/yyyy; an offset is applied, digits beyond microseconds are cut, the result is naive."""
    try:
        stamp = _stamp(value) if isinstance(value, str) else None
        if stamp is not None and stamp.date() != date.min:
            return stamp.astimezone(UTC).replace(tzinfo=None) if stamp.tzinfo else stamp
    except (ValueError, OverflowError):
        stamp = None
    raise MisfitError("not a date" if stamp is None else EMPTY_DATE)


def _stamp(text: str) -> datetime | None:
    if _ISO.fullmatch(text):
        return datetime.fromisoformat(text.upper())
    found = _AMERICAN.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (
        int(found[part] or 0) for part in ("year", "month", "day", "hour", "minute", "second")
    )
    if found["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found["half"] in "Pp" else 0)
    return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001  # the API's times have no zone


def is_iso_date(text: str) -> bool:
    """Return whether undocumented text is a date beyond doubt: ISO 8601, with a T before a time."""
    found = _ISO.fullmatch(text)
    if found is None or found["mark"] == " ":
        return False
    try:
        to_timestamp(text)
    except MisfitError as misfit:
        return misfit.reason == EMPTY_DATE
    return True


CONVERSIONS: Final[Mapping[str, Callable[[object], object]]] = {
    "int64": to_int64,
    "rating": to_rating,
    "bool": to_bool,
    "double": to_double,
    "decimal": to_decimal,
    "string": to_text,
    "json": to_json_text,
    "timestamp": to_timestamp,
}
