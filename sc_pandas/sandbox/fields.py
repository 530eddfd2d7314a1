"""What may be written into a customer's record: every field with the type of value that it takes."""

import operator
from collections.abc import Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Final, Literal, SupportsIndex

from sc_pandas.sandbox.parameters import CODES

Kind = Literal["code", "flag", "time", "amount", "list", "text"]

_NAMES: Final[Mapping[Kind, str]] = {
    "code": "rating channel company_id account_manager_id credit_term notes_count",
    "flag": "is_whole_sale_user is_black_listed subscribed exported tax_exempt",
    "time": "created_on modified_on",
    "amount": "order_handling_fee wholesale_discount credit_limit",
    "list": "business_aliases addresses groups cards custom_columns",
    "text": (
        "title first_name last_name email email_cc corporate_name is_wholesale_string ebay_user_id source_id city "
        "zip_code phone1 phone2 phone3 mobile fax sales_man comment tax_exempt_type invoice_note billing_cycle_start"
    ),
}
# All of a record but its id, which nobody chooses.
FIELDS: Final[Mapping[str, Kind]] = {name: kind for kind, names in _NAMES.items() for name in names.split()}
_FEW: Final = 10


def checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Give fields as a record holds them.

    Raises
    ------
    TypeError
        If a field is unknown or not to be chosen, or a value is of another type.

    Examples
    --------
    >>> checked({"chanel": 4})
    Traceback (most recent call last):
    ...
    TypeError: not a field to be set: chanel. Did you mean channel?
    >>> checked({"channel": "Etsy"})
    Traceback (most recent call last):
    ...
    TypeError: channel takes a whole number, the vendor's code (24 is Etsy); got str 'Etsy'
    """
    unknown = sorted(fields.keys() - FIELDS.keys())
    if unknown:
        near = [each for name in unknown for each in get_close_matches(name, FIELDS, n=1)]
        hint = f". Did you mean {', '.join(near)}?" if near else ""
        raise TypeError(f"not a field to be set: {', '.join(unknown)}{hint}")
    return {name: _fitting(name, value) for name, value in fields.items()}


def whole(name: str, value: object, meaning: str) -> int:
    """Give a whole number as a plain `int`.

    Raises
    ------
    TypeError
        If it is none.

    Examples
    --------
    >>> whole("customers", "20", "how many")
    Traceback (most recent call last):
    ...
    TypeError: customers takes a whole number, how many; got str '20'
    """
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        raise TypeError(f"{name} takes a whole number, {meaning}; got {type(value).__name__} {value!r}")
    return operator.index(value)


def _fitting(name: str, value: Any) -> Any:
    if FIELDS[name] == "code":
        return whole(name, value, _meaning(name, value))
    is_right, wanted = _judged(FIELDS[name], value)
    if not is_right:
        raise TypeError(f"{name} takes {wanted}; got {type(value).__name__} {value!r}")
    return value


def _meaning(name: str, value: object) -> str:
    """Say which number is meant; codes that the vendor does not list are for trying out what comes one day."""
    codes = CODES.get(name)
    if codes is None:
        return "an id or a count"
    named = {code: each for code, each in codes.items() if each.casefold() == str(value).casefold()}
    shown = named or (codes if len(codes) < _FEW else {4: codes[4]})
    return f"the vendor's code ({', '.join(f'{code} is {each}' for code, each in shown.items())})"


def _judged(kind: Kind, value: Any) -> tuple[bool, str]:
    if kind == "flag":
        return isinstance(value, bool), "True or False"
    if kind == "time":
        return isinstance(value, datetime) and value.tzinfo is None, "a datetime without a zone"
    if kind == "amount":
        return isinstance(value, int | float) and not isinstance(value, bool), "a number"
    if kind == "list":
        return isinstance(value, list), "a list"
    return value is None or isinstance(value, str), "text or None"
