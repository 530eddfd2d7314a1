import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sc_pandas.filters import CustomerFilter
from sc_pandas.provenance import ATTRS_KEY, Provenance

CIRCLE: dict[str, Any] = {}
CIRCLE["rating"] = [CIRCLE]

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.just(object()),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=9,
)


NOTE = Provenance(
    base_url="https://x", filter={"rating": [4]}, columns=("user_id",), limit=1, rows=4, include=("detail",)
)


@pytest.fixture
def note() -> Provenance:
    return Provenance(
        base_url="https://tt.api.example", filter={"city": "<b>Brno</b>", "rating": [4, 5], "created_on_from": None},
        columns=("user_id", "email"), limit=100, include=("detail",), page_size=25, version="0.1.0", rows=1_037,
        started_at="2026-01-05T09:00:00+00:00", finished_at="2026-01-05T10:00:00+00:00", frame_rows=120,
        verdict="proven (two equal reads)", filter_redacted=("email",), privacy=("redacted",), tenant="0123abcd",
    )  # fmt: skip


def test_it_survives_attrs_and_json(note: Provenance) -> None:
    """Keys of a later version are passed over, and a frame cannot change the note."""
    attrs = note.to_attrs()

    assert json.loads(json.dumps(attrs)) == attrs
    assert Provenance.from_attrs({ATTRS_KEY: attrs | {"colour": "red"}, "mine": 1}) == note
    again = Provenance.from_attrs({ATTRS_KEY: json.loads(note.to_json())})
    assert (again, hash(again)) == (note, hash(note))
    attrs["filter"]["city"] = "Praha"
    assert note.filter["city"] == "<b>Brno</b>"


@pytest.mark.parametrize("attrs", [{}, [], None, *({ATTRS_KEY: note} for note in (None, "text", {}, {"base_url": 7}))])
def test_attrs_without_a_note_give_none(attrs: Any) -> None:
    assert Provenance.from_attrs(attrs) is None


@pytest.mark.parametrize(("name", "value"), [
    ("base_url", "https://[x"), ("limit", True), ("limit", -1), ("rows", "7"), ("rows", 10**30), ("tenant", 7),
    ("started_at", None), ("privacy", "redacted"), ("columns", "user_id"), ("filter", {1: 2}), ("filter", CIRCLE),
    ("filter", {"a": object()}), ("filter", {"a": float("nan")}), ("filter", {"rating": [{1: 2}]}),
    ("filter", {"rating": json.loads("[" * 90 + "]" * 90)}),
])  # fmt: skip
def test_a_damaged_note_gives_none(name: str, value: Any) -> None:
    assert Provenance.from_attrs({ATTRS_KEY: NOTE.to_attrs()}) == NOTE
    assert Provenance.from_attrs({ATTRS_KEY: NOTE.to_attrs() | {name: value}}) is None


@pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}])
def test_a_filter_is_made_of_json_values(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        Provenance(base_url="https://x", filter={"a": value})


def test_a_secret_in_the_address_is_dropped() -> None:
    note = Provenance(base_url="https://me:pässword@tt.example:8080/api?token=t0ken#t0ken")

    assert note.base_url == "https://tt.example:8080/api"


def test_text_says_who_what_and_how_sure(note: Provenance) -> None:
    text = str(note)

    assert "https://tt.api.example" in text
    assert "100 rows" in text
    assert "started at   2026-01-05T09:00:00+00:00" in text
    assert "2026-01-05T09:00:00" in note._repr_html_()
    assert "0123abcd" not in text
    assert "<b>" not in note._repr_html_()
    assert "&lt;b&gt;Brno" in note._repr_html_()
    assert "proven (two equal reads)" in text
    assert "all customers" in str(Provenance(base_url="https://x"))


def test_a_note_of_an_older_version_is_read() -> None:
    """Files that were written before rows were counted still load, and claim nothing about them."""
    note = Provenance.from_attrs({ATTRS_KEY: {"base_url": "https://x", "verdict": "proven (bookends)"}})

    assert note is not None
    assert (note.rows, note.is_whole, note.is_verified) == (None, None, True)
    assert (note.tenant, note.started_at) == ("", "")
    assert "rows         not known" in str(note)
    assert "started at" not in str(note)
    assert note.of_frame(7) == note


@pytest.mark.parametrize(("rows", "words", "whole"), [
    (1_037, "1,037, as read", True), (0, "part of a read: 0 of 1,037 rows, edited after the read", False),
    (120, "part of a read: 120 of 1,037 rows, edited after the read", False),
    (2_000, "2,000 rows, put together after a read of 1,037", False),
])  # fmt: skip
def test_a_frame_is_compared_with_the_read(rows: int, words: str, *, whole: bool) -> None:
    note = Provenance(base_url="https://x", verdict="proven (bookends)", rows=1_037).of_frame(rows)

    assert (note.rows_in_words(), note.is_whole, note.is_verified) == (words, whole, True)
    assert words in str(note)
    assert ("not of this part" in str(note)) is not whole
    assert not Provenance(base_url="https://x", verdict="not verified").of_frame(rows).is_verified


def test_parts_that_are_put_together_are_no_read() -> None:
    note = Provenance(base_url="https://x", rows=4)

    assert note.of_frame(2).of_frame(4).rows_in_words() == "4 rows, put together after a read of 4"
    assert note.of_frame(4, repeated=True).is_whole is False
    assert note.of_frame(2).of_frame(3).frame_rows == 3


def test_only_values_that_name_nobody_stay_in_the_filter() -> None:
    """Whatever filter a later version knows, its values go; so does the digest of a user name, which may be guessed."""
    asked = dict.fromkeys((*CustomerFilter.names, "nickname"), "Ada")
    note = Provenance(base_url="https://x", filter=asked, tenant="0123abcd").without_persons("redacted")

    assert set(note.filter) == {
        "rating", "customer_type", "subscribed", "exported", "channel", "company_ids",
        "created_on_from", "created_on_to", "modified_on_from", "modified_on_to",
    }  # fmt: skip
    assert set(note.filter_redacted) == set(asked) - set(note.filter)
    assert note.tenant == ""
    assert note.without_persons("redacted") == note


@given(st.sampled_from(sorted(NOTE.to_attrs())), anything)
def test_any_attrs_give_a_note_that_can_be_used_or_none(name: str, value: Any) -> None:
    """What pandas restores from a file into attrs is a stranger's: a note that prints, copies and travels, or none."""
    assert Provenance.from_attrs({ATTRS_KEY: value}) is None or isinstance(value, dict)
    found = Provenance.from_attrs({ATTRS_KEY: NOTE.to_attrs() | {name: value}})

    if found is not None:
        again = Provenance.from_attrs({ATTRS_KEY: json.loads(found.to_json())})
        assert again == found == copy.deepcopy(found)
        assert str(found)
        assert found._repr_html_()
        assert "redacted" in found.without_persons("redacted").of_frame(3).privacy
