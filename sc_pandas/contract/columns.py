"""The columns of a frame of customers: whether their values name a person, and which of them customers are counted by.

A column that is not listed here may hold anything, so it counts as personal.  `redact` empties personal columns;
`pseudonymize` replaces their values by tokens, or empties them if they have no kind of token.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final, Literal

from sc_pandas.contract.details import DETAILS
from sc_pandas.contract.includes import PARTITIONS
from sc_pandas.contract.spelling import column_name

# The tenant's own columns begin so.
CUSTOM: Final = "custom."
PHONES: Final = ("phone1", "phone2", "phone3", "mobile")
NAMES: Final = ("first_name", "last_name", "corporate_name")
# Columns that sort customers into kinds, in the order in which people look for them.
COUNTED: Final = (
    "rating_name", "is_wholesale_string", "channel", "customer_type", "subscribed", "exported", "created_month",
    "modified_month", "company_id", "groups", "tax_exempt", "is_black_listed", "sales_man", "billing_country",
    "shipping_country",
)  # fmt: skip
ColumnKind = Literal["id", "label", "figure", "list", "personal"]


@dataclass(frozen=True, slots=True)
class ColumnFact:
    """What is known of a column.

    A `kind` that is not personal names nobody: texts of a small set ("label"), numbers, flags and dates ("figure"), or
    lists.  Equal personal values have equal tokens in all columns of one `token`; without one they are taken out.
    `is_shared`: personal, but so coarse that many customers share a value: a city, a country.
    """

    kind: ColumnKind
    token: str = ""
    is_shared: bool = False


_KINDS: Final[Mapping[ColumnKind, tuple[str, ...]]] = {
    "id": ("user_id",),
    "label": ("rating_name", "is_wholesale_string", "channel", "customer_type", "tax_exempt_type",
              "order_pdf_invoice_plugin"),
    "figure": ("rating", "is_whole_sale_user", "subscribed", "exported", "created_month", "modified_month",
               "created_on", "company_id", "tax_exempt", "credit_term", "credit_limit", "billing_cycle_startdate",
               "order_handling_fee", "wholesale_discount", "apply_shipping_charges_to_order_total",
               "allow_shipping_un_paid_orders", "disable_ship_notifications",
               "send_invoice_with_ship_notification_email", "notes_count", "is_black_listed"),
    "list": ("groups", "group_ids"),
    "personal": ("addresses", "comment", "title", "invoice_note", "business_aliases",
                 *map("".join, product(("account_manager",), ("", "2", "3"), ("_id", "_commission"))),
                 *map("".join, product(("billing_", "shipping_"), ("address", "address2")))),
}  # fmt: skip
_SHARED: Final = ("city", "state", "region", "country")
_OF_ADDRESSES: Final = {"contact_name": "name", "company_name": "company", "phone": "phone", "fax": "phone"}
_TOKENS: Final[Mapping[str, str]] = {
    "email": "email", "email_cc": "email", "first_name": "first_name", "last_name": "last_name", "name": "name",
    "corporate_name": "company", "e_bay_user_id": "e_bay_user_id", "source_id": "source_id", "sales_man": "sales_man",
    **dict.fromkeys((*PHONES, "fax"), "phone"),
    **{side + place: place for side in ("", "billing_", "shipping_") for place in (*_SHARED, "zip_code")},
    **{side + name: token for side in ("billing_", "shipping_") for name, token in _OF_ADDRESSES.items()},
}  # fmt: skip
COLUMNS: Final[Mapping[str, ColumnFact]] = {
    **{name: ColumnFact(kind) for kind, names in _KINDS.items() for name in names},
    **{name: ColumnFact("personal", token, is_shared=token in _SHARED) for name, token in _TOKENS.items()},
}
_OF_ROLES: Final = (*_SHARED, "contact_name", "company_name", "phone", "zip_code", "address", "address2")
# What `include=` calls that which has a column.
INCLUDE_OF: Final[Mapping[str, str]] = {
    **{column_name(fact.key): name for name, facts in DETAILS.items() for fact in facts if fact.kind != "groups"},
    **dict.fromkeys(map("".join, product(("billing_", "shipping_"), _OF_ROLES)), "addresses"),
    **dict.fromkeys(("groups", "group_ids"), "groups"),
    **{name: name for name in PARTITIONS},
}
