"""The list: binding, paging, order, and the other read endpoints."""

import gzip
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pytest

from sc_pandas.sandbox.parameters import CHANNELS

FIELDS = {
    *("UserID", "Email", "FirstName", "LastName", "EmailCC", "Rating", "CorporateName", "IsWholeSaleUser"),
    *("IsWholesaleString", "CustomColumns"),
}
COLUMN_KEYS = {
    *("ID", "DataType", "DataLength", "IsDropDownColumn", "IsDropDownCustomTextAllowed", "ClientID", "NewValue"),
    *("IsDropDownAllowMultipleSelection", "AllowHTMLPopup", "DataSourceContainer", "IsRequired", "ColumnName"),
    *("DisplayName", "Value"),
}
BOTH = ("article", "swagger")


def ids(answer: Any) -> list[int]:
    return [item["UserID"] for item in answer.json["Items"]]


def test_a_page_has_the_documented_shape_and_the_truth_in_it(caller: Any) -> None:
    answer = caller.page(("model.pageSize", 50), ("model.pageNumber", 3))
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert list(answer.json) == ["Items", "TotalResults"]
    assert answer.json["TotalResults"] == 1037
    for item, record in zip(answer.json["Items"], caller.box.customers()[100:150], strict=True):
        assert set(item) == FIELDS
        assert (item["UserID"], item["Email"], item["FirstName"]) == (
            record["user_id"],
            record["email"],
            record["first_name"],
        )
        assert (item["Rating"], item["IsWholesaleString"]) == (record["rating"], record["is_wholesale_string"])
        assert len(item["CustomColumns"]) == len(record["custom_columns"])
        assert all(set(column) == COLUMN_KEYS for column in item["CustomColumns"])


@pytest.mark.parametrize(
    ("pairs", "first", "count"),
    [
        ([], 0, 10),
        ([("model.pageSize", 500)], 0, 50),
        ([("model.pageSize", 7), ("model.pageNumber", 2)], 7, 7),
        ([("pageSize", 20), ("pageNumber", 2)], 20, 20),
        ([("PAGESIZE", 20)], 0, 20),
        ([("model.pageSize", 0)], 0, 10),
        ([("model.pageSize", -3), ("model.pageNumber", -1)], 0, 10),
        ([("model.pageNumber", 0)], 0, 10),
        # Any name with the prefix silences those without; even one nobody knows.
        ([("model.channel", ""), ("pageNumber", 2), ("pageSize", 50)], 0, 10),
        ([("model.nonsense", 1), ("pageSize", 50)], 0, 10),
        ([("Model.PageNumber", 2), ("pageSize", 50)], 10, 10),
        # Of a value given twice the first counts; an empty one is none.
        ([("pageSize", 5), ("pageSize", 9)], 0, 5),
        ([("pageSize", ""), ("email", "")], 0, 10),
        ([("nonsense", "x"), ("fistName", "typo")], 0, 10),
    ],
)
def test_which_rows_a_page_holds(caller: Any, pairs: list[tuple[str, object]], first: int, count: int) -> None:
    everyone = [record["user_id"] for record in caller.box.customers()]
    assert ids(caller.page(*pairs)) == everyone[first : first + count]


