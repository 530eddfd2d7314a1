"""The invented customers: the same everywhere, and like life."""

import hashlib
import os
import subprocess
import sys
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
    assert fingerprint(truth).startswith("82c5be4796b0aefa")
    assert fingerprint(list(Population(8).founders(COUNT))) != fingerprint(truth)
    code = (
        "import hashlib; from sc_pandas.sandbox.people import Population; "
        f"print(hashlib.sha256(repr(list(Population(7).founders({COUNT}))).encode()).hexdigest())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == fingerprint(truth)


def test_nobody_is_real(truth: list[dict[str, Any]]) -> None:
    """E-mails lead nowhere, telephones are of films, and cards are canaries."""
    domains = {record["email"].lower().rpartition("@")[2] for record in truth if record["email"]}
    assert all(domain.endswith((".test", ".example")) or domain.startswith("example.") for domain in domains)
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
