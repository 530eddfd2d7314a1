"""What is asked wrongly is told at once, with the nearest that works, and sends nothing."""

import inspect
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

import sc_pandas as sc
from sc_pandas.errors import FilterError, SellerCloudError, SettingsError
from sc_pandas.query.keywords import OPTIONS
from sc_pandas.sandbox import Sandbox
from tests.support.shops import shop_of


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with sc.sandbox.serve(customers=12, seed=7) as box:
        yield box


@pytest.fixture
def shop(box: Sandbox, tmp_path: Path) -> Iterator[sc.Connection]:
    before = box.calls()
    with shop_of(box, tmp_path / "cache") as shop:
        yield shop
    assert box.calls() == before


KEYWORDS = [
    ({"chache": "off"}, "Did you mean cache"), ({"includes": ["phones"]}, "Did you mean include?"),
    ({"column": ["email"]}, "Did you mean columns?"), ({"lmit": 5}, "Did you mean limit?"),
    ({"ratng": 5}, "Did you mean rating?"), ({"phone": "555"}, "Did you mean phone_number?"),
    ({"user_id": 5}, "Did you mean customer_ids?"), ({"wholesale": True}, "Did you mean customer_type='Wholesale'"),
    ({"groups": "VIP"}, "include=['groups'] reads it as a column"),
    ({"country": "US"}, f"The filters are {', '.join(sc.CustomerFilter.names)}; help(sc.CustomerFilter)"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "told"), KEYWORDS)
def test_an_unknown_keyword_is_told_with_the_nearest(shop: sc.Connection, given: dict[str, Any], told: str) -> None:
    (name,) = given
    for ask in (shop.customers, lambda **wrong: sc.read_sellercloud_customers(shop, **wrong)):
        with pytest.raises(FilterError) as caught:
            ask(**given)
        assert str(caught.value).startswith(f"There is no filter or option {name!r}.")
        assert told in str(caught.value)
        assert caught.value.filter == name


@pytest.mark.parametrize(("given", "told"), [*KEYWORDS, ({"usernme": "x"}, "Did you mean username?")])
def test_a_wrong_keyword_is_told_before_a_login_is_sought(given: dict[str, Any], told: str) -> None:
    with pytest.raises(FilterError) as caught:
        sc.read_sellercloud_customers("team:nobody", **given)
    assert told.partition(" or ")[0].rstrip("?") in str(caught.value)


@pytest.mark.parametrize("name", ["username", "password", "token", "cache_dir", "server_timezone"])
def test_a_keyword_of_connect_is_too_late_for_a_connection(shop: sc.Connection, name: str) -> None:
    secret: dict[str, Any] = {name: "secret"}
    for ask in (shop.customers, shop.panel, lambda **wrong: sc.read_sellercloud_customers(shop, **wrong)):
        with pytest.raises(SettingsError, match=rf"{name} belongs to connect\(\)") as caught:
            ask(**secret)
        assert caught.value.setting == name
        assert "secret" not in str(caught.value)


def test_the_options_are_those_of_customers() -> None:
    named = inspect.signature(sc.Connection.customers).parameters
    assert [*OPTIONS, *sc.CustomerFilter.names] == list(named)[1:]
    assert all(each.kind is each.KEYWORD_ONLY and each.annotation is not each.empty for each in [*named.values()][1:])


@pytest.mark.parametrize(("option", "wrong", "told"), [
    ("include", True, "include takes a list of names"), ("include", 5, "not int"), ("include", None, "not NoneType"),
    ("include", ["channel", 5], "not int"),
    ("include", "channel, phones", "pass a list: include=['channel', 'phones']"),
    ("include", ["channel,phones"], "pass a list: include=['channel', 'phones']"),
    ("include", ["email"], "email is in every read"), ("include", "rating_name", "rating_name is in every read"),
    ("include", ["custom.Tier"], "custom.Tier is in every read"), ("include", ["phone"], "Did you mean phones"),
    ("columns", 5, "columns takes a list of names, such as columns=['user_id', 'email'], not int"),
    ("columns", "user_id, email", "columns=['user_id', 'email']"),
])  # fmt: skip
def test_names_are_given_as_a_list(shop: sc.Connection, option: str, wrong: Any, told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        shop.customers(**{option: wrong})
    assert told in str(caught.value)
    assert caught.value.setting == option


def test_a_server_is_text(box: Sandbox, shop: sc.Connection) -> None:
    for wrong in (5, b"tt", Path("tt"), True):
        with pytest.raises(SettingsError, match="server is text"):
            sc.connect(wrong)  # type: ignore[arg-type]
    for near in (box, shop):
        with pytest.raises(SettingsError, match=r"not (Sandbox|Connection)\. Pass its \.url"):
            sc.connect(near)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="server is text"):
        sc.read_sellercloud_customers(5)  # type: ignore[call-overload]


