"""Logging in, tokens, and how they die."""

from typing import Any

import pytest

PATH = "/rest/api/token"
REFUSAL = {"Message": "Authorization has been denied for this request."}


@pytest.mark.parametrize("content_type", ["application/json", "text/json", "application/json; charset=utf-8"])
@pytest.mark.parametrize("names", [("Username", "Password"), ("username", "password"), ("USERNAME", "passWord")])
def test_json_logins_in_any_case(caller: Any, content_type: str, names: tuple[str, str]) -> None:
    answer = caller.post(PATH, dict(zip(names, (caller.box.username, caller.box.password), strict=True)), content_type)
    said = answer.json
    assert answer.status == 200
    assert set(said) == {"access_token", "token_type", "username", "expires_in", ".issued", ".expires"}
    assert (said["token_type"], said["username"], said["expires_in"]) == ("Bearer", caller.box.username, 3600.0)
    assert said[".issued"] < said[".expires"]


def test_each_login_gives_another_token(caller: Any) -> None:
    assert len({caller.login().token for _ in range(3)}) == 3


INVALID = "The request is invalid."
WRONG: list[tuple[Any, str]] = [
    ({"Username": "demo@sandbox.test", "Password": "no"}, "Sorry, invalid username or password"),
    ({"Username": "no", "Password": "open-sesame-sandbox"}, "Sorry, invalid username or password"),
    ({}, INVALID), ({"Username": "x"}, INVALID), ({"Password": 5, "Username": "x"}, INVALID), ([], INVALID),
    ("text", INVALID), (b"{", INVALID), (b"\xff", INVALID),
]  # fmt: skip


@pytest.mark.parametrize(("body", "message"), WRONG)
def test_logins_that_are_none_are_400_with_a_message(caller: Any, body: object, message: str) -> None:
    answer = caller.post(PATH, body)
    assert (answer.status, answer.json["Message"]) == (400, message)
    assert caller.post(PATH, body, "application/xml").status == 415


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer nonsense", "Basic dTpw"])
def test_customers_need_a_token(serve: Any, header: str | None) -> None:
    caller = serve(1, login=False)
    for path in ("/rest/api/Customers", "/rest/api/Customers/1001"):
        answer = caller.ask("GET", path, headers={} if header is None else {"Authorization": header})
        assert (answer.status, answer.json) == (401, REFUSAL)
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert caller.box.log[-1].token is None


@pytest.mark.parametrize(("options", "good"), [({"token_calls": 2}, 2), ({}, 1)])
def test_tokens_die_of_use_and_on_demand(serve: Any, options: dict[str, Any], good: int) -> None:
    caller = serve(1, **options)
    assert [caller.page().status for _ in range(good)] == [200] * good
    if not options:
        caller.box.expire_tokens()
    assert (caller.page().status, caller.box.log[-1].token) == (401, "token#1")
    assert (caller.login().page().status, caller.box.log[-1].token) == (200, "token#2")