@pytest.mark.parametrize(
    ("pair", "dialects", "understood"),
    [
        (("rating", "satisfied"), BOTH, 200),
        (("model.rating", "Satisfied"), BOTH, 200),
        (("model.rating", "4"), ("swagger",), 200),
        (("model.rating", "Satisfied"), ("swagger",), 400),
        (("rating", "4"), ("article",), 200),
        (("rating", "Very_Disatisfied"), ("article",), 200),
        (("rating", "Very_Dissatisfied"), ("article",), 400),
        (("customerType", "wholesale"), ("article",), 200),
        (("channel", "eBayOrder"), ("article",), 200),
        (("channel", "nowhere"), ("article",), 400),
        (("createdOnFrom", "01/31/2024"), ("article",), 200),
        (("createdOnFrom", "1/5/2024 9:05"), ("article",), 200),
        (("createdOnFrom", "01/31/2024 23:59"), BOTH, 200),
        (("createdOnFrom", "13/01/2024"), BOTH, 400),
        (("createdOnFrom", "01/31/2024 24:00"), BOTH, 400),
        (("createdOnFrom", "2024-01-31"), ("article",), 400),
        (("model.createdOnFrom", "2024-01-31"), ("swagger",), 200),
        (("model.createdOnFrom", "2024-01-31T10:00"), ("swagger",), 200),
        (("model.createdOnFrom", "2024-01-31T10:00:01.1234567"), ("swagger",), 200),
        (("model.createdOnFrom", "2024-01-31T10:00:00Z"), ("swagger",), 200),
        (("model.createdOnFrom", "2024-02-30"), ("swagger",), 400),
        (("model.createdOnFrom", "yesterday"), ("swagger",), 400),
        (("model.createdOnFrom", "01/31/2024"), ("swagger",), 400),
        (("pageSize", "many"), BOTH, 400),
        (("pageSize", str(2**31)), BOTH, 400),
        (("pageSize", "1.0"), BOTH, 400),
        (("customerIDs", "1001,1002"), BOTH, 400),
        (("companyIds", "x"), ("article",), 200),  # unknown there, so ignored
        (("companyIds", "x"), BOTH, 400),
    ],
)
def test_what_each_dialect_reads(serve: Any, pair: tuple[str, str], dialects: tuple[str, ...], understood: int) -> None:
    answer = serve(12, dialects=dialects).page(pair)
    assert answer.status == understood
    if understood == 400:
        assert answer.json["Message"] == "The request is invalid."
        assert next(iter(answer.json["ModelState"])).casefold().endswith(pair[0].removeprefix("model.").casefold())


def test_article_only_servers_ignore_the_prefix_and_company_ids(serve: Any) -> None:
    caller = serve(100, dialects=("article",))
    assert len(ids(caller.page(("model.pageSize", 50)))) == 10
    assert len(ids(caller.page(("model.rating", 5), ("pageSize", 50)))) == 50
    assert caller.page(("companyIds", 202)).json["TotalResults"] == 100


def test_swagger_only_servers_ignore_bare_names(serve: Any) -> None:
    caller = serve(100, dialects=("swagger",))
    assert len(ids(caller.page(("pageSize", 50)))) == 10
    assert len(ids(caller.page(("model.pageSize", 50)))) == 50


def test_offsets_are_brought_to_utc(caller: Any) -> None:
    moment: datetime = caller.box.customers()[300]["created_on"]

    def count(zone: str) -> int:
        total: int = caller.page(("model.createdOnTo", moment.isoformat() + zone)).json["TotalResults"]
        return total

    assert count("") == count("Z") == count("+00:00") == count("-00:01") > count("+00:01")


@pytest.mark.parametrize(("past_end", "rows"), [("empty", []), ("last", list(range(1111, 1113))), ("null", None)])
def test_past_the_end(serve: Any, past_end: str, rows: list[int] | None) -> None:
    caller = serve(12, past_end=past_end)
    last = caller.box.customers()[-2:]
    answer = caller.page(("model.pageNumber", 9), ("model.pageSize", 10)).json
    assert answer["TotalResults"] == 12
    if rows is None:
        assert answer["Items"] is None
    else:
        wanted = [record["user_id"] for record in last] if rows else []
        assert [item["UserID"] for item in answer["Items"]] == wanted


def test_an_empty_list_has_no_last_page(serve: Any) -> None:
    assert serve(0, past_end="last").page().json == {"Items": [], "TotalResults": 0}


def test_the_page_cap_can_be_set(serve: Any) -> None:
    assert len(ids(serve(120, page_cap=25).page(("pageSize", 50)))) == 25


@pytest.mark.parametrize("order", ["id_asc", "id_desc", "created_desc", "modified_desc"])
def test_orders(serve: Any, order: str) -> None:
    caller = serve(120, order=order)
    keys = {
        "id_asc": lambda record: record["user_id"],
        "id_desc": lambda record: -record["user_id"],
        "created_desc": lambda record: (-record["created_on"].timestamp(), -record["user_id"]),
        "modified_desc": lambda record: (-record["modified_on"].timestamp(), -record["user_id"]),
    }
    assert caller.ids() == [record["user_id"] for record in sorted(caller.box.customers(), key=keys[order])]


