"""Every filter, alone and in pairs, in both dialects: exactly the rows that plain Python finds in the truth."""

import itertools
import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import sc_pandas as sc
from sc_pandas.query.connection import Connection
from tests.integration.oracle import Record, assert_equals_truth, matching
from tests.support.shops import served, shop_of

NAMES = sc.CustomerFilter.names
LISTS = tuple(name for name in NAMES if "_on_" not in name)
PAIRS = list(itertools.combinations(NAMES, 2))
ARTICLE_LACKS = "company_ids"


@pytest.fixture(scope="module")
def box() -> Iterator[sc.sandbox.Sandbox]:
    """One sandbox for all; nothing here changes it."""
    with sc.sandbox.serve(customers=400, seed=11) as server:
        yield server


@pytest.fixture(scope="module")
def truth(box: sc.sandbox.Sandbox) -> list[Record]:
    return box.customers()


@pytest.fixture(scope="module", params=["article", "swagger", "auto"])
def shop(
    request: pytest.FixtureRequest, box: sc.sandbox.Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Connection]:
    with shop_of(box, tmp_path_factory.mktemp("cache"), dialect=request.param) as connection:
        yield connection


def value_from(name: str, record: Record, draw: random.Random) -> Any:  # noqa: PLR0911  # a table of cases
    """Return a value of a filter that this customer matches, or None where the customer has none."""
    if name == "customer_ids":
        return record["user_id"]
    if name == "company_ids":
        return record["company_id"]
    if name == "rating":
        return ("NotRated", "Very_Disatisfied", "Disatisfied", "Neutral", "Satisfied", "Very_Satisfied")[
            record["rating"]
        ]
    if name == "customer_type":
        return "Wholesale" if record["is_whole_sale_user"] else "Retail"
    if name in {"subscribed", "exported"}:
        return draw.choice([record[name], record[name], -1])
    if name == "channel":
        return record["channel"]
    if "_on_" in name:
        field, _, side = name.rpartition("_")
        minute = record[field].replace(second=0)
        away = timedelta(days=draw.randrange(400))
        return minute - away if side == "from" else minute + timedelta(minutes=1) + away
    if name == "phone_number":
        return next((record[p] for p in ("phone1", "mobile", "phone2", "fax", "phone3") if record[p]), None)
    if name == "keyword":
        return draw.choice([record["email"], record["last_name"].strip(), str(record["user_id"])]) or None
    text = record[name]
    if not text or not text.strip():
        return None
    if name in {"email", "zip_code"}:
        return draw.choice([text, text.upper(), text.lower()])
    # Contained, in any case.  Three letters of the middle match more than one customer.
    cut = text.strip()[: draw.choice([3, 4, 99])]
    return draw.choice([cut, cut.lower()]) if cut.strip() else None


def asked_for(names: tuple[str, ...], truth: list[Record], draw: random.Random) -> dict[str, Any]:
    """Return values that one customer matches, so that the answer is not trivially empty."""
    for _ in range(2_000):
        record = draw.choice(truth)
        asked = {name: value_from(name, record, draw) for name in names}
        if None not in asked.values() and len(matching(truth, asked)) < len(truth):
            return asked
    return asked  # only -1 of the switches, which means everybody


def read(shop: Connection, asked: dict[str, Any]) -> Any:
    return sc.read_sellercloud_customers(shop, cache="off", **asked)


def check(shop: Connection, asked: dict[str, Any], truth: list[Record]) -> int:
    wanted = matching(truth, asked)
    frame = read(shop, asked)
    assert list(frame.user_id) == [record["user_id"] for record in wanted], asked
    assert_equals_truth(frame, wanted)
    return len(wanted)


def fixed_article(shop: Connection) -> bool:
    dialects = shop.source.dialects
    return dialects.fixed and dialects.known is not None and dialects.known.value == "article"


@pytest.mark.parametrize("name", NAMES)
def test_each_filter_alone_gives_the_rows_that_match(name: str, shop: Connection, truth: list[Record]) -> None:
    if name == ARTICLE_LACKS and fixed_article(shop):
        with pytest.raises(sc.FilterError, match="company_ids"):
            read(shop, {name: 163})
        return
    draw = random.Random(name)
    found = [check(shop, asked_for((name,), truth, draw), truth) for _ in range(6)]
    assert any(0 < n < len(truth) for n in found)


@pytest.mark.parametrize("first", NAMES[:-1])
def test_each_pair_gives_the_rows_that_match(
    first: str, box: sc.sandbox.Sandbox, truth: list[Record], tmp_path: Path
) -> None:
    draw = random.Random(first)
    with shop_of(box, tmp_path) as shop:
        for pair in (pair for pair in PAIRS if pair[0] == first):
            assert check(shop, asked_for(pair, truth, draw), truth) >= 1, pair


