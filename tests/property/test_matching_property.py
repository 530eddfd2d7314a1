"""`df.sellercloud.where` gives the server's answer for every filter that both can judge."""

import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

import sc_pandas as sc
from sc_pandas.query.connection import Connection
from tests.support.shops import shop_of
from tests.support.truth_frames import PHONES, with_truth

UNJUDGED = {"keyword", "modified_on_from", "modified_on_to"}
JUDGED = tuple(name for name in sc.CustomerFilter.names if name not in UNJUDGED)
TEXTS = {
    "zip_code": "zip_code",
    **{name: name for name in ("email", "first_name", "last_name", "corporate_name", "city")},
}
# Case that changes lengths, blanks of many kinds, both spellings of accents, emoji, digits that are not 0 to 9.
AWKWARD = (
    "STRASSE", "straße", "ẞ", "İstanbul", "istanbul", "ﬁne", "FINE", "Ⅷ", "Σίσυφος", "ΣΊΣΥΦΟς", " lead", "trail ", "in ner",
    "nb\u00a0sp", "tab\t", "Zo\u00eb", "Zoe\u0308", "zoe", "👩‍👩‍👧‍👦", "👍🏽", "👍", "%", "_", "*", "a.c", "a+c", "\\", "'", '"', "",
    "١٢٣", "１２３", "x@y", " X@Y ", "NULL", "None", "\u200b", "ǆ", "ŉ",
)  # fmt: skip
NUMBERS = ("", "555-01", "+1 (212) 555-0134 x12", "٥٥٥", "５５５", "1", "ext", "(0)", "00", None, "5 5 5")


class World(NamedTuple):
    shop: Connection
    frame: pd.DataFrame
    truth: list[dict[str, Any]]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory() as folder, sc.sandbox.serve(customers=300, seed=23) as box:
        for number, record in enumerate(box.customers()):
            text = AWKWARD[number % len(AWKWARD)]
            fields = list(TEXTS)
            if number < 6 * len(AWKWARD):
                field = fields[number // len(AWKWARD)]
                box.update(record["user_id"], **{field: text or (None if field != "last_name" else "")})
            elif number < 6 * len(AWKWARD) + 40:
                box.update(record["user_id"], **{PHONES[number % 5]: NUMBERS[number % len(NUMBERS)]})
            else:
                box.update(record["user_id"], channel=[record["channel"], 999][number % 2])
        with shop_of(box, Path(folder), dialect="swagger") as shop:
            truth = box.customers()
            yield World(shop, with_truth(shop.customers().to_pandas(), truth), truth)


def values_of(name: str, truth: list[dict[str, Any]]) -> st.SearchStrategy[Any]:
    """Values of a filter: those of customers, in another case, in part, and others."""
    records = st.sampled_from(truth)
    if name in TEXTS or name == "phone_number":
        fields = PHONES if name == "phone_number" else (TEXTS[name],)
        whole = st.sampled_from(sorted({record[field] for record in truth for field in fields if record[field]}))
        awkward = [text for text in (NUMBERS if name == "phone_number" else AWKWARD) if text]
        free = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=4)
        texts = st.one_of(whole, whole, st.sampled_from(awkward), free).flatmap(pieces)
        return texts.filter(lambda text: bool(text.strip()) and len(text) < 60)
    choices: dict[str, st.SearchStrategy[Any]] = {
        "customer_ids": records.map(lambda record: record["user_id"]) | st.integers(1, 5_000),
        "company_ids": st.sampled_from([163, 170, 202, 7]), "rating": st.sampled_from(list(sc.Rating)),
        "customer_type": st.sampled_from(["Retail", "Wholesale"]), "subscribed": st.sampled_from([True, False, -1]),
        "exported": st.sampled_from([True, False, -1]),
        "channel": records.map(lambda record: record["channel"]) | st.sampled_from([30, 999, 1234]),
    }  # fmt: skip
    moments = st.tuples(records, st.sampled_from([0, 0, 1, -1, 86_400])).map(
        lambda pair: pair[0]["created_on"] + timedelta(seconds=pair[1])
    )
    return choices.get(name, moments)


def pieces(text: str) -> st.SearchStrategy[str]:
    ends = st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).map(sorted)
    cut = ends.map(lambda pair: text[pair[0] : pair[1]])
    cases = [text.upper(), text.lower(), text.casefold(), text.swapcase(), text.title()]
    return st.one_of(st.just(text), cut, st.sampled_from(cases))


def agree(world: World, asked: dict[str, Any]) -> int:
    mine = world.frame.sellercloud.where(**asked)
    theirs = world.shop.customers(**asked).to_pandas()
    assert mine["user_id"].tolist() == theirs["user_id"].tolist(), asked
    return len(mine)


@pytest.mark.parametrize("name", JUDGED)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_where_is_the_server_s_answer_for_each_filter(name: str, world: World, data: st.DataObject) -> None:
    value = values_of(name, world.truth)
    # A date takes one value, the others take lists.
    values = value if "created_on" in name else value | st.lists(value, min_size=2, max_size=3)
    asked = data.draw(values, label=name)
    found = agree(world, {name: asked})
    event("nobody" if not found else "everybody" if found == len(world.frame) else "some")


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_where_is_the_server_s_answer_for_filters_together(world: World, data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(JUDGED), min_size=2, max_size=3, unique=True))
    asked = {name: data.draw(values_of(name, world.truth), label=name) for name in names}
    if len(bounds := sorted(asked[name] for name in ("created_on_from", "created_on_to") if name in asked)) == 2:
        asked["created_on_from"], asked["created_on_to"] = bounds
    agree(world, asked)
