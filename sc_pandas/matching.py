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
"""

from collections.abc import Callable
from datetime import datetime
from enum import IntEnum
from typing import Any, Final, cast

import numpy as np
import pandas as pd

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


def _where(column: "pd.Series[Any]", test: _Test) -> Mask:
    """Test each distinct value once; missing ones do not match."""
    codes, distinct = pd.factorize(column)
    hits = np.array([*(test(value) for value in distinct), False], dtype=bool)
    return cast("Mask", hits[codes])


def _texts(column: "pd.Series[Any]", test: Callable[[str], bool]) -> Mask:
    return _where(column, lambda value: isinstance(value, str) and test(value))


# ── one judge for each kind of filter ──────────────────────────────────────────────────────────────────────────────
def _ids(column: str) -> "_Judge":
    def judge(frame: pd.DataFrame, name: str, asked: tuple[int, ...]) -> Mask:
        wanted = frozenset(asked)
        return _where(_column(frame, name, column), lambda value: value in wanted)

    return judge


def _equal(column: str) -> "_Judge":
    def judge(frame: pd.DataFrame, name: str, asked: tuple[str, ...]) -> Mask:
        wanted = {value.casefold() for value in asked}
        return _texts(_column(frame, name, column), lambda text: text.casefold() in wanted)

    return judge


def _containing(column: str) -> "_Judge":
    def judge(frame: pd.DataFrame, name: str, asked: tuple[str, ...]) -> Mask:
        wanted = [value.casefold() for value in asked]

        def test(text: str) -> bool:
            folded = text.casefold()
            return any(each in folded for each in wanted)

        return _texts(_column(frame, name, column), test)

    return judge


def _coded(column: str) -> "_Judge":
    """Judge a column of codes, or of the vendor's names."""

    def judge(frame: pd.DataFrame, name: str, asked: tuple[int, ...]) -> Mask:
        enum = cast("type[IntEnum]", FILTERS_BY_NAME[name].enum)
        names = {fold(member.name) for member in enum if member in asked} | {str(code) for code in asked}
        wanted = frozenset(asked)
        return _where(
            _column(frame, name, column),
            lambda value: fold(value) in names if isinstance(value, str) else value in wanted,
        )

    return judge


def _by_type(frame: pd.DataFrame, name: str, asked: tuple[int, ...]) -> Mask:
    if "is_whole_sale_user" not in frame.columns and "customer_type" in frame.columns:
        return _coded("customer_type")(frame, name, asked)
    wanted = {value == CustomerType.Wholesale for value in asked}
    return _where(_column(frame, name, "is_whole_sale_user"), lambda value: value in wanted)


def _switch(frame: pd.DataFrame, name: str, asked: tuple[int, ...]) -> Mask:
    if Flag.All in asked:
        return np.ones(len(frame), dtype=bool)
    wanted = {value == Flag.Yes for value in asked}
    return _where(_column(frame, name, name), lambda value: value in wanted)


def _phone(frame: pd.DataFrame, name: str, asked: tuple[str, ...]) -> Mask:
    wanted = list(filter(None, map(ascii_digits, asked)))

    def test(text: str) -> bool:
        digits = ascii_digits(text)
        return any(each in digits for each in wanted)

    columns = [_column(frame, name, column) for column in _NUMBERS]
    return cast("Mask", np.logical_or.reduce([_texts(column, test) for column in columns]))


def _bound(is_within: Callable[[Any, datetime], bool]) -> "_Judge":
    def judge(frame: pd.DataFrame, name: str, asked: datetime) -> Mask:
        column = _column(frame, name, "created_on")
        if asked.tzinfo is not None:
            message = f"{name} has a time zone, and the rows' times have none. Give the server's time, without a zone."
            raise FilterError(message, filter=name)
        try:
            return _where(column, lambda value: is_within(value, asked))
        except TypeError:
            raise FilterError(f"{name} cannot be judged: created_on holds no times.", filter=name) from None

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
