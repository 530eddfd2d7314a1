"""From a customer's record to the JSON that the server sends."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


def _fields(text: str) -> dict[str, str]:
    """Split pairs of the API's name of a field and the record's."""
    return dict(pair.split(":") for pair in text.split())


_LIST: Final = _fields(
    "UserID:user_id Email:email FirstName:first_name LastName:last_name EmailCC:email_cc Rating:rating "
    "CorporateName:corporate_name IsWholeSaleUser:is_whole_sale_user IsWholesaleString:is_wholesale_string "
    "CustomColumns:custom_columns"
)
_GENERAL: Final = _fields(
    "ID:user_id Title:title Email:email EmailCC:email_cc CorporateName:corporate_name "
    "BusinessAliases:business_aliases EBayUserID:ebay_user_id SourceId:source_id IsBlackListed:is_black_listed "
    "IsWholeSaleUser:is_whole_sale_user"
)
_INTERNAL: Final = _fields(
    "CompanyID:company_id AccountManagerId:account_manager_id SalesMan:sales_man Comment:comment LocalRating:rating "
    "CreatedOn:created_on"
)
_ORDER_OPTIONS: Final = _fields(
    "TaxExempt:tax_exempt TaxExemptType:tax_exempt_type OrderHandlingFee:order_handling_fee "
    "InvoiceNote:invoice_note WholesaleDiscount:wholesale_discount"
)
_PERSONAL: Final = _fields("Phone1:phone1 Phone2:phone2 Phone3:phone3 Mobile:mobile Fax:fax")
_WHOLESALE: Final = _fields("CreditTerm:credit_term CreditLimit:credit_limit BillingCycleStartdate:billing_cycle_start")


def _all(value: object, names: str) -> dict[str, object]:
    return dict.fromkeys(names.split(), value)


# Switches of the vendor's edit form that no customer of ours sets.
_INTERNAL_DEFAULTS: Final = {
    **_all(0.0, "AccountManagerCommission AccountManager2Commission AccountManager3Commission"),
    **_all(0, "AccountManager2Id AccountManager3Id"),
}
_ORDER_DEFAULTS: Final = {
    **_all(False, "ApplyShippingChargesToOrderTotal DisableShipNotifications AllowShippingUnPaidOrders"),
    **_all(False, "SendInvoiceWithShipNotificationEmail SitePriceBasedDiscountEnabled"),
    **_all(None, "OrderPDFInvoicePlugin"),
}


def to_json(value: object) -> bytes:
    """Encode a value as the server does: compact, UTF-8, decimals digit for digit."""
    return _ENCODER.encode(value)


def list_item(record: Mapping[str, Any]) -> bytes:
    """Return the customer as a row of the list: exactly the ten fields."""
    return to_json({field: record[name] for field, name in _LIST.items()})


def list_body(items: Sequence[bytes] | None, total: int) -> bytes:
    """Return the envelope around finished rows."""
    rows = b"null" if items is None else b"[%s]" % b",".join(items)
    return b'{"Items":%s,"TotalResults":%d}' % (rows, total)


def detail(record: Mapping[str, Any]) -> bytes:
    """Return the single customer: the vendor's edit form, block by block."""
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