@pytest.mark.parametrize("verb", [
    sc.Connection.log_in, sc.Connection.calls_left, sc.Connection.cache_info, sc.Connection.segments,
    sc.Connection.panel, lambda shop: shop.customers().count(), lambda shop: shop.customers().to_pandas(),
])  # fmt: skip
def test_a_closed_connection_says_so_whatever_is_asked(shop: sc.Connection, verb: Any) -> None:
    shop.close()
    with pytest.raises(SellerCloudError, match=r"This connection is closed; connect again\."):
        verb(shop)
    assert "closed" in repr(shop)
    assert "closed" in shop._repr_html_()


@pytest.mark.parametrize(("setting", "value"), [
    ("timeout", "30"), ("timeout", "soon"), ("timeout", None), ("timeout", True), ("timeout", 0),
    ("timeout", 10**400), ("timeout", timedelta(days=2)), ("max_wait", None), ("max_wait", "60"), ("max_wait", -1),
    ("max_wait", float("nan")), ("cache_dir", 5), ("username", 5), ("ca_bundle", 5), ("server_timezone", 5),
    ("dialect", []), ("ca_bundle", "nowhere.pem"), ("ca_bundle", "~/nowhere.pem"), ("ca_bundle", __file__),
])  # fmt: skip
def test_a_setting_of_another_kind_is_named(setting: str, value: Any) -> None:
    given: dict[str, Any] = {"username": "ann", "password": "never sent", setting: value}
    with pytest.raises(sc.SettingsError) as caught:
        sc.connect("tt", **given)
    assert caught.value.setting == setting
    assert setting in str(caught.value)


@pytest.mark.parametrize(("name", "value"), [
    ("REQUESTS_CA_BUNDLE", "nowhere.pem"), ("REQUESTS_CA_BUNDLE", __file__), ("HTTPS_PROXY", "socks5://127.0.0.1:9"),
])  # fmt: skip
def test_what_no_call_can_be_sent_by_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.setitem(sys.modules, "socks", None)
    with pytest.raises(sc.SettingsError, match=name) as caught:
        sc.connect("tt", username="ann", password="never sent")
    assert caught.value.setting == name


def test_numbers_of_numpy_are_numbers(box: Sandbox, tmp_path: Path) -> None:
    three, nine = (cast("Any", each) for each in (np.int64(3), np.float32(9)))
    with shop_of(box, tmp_path) as shop:
        assert len(shop.customers(limit=three, max_age=nine).to_pandas()) == len(shop.customers().head(three)) == 3
        assert shop.customers(page_size=three, max_calls=three, max_age=three).options.max_age == 3.0
        assert shop.customers().page(three, three).number == shop.customers().page(3).number == 3
        wrong: Any
        for wrong in (0, "1", 1.5, True, None, np.float64(3)):
            with pytest.raises(sc.SettingsError, match="whole number"):
                shop.customers().page(wrong)
        with pytest.raises(sc.SettingsError, match="max_age"):
            shop.customers(max_age=cast("Any", np.timedelta64(5, "s")))


def test_seconds_may_be_of_any_kind_of_number(tmp_path: Path) -> None:
    numbers: list[Any] = [timedelta(seconds=3), 3, 3.0, np.float64(3), np.int64(3)]
    for given in numbers:
        login: dict[str, Any] = {"username": "ann", "password": "never sent", "cache_dir": tmp_path}
        seconds: dict[str, Any] = {"timeout": given, "max_wait": given}
        sc.connect("tt", **login, **seconds).close()
