"""What may be written into a customer's record: every field with the type of value that it takes."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Annotated, Any, Final

import msgspec

from sc_pandas.sandbox.parameters import CODES

_TEXTS: Final = (
    "title first_name last_name email email_cc corporate_name is_wholesale_string ebay_user_id source_id city zip_code "
    "phone1 phone2 phone3 mobile fax sales_man comment tax_exempt_type invoice_note billing_cycle_start"
)
_KINDS: Final[tuple[tuple[Any, str, str], ...]] = (
    (int, "a whole number", "rating channel company_id account_manager_id credit_term notes_count"),
    (bool, "True or False", "is_whole_sale_user is_black_listed subscribed exported tax_exempt"),
    (Annotated[datetime, msgspec.Meta(tz=False)], "a datetime without a zone", "created_on modified_on"),
    (float, "a number", "order_handling_fee wholesale_discount credit_limit"),
    (list, "a list", "business_aliases addresses groups cards custom_columns"),
    (str | None, "text or None", _TEXTS),
)
# All of a record but its id, which nobody chooses: the type of each, and that type in words.
FIELDS: Final = {name: (kind, words) for kind, words, names in _KINDS for name in names.split()}


def checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields as a record holds them; TypeError if one is unknown or not to be chosen, or of another type."""
    known(fields, FIELDS, "a record has no field {} to be set")
    return {name: _fitting(name, value) for name, value in fields.items()}


def _fitting(name: str, value: Any) -> Any:
    kind, words = FIELDS[name]
    try:
        return msgspec.convert(value, kind, builtin_types=[datetime])
    except msgspec.ValidationError:
        codes = CODES.get(name, {})
        meant = "".join(f" ({code} is {each})" for code, each in codes.items() if each == value)
        raise TypeError(f"{name} takes {words}{meant}; got {type(value).__name__} {value!r}") from None


def known(names: Iterable[str], allowed: Iterable[str], refusal: str) -> None:
    """Refuse a name that is not among those allowed, with the nearest one that is.

    The TypeError says `refusal`, the name in place of its braces.
    """
    for name in names:
        if name not in allowed:
            near = get_close_matches(name, allowed, n=1)
            hint = f" Did you mean {near[0]}?" if near else f" There are: {', '.join(allowed) or 'none'}."
            raise TypeError(f"{refusal.format(name)}.{hint}")


def whole(name: str, value: object) -> None:
    """Refuse what is not a count: TypeError if it is no whole number, ValueError if it is negative."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} takes a whole number; got {type(value).__name__} {value!r}")
    if value < 0:
        raise ValueError(f"{name} must not be negative, got {value}")