def test_an_unstable_order_moves_ties_and_only_ties(serve: Any) -> None:
    caller = serve(40, order="unstable")
    same_day = caller.box.insert(9, created_on=datetime(2026, 10, 1, 12))  # noqa: DTZ001
    pages = [ids(caller.page(("pageSize", 50))) for _ in range(6)]
    assert len({tuple(page) for page in pages}) > 1
    assert all(sorted(page[-9:]) == same_day for page in pages)
    assert len({tuple(page[:10]) for page in pages}) == 1


def test_long_urls_are_refused(caller: Any) -> None:
    fits = "/rest/api/Customers?keyword=" + "x" * (2048 - len("/rest/api/Customers?keyword="))
    assert caller.ask("GET", fits).status == 200
    assert caller.ask("GET", fits + "x").status == 414


def test_answers_are_compressed_for_those_who_want_it(serve: Any) -> None:
    caller = serve(50)
    plain = caller.page(("pageSize", 50))
    packed = caller.ask("GET", "/rest/api/Customers?pageSize=50", headers={"Accept-Encoding": "gzip, deflate"})
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    never = serve(50, compress=False)
    answer = never.ask("GET", "/rest/api/Customers", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in answer.headers


def test_one_customer_block_by_block(caller: Any) -> None:
    record = next(record for record in caller.box.customers() if record["cards"] and record["groups"])
    answer = caller.ask("GET", f"/rest/api/Customers/{record['user_id']}")
    blocks = answer.json
    assert list(blocks) == [
        *("General", "Internal", "OrderOptions", "Personal", "Addresses", "WholesaleOptions", "CustomerGroups"),
        *("CreditCards", "CustomColumns", "NotesCount", "IsModified"),
    ]
    assert (blocks["General"]["ID"], blocks["General"]["Email"]) == (record["user_id"], record["email"])
    assert blocks["Internal"]["CompanyID"] == record["company_id"]
    assert blocks["Internal"]["CreatedOn"] == record["created_on"].isoformat()
    assert blocks["Personal"]["Phone1"] == record["phone1"]
    assert blocks["Addresses"] == record["addresses"]
    assert [group["Name"] for group in blocks["CustomerGroups"]["CustomerGroups"]] == [
        g["Name"] for g in record["groups"]
    ]
    assert blocks["CreditCards"][0]["CVV"] == f"CVV-CANARY-{record['user_id']}"
    assert "Modified" not in "".join(blocks["Internal"]).replace("IsModified", "")


def test_unknown_customers(caller: Any) -> None:
    answer = caller.ask("GET", "/rest/api/Customers/999999")
    assert answer.status == 404
    assert "999999" in answer.json["Message"]


@pytest.mark.parametrize("text", ["abc", "1e3", "99999999999", quote("１")])
def test_customer_ids_must_be_numbers(caller: Any, text: str) -> None:
    assert caller.ask("GET", f"/rest/api/Customers/{text}").status == 400


@pytest.mark.parametrize("path", ["/api/server-by-team/", "/api/server-by-team", "/rest/api/Server-By-Team"])
def test_teams_are_found_without_a_token(serve: Any, path: str) -> None:
    caller = serve(1, login=False)
    found = caller.ask("GET", f"{path}?team=SandBox")
    assert found.json["Success"] is True
    assert found.json["RestApiEndpoint"] == f"{caller.box.url}/rest/"
    assert {"ServerID", "ApiUrl"} < set(found.json)
    for unknown in ("?team=nobody", ""):
        answer = caller.ask("GET", path + unknown)
        assert (answer.status, answer.json) == (
            200,
            {"Success": False, "Message": "Team name not found. Please try again."},
        )


def test_routes_that_do_not_exist_answer_json(caller: Any) -> None:
    assert caller.ask("GET", "/rest/api/Orders").status == 404
    assert "Message" in caller.ask("GET", "/").json
    wrong = caller.ask("DELETE", "/rest/api/Customers")
    assert (wrong.status, "GET" in wrong.headers["allow"]) == (405, True)
    assert "DELETE" in wrong.json["Message"]


def test_paths_do_not_mind_case_or_a_last_slash(caller: Any) -> None:
    assert caller.ask("GET", "/REST/api/customers/").status == 200


def test_channels_are_the_published_ones() -> None:
    assert len(CHANNELS) == 74
    assert set(range(80)) - set(CHANNELS) == {8, 9, 10, 11, 13, 14}
