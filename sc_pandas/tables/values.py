"""One value into one type, without loss, or a reason why not: the slow, exact path.

`columns` takes whole columns the fast way and comes here for those that hold something unusual.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Final

from sc_pandas import json_text
from sc_pandas.contract import SPELLINGS, Rating, fold

EMPTY_DATE: Final = "the API's empty date"
NO_TEXT: Final = "a part of a character (lone surrogate), replaced by U+FFFD"

_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,40}")
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,3})?")
_ISO: Final = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    r"(?:(?P<mark>[T ])(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]+))?)?"
    r"(?:(?P<utc>[Zz])|(?P<sign>[+-])(?P<off_hour>[0-9]{2}):?(?P<off_minute>[0-9]{2}))?)?"
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
    code = to_int64(value)
    if not -128 <= code < 128:
        raise MisfitError("not the code of a rating")
    return code


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
    """Take a number that a double holds without loss."""
    number = _number(value)
    try:
        near = float(number)
    except OverflowError:
        near = float("inf")
    if Decimal(repr(near)) != number:
        raise MisfitError("more digits than a double holds")
    return near


def to_decimal(value: object) -> Decimal:
    """Take a number of up to 28 digits before the point and 10 after it."""
    number = _number(value)
    if not number:
        return Decimal(0)
    if number.adjusted() < 28:
        trimmed = number if _scale(number) <= 10 else _trim(number)
        if _scale(trimmed) <= 10:
            return trimmed
        raise MisfitError("more than 10 digits after the point")
    raise MisfitError("more than 28 digits before the point")


def _number(value: object) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return Decimal(value)
    raise MisfitError("not a number")


def _scale(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)  # noqa: S101  # JSON knows no NaN and no infinity
    return -exponent


def _trim(number: Decimal) -> Decimal:
    """Cut zeros at the end of a number that is not 0, exactly; `Decimal.normalize` would round to 28 digits."""
    sign, digits, _ = number.as_tuple()
    zeros = len(digits) - len("".join(map(str, digits)).rstrip("0"))
    return Decimal((sign, digits[: len(digits) - zeros], zeros - _scale(number)))


def to_text(value: object) -> str:
    """Take text as it is and anything else as its JSON text."""
    text = value if isinstance(value, str) else None
    if json_text.has_lone_surrogate(value):
        clean = json_text.without_lone_surrogates(value)
        raise MisfitError(NO_TEXT, instead=clean if text is not None else json_text.dump(clean))
    return json_text.dump(value) if text is None else text


def to_json_text(value: object) -> str:
    """Take anything as its JSON text, so that 7 and "7" stay apart."""
    if json_text.has_lone_surrogate(value):
        raise MisfitError(NO_TEXT, instead=json_text.dump(json_text.without_lone_surrogates(value)))
    return json_text.dump(value)


def to_timestamp(value: object) -> datetime:
    """Take ISO 8601 and mm/dd/yyyy; an offset is applied, digits beyond microseconds are cut, the result is naive."""
    found = (_ISO.fullmatch(value) or _AMERICAN.fullmatch(value)) if isinstance(value, str) else None
    if found is None:
        raise MisfitError("not a date")
    parts = found.groupdict()
    if (int(parts["year"]), int(parts["month"]), int(parts["day"])) == (1, 1, 1):
        raise MisfitError(EMPTY_DATE)
    try:
        stamp = datetime(
            int(parts["year"]), int(parts["month"]), int(parts["day"]),
            _hour(parts), int(parts["minute"] or 0), int(parts["second"] or 0),
            int((parts.get("fraction") or "")[:6].ljust(6, "0")),
            tzinfo=_zone(parts),
        )  # fmt: skip
        return stamp.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise MisfitError("not a date") from None


def _hour(parts: Mapping[str, Any]) -> int:
    hour = int(parts["hour"] or 0)
    half = parts.get("half")
    if half is None:
        return hour
    if not 1 <= hour <= 12:
        raise MisfitError("not a date")
    return hour % 12 + (12 if half in "Pp" else 0)


def _zone(parts: Mapping[str, Any]) -> timezone:
    if parts.get("sign") is None:
        return UTC
    offset = timedelta(hours=int(parts["off_hour"]), minutes=int(parts["off_minute"]))
    return timezone(-offset if parts["sign"] == "-" else offset)


def is_iso_date(text: str) -> bool:
    """Return whether undocumented text is a date beyond doubt: ISO 8601, with a T where there is a time."""
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
