"""Which rows of a frame match a filter, where the rows can tell: the server's filters without the server.

How SellerCloud itself matches is not documented.  These are the rules that are used here:

==============================  ======================================================================================
Filter                          Matches a row whose ...
==============================  ======================================================================================
customer_ids, company_ids       user_id or company_id is one of those asked
email, zip_code                 value equals the one asked, both case-folded (blanks and accents count)
first_name, last_name, city,    value contains the one asked, both case-folded (blanks and accents count)
corporate_name
phone_number                    phone1, phone2, phone3, mobile or fax: its digits contain the digits asked; no digits
                                asked: nobody
rating, channel                 code or name stands for the one asked
customer_type                   is_whole_sale_user says so, or, in a frame without it, customer_type
subscribed, exported            value is the one asked; -1 (all) is everybody, also where the value is missing
created_on_from, created_on_to  created_on lies within the bounds, both included
keyword, modified_on_from,      (no row says enough to be judged)
modified_on_to
==============================  ======================================================================================

city and zip_code are those of the billing address.  Several values of one filter mean any of them, several filters all
of them.  A row whose value is missing does not match.

Columns may be of another sort than a read gives them, after a detour through CSV for example.  Where there is no doubt
what is meant they are judged: whole numbers as text or as floats in columns of ids, codes and switches; True, False, 0
and 1 as switches, also as text; whole numbers as phones, unless digits are asked that begin with a 0, which a number
has lost.  Blank text in such a column is missing.  Everything else, such as a zip code that is a number (it may have
lost zeros) or a date that is text, raises: nobody found must mean that nobody matches.
"""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from numbers import Integral
from typing import Any, Final, cast

import numpy as np
import pandas as pd
import pyarrow as pa

from sc_pandas.contract import FILTERS_BY_NAME, CustomerType, Flag, fold
from sc_pandas.errors import FilterError
from sc_pandas.filters import CustomerFilter

Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]
_Test = Callable[[Any], bool]

PHONES: Final = ("phone1", "phone2", "phone3", "mobile")
_NUMBERS: Final = (*PHONES, "fax")
# What to include where a column is missing that the list does not carry.
_INCLUDES: Final = {
    "channel": "channel", "subscribed": "subscribed", "exported": "exported", "created_on_from": "created_on",
    "created_on_to": "created_on", "zip_code": "addresses", "city": "addresses", "phone_number": "phones",
    "company_ids": "company_id",
}  # fmt: skip
# A whole number as text; that it was a float in between is seen by its ".0".
_WHOLE: Final = re.compile(r"\s*([+-]?[0-9]{1,30})(\.0)?\s*")
_EXACT: Final = 2**53
_CONVERT: Final = {
    "whole numbers": 'Convert it, for example with astype("int64[pyarrow]")',
    "texts": "Read it as text (in CSV with dtype=str): a number may have lost the zeros that it began with",
    "codes or names": "Put the numbers or the names back that SellerCloud gave",
    "True and False": 'Convert it, for example with astype("bool[pyarrow]")',
    "times without a zone": "Convert it, for example with pandas.to_datetime",
}
_ASK: Final = "ask the server: df.sellercloud.query.with_filter(...)"


def matching(frame: pd.DataFrame, question: CustomerFilter) -> "pd.Series[bool]":
    """Say which rows of a frame match a filter, by the rules of this module.

    Parameters
    ----------
    frame
        Customers, with the columns that the filter needs.
    question
        The filter.

    Returns
    -------
    pandas.Series
        Bool, index of the frame; nothing is missing.

    Raises
    ------
    FilterError
        The rows cannot tell; the message says what to read, or that only the server knows.

    Examples
    --------
    >>> frame = pd.DataFrame({"user_id": [1, 2], "first_name": ["ZOË", None]})
    >>> matching(frame, CustomerFilter(first_name="zo")).tolist()
    [True, False]
    """
    mask = np.ones(len(frame), dtype=bool)
    for name, asked in question.given().items():
        judge = _JUDGES.get(name)
        if judge is None:
            message = f"No row says whether it matches {name}, whatever is included; {_ASK}."
            raise FilterError(message, filter=name)
        mask &= judge(frame, name, asked)
    return cast("pd.Series[bool]", pd.Series(mask, index=frame.index, dtype=bool))


