"""The list: binding, paging, order, and the other read endpoints."""

import gzip
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pytest

from sc_pandas.sandbox.parameters import CHANNELS

FIELDS = {
    "UserID", "Email", "FirstName", "LastName", "EmailCC", "Rating", "CorporateName", "IsWholeSaleUser",
    "IsWholesaleString", "CustomColumns",
}  # fmt: skip
COLUMN_KEYS = {
    "ID", "DataType", "DataLength", "IsDropDownColumn", "IsDropDownCustomTextAllowed", "ClientID", "NewValue",
    "IsDropDownAllowMultipleSelection", "AllowHTMLPopup", "DataSourceContainer", "IsRequired", "ColumnName",
    "DisplayName", "Value",
}  # fmt: skip
BOTH, ARTICLE, SWAGGER = ("article", "swagger"), ("article",), ("swagger",)


def ids(answer: Any) -> list[int]:
    return [item["UserID"] for item in answer.json["Items"]]


def test_a_page_has_the_documented_shape_and_the_truth_in_it(caller: Any) -> None:
    answer = caller.page(("model.pageSize", 50), ("model.pageNumber", 3))
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert list(answer.json) == ["Items", "TotalResults"]
    assert answer.json["TotalResults"] == 1037
    plain = {"UserID": "user_id", "Email": "email", "FirstName": "first_name", "Rating": "rating",
             "IsWholesaleString": "is_wholesale_string"}  # fmt: skip
    for item, record in zip(answer.json["Items"], caller.box.customers()[100:150], strict=True):
        assert set(item) == FIELDS
        assert {key: item[key] for key in plain} == {key: record[name] for key, name in plain.items()}
        assert len(item["CustomColumns"]) == len(record["custom_columns"])
        assert all(set(column) == COLUMN_KEYS for column in item["CustomColumns"])


# Any name with the prefix silences those without, even one nobody knows; of a value given twice the first counts; an
# empty one is none.
ROWS: list[tuple[list[tuple[str, object]], int, int]] = [
    ([], 0, 10), ([("model.pageSize", 500)], 0, 50), ([("model.pageSize", 7), ("model.pageNumber", 2)], 7, 7),
    ([("pageSize", 20), ("pageNumber", 2)], 20, 20), ([("PAGESIZE", 20)], 0, 20), ([("model.pageSize", 0)], 0, 10),
    ([("model.pageSize", -3), ("model.pageNumber", -1)], 0, 10), ([("model.pageNumber", 0)], 0, 10),
    ([("model.channel", ""), ("pageNumber", 2), ("pageSize", 50)], 0, 10),
    ([("model.nonsense", 1), ("pageSize", 50)], 0, 10), ([("Model.PageNumber", 2), ("pageSize", 50)], 10, 10),
    ([("pageSize", 5), ("pageSize", 9)], 0, 5), ([("pageSize", ""), ("email", "")], 0, 10),
    ([("nonsense", "x"), ("fistName", "typo")], 0, 10),
]  # fmt: skip


@pytest.mark.parametrize(("pairs", "first", "count"), ROWS)
def test_which_rows_a_page_holds(caller: Any, pairs: list[tuple[str, object]], first: int, count: int) -> None:
    everyone = [record["user_id"] for record in caller.box.customers()]
    assert ids(caller.page(*pairs)) == everyone[first : first + count]


# What is unknown in a dialect is ignored there.
READ: list[tuple[str, str, tuple[str, ...], int]] = [
    ("rating", "satisfied", BOTH, 200), ("model.rating", "Satisfied", BOTH, 200), ("model.rating", "4", SWAGGER, 200),
    ("model.rating", "Satisfied", SWAGGER, 400), ("rating", "4", ARTICLE, 200),
    ("rating", "Very_Disatisfied", ARTICLE, 200), ("rating", "Very_Dissatisfied", ARTICLE, 400),
    ("customerType", "wholesale", ARTICLE, 200), ("channel", "eBayOrder", ARTICLE, 200),
    ("channel", "nowhere", ARTICLE, 400), ("createdOnFrom", "01/31/2024", ARTICLE, 200),
    ("createdOnFrom", "1/5/2024 9:05", ARTICLE, 200), ("createdOnFrom", "01/31/2024 23:59", BOTH, 200),
    ("createdOnFrom", "13/01/2024", BOTH, 400), ("createdOnFrom", "01/31/2024 24:00", BOTH, 400),
    ("createdOnFrom", "2024-01-31", ARTICLE, 400), ("model.createdOnFrom", "2024-01-31", SWAGGER, 200),
    ("model.createdOnFrom", "2024-01-31T10:00", SWAGGER, 200),
    ("model.createdOnFrom", "2024-01-31T10:00:01.1234567", SWAGGER, 200),
    ("model.createdOnFrom", "2024-01-31T10:00:00Z", SWAGGER, 200), ("model.createdOnFrom", "2024-02-30", SWAGGER, 400),
    ("model.createdOnFrom", "yesterday", SWAGGER, 400), ("model.createdOnFrom", "01/31/2024", SWAGGER, 400),
    ("pageSize", "many", BOTH, 400), ("pageSize", str(2**31), BOTH, 400), ("pageSize", "1.0", BOTH, 400),
    ("customerIDs", "1001,1002", BOTH, 400), ("companyIds", "x", ARTICLE, 200), ("companyIds", "x", BOTH, 400),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "dialects", "understood"), READ)
