"""Answers that contradict themselves or their question, or go beyond all bounds, over real HTTP."""

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

import sc_pandas as sc
from sc_pandas.client.exchange import PAGE_BYTES_AT_MOST
from sc_pandas.contract import PageRows
from sc_pandas.filters import CustomerFilter
from sc_pandas.reading.contradictions import contradictions
from tests.faults.raw import RawServer, Script, Wire, page, whole
from tests.support.shops import kept_bodies

PEOPLE = range(1, 501)


def paged(total_of: Callable[[int], int], asked: int = 50) -> Script:
    """Play a list of 500 that announces what `total_of` says of a page."""

    def script(wire: Wire) -> None:
        number, size = int(wire.params["pageNumber"]), min(asked, int(wire.params["pageSize"]))
        wire.send(whole(page(list(PEOPLE)[(number - 1) * size : number * size], total_of(number))))

    return script


def error_of(script: Script, folder: Path, **options: Any) -> tuple[sc.SellerCloudError, int]:
    """Read, and give the error and the calls that were made."""
    with RawServer(script) as server, server.shop(folder) as shop:
        with pytest.raises(sc.SellerCloudError) as caught:
            shop.customers(**options).to_pandas()
        return caught.value, server.calls


@pytest.mark.fault("C11")
@pytest.mark.parametrize("consistency", ["auto", "strict", "fast"])
@pytest.mark.parametrize("total", [0, 1, 45, 49])
def test_a_total_below_its_page_is_no_proof(total: int, consistency: str, tmp_path: Path) -> None:
    error, calls = error_of(paged(lambda _: total), tmp_path, consistency=consistency)
    assert isinstance(error, sc.ResponseError)
    assert (error.kind, error.attempts, calls) == ("row_count", 5, 5)
    assert "50 rows" in str(error)
    assert kept_bodies(tmp_path) == []


@pytest.mark.fault("C11")
def test_nor_for_counts_pages_and_lists_of_an_include(tmp_path: Path) -> None:
    with RawServer(paged(lambda _: 3)) as server, server.shop(tmp_path) as shop:
        for ask in (
            lambda: shop.customers().count(),
            lambda: shop.customers().estimate(),
            lambda: shop.customers().page(2),
            lambda: shop.customers(limit=7).to_pandas(),
        ):
            with pytest.raises(sc.ResponseError, match="50 rows"):
                ask()

    def only_lists(wire: Wire) -> None:
        ids = [1, 2, 3]
        wire.send(whole(page(ids, 1 if "subscribed" in wire.params else 3)))

    error, _ = error_of(only_lists, tmp_path / "b", include=["subscribed"])
    assert isinstance(error, sc.ResponseError)


@pytest.mark.parametrize("coding", ["gzip", "none"])
def test_a_page_of_many_mib_is_refused_however_it_comes(coding: str, tmp_path: Path) -> None:
    body = page([1], 1, Comment="x" * PAGE_BYTES_AT_MOST)
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = whole(packer.compress(body) + packer.flush(), "Content-Encoding: gzip")
    error, calls = error_of(lambda wire: wire.send(packed if coding == "gzip" else whole(body)), tmp_path)
    assert isinstance(error, sc.ResponseError)
    assert (error.kind, calls) == ("too_large", 1)
    assert "8 MiB" in str(error)
    assert "page_size=10" in str(error)


def asked_ids(wire: Wire) -> list[int]:
    return [int(each) for each in parse_qs(urlsplit(wire.target).query).get("customerIDs", [])]


@pytest.mark.fault("E15")
def test_who_was_not_asked_for_is_an_error_and_never_kept(tmp_path: Path) -> None:
    error, calls = error_of(lambda wire: wire.send(whole(page([9]))), tmp_path, customer_ids=[7, 8])
    assert isinstance(error, sc.ResponseError)
    assert (error.kind, error.attempts, calls) == ("not_asked", 5, 5)
    assert kept_bodies(tmp_path) == []


def test_another_s_answer_is_asked_again_until_it_is_one_s_own(tmp_path: Path) -> None:
    seen: list[int] = []

    def script(wire: Wire) -> None:
        seen.append(wire.number)
        wire.send(whole(page([9] if len(seen) < 3 else [8])))

    with RawServer(script) as server, server.shop(tmp_path) as shop:
        assert shop.customers(customer_ids=[7, 8]).to_pandas().user_id.tolist() == [8]


