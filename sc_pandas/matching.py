"""Which rows of a frame match a filter: the server's filters, without the server.

How SellerCloud itself matches is not documented.  These are the rules here:

==============================  ======================================================================================
Filter                          Matches a row whose ...
==============================  ======================================================================================
customer_ids, company_ids       user_id or company_id is one of the values
email, zip_code                 text equals a value, both case-folded (blanks and accents count)
first_name, last_name, city,    text contains a value, both case-folded (blanks and accents count)
corporate_name
phone_number                    phone1, phone2, phone3, mobile or fax: its digits contain the digits of a value; a value
                                without digits matches nobody
rating, channel                 code or name stands for a value
customer_type                   is_whole_sale_user or, in a frame without it, customer_type is a value
subscribed, exported            flag is a value; -1 (all) matches everybody, also where the flag is missing
created_on_from, created_on_to  created_on lies within the bounds, both included
keyword, modified_on_from,      (only the server can tell)
modified_on_to
==============================  ======================================================================================

city and zip_code are those of the billing address.  Several values of one filter mean any of them, several filters all
of them.  A row whose value is missing does not match.

Columns may have other types than a read gives them, after a detour through CSV for example.  Where there is no doubt
what is meant, they are accepted: whole numbers as text or floats in columns of ids, codes and flags; True, False, 0 and
1 as flags, also as text; whole numbers as phones, unless the digits of a value begin with a 0, which a number has lost.
Blank text in such a column is missing.  Everything else raises, such as a zip code that is a number (it may have lost
zeros) or a date that is text: an empty answer must mean that nobody matches.

Texts, ids and times of Arrow's types are compared as whole columns.  Arrow folds the case of ASCII only, so other text
is compared value by value, as are columns of other types.
"""

import operator
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from numbers import Integral
from typing import Any, Final, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sc_pandas.contract import FILTERS_BY_NAME, CustomerType, Flag, fold
from sc_pandas.contract.columns import PHONES
from sc_pandas.errors import FilterError
from sc_pandas.filters import CustomerFilter
from sc_pandas.tables.details import include_of

Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]
_Values = pd.Series
# From a value to what is compared, None for a blank; raises _Unclear for a value of another kind.
_Reader = Callable[[Any], Any]
_Test = Callable[[Any], bool]

# A whole number as text; that it was a float in between is seen by its ".0".
_WHOLE: Final = re.compile(r"\s*([+-]?[0-9]{1,30})(\.0)?\s*")
_EXACT: Final = 2**53
_CONVERT: Final = {
    "whole numbers": 'Convert it, for example with astype("int64[pyarrow]")',
    "texts": "Read it as text (in CSV with dtype=str): a number may have lost the zeros that it began with",
    "codes or names": "Restore the numbers or the names that SellerCloud sent",
    "True and False": 'Convert it, for example with astype("bool[pyarrow]")',
    "times without a zone": "Convert it, for example with pandas.to_datetime",
}
_ASK: Final = "ask the server: df.sellercloud.query.with_filter(...)"


def matching(frame: pd.DataFrame, question: CustomerFilter) -> "pd.Series[bool]":
    """Return which rows of a frame match a filter, by the rules of this module.

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
    for name, values in question.given().items():
        matcher = _MATCHERS.get(name)
        if matcher is None:
            raise FilterError(f"{name} can only be checked by the server; {_ASK}.", filter=name)
        mask &= matcher(frame, name, values)
    return cast("pd.Series[bool]", pd.Series(mask, index=frame.index, dtype=bool))


def ascii_digits(text: str) -> str:
    """Return the digits 0 to 9 of a text.

    Examples
    --------
    >>> ascii_digits("+1 (212) 555-0134")
    '12125550134'
    """
    return "".join(letter for letter in text if "0" <= letter <= "9")


# ── columns ────────────────────────────────────────────────────────────────────────────────────────────────────────
def _column(frame: pd.DataFrame, name: str, column: str) -> _Values:
    if list(frame.columns).count(column) > 1:
        raise FilterError(f"{name} cannot be checked: the frame has several columns {column!r}.", filter=name)
    if column in frame.columns:
        return frame[column]
    include = include_of(column)
    way = f'Read with include=["{include}"]' if include else f'Read with "{column}" among columns='
    raise FilterError(f"{name} cannot be checked: the rows have no {column!r}. {way}, or {_ASK}.", filter=name)


def arrow_texts(column: _Values) -> pa.ChunkedArray | pa.Array | None:
    """Return a column's text as Arrow holds it; None for columns of other types."""
    if not isinstance(column.dtype, pd.ArrowDtype | pd.StringDtype):
        return None
    values = pa.array(column.array)
    return values if pa.types.is_string(values.type) or pa.types.is_large_string(values.type) else None


