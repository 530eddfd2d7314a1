"""Logging in, tokens, and how they die."""

import time
from typing import Any
from urllib.parse import urlencode

import pytest

PATH = "/rest/api/token"
REFUSAL = {"Message": "Authorization has been denied for this request."}


@pytest.mark.parametrize("content_type", ["application/json", "text/json", "application/json; charset=utf-8"])
@pytest.mark.parametrize("names", [("Username", "Password"), ("username", "password"), ("USERNAME", "passWord")])
def test_json_logins_in_any_case(caller: Any, content_type: str, names: tuple[str, str]) -> None:
    credentials = dict(zip(names, (caller.box.username, caller.box.password), strict=True))
    answer = caller.post(PATH, credentials, content_type)
    assert answer.status == 200
    assert set(answer.json) == {"access_token", "token_type", "username", "expires_in", ".issued", ".expires"}
    assert answer.json["token_type"] == "Bearer"
    assert answer.json["username"] == caller.box.username
    assert answer.json["expires_in"] == 3600.0
    assert answer.json[".issued"] < answer.json[".expires"]


def test_form_logins(caller: Any) -> None:
    form = urlencode({"username": caller.box.username, "password": caller.box.password}).encode()
    answer = caller.post(PATH, form, "application/x-www-form-urlencoded")
    assert answer.status == 200


def test_each_login_gives_another_token(caller: Any) -> None:
    tokens = {caller.login().token for _ in range(3)}
    assert len(tokens) == 3


def test_wrong_credentials(serve: Any) -> None:
    caller = serve(1, login=False)
    for wrong in (
        {"Username": caller.box.username, "Password": "no"},
        {"Username": "no", "Password": caller.box.password},
    ):
        answer = caller.post(PATH, wrong)
        assert (answer.status, answer.json) == (400, {"Message": "Sorry, invalid username or password"})


@pytest.mark.parametrize("body", [{}, {"Username": "x"}, {"Password": 5, "Username": "x"}, [], "text", b"{", b"\xff"])
def test_logins_without_both_keys_are_400_with_a_message(caller: Any, body: object) -> None:
    answer = caller.post(PATH, body)
    assert answer.status == 400
    assert answer.json["Message"] == "The request is invalid."


def test_a_login_of_another_type_is_415(caller: Any) -> None:
    assert caller.post(PATH, {}, "application/xml").status == 415


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer nonsense", "Basic dTpw"])
@pytest.mark.parametrize("path", ["/rest/api/Customers", "/rest/api/Customers/1001"])
def test_customers_need_a_token(serve: Any, header: str | None, path: str) -> None:
    caller = serve(1, login=False)
    answer = caller.ask("GET", path, headers={} if header is None else {"Authorization": header})
    assert (answer.status, answer.json) == (401, REFUSAL)
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert caller.box.log[-1].token is None


def test_tokens_die_of_age(serve: Any) -> None:
    caller = serve(1, token_lifetime_s=0.6)
    assert caller.page().status == 200
    time.sleep(0.7)
    assert caller.page().status == 401
    assert caller.login().page().status == 200


def test_tokens_die_of_use(serve: Any) -> None:
    caller = serve(1, token_calls=2)
    assert [caller.page().status for _ in range(3)] == [200, 200, 401]
    assert caller.login().page().status == 200


def test_all_tokens_die_on_demand(serve: Any) -> None:
    caller = serve(1)
    caller.box.expire_tokens()
    assert caller.page().status == 401
    assert caller.box.log[-1].token == "token#1"
    assert caller.login().page().status == 200
    assert caller.box.log[-1].token == "token#2"
