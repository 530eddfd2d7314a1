"""Any filter survives JSON, query parameters of both dialects and code; and no URL is too long."""

import itertools
import json
import string
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from sc_pandas import CustomerFilter, FilterError
from sc_pandas.cache import cache_key
from sc_pandas.contract import FILTERS, FILTERS_BY_NAME, Channel, Dialect, FilterFact, Flag
from sc_pandas.reading.plan import page_params, split

URL = "https://tt.api.sellercloud.com/rest"

texts = st.text(min_size=1, max_size=20).filter(lambda text: bool(text.strip()))
minutes = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(lambda t: t.replace(second=0, microsecond=0))  # noqa: DTZ001
moments = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001


def values_of(fact: FilterFact) -> st.SearchStrategy[Any]:
    """Return values of one filter, single or several."""
    if fact.kind == "date":
        return minutes
    if fact.kind == "ids":
        single: st.SearchStrategy[Any] = st.integers(1, 2**31 - 1)
    elif fact.kind == "text":
        single = texts
    else:
        assert fact.enum is not None
        codes = st.sampled_from(sorted(fact.enum)) if fact.enum is not Channel else st.integers(0, 200)
        single = codes.map(int) if fact.enum is not Flag else st.sampled_from([True, False, -1])
    return single | st.lists(single, min_size=1, max_size=4)


def filters(*, single: bool = False) -> st.SearchStrategy[CustomerFilter]:
    optional = {fact.name: values_of(fact) for fact in FILTERS}

    def build(values: dict[str, Any]) -> CustomerFilter | None:
        if single:
            values = {
                n: v[0] if isinstance(v, list) and n not in {"customer_ids", "company_ids"} else v
                for n, v in values.items()
            }
        try:
            return CustomerFilter.of(**values)
        except FilterError:
            return None  # an inverted range

    built = st.fixed_dictionaries({}, optional=optional).map(build)
    return built.filter(lambda f: f is not None)  # type: ignore[return-value]


@given(filters())
def test_json_gives_the_filter_back(asked: CustomerFilter) -> None:
    assert CustomerFilter.of(**json.loads(asked.to_json())) == asked
    assert "\n" not in asked.to_json()


@given(filters())
def test_code_gives_the_filter_back(asked: CustomerFilter) -> None:
    assert eval(f"CustomerFilter({asked.to_code()})", {"CustomerFilter": CustomerFilter}) == asked  # noqa: S307
    assert eval(repr(asked), {"CustomerFilter": CustomerFilter}) == asked  # noqa: S307


def from_params(params: list[tuple[str, str]], dialect: Dialect) -> CustomerFilter:
    """Return the filter that the parameters ask."""
    values: dict[str, list[str]] = {}
    for parameter, text in params:
        (fact,) = [fact for fact in FILTERS if fact.parameter(dialect) == parameter]
        values.setdefault(fact.name, []).append(text)
    return CustomerFilter.of(**{n: v[0] if FILTERS_BY_NAME[n].kind == "date" else v for n, v in values.items()})


@given(filters(single=True), st.sampled_from(Dialect))
def test_query_parameters_give_the_filter_back_in_either_dialect(asked: CustomerFilter, dialect: Dialect) -> None:
    if dialect is Dialect.ARTICLE and asked.needs_swagger():
        with pytest.raises(FilterError):
            asked.to_params(dialect)
        return
    params = asked.to_params(dialect)
    assert from_params(params, dialect) == asked
    assert {name.startswith("model.") for name, _ in params} <= {dialect is Dialect.SWAGGER}


@given(moments)
def test_a_time_keeps_its_microseconds_in_the_swagger_dialect(moment: datetime) -> None:
    asked = CustomerFilter.of(created_on_to=moment)
    assume(not asked.beyond())
    assert from_params(asked.to_params(Dialect.SWAGGER), Dialect.SWAGGER) == asked
    assert CustomerFilter.of(**asked.to_dict()) == asked


@given(filters(), st.randoms(use_true_random=False))
def test_the_order_of_values_does_not_matter(asked: CustomerFilter, random: Any) -> None:
    values = {n: random.sample(v, len(v)) if isinstance(v, tuple) else v for n, v in asked.given().items()}
    assert CustomerFilter.of(**values) == asked


@given(
    st.sets(st.integers(1, 2**31 - 1), min_size=1, max_size=600),
    st.sets(st.integers(1, 2**31 - 1), max_size=40),
    st.text(string.printable.strip() + "äß🎉", max_size=40),
)
def test_no_url_passes_1800_bytes_and_no_id_is_lost(ids: set[int], companies: set[int], city: str) -> None:
    given_: dict[str, Any] = {"customer_ids": ids, "company_ids": companies or None, "city": city.strip() or None}
    asked = CustomerFilter.of(**given_)
    parts = split(asked, URL, max_calls=10**6)
    for part, dialect in itertools.product(parts, Dialect):
        if dialect is Dialect.ARTICLE and part.needs_swagger():
            continue
        query = urlencode(page_params(part, dialect, 999_999, 500))
        assert len(f"{URL}/api/Customers?{query}".encode()) <= 1_800
    pairs = [(c, k) for part in parts for c in part.customer_ids or () for k in part.company_ids or (0,)]
    assert len(pairs) == len(set(pairs))
    assert set(pairs) == set(itertools.product(ids, companies or {0}))
    assert all(part.city == asked.city for part in parts)


@pytest.mark.fault("E06")
@given(filters(), filters())
def test_two_different_questions_never_share_a_cache_key(one: CustomerFilter, two: CustomerFilter) -> None:
    assume(one != two)
    assert cache_key("t", "/p", [("filter", one.to_json())]) != cache_key("t", "/p", [("filter", two.to_json())])


parts_of_keys = st.lists(
    st.text(max_size=6) | st.integers() | st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), max_size=3),
    max_size=4,
)


@pytest.mark.fault("E06")
@given(parts_of_keys, parts_of_keys)
@example(["tenant", "/p", [("a", "1"), ("a", "2")]], ["tenant", "/p", "a", "1", "a", "2"])
@example(["tenant", "/p", [("ab", "c")]], ["tenant", "/p", [("a", "bc")]])
@example(["tenant", "/p", [("a", "é")]], ["tenant", "/p", [("a", "e\u0301")]])
@example(["tenant", "/p", 1], ["tenant", "/p", "1"])
def test_two_different_lists_of_parts_never_share_a_key(one: list[Any], two: list[Any]) -> None:
    assert cache_key(*one) == cache_key(*one)
    assert len(cache_key(*one)) == 64
    assume(one != two)
    assert cache_key(*one) != cache_key(*two)
