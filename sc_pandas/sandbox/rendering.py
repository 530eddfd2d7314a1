"""From a customer's record to the JSON texts the server sends."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sc_pandas.sandbox.parameters import RATINGS

LIST_FIELDS: Final = {
    "UserID": "user_id",
    "Email": "email",
    "FirstName": "first_name",
    "LastName": "last_name",
    "EmailCC": "email_cc",
    "Rating": "rating",
    "CorporateName": "corporate_name",
    "IsWholeSaleUser": "is_whole_sale_user",
    "IsWholesaleString": "is_wholesale_string",
    "CustomColumns": "custom_columns",
}

_GENERAL: Final = {
    "ID": "user_id",
    "Title": "title",
    "Email": "email",
    "EmailCC": "email_cc",
    "CorporateName": "corporate_name",
    "BusinessAliases": "business_aliases",
    "EBayUserID": "ebay_user_id",
    "SourceId": "source_id",
    "IsBlackListed": "is_black_listed",
    "IsWholeSaleUser": "is_whole_sale_user",
}
_INTERNAL: Final = {
    "CompanyID": "company_id",
    "AccountManagerId": "account_manager_id",
    "SalesMan": "sales_man",
    "Comment": "comment",
    "LocalRating": "rating",
    "CreatedOn": "created_on",
}
_ORDER_OPTIONS: Final = {
    "TaxExempt": "tax_exempt",
    "TaxExemptType": "tax_exempt_type",
    "OrderHandlingFee": "order_handling_fee",
    "InvoiceNote": "invoice_note",
    "WholesaleDiscount": "wholesale_discount",
}
_PERSONAL: Final = {
    "Phone1": "phone1",
    "Phone2": "phone2",
    "Phone3": "phone3",
    "Mobile": "mobile",
    "Fax": "fax",
}
_WHOLESALE: Final = {
    "CreditTerm": "credit_term",
    "CreditLimit": "credit_limit",
    "BillingCycleStartdate": "billing_cycle_start",
}
# Switches of the vendor's edit form that no customer of ours sets.
_INTERNAL_DEFAULTS: Final = {
    "AccountManagerCommission": 0.0,
    "AccountManager2Id": 0,
    "AccountManager2Commission": 0.0,
    "AccountManager3Id": 0,
    "AccountManager3Commission": 0.0,
}
_ORDER_DEFAULTS: Final = {
    "ApplyShippingChargesToOrderTotal": False,
    "ApplyShippingChargesToOrderTotalVisible": False,
    "AllowShippingUnPaidOrders": False,
    "AllowShippingUnPaidOrdersEditble": True,
    "DisableShipNotifications": False,
    "OrderPDFInvoicePlugin": None,
    "SendInvoiceWithShipNotificationEmail": False,
    "SitePriceBasedDiscountVisible": False,
    "SitePriceBasedDiscountEnabled": False,
    "SitePriceBasedDiscountValue": 0.0,
    "CostPlusBasedWholeSalePriceVisible": False,
    "CostPlusBasedWholeSalePriceEnabled": False,
    "CostPlusBasedWholeSalePricePercent": 0.0,
    "CostPlusBasedWholeSalePriceUsingType": 0,
}

# The json module cannot write a decimal as a number: it goes in as a marked text, and the marks come off afterwards.
_MARK: Final = "\ufdd0"  # Unicode promises never to assign it
_MARKED: Final = re.compile(f'"{_MARK}([^"]*){_MARK}"')


def _encodable(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{_MARK}{value:f}{_MARK}"
    raise TypeError(f"no JSON for {type(value).__name__}")


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_encodable)


def to_json(value: object) -> str:
    """Encode a value as the server does: compact, UTF-8, decimals digit for digit.

    Examples
    --------
    >>> to_json({"Name": "Zoë", "Value": Decimal("1234.50"), "More": [Decimal("1.0001")]})
    '{"Name":"Zoë","Value":1234.50,"More":[1.0001]}'
    """
    text = _ENCODER.encode(value)
    return _MARKED.sub(r"\1", text) if _MARK in text else text


def list_item(record: Mapping[str, Any]) -> str:
    """Give the customer as a row of the list: exactly the ten fields."""
    return to_json({field: record[name] for field, name in LIST_FIELDS.items()})


def article_item(record: Mapping[str, Any]) -> str:
    """Give the customer as a server might that was written from the endpoint's article alone."""
    billing = record["addresses"][0] if record["addresses"] else {}
    name = f"{record['first_name'] or ''} {record['last_name'] or ''}".strip()
    created_on: datetime = record["created_on"]
    return to_json(
        {
            "ID": record["user_id"],
            "Name": name,
            "Email": record["email"],
            "CreatedOn": created_on.isoformat(),
            "CustomerType": record["is_wholesale_string"],
            "Rating": RATINGS.get(record["rating"], str(record["rating"])),
            "Address": {
                "City": record["city"],
                "ZipCode": record["zip_code"],
                "Country": billing.get("Country"),
            },
            "Tags": [group["Name"] for group in record["groups"]],
            "Balance": Decimal(f"{record['credit_limit'] * 0.25:.2f}"),
            "Active": not record["is_black_listed"],
        }
    )


def list_body(items: Sequence[str] | None, total: int) -> str:
    """Give the envelope around finished rows.

    Examples
    --------
    >>> list_body(['{"UserID":1}', '{"UserID":2}'], 9)
    '{"Items":[{"UserID":1},{"UserID":2}],"TotalResults":9}'
    """
    rows = "null" if items is None else f"[{','.join(items)}]"
    return f'{{"Items":{rows},"TotalResults":{total}}}'


def detail(record: Mapping[str, Any]) -> str:
    """Give the single customer: the vendor's edit form, block by block."""
    name = f"{record['first_name'] or ''} {record['last_name'] or ''}".strip()
    groups = [{**group, "RowStatus": 0} for group in record["groups"]]
    return to_json(
        {
            "General": _block(record, _GENERAL) | {"Name": name},
            "Internal": _block(record, _INTERNAL) | _INTERNAL_DEFAULTS,
            "OrderOptions": _block(record, _ORDER_OPTIONS) | _ORDER_DEFAULTS,
            "Personal": _block(record, _PERSONAL),
            "Addresses": record["addresses"],
            "WholesaleOptions": _block(record, _WHOLESALE),
            "CustomerGroups": {"CustomerGroups": groups, "IsModified": False},
            "CreditCards": record["cards"],
            "CustomColumns": record["custom_columns"],
            "NotesCount": record["notes_count"],
            "IsModified": False,
        }
    )


def _block(record: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, Any]:
    return {field: record[name] for field, name in fields.items()} | {"IsModified": False}
