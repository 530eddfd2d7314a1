"""Invented customers: the same ones for the same seed, on every machine.

Only `random.Random.random` is drawn from, and only with arithmetic that IEEE 754 fixes to the last bit (a square
root, but no ``pow``, no ``log``), so a record does not depend on the platform's mathematics library or on hash
randomisation.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt
from random import Random
from typing import Any, Final, TypeVar

from sc_pandas.sandbox import words
from sc_pandas.sandbox.columns import custom_columns

Record = dict[str, Any]
T = TypeVar("T")

FIRST_DAY: Final = datetime(2018, 10, 1)  # noqa: DTZ001 - the API's dates carry no zone
LAST_DAY: Final = datetime(2026, 9, 30)  # noqa: DTZ001
FIRST_ID: Final = 1001

_SPAN_S: Final = int((LAST_DAY - FIRST_DAY).total_seconds())
_CHANNEL_SHARES: Final = (
    *((4, 26), (1, 20), (6, 14), (0, 9), (20, 8), (42, 7), (24, 5), (15, 4), (21, 3)),
    *((46, 1), (64, 1), (62, 1), (79, 1)),
)
_RELAYS: Final = {
    4: "marketplace.amazon.test",
    20: "marketplace.amazon.test",
    1: "members.ebay.test",
    42: "relay.walmart.test",
}
_RATING_SHARES: Final = ((0, 72), (1, 3), (2, 3), (3, 6), (4, 8), (5, 8))
_CREDIT_TERMS: Final = (0, 15, 30, 30, 45, 60)

# A few customers nobody would invent: hostile-looking names, and one name in both of Unicode's spellings; smaller
# populations stay plain.
_ODD_FROM: Final = 100
_ODD: Final[dict[int, dict[str, Any]]] = {
    11: {"first_name": "Zo\u00eb", "last_name": "Composed"},  # NFC
    12: {"first_name": "Zoe\u0308", "last_name": "Decomposed"},  # NFD: looks the same, is not equal
    23: {"first_name": '=HYPERLINK("http://evil.test","x")', "last_name": "+cmd|' /C calc'!A0"},
    29: {"first_name": "<b>Bob</b>", "last_name": "<script>alert(1)</script>"},
    31: {"first_name": "Siobhán", "last_name": "O'Brien"},
    37: {"first_name": "Robert'); --", "last_name": "DROP TABLE customers"},
    41: {"first_name": "NULL", "last_name": "None"},
    43: {"first_name": "\u202eRTL", "last_name": 'tab\tnewline\nquote"'},
    47: {"first_name": "👩‍👩‍👧‍👦", "last_name": "🦊"},
    53: {"first_name": "-1+1", "last_name": "@SUM(A1:A9)", "corporate_name": "100% \\ Co; drop"},
}


def _hundred(shares: Sequence[tuple[T, int]]) -> tuple[T, ...]:
    """Spread values with shares over a hundred slots: one draw picks."""
    slots = tuple(value for value, share in shares for _ in range(share))
    if len(slots) != 100:
        raise AssertionError(f"shares add up to {len(slots)}")
    return slots


_CHANNEL_SLOTS: Final = _hundred(_CHANNEL_SHARES)
_RATING_SLOTS: Final = _hundred(_RATING_SHARES)
_REGION_SLOTS: Final = _hundred([(region, share) for share, region in words.REGIONS])


def _pick(random: Random, options: Sequence[T]) -> T:
    return options[int(random.random() * len(options))]


@dataclass
class Population:
    """Makes customers one after the other; some are earlier customers once more."""

    seed: int

    def __post_init__(self) -> None:
        self._random = Random(self.seed)
        self._recent: list[Record] = []
        self._last_id = FIRST_ID - 1

    def founders(self, count: int) -> Iterator[Record]:
        """Yield the customers a sandbox opens with, spread over eight years, in the order of their ids."""
        moments = list(_creation_moments(count, self._random))
        for position, created_on in enumerate(moments):
            record = self.next_customer(created_on, modified_on=self._modified(created_on))
            if count >= _ODD_FROM and position in _ODD:
                record |= _ODD[position]
            yield record

    def next_customer(self, created_on: datetime, modified_on: datetime | None = None) -> Record:
        """Make the customer with the next id; now and then ids are skipped, as an identity column does."""
        random = self._random
        self._last_id += 1 if self._last_id < FIRST_ID + 10 or random.random() < 0.9 else 2
        record = _person(self._last_id, random)
        if self._recent and random.random() < 0.02:
            _become_double(record, _pick(random, self._recent), random)
        record["created_on"] = created_on
        record["modified_on"] = modified_on or created_on
        self._recent.append(record)
        if len(self._recent) > 400:
            del self._recent[:200]
        return record

    def _modified(self, created_on: datetime) -> datetime:
        draw = self._random.random()
        if draw < 0.35:
            return created_on
        share = (draw - 0.35) / 0.65
        left = (LAST_DAY - created_on).total_seconds()
        return created_on + timedelta(seconds=int(left * share * share * share))


def _creation_moments(count: int, random: Random) -> Iterator[datetime]:
    """Yield moments in order: more of them every year, and now and then an import within one minute."""
    draws = sorted(random.random() for _ in range(count))
    left_in_import, import_second = 0, 0
    for draw in draws:
        if left_in_import:
            left_in_import -= 1
        else:
            share = draw * 0.25 + sqrt(draw) * 0.75  # more of them every year
            second = int(share * _SPAN_S)
            if second // 60 <= import_second // 60:
                second = import_second  # an import ran ahead of the clock of its neighbours
            elif count >= 100 and random.random() < 0.003:
                left_in_import = 24 + int(random.random() * 20)
                second -= second % 60
                import_second = second
        yield FIRST_DAY + timedelta(seconds=import_second if left_in_import else max(second, import_second))


def _person(user_id: int, random: Random) -> Record:
    region = _pick(random, _REGION_SLOTS)
    first, first_latin = _pick(random, region.first)
    last, last_latin = _pick(random, region.last)
    wholesale = random.random() < 0.15
    channel = 21 if wholesale and random.random() < 0.4 else _pick(random, _CHANNEL_SLOTS)
    corporate = _corporate_name(random) if wholesale else None
    latin = f"{first_latin}.{last_latin}"
    record: Record = {
        "user_id": user_id,
        "title": _pick(random, (None, None, None, "Mr.", "Ms.", "Dr.")),
        "first_name": _untidy(first, random),
        "last_name": "" if random.random() < 0.02 else _untidy(last, random),
        "email": _email(user_id, latin, channel, corporate, random),
        "email_cc": _email_cc(last_latin, random),
        "corporate_name": corporate,
        "business_aliases": [corporate.upper()] if corporate and random.random() < 0.2 else [],
        "rating": _pick(random, _RATING_SLOTS),
        "is_whole_sale_user": wholesale,
        "is_wholesale_string": "Wholesale" if wholesale else "Retail",
        "is_black_listed": random.random() < 0.01,
        "ebay_user_id": f"{last_latin}_{user_id}" if channel == 1 else None,
        "source_id": f"S-{user_id}" if channel not in {0, 6} else None,
        "custom_columns": custom_columns(user_id, random),
        "subscribed": random.random() < 0.4,
        "exported": random.random() < 0.7,
        "channel": channel,
        "company_id": _pick(random, (163, 163, 163, 163, 163, 163, 170, 170, 170, 202)),
    }
    record |= _contact(user_id, f"{first} {last}", corporate, region, random)
    record |= _account(user_id, f"{first_latin} {last_latin}".upper(), random, wholesale=wholesale)
    return record


def _corporate_name(random: Random) -> str:
    head, tail = _pick(random, words.COMPANY_FIRST), _pick(random, words.COMPANY_SECOND)
    return f"{head} {tail} {_pick(random, words.COMPANY_FORM)}"


def _untidy(name: str, random: Random) -> str:
    draw = random.random()
    if draw < 0.01:
        return f" {name}"
    if draw < 0.025:
        return f"{name} "
    return f"{name} 🎉" if draw > 0.998 else name


def _email(user_id: int, latin: str, channel: int, corporate: str | None, random: Random) -> str | None:
    draw = random.random()
    if draw < 0.04:
        return None
    if channel in _RELAYS and draw < 0.85:
        token = f"{int(random.random() * 36**6):x}{user_id:x}"
        return f"{token}@{_RELAYS[channel]}"
    if corporate and draw < 0.7:
        slug = re.sub(r"[^a-z]+", "", corporate.split()[0].lower()) or "buyer"
        return f"{latin}@{slug}.example"
    local = latin if draw < 0.3 else f"{latin}{user_id}"
    return f"{local.title() if draw > 0.95 else local}@{_pick(random, words.PUBLIC_DOMAINS)}"


def _email_cc(last_latin: str, random: Random) -> str | None:
    draw = random.random()
    if draw > 0.08:
        return None
    if draw < 0.03:
        return f"accounts@{last_latin}.test; office@{last_latin}.test"
    return f"{last_latin}.office@example.org"


def _phone(random: Random) -> str:
    area, line = _pick(random, words.AREA_CODES), f"01{int(random.random() * 100):02d}"
    shape = random.random()
    if shape < 0.35:
        return f"({area}) 555-{line}"
    if shape < 0.6:
        return f"{area}-555-{line}"
    if shape < 0.8:
        return f"+1 {area} 555 {line}"
    return f"{area}555{line}" if shape < 0.95 else f"{area}.555.{line} x{int(random.random() * 90) + 10}"


def _contact(user_id: int, name: str, corporate: str | None, region: words.Region, random: Random) -> Record:
    phone = None if random.random() < 0.12 else _phone(random)
    city, state, zip_code = _pick(random, region.places)
    billing: Record = {
        "ID": user_id * 10 + 1,
        "CompanyName": corporate,
        "ContactName": name,
        "Address": f"{int(random.random() * 900) + 1} {_pick(random, region.streets)}",
        "Address2": None if random.random() < 0.8 else f"Apt {int(random.random() * 40) + 1}",
        "City": city,
        "State": state,
        "Region": state,
        "ZipCode": zip_code,
        "Country": region.country,
        "Phone": phone,
        "Fax": None,
        "IsShippingAddress": True,
        "IsBillingAddress": True,
        "AddressSource": 0,
        "AddressStatus": _pick(random, (0, 1, 2, 2, 3)),
        "RowStatus": 0,
        "IsModified": False,
    }
    addresses = [billing]
    if random.random() < 0.15:
        elsewhere, its_state, its_code = _pick(random, region.places)
        place = {"ID": user_id * 10 + 2, "City": elsewhere, "State": its_state, "Region": its_state}
        addresses = [
            billing | {"IsShippingAddress": False},
            billing | place | {"ZipCode": its_code, "IsBillingAddress": False},
        ]
    return {
        "phone1": phone,
        "phone2": _phone(random) if random.random() < 0.1 else None,
        "phone3": _phone(random) if random.random() < 0.02 else None,
        "mobile": _phone(random) if random.random() < 0.3 else None,
        "fax": _phone(random) if random.random() < 0.04 else None,
        "addresses": addresses,
        "city": city,
        "zip_code": zip_code,
    }


def _account(user_id: int, name_on_card: str, random: Random, *, wholesale: bool) -> Record:
    exempt = wholesale and random.random() < 0.5
    has_card = random.random() < 0.25
    started = f"20{19 + int(random.random() * 7)}-0{1 + int(random.random() * 9)}-01T00:00:00"
    return {
        "groups": [{"ID": number, "Name": name} for number, name in words.GROUPS if random.random() < 0.06],
        "sales_man": _pick(random, words.SALES_PEOPLE) if wholesale else None,
        "comment": _pick(random, words.COMMENTS) if random.random() < 0.08 else None,
        "account_manager_id": 40 + int(random.random() * 4) if wholesale else 0,
        "tax_exempt": exempt,
        "tax_exempt_type": "wholesale" if exempt else "",
        "order_handling_fee": 2.5 if wholesale and random.random() < 0.1 else 0.0,
        "wholesale_discount": float(int(random.random() * 5) * 5) if wholesale else 0.0,
        "invoice_note": None,
        "credit_term": _pick(random, _CREDIT_TERMS) if wholesale else 0,
        "credit_limit": float(int(random.random() * 40) * 500) if wholesale else 0.0,
        "billing_cycle_start": started if wholesale else None,
        "notes_count": int(random.random() * 3) if random.random() < 0.2 else 0,
        # Canaries: no test may ever find these words in a frame, a file, a cache or a log.
        "cards": [_card(user_id, name_on_card)] if has_card else [],
    }


def _card(user_id: int, name: str) -> Record:
    return {
        "ID": user_id,
        "CardType": 1,
        "NameOnCard": name,
        "CardNumber": f"4000-CANARY-{user_id}",
        "ExpirationMonth": 12,
        "ExpirationYear": 2030,
        "IsDefault": True,
        "CVV": f"CVV-CANARY-{user_id}",
    }


def _become_double(record: Record, earlier: Record, random: Random) -> None:
    """Make a record the same person as an earlier one: same e-mail in another case, same phone."""
    email = earlier["email"]
    record["first_name"], record["last_name"] = earlier["first_name"], earlier["last_name"]
    if email:
        record["email"] = email.upper() if random.random() < 0.5 else email.capitalize()
    if earlier["phone1"]:
        record["phone1"] = earlier["phone1"]
