"""The single customer, ``GET /api/Customers/{id}``: which of its fields are known, and which are ever cached.

Source: `CustomerDetailsDto` of the vendor's Swagger description of 2022; public clients confirm its blocks.  It has no
date of change: `modifiedOn` exists only as a filter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

# The id that the answer bears, by which it is known to be the one that was asked for.
DETAIL_ID: Final = ("General", "ID")


@dataclass(frozen=True, slots=True)
class DetailFact:
    """One field of the single customer: the block it stands in ("" for none), its key, and the kind of its values.

    Kinds are those of the frame's columns, and ``strings``, ``addresses`` and ``groups`` for the three lists.
    """

    block: str
    key: str
    kind: str


def _facts(block: str, **kinds: str) -> tuple[DetailFact, ...]:
    return tuple(DetailFact(block, key, kind) for key, kind in kinds.items())


# What `include=` calls them, in the order in which people look for them.
DETAILS: Final[Mapping[str, tuple[DetailFact, ...]]] = {
    "created_on": _facts("Internal", CreatedOn="timestamp"),
    "company_id": _facts("Internal", CompanyID="int64"),
    "phones": _facts("Personal", Phone1="string", Phone2="string", Phone3="string", Mobile="string", Fax="string"),
    "addresses": _facts("", Addresses="addresses"),
    "groups": _facts("CustomerGroups", CustomerGroups="groups"),
    "tax_exempt": _facts("OrderOptions", TaxExempt="bool", TaxExemptType="string"),
    "credit": _facts(
        "WholesaleOptions", CreditTerm="int64", CreditLimit="double", BillingCycleStartdate="timestamp"
    ),
    "order_options": _facts(
        "OrderOptions",
        OrderHandlingFee="double", WholesaleDiscount="double", ApplyShippingChargesToOrderTotal="bool",
        AllowShippingUnPaidOrders="bool", DisableShipNotifications="bool", SendInvoiceWithShipNotificationEmail="bool",
        InvoiceNote="string", OrderPDFInvoicePlugin="string",
    ),
    "sales_man": _facts("Internal", SalesMan="string"),
    "account_managers": _facts(
        "Internal",
        AccountManagerId="int64", AccountManagerCommission="double",
        AccountManager2Id="int64", AccountManager2Commission="double",
        AccountManager3Id="int64", AccountManager3Commission="double",
    ),
    "comment": _facts("Internal", Comment="string"),
    "notes_count": _facts("", NotesCount="int64"),
    "title": _facts("General", Title="string"),
    "name": _facts("General", Name="string"),
    "business_aliases": _facts("General", BusinessAliases="strings"),
    "e_bay_user_id": _facts("General", EBayUserID="string"),
    "source_id": _facts("General", SourceId="string"),
    "is_black_listed": _facts("General", IsBlackListed="bool"),
}  # fmt: skip
ADDRESS_KEYS: Final[Mapping[str, str]] = {
    "ID": "int64", "CompanyName": "string", "ContactName": "string", "Address": "string", "Address2": "string",
    "City": "string", "State": "string", "Region": "string", "ZipCode": "string", "Country": "string",
    "Phone": "string", "Fax": "string", "IsBillingAddress": "bool", "IsShippingAddress": "bool",
}  # fmt: skip
GROUP_KEYS: Final[Mapping[str, str]] = {"ID": "int64", "Name": "string"}
_OF_LISTS: Final[Mapping[str, Mapping[str, str]]] = {"addresses": ADDRESS_KEYS, "groups": GROUP_KEYS}
LIST_KINDS: Final = frozenset({"strings", *_OF_LISTS})
# Keys documented for the single customer; they keep their declared type wherever they turn up.
DETAIL_KEYS: Final[Mapping[str, str]] = {
    fact.key: fact.kind for facts in DETAILS.values() for fact in facts if fact.kind not in LIST_KINDS
}


def field_of(customer: Mapping[str, Any], fact: DetailFact) -> Any:
    """Return the value of a field of the single customer; None where the field or its block is missing."""
    block = customer.get(fact.block) if fact.block else customer
    return block.get(fact.key) if isinstance(block, Mapping) else None


def known_fields(customer: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a single customer without anything that is not listed here.

    The answer carries whole credit cards; only known fields are copied, so no card data passes under any name.
    Where another shape stands than is known, it is left empty, ``[]`` or ``{}``: enough to tell that it did not fit.
    """
    copy: dict[str, Any] = {}
    block, key = DETAIL_ID
    for fact in (DetailFact(block, key, "int64"), *(fact for facts in DETAILS.values() for fact in facts)):
        around = customer.get(fact.block) if fact.block else None
        if around is not None and not isinstance(around, Mapping):
            copy[fact.block] = _emptied(around)
            continue
        value = field_of(customer, fact)
        if value is not None:
            target = copy.setdefault(fact.block, {}) if fact.block else copy
            target[fact.key] = _known(value, fact.kind)
    return copy


def _known(value: Any, kind: str) -> Any:
    if kind not in LIST_KINDS or not isinstance(value, list):
        return _emptied(value)
    keys = _OF_LISTS.get(kind, {})
    return [
        {key: _emptied(each[key]) for key in keys if key in each}
        if keys and isinstance(each, Mapping)
        else _emptied(each)
        for each in value
    ]


def _emptied(value: Any) -> Any:
    """Return a single value as it is, and of anything else only its shape."""
    if isinstance(value, Mapping):
        return {}
    return [] if isinstance(value, list) else value
