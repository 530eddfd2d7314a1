"""The invented customers: the same everywhere, and like life."""

import hashlib
import os
import subprocess
import sys
import unicodedata
from collections import Counter
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from sc_pandas.sandbox.people import Population
from sc_pandas.sandbox.rendering import to_json

COUNT = 1037


@pytest.fixture(scope="module")
def truth() -> list[dict[str, Any]]:
    return list(Population(7).founders(COUNT))


def fingerprint(records: list[dict[str, Any]]) -> str:
    return hashlib.sha256(repr(records).encode()).hexdigest()


def test_the_same_seed_gives_the_same_customers_everywhere(truth: list[dict[str, Any]]) -> None:
    """In another interpreter, and as when the digest was written: README and notebooks show these customers."""
    assert fingerprint(truth).startswith("8c7d75ffe534eb74")
    assert fingerprint(list(Population(8).founders(COUNT))) != fingerprint(truth)
    code = (
        "import hashlib; from sc_pandas.sandbox.people import Population; "
        f"print(hashlib.sha256(repr(list(Population(7).founders({COUNT}))).encode()).hexdigest())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == fingerprint(truth)


def test_more_customers_come_every_year_some_by_an_import() -> None:
    """An import puts dozens of customers into one minute, but fewer than a page."""
    moments = [record["created_on"] for record in Population(7).founders(5000)]
    years = Counter(moment.year for moment in moments)
    assert years[2019] < years[2021] < years[2023] < years[2025]
    assert 24 <= max(Counter(moment.replace(second=0) for moment in moments).values()) <= 50


def test_emails_are_missing_or_twice_now_and_then_and_lead_nowhere(truth: list[dict[str, Any]]) -> None:
    emails = [record["email"] for record in truth]
    assert 0.02 < emails.count(None) / COUNT < 0.06
    domains = {email.lower().rpartition("@")[2] for email in emails if email}
    assert all(domain.endswith(".test") or domain.startswith("example.") for domain in domains)
    assert any("marketplace" in domain for domain in domains)
    assert {";" in record["email_cc"] for record in truth if record["email_cc"]} == {True, False}
    # Some people are there twice, in two spellings.
    spellings = {email for email in emails if email}
    assert len(spellings) - len({email.casefold() for email in spellings}) >= 5


def test_names_come_in_many_alphabets_and_are_untidy(truth: list[dict[str, Any]]) -> None:
    text = "".join(record["first_name"] + record["last_name"] for record in truth)
    scripts = {unicodedata.name(character, "?").partition(" ")[0] for character in text if character.isalpha()}
    assert {"LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "CJK", "HIRAGANA", "HANGUL"} <= scripts
    assert any(record["last_name"] == "" for record in truth)
    names = {record["first_name"] for record in truth}
    assert any(name != name.strip() for name in names)
    assert {name for name in names if name.startswith("Zo")} == {"Zo\u00eb", "Zoe\u0308"}
    hostile = [r for r in truth if any(mark in r["first_name"] for mark in ("=", "<", "';", "')"))]
    assert 1 <= len(hostile) <= 10


def test_custom_columns_are_of_every_type_with_all_fourteen_keys(truth: list[dict[str, Any]]) -> None:
    columns = [column for record in truth for column in record["custom_columns"]]
    assert {column["DataType"] for column in columns} == set(range(7))
    assert {len(column) for column in columns} == {14}
    values = {number: [c["Value"] for c in columns if c["DataType"] == number] for number in range(7)}
    kinds = {number: {type(value) for value in each} - {type(None)} for number, each in values.items()}
    assert kinds == {0: {str}, 1: {int}, 2: {Decimal}, 3: {str}, 4: {bool}, 5: {str}, 6: {str}}
    assert any(not record["custom_columns"] for record in truth)
    assert any("\n" in (text or "") and "<" in (text or "") for text in values[5])


def test_cards_are_canaries_and_phones_are_fiction(truth: list[dict[str, Any]]) -> None:
    cards = [card for record in truth for card in record["cards"]]
    assert cards
    assert all("CANARY" in card["CardNumber"] and "CANARY" in card["CVV"] for card in cards)
    phones = [record[name] for record in truth for name in ("phone1", "phone2", "mobile", "fax") if record[name]]
    assert all("55501" in "".join(filter(str.isdigit, phone)) for phone in phones)


def test_decimals_keep_their_last_nought_on_the_wire() -> None:
    random = Random(1)
    for _ in range(200):
        value = Decimal(random.randrange(10**8)).scaleb(-random.randrange(2, 5))
        assert to_json([value, {"a": value}]) == f'[{value:f},{{"a":{value:f}}}]'.encode()