def test_what_each_dialect_reads(serve: Any, name: str, value: str, dialects: tuple[str, ...], understood: int) -> None:
    answer = serve(12, dialects=dialects).page((name, value))
    assert answer.status == understood
    if understood == 400:
        assert answer.json["Message"] == "The request is invalid."
        assert next(iter(answer.json["ModelState"])).casefold().endswith(name.removeprefix("model.").casefold())


def test_servers_of_one_dialect_ignore_the_other(serve: Any) -> None:
    article, swagger = serve(100, dialects=ARTICLE), serve(100, dialects=SWAGGER)
    for caller, mine, other in ((article, "pageSize", "model.pageSize"), (swagger, "model.pageSize", "pageSize")):
        assert len(ids(caller.page((other, 50)))) == 10
        assert len(ids(caller.page((mine, 50)))) == 50
    assert len(ids(article.page(("model.rating", 5), ("pageSize", 50)))) == 50
    assert article.page(("companyIds", 202)).json["TotalResults"] == 100


def test_past_the_end_and_the_page_cap(serve: Any) -> None:
    for past_end, rows in (("empty", []), ("last", [1011, 1012]), ("null", None)):
        answer = serve(12, past_end=past_end).page(("model.pageNumber", 9), ("model.pageSize", 10)).json
        items = answer["Items"]
        assert answer["TotalResults"] == 12
        assert (items and [item["UserID"] for item in items]) == rows
    assert serve(0, past_end="last").page().json == {"Items": [], "TotalResults": 0}
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


def test_answers_are_compressed_for_those_who_want_it(serve: Any) -> None:
    caller = serve(50)
    plain = caller.page(("pageSize", 50))
    packed = caller.ask("GET", "/rest/api/Customers?pageSize=50", headers={"Accept-Encoding": "gzip, deflate"})
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body


def test_one_customer_block_by_block(caller: Any) -> None:
    record = next(record for record in caller.box.customers() if record["cards"] and record["groups"])
    blocks = caller.ask("GET", f"/rest/api/Customers/{record['user_id']}").json
    assert list(blocks) == [
        "General", "Internal", "OrderOptions", "Personal", "Addresses", "WholesaleOptions", "CustomerGroups", "CreditCards",
        "CustomColumns", "NotesCount", "IsModified",
    ]  # fmt: skip
    assert (blocks["General"]["ID"], blocks["General"]["Email"]) == (record["user_id"], record["email"])
    assert blocks["Internal"]["CompanyID"] == record["company_id"]
    assert blocks["Internal"]["CreatedOn"] == record["created_on"].isoformat()
    assert blocks["Personal"]["Phone1"] == record["phone1"]
    assert blocks["Addresses"] == record["addresses"]
    names = [group["Name"] for group in blocks["CustomerGroups"]["CustomerGroups"]]
    assert names == [group["Name"] for group in record["groups"]]
    assert blocks["CreditCards"][0]["CVV"] == f"CVV-CANARY-{record['user_id']}"
    assert "Modified" not in "".join(blocks["Internal"]).replace("IsModified", "")


PATHS = {
    "/rest/api/Customers/999999": 404, "/rest/api/Orders": 404, "/": 404, "/REST/api/customers/": 200,
    "/rest/api/Customers/abc": 400, "/rest/api/Customers/1e3": 400, "/rest/api/Customers/99999999999": 400,
    f"/rest/api/Customers/{quote('１')}": 400, "/rest/api/Customers?keyword=" + "x" * 2020: 200,
    "/rest/api/Customers?keyword=" + "x" * 2021: 414,
}  # fmt: skip


@pytest.mark.parametrize(("path", "status"), PATHS.items(), ids=lambda each: str(each)[:40])
def test_each_path_has_its_status_and_what_is_wrong_a_message(caller: Any, path: str, status: int) -> None:
    answer = caller.ask("GET", path)
    assert answer.status == status
    assert ("Message" in answer.json) == (status != 200)


def test_another_method_is_refused(caller: Any) -> None:
    wrong = caller.ask("DELETE", "/rest/api/Customers")
    assert (wrong.status, "GET" in wrong.headers["allow"]) == (405, True)
    assert "DELETE" in wrong.json["Message"]


def test_teams_are_found_without_a_token(serve: Any) -> None:
    caller = serve(1, login=False)
    for path in ("/api/server-by-team/", "/api/server-by-team", "/rest/api/Server-By-Team"):
        found = caller.ask("GET", f"{path}?team=SandBox").json
        assert (found["Success"], found["RestApiEndpoint"]) == (True, f"{caller.box.url}/rest/")
        assert {"ServerID", "ApiUrl"} < set(found)
        for unknown in ("?team=nobody", ""):
            answer = caller.ask("GET", path + unknown)
            refused = {"Success": False, "Message": "Team name not found. Please try again."}
            assert (answer.status, answer.json) == (200, refused)


def test_channels_are_the_published_ones() -> None:
    assert len(CHANNELS) == 74
    assert set(range(80)) - set(CHANNELS) == {8, 9, 10, 11, 13, 14}