def test_another_s_answer_in_the_cache_is_not_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What earlier editions kept, after a fork, is asked of the server."""
    with RawServer(lambda wire: wire.send(whole(page(asked_ids(wire))))) as server, server.shop(tmp_path) as shop:
        with monkeypatch.context() as before:
            before.setattr(server, "script", lambda wire: wire.send(whole(page([9]))))
            before.setattr("sc_pandas.client.bodies._check_ids", lambda *_: None)
            query = shop.customers(customer_ids=[7])
            assert query.to_pandas().user_id.tolist() == [9]
        for kept in tmp_path.glob("*.arrow"):
            kept.unlink()
        assert query.to_pandas().user_id.tolist() == [7]


def test_a_server_of_the_other_spelling_is_found(tmp_path: Path) -> None:
    """A few customers, all of whom come whatever is asked in the first spelling."""
    swagger = "model.customerIds"

    def script(wire: Wire) -> None:
        given = parse_qs(urlsplit(wire.target).query)
        asked = [int(each) for each in given.get(swagger, [])] or [1, 2, 3]
        size = int(given.get("model.pageSize", ["10"])[0])
        wire.send(whole(page(asked[:size], len(asked))))

    with RawServer(script) as server, server.shop(tmp_path, dialect="auto") as shop:
        assert shop.customers(customer_ids=[2]).to_pandas().user_id.tolist() == [2]


ROW = {"UserID": 1, "Email": "Ann.Lee@Shop.test", "Rating": "Satisfied", "IsWholeSaleUser": True}


@pytest.mark.parametrize(("asked", "row", "told"), [
    ({"rating": 4}, ROW, []), ({"rating": 1}, ROW, ["rating"]), ({"rating": 1}, {"Rating": 4}, ["rating"]),
    ({"rating": 1}, {"Rating": None}, []), ({"rating": 1}, {"Rating": "odd"}, []),
    ({"customer_type": "Wholesale"}, ROW, []), ({"customer_type": "Retail"}, ROW, ["customer_type"]),
    ({"customer_type": "Retail"}, {"IsWholeSaleUser": "false"}, []), ({"email": "ann.lee@shop.TEST "}, ROW, []),
    ({"email": "lee"}, ROW, []), ({"email": "bob"}, ROW, ["email"]), ({"email": "bob"}, {"Email": None}, []),
    ({"city": "Brno"}, ROW, []),
    ({"rating": 1, "customer_type": "Retail", "email": "bob"}, ROW, ["customer_type", "email", "rating"]),
])  # fmt: skip
def test_a_row_contradicts_its_question_only_beyond_doubt(asked: Any, row: Any, told: list[str]) -> None:
    assert contradictions(CustomerFilter.of(**asked), PageRows([row])) == dict.fromkeys(told, 1)


def test_contradictions_are_a_line_in_the_report(tmp_path: Path) -> None:
    def script(wire: Wire) -> None:
        rows = [{"UserID": n, "Rating": 3 if n < 4 else 5} for n in range(1, 31)]
        wire.send(whole(json.dumps({"Items": rows, "TotalResults": 30}).encode()))

    with RawServer(script) as server, server.shop(tmp_path) as shop:
        for _again in range(2):
            read = shop.customers(rating=5).run()
            assert len(read) == 30
            assert "3 of 30 customers that came have another rating than was asked" in read.report.notes


def wide(columns: int) -> bytes:
    entries = [{"ColumnName": f"c{n}", "DataType": 0, "Value": "v"} for n in range(columns)]
    return page([1], 1, CustomColumns=entries)


def test_more_columns_than_a_frame_is_made_for_are_refused(tmp_path: Path) -> None:
    error, _ = error_of(lambda wire: wire.send(whole(wide(10_001))), tmp_path, cache="off")
    assert isinstance(error, sc.ResponseError)
    assert error.kind == "too_large"
    assert "10,000" in str(error)


@pytest.mark.fault("D07")
def test_keys_said_twice_are_told_in_the_report(tmp_path: Path) -> None:
    body = b'{"Items":[{"UserID":1,"Email":"a@x.test","Email":"b@x.test"}],"TotalResults":1}'
    with RawServer(lambda wire: wire.send(whole(body))) as server, server.shop(tmp_path) as shop:
        for _again in range(2):
            read = shop.customers().run()
            assert read.to_pandas().email.tolist() == ["b@x.test"]
            assert any("Email twice" in note for note in read.report.notes)
            assert "x.test" not in str(read.report)
