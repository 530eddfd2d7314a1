"""The request of the vendor's article "Get All Customers", to the letter, against one that the sandbox logged."""

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import sc_pandas as sc
from tests.faults.raw import RawServer, Wire, page, whole
from tests.support.shops import shop_of

# Its lines about the request, as published at developer.sellercloud.com/dev-article/get-all-customers.
ENDPOINT = "https://tt.api.sellercloud.com/rest/api/Customers?pageNumber=1&pageSize=1"
LINES = {
    "Method Type": "HttpGet",
    "Authorization": "Use Bearer Token + token received from token authentication",
    "Header info": "Content-Type: application/json",
}


def test_a_logged_request_is_the_article_s_line_by_line(tmp_path: Path) -> None:
    with sc.sandbox.serve(customers=3) as box, shop_of(box, tmp_path, dialect="article") as shop:
        shop.customers(cache="off").page(1, 1)
        login, asked = box.log.requests()
        assert {
            "Method Type": f"Http{asked.method.capitalize()}",
            "Authorization": f"Use {asked.scheme} Token + token received from token authentication",
            "Header info": f"Content-Type: {asked.media_type}",
        } == LINES
        assert asked.path == urlsplit(ENDPOINT).path
        assert list(asked.params) == parse_qsl(urlsplit(ENDPOINT).query)
        assert (asked.status, asked.token) == (200, login.token)


def test_a_server_that_insists_on_the_header_is_read(tmp_path: Path) -> None:
    """Lists and single customers, through the cache, which must not take a header for an order to itself."""
    with sc.sandbox.serve(customers=120, insists_on_json=True) as box, shop_of(box, tmp_path) as shop:
        df = shop.customers(include=["phones"], limit=5).to_pandas()
        assert len(df) == 5
        assert len(shop.customers().to_pandas()) == 120
        asked = box.calls()
        shop.customers().to_pandas()
        assert box.calls() == asked, "the second read came from the cache"
        data = [*box.log.requests("list"), *box.log.requests("detail")]
        assert {entry.media_type for entry in data} == {"application/json"}
        assert all("cache-control" in entry.headers_seen for entry in data)


def test_every_request_of_data_says_no_cache(tmp_path: Path) -> None:
    heads: list[dict[str, str]] = []

    def script(wire: Wire) -> None:
        heads.append(wire.headers)
        wire.send(whole(page([1, 2])))

    with RawServer(script) as server, server.shop(tmp_path) as shop:
        shop.customers().to_pandas()
    assert heads
    assert {head["cache-control"] for head in heads} == {"no-cache"}