@pytest.mark.parametrize("name", LISTS)
def test_a_list_gives_the_union_without_doubles(name: str, shop: Connection, truth: list[Record]) -> None:
    if name == ARTICLE_LACKS and fixed_article(shop):
        return
    draw = random.Random(name)
    values = [asked_for((name,), truth, draw)[name] for _ in range(3)]
    check(shop, {name: values}, truth)
    if name != "city":
        city = [asked_for(("city",), truth, draw)["city"] for _ in range(2)]
        check(shop, {name: values[:2], "city": city}, truth)


def test_everybody_by_many_long_ids_in_few_calls(box: sc.sandbox.Sandbox, truth: list[Record], tmp_path: Path) -> None:
    with shop_of(box, tmp_path) as shop:
        assert check(shop, {"customer_ids": [record["user_id"] for record in truth]}, truth) == len(truth)
    assert all(
        len(f"{box.url}{entry.path}?") + sum(len(k) + len(v) + 2 for k, v in entry.params) <= 1_800
        for entry in box.log.requests("list")
    )


def test_dates_with_seconds_are_exact_in_the_swagger_dialect(shop: Connection, truth: list[Record]) -> None:
    moment = truth[200]["created_on"].replace(second=truth[200]["created_on"].second or 1)
    asked = {"created_on_from": moment}
    if fixed_article(shop):
        with pytest.raises(sc.FilterError, match="created_on_from"):
            read(shop, asked)
        return
    check(shop, asked, truth)
    check(shop, {"created_on_to": moment}, truth)


@pytest.mark.parametrize("names", [*((name,) for name in NAMES), ("city", "rating"), ("created_on_from", "channel")])
@pytest.mark.parametrize("spoken", ["article", "swagger"])
def test_a_server_of_one_dialect_is_served_all_the_same(
    spoken: str, names: tuple[str, ...], one_dialect_boxes: dict[str, sc.sandbox.Sandbox], tmp_path: Path
) -> None:
    box = one_dialect_boxes[spoken]
    truth = box.customers()
    draw = random.Random(repr(names))
    with shop_of(box, tmp_path) as shop:
        if spoken == "article" and ARTICLE_LACKS in names:
            with pytest.raises(sc.FilterError, match="swagger"):
                read(shop, {ARTICLE_LACKS: 163})
            return
        # Asked first of all, before anything is known of the server, and once more when it is known.
        for _ in range(2):
            check(shop, asked_for(names, truth, draw), truth)


@pytest.fixture(scope="module")
def one_dialect_boxes() -> Iterator[dict[str, sc.sandbox.Sandbox]]:
    with (
        sc.sandbox.serve(customers=150, seed=5, dialects=("article",)) as article,
        sc.sandbox.serve(customers=150, seed=5, dialects=("swagger",)) as swagger,
    ):
        yield {"article": article, "swagger": swagger}


@pytest.mark.parametrize("dialect", ["auto", "article"])
@pytest.mark.parametrize("customers", [2, 7, 150])
@pytest.mark.parametrize("asked", [{"company_ids": 163}, {"created_on_from": "2020-01-01 10:00:07"}])
def test_what_an_article_server_lacks_is_refused(
    asked: dict[str, Any], customers: int, dialect: str, tmp_path: Path
) -> None:
    """A server that ignored the filter would give everybody."""
    with (
        sc.sandbox.serve(customers=customers, seed=5, dialects=("article",)) as box,
        shop_of(box, tmp_path, dialect=dialect) as shop,
    ):
        with pytest.raises(sc.FilterError, match=next(iter(asked))):
            read(shop, asked)
        assert len(read(shop, {})) == customers
        with pytest.raises(sc.FilterError, match=next(iter(asked))):
            read(shop, asked)


@pytest.mark.parametrize("customers", [1, 3, 10, 11, 150])
@pytest.mark.parametrize("spoken", ["article", "swagger"])
def test_a_filter_is_never_ignored_by_a_small_server(spoken: str, customers: int, tmp_path: Path) -> None:
    with served(tmp_path, customers=customers, seed=5, dialects=(spoken,)) as (box, shop):
        one = box.customers()[0]
        if customers > 1:
            check(shop, {"customer_ids": one["user_id"]}, box.customers())
            check(shop, {"first_name": "nobody has this name"}, box.customers())
        check(shop, {}, box.customers())


@pytest.mark.parametrize("spoken", ["article", "swagger"])
def test_one_request_never_mixes_the_dialects(
    spoken: str, one_dialect_boxes: dict[str, sc.sandbox.Sandbox], tmp_path: Path
) -> None:
    box = one_dialect_boxes[spoken]
    with shop_of(box, tmp_path) as shop:
        read(shop, {"city": "a", "rating": "Satisfied"})
    for entry in box.log.requests("list"):
        assert len({name.startswith("model.") for name, _ in entry.params}) == 1


def test_a_later_page_of_a_swagger_only_filter(box: sc.sandbox.Sandbox, truth: list[Record], tmp_path: Path) -> None:
    with shop_of(box, tmp_path) as shop:
        shop.customers().count()  # now the article's dialect is known to be understood
        page = shop.customers(company_ids=163).page(2)
    wanted = [record["user_id"] for record in matching(truth, {"company_ids": 163})]
    assert page.table["user_id"].to_pylist() == wanted[50:100]
