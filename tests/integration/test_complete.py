"""The frame is the truth, row by row and value by value, in the fewest calls that can prove it."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

import sc_pandas as sc
from sc_pandas.tables import column_name
from tests.integration.oracle import assert_equals_truth
from tests.support.shops import shop_of

SIZES = [0, 1, 49, 50, 51, 1_037, pytest.param(20_000, marks=pytest.mark.long)]


@pytest.fixture(scope="module", params=SIZES)
def box(request: pytest.FixtureRequest) -> Iterator[sc.sandbox.Sandbox]:
    """Return a sandbox of each size; the tests of this module do not change it."""
    with sc.sandbox.serve(customers=request.param, seed=7) as server:
        yield server


def calls_for(customers: int, served: int) -> int:
    """Count the login, and one call (two where page 1 is full), or all pages, two of them again, and what lies behind them."""
    if customers <= served:
        return 3 if customers in {10, served} else 2
    return 1 + math.ceil(customers / served) + (2 if customers >= 2 * served else 1)


@pytest.mark.fault("C07")
@pytest.mark.parametrize("page_size", [50, 500])
def test_the_truth_in_few_calls_and_again_in_none(box: sc.sandbox.Sandbox, page_size: int, tmp_path: Path) -> None:
    truth = box.customers()
    before = box.calls()
    with shop_of(box, tmp_path) as shop:
        frame = sc.read_sellercloud_customers(shop, page_size=page_size)
        assert box.calls() - before == calls_for(len(truth), 50)
        assert_equals_truth(frame, truth)

        again = sc.read_sellercloud_customers(shop, page_size=page_size)
        assert box.calls() - before == calls_for(len(truth), 50)
        pd.testing.assert_frame_equal(again, frame)
    with shop_of(box, tmp_path) as other:
        later = sc.read_sellercloud_customers(other, page_size=page_size)
        assert box.calls() - before == calls_for(len(truth), 50)
        pd.testing.assert_frame_equal(later, frame)


@pytest.mark.fault("C07")
@pytest.mark.parametrize("page_cap", [7, 11, 30, 100])
def test_a_server_that_serves_other_page_sizes_is_read_whole(page_cap: int, tmp_path: Path) -> None:
    with sc.sandbox.serve(customers=123, seed=3, page_cap=page_cap) as server, shop_of(server, tmp_path) as shop:
        assert_equals_truth(sc.read_sellercloud_customers(shop, page_size=100), server.customers())


@pytest.mark.parametrize("order", ["id_asc", "id_desc"])
@pytest.mark.parametrize("past_end", ["empty", "last", "null"])
def test_the_order_and_the_end_of_the_list_do_not_matter(order: str, past_end: str, tmp_path: Path) -> None:
    options = {"order": order, "past_end": past_end}
    with sc.sandbox.serve(customers=150, seed=3, **options) as server, shop_of(server, tmp_path) as shop:  # type: ignore[arg-type]
        frame = sc.read_sellercloud_customers(shop)
        assert server.calls() <= 1 + 3 + 2
        assert_equals_truth(frame, server.customers())


def article_item(record: dict[str, Any]) -> dict[str, Any]:
    """Return a row as a server might have it that was written from the endpoint's article alone."""
    return {
        "ID": record["user_id"], "Name": f"{record['first_name']} {record['last_name']}", "Email": record["email"],
        "CreatedOn": record["created_on"].isoformat(), "CustomerType": record["is_wholesale_string"],
        "Rating": sc.Rating(record["rating"]).name, "Balance": record["credit_limit"] * 0.25,
        "Tags": [group["Name"] for group in record["groups"]], "Active": not record["is_black_listed"],
        "Address": {"City": record["city"], "ZipCode": record["zip_code"], "Country": record["addresses"][0]["Country"]},
    }  # fmt: skip


def test_a_server_of_the_article_alone_gives_a_typed_frame(tmp_path: Path) -> None:
    with sc.sandbox.serve(customers=120, seed=7, dialects=("article",)) as server, shop_of(server, tmp_path) as shop:
        truth = server.customers()
        rows = {record["user_id"]: article_item(record) for record in truth}

        def in_the_article_s_shape(right: sc.sandbox.Answer) -> sc.sandbox.Answer:
            body = {"Items": [rows[user_id] for user_id in right.user_ids], "TotalResults": right.total}
            return replace(right, body=json.dumps(body).encode())

        server.fault(in_the_article_s_shape, times=None)
        with pytest.warns(sc.SchemaDriftWarning) as caught:
            frame = sc.read_sellercloud_customers(shop)
    warning = caught[0].message
    assert isinstance(warning, sc.SchemaDriftWarning)
    assert set(warning.keys) == {"CustomerType", "Address", "Tags", "Balance", "Active"}
    assert caught[0].filename == __file__
    assert list(frame.user_id) == [record["user_id"] for record in truth]
    assert str(frame.dtypes["user_id"]) == "int64[pyarrow]"
    assert str(frame.dtypes["created_on"]) == "timestamp[us][pyarrow]"
    assert str(frame.dtypes["active"]) == "bool[pyarrow]"
    assert str(frame.dtypes["tags"]).startswith("list<")
    assert str(frame.dtypes["address"]).startswith("struct<")
    same = ("Email", "CustomerType", "Active", "Balance", "Tags", "Address")
    wanted = {column_name(key): [rows[record["user_id"]][key] for record in truth] for key in same}
    wanted |= {name: [record[name] for record in truth] for name in ("created_on", "rating")}
    for name, values in wanted.items():
        assert pa.array(frame[name]).to_pylist() == values, name
