"""Which rows of a frame match a filter: the server's filters, without the server.

How SellerCloud itself matches is not documented; ``df.sellercloud.where`` tells the rules here.

Columns may have other types than a read gives them, as far as Arrow casts every value without loss: ids and codes that
are floats or text, flags that are 0 and 1 or text.  Phones may be whole numbers, unless the digits of a value begin
with a 0, which a number has lost.  Everything else raises, such as a zip code that is a number (it may have lost zeros)
or a date that is text: an empty answer must mean that nobody matches.
"""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from enum import IntEnum
from typing import Any, Final, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sc_pandas.contract import FILTERS_BY_NAME, CustomerType, Flag, fold
from sc_pandas.contract.columns import INCLUDE_OF, PHONES
from sc_pandas.errors import FilterError
from sc_pandas.filters import CustomerFilter

Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]
# An array or a chunked array of Arrow.
_Values = Any
_CONVERT: Final = {
    "whole numbers": 'Convert it, for example with astype("int64[pyarrow]")',
    "texts": "Read it as text (in CSV with dtype=str): a number may have lost the zeros that it began with",
    "codes or names": "Restore the numbers or the names that SellerCloud sent",
    "True and False": 'Convert it, for example with astype("bool[pyarrow]")',
    "times without a zone": "Convert it, for example with pandas.to_datetime",
}
_ASK: Final = "ask the server: df.sellercloud.query.with_filter(...)"


def matching(frame: pd.DataFrame, question: CustomerFilter) -> "pd.Series[bool]":
    """Return which rows of a frame match a filter: bool, index of the frame, nothing is missing; or refuse."""
    mask = np.ones(len(frame), dtype=bool)
    for name, values in question.resolved().given().items():
        matcher = _MATCHERS.get(name)
        if matcher is None:
            raise FilterError(f"{name} can only be checked by the server; {_ASK}.", filter=name)
        mask &= matcher(frame, name, values)
    return cast("pd.Series[bool]", pd.Series(mask, index=frame.index, dtype=bool))


def as_mask(flags: _Values) -> Mask:
    """Return Arrow's flags as a NumPy mask; a missing one is False."""
    return np.array(pc.fill_null(flags, False), dtype=bool)


def arrow_of(column: "pd.Series[Any]") -> _Values:
    """Return a column as Arrow holds it, categories as their values; TypeError if its values are of several kinds."""
    try:
        values = pa.array(column, from_pandas=True)
    except (pa.ArrowException, ValueError, OverflowError):
        raise TypeError from None
    return values.cast(values.type.value_type) if pa.types.is_dictionary(values.type) else values


def near_of(values: Any) -> Any:
    """Return values as they are, or as text if they are times that Python's years, 1 to 9999, do not hold."""
    of_type = values.type
    try:
        if pa.types.is_timestamp(of_type) or pa.types.is_date(of_type):
            pc.min_max(values).as_py()
    except (OverflowError, ValueError):
        return values.cast(pa.string())
    return values


def is_text(of_type: pa.DataType) -> bool:
    """Return whether a type of Arrow is text."""
    return bool(pa.types.is_string(of_type) or pa.types.is_large_string(of_type) or of_type == pa.string_view())


def texts_of(values: _Values) -> _Values:
    """Return values that are text; TypeError if they are not."""
    if pa.types.is_null(values.type) or values.type == pa.string_view():
        return values.cast(pa.string())
    if not is_text(values.type):
        raise TypeError
    return values


