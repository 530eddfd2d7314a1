"""The sandbox's custom columns: one of every data type that the vendor counts, with values as customers have them."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final

_LABELS: Final = {"VIP": "Is a VIP", "Notes": "Notes (internal)"}
_CLIENT_ID: Final = 7001


def _definition(number: int, data_type: int, name: str, length: int, choices: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return thirteen of the fourteen documented keys; the fourteenth, ``Value``, belongs to the customer."""
    return {
        "ID": number,
        "DataType": data_type,
        "DataLength": length,
        "IsDropDownColumn": bool(choices),
        "IsDropDownCustomTextAllowed": False,
        "IsDropDownAllowMultipleSelection": False,
        "ClientID": _CLIENT_ID,
        "NewValue": None,
        "AllowHTMLPopup": data_type == 5,
        "DataSourceContainer": [{"Key": choice, "Value": choice, "Additional": None} for choice in choices],
        "IsRequired": False,
        "ColumnName": name,
        "DisplayName": _LABELS.get(name, name),
    }


_TIERS: Final = ("Bronze", "Silver", "Gold", "Platinum")
DEFINITIONS: Final = (
    _definition(11, 0, "Loyalty Tier", 50, _TIERS),
    _definition(12, 1, "Visits", 4),
    _definition(13, 2, "Lifetime Value", 18),
    _definition(14, 3, "Birthday", 8),
    _definition(15, 4, "VIP", 1),
    _definition(16, 5, "Notes", -1),
    _definition(17, 6, "Profile", 400),
)

_NOTES: Final = (
    "Left a review",
    "<p>Returns <b>often</b></p>\n<ul><li>size</li></ul>",
    "line one\r\nline two",
    '5" pipe & fittings, "as is"',
    "Grüße, 谢谢, شكرا 🙏",
)
_FIRST_BIRTHDAY: Final = date(1945, 1, 1)


def _money(random: Random) -> Decimal:
    places = 2 + int(random.random() * 3)
    units = int(random.random() * random.random() * 9_000 * 10**places)
    return Decimal(units).scaleb(-places)


def _birthday(random: Random) -> str:
    born = _FIRST_BIRTHDAY + timedelta(days=int(random.random() * 22_000))
    return f"{born.isoformat()}T00:00:00"


_VALUES: Final[dict[int, Callable[[int, Random], Any]]] = {
    0: lambda _, random: _TIERS[int(random.random() * random.random() * 4)],
    1: lambda _, random: int(random.random() * random.random() * 400),
    2: lambda _, random: _money(random),
    3: lambda _, random: _birthday(random),
    4: lambda _, random: random.random() < 0.2,
    5: lambda _, random: _NOTES[int(random.random() * len(_NOTES))],
    6: lambda user_id, _: f"https://crm.example.com/people/{user_id}?tab=orders&v=2",
}


def _value(data_type: int, user_id: int, random: Random) -> Any:
    return None if random.random() < 0.06 else _VALUES[data_type](user_id, random)


def custom_columns(user_id: int, random: Random) -> list[dict[str, Any]]:
    """Return a customer's custom columns as the API serves them: none for most, else the tenant's but for a few."""
    if random.random() < 0.55:
        return []
    return [
        definition | {"Value": _value(definition["DataType"], user_id, random)}
        for definition in DEFINITIONS
        if random.random() < 0.55
    ]