def as_mask(flags: pa.ChunkedArray | pa.Array) -> Mask:
    """Return Arrow's flags as a NumPy mask; a missing one is False."""
    return np.array(pc.fill_null(flags, False), dtype=bool)


class _Unclear(Exception):  # noqa: N818  # becomes a FilterError, which knows the filter and the column
    """A value is of a kind that cannot be compared."""


def _one_by_one(values: _Values, name: str, read: _Reader, test: _Test, what: str) -> Mask:
    """Test each distinct value once; missing and blank ones do not match.

    Raises
    ------
    FilterError
        A value is of another kind than the column has in a read.  It would never match, and that nobody was found
        would be untrue.
    """
    try:
        codes, distinct = pd.factorize(values)
        hits = np.array([*(each is not None and test(each) for each in map(read, distinct)), False], dtype=bool)
    except (_Unclear, TypeError, pa.ArrowException):  # factorize takes no lists, and no list is a text
        raise FilterError(
            f"{name} cannot be checked: {values.name!r} holds values that are no {what}. {_CONVERT[what]}, or {_ASK}.",
            filter=name,
        ) from None
    return cast("Mask", hits[codes])


def _texts(
    values: _Values,
    name: str,
    by_arrow: Callable[[Any], Mask],
    is_left: Callable[[Any], Any],
    read: _Reader,
    test: _Test,
) -> Mask:
    """Test a column of text by Arrow, and what it leaves, and other columns, value by value."""
    texts = arrow_texts(values)
    if texts is None:
        return _one_by_one(values, name, read, test, "texts")
    mask, left = by_arrow(texts), as_mask(is_left(texts))
    if left.any():
        mask[left] = _one_by_one(values[left], name, read, test, "texts")
    return mask


def _is_not_ascii(texts: Any) -> Any:
    return pc.invert(pc.string_is_ascii(texts))


def _contains_any(texts: Any, parts: Iterable[str]) -> Mask:
    mask = np.zeros(len(texts), dtype=bool)
    for part in parts:
        mask |= as_mask(pc.match_substring(texts, part))
    return mask


def _as_it_is(value: Any) -> Any:
    return value


def _text_of(value: Any) -> str:
    if not isinstance(value, str):
        raise _Unclear
    return value


def whole_number(value: Any) -> int | None:
    """Return a whole number, also one that is text or a float; None where it is not one beyond doubt.

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
        raise _Unclear
    return number


def _switch_of(value: Any) -> bool | None:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, str) and value.strip().casefold() in {"true", "false"}:
        return value.strip().casefold() == "true"
    number = _number_of(value)
    if number not in {None, 0, 1}:
        raise _Unclear
    return None if number is None else bool(number)


def digits_of(value: Any) -> str | None:
    """Return the digits of a phone, which may be a number; None for what is neither text nor whole number.

    Examples
    --------
    >>> [digits_of(value) for value in ("+1 (212) 555-0134", 2125550134, "2125550134.0", True, 0.5)]
    ['12125550134', '2125550134', '2125550134', None, None]
    """
    number = whole_number(value)
    if isinstance(value, str) and (number is None or ".0" not in value):
        return ascii_digits(value)
    return str(number) if number is not None and number >= 0 else None


# ── a matcher for each kind of filter ──────────────────────────────────────────────────────────────────────────────
_Matcher = Callable[[pd.DataFrame, str, Any], Mask]


def _numbers(values: _Values, name: str, wanted: tuple[int, ...], read: _Reader, what: str) -> Mask:
    if pd.api.types.is_signed_integer_dtype(values.dtype):
        known = pa.array([each for each in wanted if each.bit_length() < 64], pa.int64())
        return as_mask(pc.is_in(pa.array(values, from_pandas=True).cast(pa.int64()), known))
    return _one_by_one(values, name, read, frozenset(wanted).__contains__, what)


def _ids(column: str) -> _Matcher:
    return lambda frame, name, wanted: _numbers(_column(frame, name, column), name, wanted, _number_of, "whole numbers")


def _equal(column: str) -> _Matcher:
    def match(frame: pd.DataFrame, name: str, wanted: tuple[str, ...]) -> Mask:
        folded = {each.casefold() for each in wanted}

        def by_arrow(texts: Any) -> Mask:
            return as_mask(pc.is_in(pc.ascii_lower(texts), pa.array(filter(str.isascii, folded), texts.type)))

        values = _column(frame, name, column)
        return _texts(values, name, by_arrow, _is_not_ascii, _text_of, lambda text: text.casefold() in folded)

    return match


def _containing(column: str) -> _Matcher:
    def match(frame: pd.DataFrame, name: str, wanted: tuple[str, ...]) -> Mask:
        folded = {each.casefold() for each in wanted}

        def by_arrow(texts: Any) -> Mask:
            return _contains_any(pc.ascii_lower(texts), filter(str.isascii, folded))

        values = _column(frame, name, column)
        return _texts(values, name, by_arrow, _is_not_ascii, _text_of, lambda text: _has_any(text.casefold(), folded))

    return match


def _has_any(text: str, parts: Iterable[str]) -> bool:
    return any(each in text for each in parts)


def _coded(column: str) -> _Matcher:
    """Match a column of codes or of the vendor's names; a channel that is unknown here is none of those wanted."""

    def match(frame: pd.DataFrame, name: str, wanted: tuple[int, ...]) -> Mask:
        codes = {fold(member.name): int(member) for member in cast("type[IntEnum]", FILTERS_BY_NAME[name].enum)}

        def read(value: Any) -> int | None:
            code = codes.get(fold(value)) if isinstance(value, str) else None
            if code is None and (name != "channel" or not isinstance(value, str) or whole_number(value) is not None):
                return _number_of(value)
            return code

        return _numbers(_column(frame, name, column), name, wanted, read, "codes or names")

    return match