def numbers_of(values: _Values) -> _Values:
    """Return whole numbers, also of floats, decimals or text; TypeError or ArrowException if they are none."""
    kinds = (pa.types.is_null, pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    if not any(is_kind(values.type) for is_kind in kinds):
        values = texts_of(values)
    return values.cast(pa.int64())


def mapped(values: _Values, change: Callable[[Any], Any], of_type: pa.DataType) -> pa.Array:
    """Return each value changed, each distinct one once; missing values stay missing."""
    codes, distinct = pd.factorize(pd.Series(pd.arrays.ArrowExtensionArray(values)))
    return pa.array([*map(change, distinct), None], of_type).take(pa.array(codes % (len(distinct) + 1)))


def phones_of(values: _Values) -> _Values:
    """Return phones as text, whole numbers as their digits; TypeError or ArrowException if they are neither."""
    if pa.types.is_floating(values.type) or pa.types.is_integer(values.type):
        numbers = numbers_of(values)
        if (pc.min(numbers).as_py() or 0) < 0:
            raise TypeError
        return numbers.cast(pa.string())
    return texts_of(values)


def _flags_of(values: _Values) -> _Values:
    if pa.types.is_boolean(values.type):
        return values
    if is_text(values.type):
        return values.cast(pa.bool_())
    numbers = numbers_of(values)
    if pc.any(pc.invert(pc.is_in(numbers.drop_null(), pa.array([0, 1])))).as_py():
        raise TypeError
    return numbers.cast(pa.bool_())


def _times_of(values: _Values) -> _Values:
    if not pa.types.is_null(values.type) and (not pa.types.is_timestamp(values.type) or values.type.tz is not None):
        raise TypeError
    return values.cast(pa.timestamp("us"), safe=False)


def _column(frame: pd.DataFrame, name: str, column: str, convert: Callable[[_Values], _Values], what: str) -> _Values:
    """Return a column's values, converted to what a filter compares.

    Values of another kind are refused: they would never match, and that nobody was found would be untrue.
    """
    if list(frame.columns).count(column) > 1:
        raise FilterError(f"{name} cannot be checked: the frame has several columns {column!r}.", filter=name)
    if column not in frame.columns:
        include = INCLUDE_OF.get(column)
        way = f'Read with include=["{include}"]' if include else f'Read with "{column}" among columns='
        raise FilterError(f"{name} cannot be checked: the rows have no {column!r}. {way}, or {_ASK}.", filter=name)
    values = frame[column]  # a TypeError of pandas, such as attrs that it cannot copy, is no word on the values
    try:
        return convert(arrow_of(values))
    except (TypeError, pa.ArrowException):
        message = f"{name} cannot be checked: {column!r} holds values that are no {what}. {_CONVERT[what]}, or {_ASK}."
        raise FilterError(message, filter=name) from None


_Matcher = Callable[[pd.DataFrame, str, Any], Mask]


def _is_in(numbers: _Values, wanted: Iterable[int]) -> Mask:
    return as_mask(pc.is_in(numbers, pa.array([each for each in wanted if each.bit_length() < 64], pa.int64())))


def _contains_any(texts: _Values, parts: Iterable[str]) -> Mask:
    mask = np.zeros(len(texts), dtype=bool)
    for part in parts:
        mask |= as_mask(pc.match_substring(texts, part))
    return mask


def _ids(column: str) -> _Matcher:
    return lambda frame, name, wanted: _is_in(_column(frame, name, column, numbers_of, "whole numbers"), wanted)


def _folded(column: str, by_arrow: Callable[[_Values, list[str]], Mask], by_value: Callable[..., bool]) -> _Matcher:
    """Compare text without regard to case: ASCII as a whole column, other text value by value.

    Arrow's own folding knows no "ß" that equals "ss".
    """

    def match(frame: pd.DataFrame, name: str, wanted: tuple[str, ...]) -> Mask:
        folded = [each.casefold() for each in wanted]
        texts = _column(frame, name, column, texts_of, "texts")
        mask = by_arrow(pc.ascii_lower(texts), [each for each in folded if each.isascii()])
        left = as_mask(pc.invert(pc.string_is_ascii(texts)))
        if left.any():
            values = texts.filter(pa.array(left)).to_pylist()
            mask[left] = [any(by_value(value.casefold(), each) for each in folded) for value in values]
        return mask

    return match


def _equal(column: str) -> _Matcher:
    return _folded(column, lambda texts, wanted: as_mask(pc.is_in(texts, pa.array(wanted, texts.type))), str.__eq__)


def _containing(column: str) -> _Matcher:
    return _folded(column, _contains_any, str.__contains__)


def _coded(column: str) -> _Matcher:
    """Match a column of codes or of the vendor's names; a channel that is unknown here is none of those wanted."""

    def match(frame: pd.DataFrame, name: str, wanted: tuple[int, ...]) -> Mask:
        codes = {fold(member.name): int(member) for member in cast("type[IntEnum]", FILTERS_BY_NAME[name].enum)}

        def code_of(text: str) -> int | None:
            found = codes.get(fold(text))
            if found is None and text.strip().isdecimal():
                return int(text)
            if found is None and name != "channel":
                raise TypeError
            return found

        def convert(values: _Values) -> _Values:
            if is_text(values.type):
                return mapped(values, code_of, pa.int64())
            return numbers_of(values)

        return _is_in(_column(frame, name, column, convert, "codes or names"), wanted)

    return match


def _by_type(frame: pd.DataFrame, name: str, wanted: tuple[int, ...]) -> Mask:
    if "is_whole_sale_user" not in frame.columns and "customer_type" in frame.columns:
        return _coded("customer_type")(frame, name, wanted)
    return _flags(frame, name, "is_whole_sale_user", {each == CustomerType.Wholesale for each in wanted})


def _switch(frame: pd.DataFrame, name: str, wanted: tuple[int, ...]) -> Mask:
    if Flag.All in wanted:
        return np.ones(len(frame), dtype=bool)
    return _flags(frame, name, name, {each == Flag.Yes for each in wanted})


def _flags(frame: pd.DataFrame, name: str, column: str, wanted: Iterable[bool]) -> Mask:
    flags = _column(frame, name, column, _flags_of, "True and False")
    return as_mask(pc.is_in(flags, pa.array(list(wanted), pa.bool_())))


def _phone(frame: pd.DataFrame, name: str, wanted: tuple[str, ...]) -> Mask:
    parts = [digits for each in wanted if (digits := re.sub("[^0-9]", "", each))]
    has_zero = any(each.startswith("0") for each in parts)
    mask = np.zeros(len(frame), dtype=bool)
    for column in (*PHONES, "fax"):
        # A number has lost the zeros that it began with.
        texts = _column(frame, name, column, texts_of if has_zero else phones_of, "texts")
        mask |= _contains_any(pc.replace_substring_regex(texts, "[^0-9]+", ""), parts)
    return mask


def _bound(compare: Callable[[Any, Any], Any]) -> _Matcher:
    def match(frame: pd.DataFrame, name: str, bound: datetime) -> Mask:
        if bound.tzinfo is not None:
            message = f"{name} has a time zone, and the rows' times have none. Pass the server's time, without a zone."
            raise FilterError(message, filter=name)
        times = _column(frame, name, "created_on", _times_of, "times without a zone")
        return as_mask(compare(times, pa.scalar(bound, times.type)))

    return match


_MATCHERS: Final[dict[str, _Matcher]] = {
    "customer_ids": _ids("user_id"),
    "email": _equal("email"),
    "first_name": _containing("first_name"),
    "last_name": _containing("last_name"),
    "rating": _coded("rating"),
    "customer_type": _by_type,
    "subscribed": _switch,
    "created_on_from": _bound(pc.greater_equal),
    "created_on_to": _bound(pc.less_equal),
    "phone_number": _phone,
    "city": _containing("billing_city"),
    "zip_code": _equal("billing_zip_code"),
    "exported": _switch,
    "channel": _coded("channel"),
    "corporate_name": _containing("corporate_name"),
    "company_ids": _ids("company_id"),
}
