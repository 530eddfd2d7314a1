"""What stands in the controls and the filter it means are two forms of one thing."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sc_pandas.contract import DATE_RANGES, FILTERS, Channel, CustomerType, Flag, Rating
from sc_pandas.filters import CustomerFilter
from sc_pandas.panel.entries import choices, entries_of, has_choices, placeholder, read_entries

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: bool(text.strip()))
_NASTY = st.text(st.sampled_from('a"; ;\t"\u2003'), min_size=1).filter(lambda text: bool(text.strip()))
_ZONES = st.none() | st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
_TIMES = st.datetimes(timezones=_ZONES) | st.datetimes().map(lambda t: t.replace(microsecond=0)) | st.dates()


def _values(name: str) -> st.SearchStrategy[Any]:
    fact = next(f for f in FILTERS if f.name == name)
    if fact.kind == "date":
        return _TIMES
    single: st.SearchStrategy[Any] = _TEXTS | _NASTY
    if fact.kind == "ids":
        single = st.integers(1, 2**63 - 1)
    elif fact.enum is Channel:
        single = st.integers(0, 2**31 - 1) | st.sampled_from(list(Channel))
    elif fact.enum is not None:
        single = st.sampled_from(list(fact.enum))
    return st.lists(single, min_size=1, max_size=4)


def _in_order(values: dict[str, Any]) -> bool:
    try:
        CustomerFilter.of(**values)
    except ValueError:
        return False
    return True


_FILTERS = (
    st.fixed_dictionaries({}, optional={f.name: _values(f.name) for f in FILTERS})
    .filter(_in_order)
    .map(lambda values: CustomerFilter.of(**values))
)


@settings(deadline=None, max_examples=300)
@given(_FILTERS)
def test_every_filter_comes_back_from_the_controls_as_it_was(question: CustomerFilter) -> None:
    """All nineteen: seconds and zones of times, unknown channels, several values, semicolons, quotes and blanks."""
    entries = entries_of(question)
    assert list(entries) == [f.name for f in FILTERS]
    read = read_entries(entries)
    assert read.wrong == {}
    assert read.question == question
    assert read_entries(entries_of(question)).question == question


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([f.name for f in FILTERS if not has_choices(f.name)]), _TEXTS | _NASTY))
def test_what_is_typed_is_a_filter_or_a_word_beside_its_control(entries: dict[str, str]) -> None:
    """Nothing typed raises, and nothing wrong is asked."""
    read = read_entries(dict(entries))
    assert (read.question is None) == bool(read.wrong)
    assert read.wrong.keys() <= entries.keys() | {end for _, end in DATE_RANGES}


def test_quotes_keep_semicolons_and_blanks_together() -> None:
    assert entries_of(CustomerFilter.of(corporate_name=["Nut; Sons", "Bolt"]))["corporate_name"] == 'Bolt; "Nut; Sons"'
    assert entries_of(CustomerFilter.of(first_name='"Ada"'))["first_name"] == '"""Ada"""'
    assert entries_of(CustomerFilter.of(first_name='5" pipe'))["first_name"] == '5" pipe'
    assert read_entries({"first_name": ' Ada ;; "Bob ; " ; '}).question == CustomerFilter.of(
        first_name=["Ada", "Bob ; "]
    )


@pytest.mark.parametrize("typed", ['"Ada', '"Ada" Example', '"a";"b'])
def test_a_quote_that_is_not_closed_is_said_beside_the_control(typed: str) -> None:
    read = read_entries({"first_name": typed})
    assert read.question is None
    assert "a quote in it is written twice" in read.wrong["first_name"]


def test_dates_are_shown_as_short_as_they_can_be_read_back() -> None:
    def shown(value: Any) -> Any:
        return entries_of(CustomerFilter.of(created_on_from=value))["created_on_from"]

    assert shown("2026-01-31") == "2026-01-31"
    assert shown("2026-01-31T14:05") == "2026-01-31 14:05"
    assert shown("2026-01-31T14:05:09") == "2026-01-31 14:05:09"
    assert shown(datetime(2026, 1, 31, tzinfo=timezone(timedelta(hours=2)))) == "2026-01-31 00:00+02:00"


def test_a_range_that_ends_before_it_starts_is_said_at_its_end() -> None:
    read = read_entries({"created_on_from": "2026-02-01", "created_on_to": "2026-01-01"})
    assert read.question is None
    assert "is before created_on_from" in read.wrong["created_on_to"]


def test_choices_are_the_contracts_names() -> None:
    assert choices("rating") == tuple(Rating.__members__)
    assert choices("customer_type") == tuple(CustomerType.__members__)
    assert set(choices("subscribed")) == set(Flag.__members__)
    assert choices("city") == ()
    assert {f.name for f in FILTERS if has_choices(f.name)} == {"rating", "customer_type", "subscribed", "exported"}
    assert all(placeholder(f.name) for f in FILTERS if not has_choices(f.name))