def _by_type(frame: pd.DataFrame, name: str, wanted: tuple[int, ...]) -> Mask:
    if "is_whole_sale_user" not in frame.columns and "customer_type" in frame.columns:
        return _coded("customer_type")(frame, name, wanted)
    return _flags(frame, name, "is_whole_sale_user", {each == CustomerType.Wholesale for each in wanted})


def _switch(frame: pd.DataFrame, name: str, wanted: tuple[int, ...]) -> Mask:
    if Flag.All in wanted:
        return np.ones(len(frame), dtype=bool)
    return _flags(frame, name, name, {each == Flag.Yes for each in wanted})


def _flags(frame: pd.DataFrame, name: str, column: str, wanted: set[bool]) -> Mask:
    return _one_by_one(_column(frame, name, column), name, _switch_of, wanted.__contains__, "True and False")


def _phone(frame: pd.DataFrame, name: str, wanted: tuple[str, ...]) -> Mask:
    parts = list(filter(None, map(ascii_digits, wanted)))
    has_zero = any(each.startswith("0") for each in parts)

    def read(value: Any) -> str:
        digits = digits_of(value)
        # A number has lost the zeros that it began with.
        if digits is None or (has_zero and not isinstance(value, str)):
            raise _Unclear
        return digits

    def by_arrow(texts: Any) -> Mask:
        return _contains_any(pc.replace_substring_regex(texts, "[^0-9]+", ""), parts)

    def may_be_float(texts: Any) -> Any:
        return pc.match_substring(texts, ".0")

    mask = np.zeros(len(frame), dtype=bool)
    for column in (*PHONES, "fax"):
        values = _column(frame, name, column)
        mask |= _texts(values, name, by_arrow, may_be_float, read, lambda digits: _has_any(digits, parts))
    return mask


def _bound(by_arrow: Callable[[Any, Any], Any], by_value: Callable[[Any, Any], bool]) -> _Matcher:
    def match(frame: pd.DataFrame, name: str, bound: datetime) -> Mask:
        if bound.tzinfo is not None:
            message = f"{name} has a time zone, and the rows' times have none. Pass the server's time, without a zone."
            raise FilterError(message, filter=name)
        values = _column(frame, name, "created_on")
        kind = pa.timestamp("us")
        if values.dtype == pd.ArrowDtype(kind):
            return as_mask(by_arrow(pa.array(values.array), pa.scalar(bound, kind)))
        # Comparing a value of another kind, also a time with a zone, raises.
        return _one_by_one(values, name, _as_it_is, lambda value: by_value(value, bound), "times without a zone")

    return match


_MATCHERS: Final[dict[str, _Matcher]] = {
    "customer_ids": _ids("user_id"),
    "email": _equal("email"),
    "first_name": _containing("first_name"),
    "last_name": _containing("last_name"),
    "rating": _coded("rating"),
    "customer_type": _by_type,
    "subscribed": _switch,
    "created_on_from": _bound(pc.greater_equal, operator.ge),
    "created_on_to": _bound(pc.less_equal, operator.le),
    "phone_number": _phone,
    "city": _containing("billing_city"),
    "zip_code": _equal("billing_zip_code"),
    "exported": _switch,
    "channel": _coded("channel"),
    "corporate_name": _containing("corporate_name"),
    "company_ids": _ids("company_id"),
}