def ascii_digits(text: str) -> str:
    """Give the digits 0 to 9 of a text.

    Examples
    --------
    >>> ascii_digits("+1 (212) 555-0134")
    '12125550134'
    """
    return "".join(letter for letter in text if "0" <= letter <= "9")


# ── columns ────────────────────────────────────────────────────────────────────────────────────────────────────────
def _column(frame: pd.DataFrame, name: str, column: str) -> "pd.Series[Any]":
    if list(frame.columns).count(column) > 1:
        raise FilterError(f"{name} cannot be judged: the frame has several columns {column!r}.", filter=name)
    if column in frame.columns:
        return frame[column]
    include = _INCLUDES.get(name)
    way = f'Read with include=["{include}"]' if include else f'Read with "{column}" among columns='
    raise FilterError(f"{name} cannot be judged: the rows have no {column!r}. {way}, or {_ASK}.", filter=name)


# What a value is to a judge: a value of the sort that it takes, None for a blank, or it raises _Unjudged.
_Reader = Callable[[Any], Any]


class _Unjudged(Exception):  # noqa: N818  # becomes a FilterError, which knows the filter and the column
    """A value is of a sort that cannot be judged."""


def _where(frame: pd.DataFrame, name: str, column: str, read: _Reader, test: _Test, what: str) -> Mask:
    """Test each distinct value once; missing and blank ones do not match.

    Raises
    ------
    FilterError
        A value is of another sort than the column has in a read.  It would never match, and that nobody was found
        would be a lie.
    """
    try:
        codes, distinct = pd.factorize(_column(frame, name, column))
        read_values = map(read, distinct)
        hits = np.array([*(value is not None and test(value) for value in read_values), False], dtype=bool)
    except (_Unjudged, TypeError, pa.ArrowException):  # values of a column that factorize does not take are no texts
        message = f"{name} cannot be judged: {column!r} holds values that are no {what}. {_CONVERT[what]}, or {_ASK}."
        raise FilterError(message, filter=name) from None
    return cast("Mask", hits[codes])


def _text_of(value: Any) -> str:
    if not isinstance(value, str):
        raise _Unjudged
    return value


def whole_number(value: Any) -> int | None:
    """Give a whole number, also one that came as text or as a float; None where it is none beyond doubt.

    Examples
    --------
    >>> [whole_number(value) for value in (7, 7.0, " 7", "7.0", 7.5, 1e300, True, "7.5", "x")]
    [7, 7, 7, 7, None, None, None, None, None]
    """
    if isinstance(value, str):
        found = _WHOLE.fullmatch(value)
        return None if found is None or (found[2] and abs(int(found[1])) > _EXACT) else int(found[1])
    if isinstance(value, bool) or not isinstance(value, Integral | float | np.floating | Decimal):
        return None
    if isinstance(value, Integral):
        return int(value)
    # Beyond 2**53 a float stands for several numbers.
    return int(value) if abs(float(value)) <= _EXACT and value % 1 == 0 else None


def _number_of(value: Any) -> int | None:
    if isinstance(value, str) and not value.strip():
        return None
    number = whole_number(value)
    if number is None:
        raise _Unjudged
    return number


def _switch_of(value: Any) -> bool | None:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, str) and value.strip().casefold() in {"true", "false"}:
        return value.strip().casefold() == "true"
    number = _number_of(value)
    if number not in {None, 0, 1}:
        raise _Unjudged
    return None if number is None else bool(number)


def digits_of(value: Any) -> str | None:
    """Give the digits of a phone, also of one that came as a number; None for what is neither text nor whole number.

    Examples
    --------
    >>> [digits_of(value) for value in ("+1 (212) 555-0134", 2125550134, "2125550134.0", True, 0.5)]
    ['12125550134', '2125550134', '2125550134', None, None]
    """
    number = whole_number(value)
    if isinstance(value, str) and (number is None or ".0" not in value):
        return ascii_digits(value)
    return str(number) if number is not None and number >= 0 else None


# ── one judge for each kind of filter ──────────────────────────────────────────────────────────────────────────────
def _ids(column: str) -> "_Judge":
    def judge(frame: pd.DataFrame, name: str, asked: tuple[int, ...]) -> Mask:
        return _where(frame, name, column, _number_of, frozenset(asked).__contains__, "whole numbers")

    return judge


