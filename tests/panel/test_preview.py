"""Rows as HTML: text is text, small, and masked."""

import json
import unicodedata
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sc_pandas.panel.preview import MOST_BYTES, MOST_COLUMNS, counts_html, facet_counts, is_contact, mask, table_html
from sc_pandas.wording import LONGEST, visible
from tests.panel.hostile import HIDDEN, PAYLOADS, Seen, check_calm


def frame(**columns: Any) -> pd.DataFrame:
    """Return an Arrow-backed frame."""
    return pd.DataFrame(
        {name: pd.arrays.ArrowExtensionArray(pa.array(values, type=pa.string())) for name, values in columns.items()}
    )


def test_there_are_eighty_hostile_names_and_more() -> None:
    assert len(PAYLOADS) == len(set(PAYLOADS)) >= 80


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_a_hostile_name_is_text_in_cells_heads_and_counts(payload: str) -> None:
    """Only our tags, no script, no handler, no comment; the text is what `visible` says."""
    rows = frame(**{payload: [payload, None], "first_name": [payload, "Ada"]})
    for masked in (False, True):
        seen = check_calm(table_html(rows, masked=masked))
        assert seen.cells[0] == visible(payload)
        assert len(seen.cells) == 6
    assert Seen(table_html(rows, masked=False)).cells[2:4] == [visible(payload)] * 2


@given(st.text(st.characters(codec=None)))
def test_any_text_is_shown_as_text_without_hidden_characters(text: str) -> None:
    seen = Seen(table_html(pd.DataFrame({"a": [text]}, dtype=object), masked=False)).cells[1]
    assert seen == visible(text)
    assert len(seen) <= LONGEST
    assert not HIDDEN.search(seen)
    assert {unicodedata.category(c) for c in seen}.isdisjoint({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})


def test_what_is_above_the_basic_plane_has_eight_digits() -> None:
    assert visible("a\U000e0041") == "a\\U000e0041"
    assert visible("a\u202e") == "a\\u202e"


@pytest.mark.parametrize("cell", ["<" * 5_000, "\u202e" * 5_000, "\U000e0041" * 300, "漢" * 5_000, "A" * 5_000])
@pytest.mark.parametrize("columns", [12, 100])
def test_a_table_stays_small_whatever_it_shows(cell: str, columns: int) -> None:
    """Fifty rows of long and many cells travel in less than 256 KiB."""
    rows = frame(**{f"custom.{'<' * 200}{n}": [cell] * 50 for n in range(columns)})
    table = table_html(rows, masked=True)
    assert len(json.dumps(table)) <= max(MOST_BYTES, 256 * 1024)
    seen = check_calm(table)
    assert len(seen.cells) == 51 * min(columns, MOST_COLUMNS)
    assert ("further columns" in seen.text) == (columns > MOST_COLUMNS)


def test_columns_that_reach_a_person_are_known_by_their_names() -> None:
    reach = "email email_cc phone1 mobile fax Email2 custom.E-Mail custom.WorkPhone custom.Tel. custom.Address"
    more = "billing_phone shipping_address billing_address2 shipping_contact_name contactName"
    assert all(map(is_contact, f"{reach} {more}".split()))
    others = "first_name custom.Hotel custom.Intel rating city addresses billing_city shipping_country"
    assert not any(map(is_contact, f"{others} account_manager_id business_aliases custom.Addressee".split()))


def test_e_mails_and_phones_are_masked_until_asked() -> None:
    rows = frame(
        email=["ada@example.com", None], phone1=["+1 555 0100", "117"], first_name=["ask bo@example.org", "Bo"]
    )
    masked, open_ = table_html(rows, masked=True), table_html(rows, masked=False)
    for secret in ("ada@", "555", "117", "bo@example"):
        assert secret not in masked
        assert secret in open_
    assert "a***@example.com" in masked
    assert "ask b***@example.org" in masked
    assert mask('"a@b"@example.com') == '"***@example.com'


def test_no_rows_and_columns_of_one_name_are_no_trouble() -> None:
    assert "No customers" in table_html(frame(a=[]), masked=True)
    twice = pd.concat([frame(a=["x"]), frame(a=["y"])], axis=1)
    assert Seen(table_html(twice, masked=True)).cells == ["a", "a", "x", "y"]
    assert facet_counts(twice) == {}


def test_facets_hold_no_way_to_reach_a_person_and_stay_small() -> None:
    """Counts are not masked, so nothing to be masked is counted."""
    few = ["alpha", "beta", "gamma"] * 20
    columns: dict[str, Any] = {f"custom.{n}": list(few) for n in range(30)}
    reach = {"custom.Phone": ["5550100"] * 30 + ["5550101"] * 30, "custom.Rep": ["a@x.test"] * 30 + ["b@x.test"] * 30}
    counts = facet_counts(frame(**reach, **columns))
    assert len(counts) == 6
    assert not reach.keys() & counts.keys()
    many = {f"custom.{n}": pd.Series(range(1, 13), index=[f"{'<' * 22}{i}" for i in range(12)]) for n in range(6)}
    seen = check_calm(counts_html("Counts", many))
    assert len(seen.cells) == 6 * 13 * 2
    assert len(counts_html("Counts", many)) < 64 * 1024