def _equal(column: str) -> "_Judge":
    def judge(frame: pd.DataFrame, name: str, asked: tuple[str, ...]) -> Mask:
        wanted = {value.casefold() for value in asked}
        return _where(frame, name, column, _text_of, lambda text: text.casefold() in wanted, "texts")

    return judge


def _containing(column: str) -> "_Judge":
    def judge(frame: pd.DataFrame, name: str, asked: tuple[str, ...]) -> Mask:
        wanted = [value.casefold() for value in asked]

        def test(text: str) -> bool:
            folded = text.casefold()
            return any(each in folded for each in wanted)

        return _where(frame, name, column, _text_of, test, "texts")

    return judge


def _coded(column: str) -> "_Judge":
    """Judge a column of codes, or of the vendor's names; a channel's name that is not known is none of those asked."""

    def judge(frame: pd.DataFrame, name: str, asked: tuple[int, ...]) -> Mask:
        enum = cast("type[IntEnum]", FILTERS_BY_NAME[name].enum)
        codes = {fold(member.name): int(member) for member in enum}

        def read(value: Any) -> int | None:
            code = codes.get(fold(value)) if isinstance(value, str) else None
            if code is None and (name != "channel" or not isinstance(value, str) or whole_number(value) is not None):
                return _number_of(value)
            # Of channels there are more than those that are known by name.
            return code

        return _where(frame, name, column, read, frozenset(asked).__contains__, "codes or names")

    return judge


def _by_type(frame: pd.DataFrame, name: str, asked: tuple[int, ...]) -> Mask:
    if "is_whole_sale_user" not in frame.columns and "customer_type" in frame.columns:
        return _coded("customer_type")(frame, name, asked)
    wanted = {value == CustomerType.Wholesale for value in asked}
    return _where(frame, name, "is_whole_sale_user", _switch_of, wanted.__contains__, "True and False")


def _switch(frame: pd.DataFrame, name: str, asked: tuple[int, ...]) -> Mask:
    if Flag.All in asked:
        return np.ones(len(frame), dtype=bool)
    wanted = {value == Flag.Yes for value in asked}
    return _where(frame, name, name, _switch_of, wanted.__contains__, "True and False")


def _phone(frame: pd.DataFrame, name: str, asked: tuple[str, ...]) -> Mask:
    wanted = list(filter(None, map(ascii_digits, asked)))
    has_zero = any(each.startswith("0") for each in wanted)

    def read(value: Any) -> str:
        digits = digits_of(value)
        # A number has lost the zeros that it began with.
        if digits is None or (has_zero and not isinstance(value, str)):
            raise _Unjudged
        return digits

    def test(digits: str) -> bool:
        return any(each in digits for each in wanted)

    return cast("Mask", np.logical_or.reduce([_where(frame, name, column, read, test, "texts") for column in _NUMBERS]))


def _bound(is_within: Callable[[Any, datetime], bool]) -> "_Judge":
    def judge(frame: pd.DataFrame, name: str, asked: datetime) -> Mask:
        if asked.tzinfo is not None:
            message = f"{name} has a time zone, and the rows' times have none. Give the server's time, without a zone."
            raise FilterError(message, filter=name)
        # Of another sort, also a time with a zone, a value cannot be compared.
        return _where(
            frame,
            name,
            "created_on",
            lambda value: value,
            lambda value: is_within(value, asked),
            "times without a zone",
        )

    return judge


_Judge = Callable[[pd.DataFrame, str, Any], Mask]
_JUDGES: Final[dict[str, _Judge]] = {
    "customer_ids": _ids("user_id"),
    "email": _equal("email"),
    "first_name": _containing("first_name"),
    "last_name": _containing("last_name"),
    "rating": _coded("rating"),
    "customer_type": _by_type,
    "subscribed": _switch,
    "created_on_from": _bound(lambda value, bound: value >= bound),
    "created_on_to": _bound(lambda value, bound: value <= bound),
    "phone_number": _phone,
    "city": _containing("billing_city"),
    "zip_code": _equal("billing_zip_code"),
    "exported": _switch,
    "channel": _coded("channel"),
    "corporate_name": _containing("corporate_name"),
    "company_ids": _ids("company_id"),
}
