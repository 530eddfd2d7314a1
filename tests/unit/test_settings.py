"""Where the server is and who asks: decided without any socket, and no secret shows."""

import copy
import getpass
import json
import pickle
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sc_pandas import SettingsError
from sc_pandas.secrecy import without_login
from sc_pandas.settings import (
    Credentials,
    Secret,
    base_url,
    cache_folder,
    credentials,
    endpoint_of_team,
    keep_in_keyring,
    server_from,
    tenant_digest,
)
from tests.support.keyrings import keyring_in_memory

URL = "https://tt.api.sellercloud.com/rest"


@pytest.fixture(autouse=True)
def no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in this room may open a connection or look a name up."""

    def refuse(*_args: object, **_more: object) -> None:
        raise AssertionError("a socket was used")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "socket", refuse)


GOOD = {
    "tt": URL, "TT": URL, "a": "https://a.api.sellercloud.com/rest",
    "my-shop-2": "https://my-shop-2.api.sellercloud.com/rest",
    "a" * 63: f"https://{'a' * 63}.api.sellercloud.com/rest", "tt.api.sellercloud.com": URL,
    "TT.api.SellerCloud.com": URL, "tt.api.sellercloud.us": "https://tt.api.sellercloud.us/rest",
    "https://tt.api.sellercloud.com": URL, "https://tt.api.sellercloud.com/": URL,
    "https://tt.api.sellercloud.com/rest": URL, "https://tt.api.sellercloud.com/rest/": URL,
    "https://tt.api.sellercloud.com/rest/api": URL, "https://tt.api.sellercloud.com/rest/api/": URL,
    "http://127.0.0.1:8080": "http://127.0.0.1:8080/rest", "http://localhost:8080/rest": "http://localhost:8080/rest",
    "http://[::1]:8080": "http://[::1]:8080/rest",
    "https://sellercloud.example.com:8443/rest": "https://sellercloud.example.com:8443/rest",
}  # fmt: skip

HOSTILE = [
    "", " ", "tt ", " tt", "tt\n", "tt\r\n", "tt\0", "tt\t", "tt\u200b", "\ufefftt", "\ttt.api.sellercloud.com", "https://tt.api.sellercloud.com/rest\u200b", "tt\u2028", "-tt", "tt-", "a" * 64, "t.t", "tt.",
    "tt/", "tt#", "tt?", "tt:80", "tt@evil.com", "evil.com/#", "evil.com/", "evil.com?", "evil.com\\", "evil.com#",
    "u@evil.com/", "127.0.0.1", "127.0.0.1:80#", "x/../..", "../../etc", "tt%2eevil", "tt%00", "ｔｔ", "tt。evil", "tté",
    "${jndi:ldap://evil}", "tt;evil", "tt,evil", "tt|evil", "tt&x=1", "tt=1", "tt'", 'tt"', "<tt>",
    "evil.com.api.sellercloud.com.evil.com", "tt.api.sellercloud.com.evil.com", "tt.api.sellercloud.com@evil.com",
    "tt.api.sellercloud.com:443@evil.com", "http://tt.api.sellercloud.com/rest", "http://10.0.0.1/rest",
    "http://169.254.169.254/", "https://169.254.169.254/", "https://[::ffff:169.254.169.254]/", "https://2130706433/",
    "https://0x7f.1/", "http://127.0.0.1.evil.com/", "http://localhost.evil.com/", "http://0.0.0.0:80",
    "https://user:pw@tt.api.sellercloud.com/rest", "https://@tt.api.sellercloud.com/rest",
    "https://tt.api.sellercloud.com\\@evil.com/", "https://tt.api.sellercloud.com/rest?x=1",
    "https://tt.api.sellercloud.com/rest#x", "https://tt.api.sellercloud.com/rest/../x",
    "https://tt.api.sellercloud.com/UI", "https://tt.api.sellercloud.com:99999/", "https://tt.api.sellercloud.com:x/",
    "https://tt.api.sellercloud.com /rest", "https://tt.api.sellercloud.com\n.evil.com", "https://xn--/",
    "https:///rest", "https://", "ftp://tt.api.sellercloud.com", "file:///etc/passwd",
    "javascript://tt.api.sellercloud.com/%0aalert(1)", "https://ｔt.api.sellercloud.com/",
]  # fmt: skip


@pytest.mark.parametrize(("server", "url"), GOOD.items())
def test_a_server_id_a_host_or_a_base_url_becomes_the_base_url(server: str, url: str) -> None:
    assert base_url(server) == url
    assert base_url(url) == url


@pytest.mark.parametrize("server", HOSTILE, ids=repr)
def test_a_hostile_server_is_refused_before_any_socket(server: str) -> None:
    with pytest.raises(SettingsError) as caught:
        base_url(server)
    assert caught.value.setting == "server"


@given(st.text(max_size=30))
def test_any_text_as_a_server_is_refused_or_stays_with_sellercloud(text: str) -> None:
    try:
        url = base_url(text)
    except SettingsError:
        return
    assert url == f"https://{text.lower()}.api.sellercloud.com/rest"


LOCAL, LOOKUP = "http://127.0.0.1:5/rest", "https://api.sellercloud.com/api/server-by-team/"
NO_TEAMS: list[object] = [
    None, [], {}, {"Success": False, "RestApiEndpoint": URL}, {"RestApiEndpoint": ""}, {"RestApiEndpoint": 7},
    {"RestApiEndpoint": "https://evil.com/rest"}, {"RestApiEndpoint": LOCAL},
    {"RestApiEndpoint": "https://tt.api.sellercloud.com.evil.com/rest"},
    {"RestApiEndpoint": "https://u:p@tt.api.sellercloud.com/rest"},
]  # fmt: skip


def test_the_team_look_up_names_sellercloud_or_from_loopback_loopback() -> None:
    assert endpoint_of_team({"Success": True, "RestApiEndpoint": f"{URL}/api"}, lookup_url=LOOKUP) == URL
    assert endpoint_of_team({"RestApiEndpoint": LOCAL}, lookup_url="http://127.0.0.1:5/api/server-by-team/") == LOCAL


@pytest.mark.parametrize("answer", NO_TEAMS)
def test_a_team_look_up_that_names_anything_else_is_refused(answer: object) -> None:
    with pytest.raises(SettingsError):
        endpoint_of_team(answer, lookup_url=LOOKUP)


# ── credentials ────────────────────────────────────────────────────────────────────────────────────────────────────

Vault = dict[tuple[str, str], str]
ENV = {"SELLERCLOUD_SERVER": "tt", "SELLERCLOUD_USERNAME": "env@x.test", "SELLERCLOUD_PASSWORD": "env-pw"}


@pytest.fixture
def vault() -> Iterator[Vault]:
    """Put a keyring in memory in the place of the system's."""
    with keyring_in_memory() as mine:
        yield mine.kept


def who(**given_: Any) -> tuple[str | None, str | None, str | None]:
    options: dict[str, Any] = {"ask": False} | given_
    with pytest.MonkeyPatch.context() as patch:
        for name, value in options.pop("env", {}).items():
            patch.setenv(name, value)
        found = credentials(options.pop("url", URL), **options)
    password = None if found.password is None else found.password.reveal()
    return found.username, password, None if found.token is None else found.token.reveal()


def test_arguments_come_first_then_environment_then_keyring_then_a_person(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_in_keyring(URL, "ring@x.test", Secret("ring-pw"))
    monkeypatch.setattr("builtins.input", lambda: "typed@x.test")
    monkeypatch.setattr(getpass, "getpass", lambda _prompt: "typed-pw")
    assert who(username="arg@x.test", password="arg-pw", env=ENV, ask=True) == ("arg@x.test", "arg-pw", None)
    assert who(token="arg-token", env=ENV, ask=True) == (None, None, "arg-token")
    assert who(env=ENV, ask=True) == ("env@x.test", "env-pw", None)
    token = {"SELLERCLOUD_SERVER": URL, "SELLERCLOUD_TOKEN": "env-token"}
    assert who(env=token, ask=True) == (None, None, "env-token")
    assert who(ask=True) == ("ring@x.test", "ring-pw", None)
    vault.clear()
    assert who(ask=True) == ("typed@x.test", "typed-pw", None)
    with pytest.raises(SettingsError):
        who(ask=False)


def test_the_environment_s_password_is_never_sent_for_another_user(vault: Vault) -> None:
    with pytest.raises(SettingsError, match=r"is for another user name than else@x\.test\. Run `sc-pandas login`"):
        who(username="else@x.test", env=ENV)
    assert who(username="env@x.test", env=ENV) == ("env@x.test", "env-pw", None)


def test_nobody_is_asked_where_nobody_sits(monkeypatch: pytest.MonkeyPatch, vault: Vault) -> None:
    def refuse(_prompt: str) -> str:
        raise AssertionError("asked")

    monkeypatch.setattr("builtins.input", refuse)
    monkeypatch.setattr(getpass, "getpass", refuse)
    monkeypatch.setattr(sys, "stdin", None)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    with pytest.raises(SettingsError, match="SELLERCLOUD_USERNAME"):
        credentials(URL)


def test_a_password_without_its_user_is_refused() -> None:
    with pytest.raises(SettingsError) as caught:
        who(password="pw", env=ENV)
    assert caught.value.setting == "username"


def test_no_file_of_the_working_directory_and_no_other_servers_login_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vault: Vault
) -> None:
    keep_in_keyring("https://other.api.sellercloud.com/rest", "ring@x.test", Secret("ring-pw"))
    for name in (".env", ".netrc", "sellercloud.ini", "credentials.json"):
        (tmp_path / name).write_text("SELLERCLOUD_USERNAME=file\nSELLERCLOUD_PASSWORD=file\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError):
        credentials(URL, ask=False)


def test_the_server_is_the_argument_s_or_the_environment_s(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError):
        server_from(None)
    monkeypatch.setenv("SELLERCLOUD_SERVER", "env")
    assert server_from("tt") == "tt"
    assert server_from(None) == "env"


SPELLINGS = ("tt", "TT", "tt.api.sellercloud.com", "https://tt.api.sellercloud.com", URL)
STRANGERS = (
    "uu", "team:tt", "tt.api.sellercloud.us", "https://tt.api.sellercloud.com.evil.example/rest",
    "https://tt.api.sellercloud.com:444/rest", "http://127.0.0.1:8000", "https://me:pw@tt.api.sellercloud.com/rest", "t t",
)  # fmt: skip


@pytest.mark.fault("G01")
@pytest.mark.parametrize("server", SPELLINGS)
def test_the_environment_s_login_is_for_its_server(server: str, vault: Vault) -> None:
    assert who(env={**ENV, "SELLERCLOUD_SERVER": server})[1] == "env-pw"


@pytest.mark.fault("G01", "G18")
@pytest.mark.parametrize("server", STRANGERS)
@pytest.mark.parametrize("kind", ["SELLERCLOUD_PASSWORD", "SELLERCLOUD_TOKEN"])
def test_the_environment_s_login_is_for_nobody_else(
    server: str, kind: str, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = {"SELLERCLOUD_SERVER": server, "SELLERCLOUD_USERNAME": "env@x.test", kind: "env-pw"}
    with pytest.raises(
        SettingsError, match=r"No login for https://tt\.api.*another server.*Run `sc-pandas login`"
    ) as told:
        who(env=env)
    assert "me:pw" not in str(told.value)
    with pytest.raises(SettingsError, match="SELLERCLOUD_SERVER, which says for which server, is not set") as caught:
        who(env={**env, "SELLERCLOUD_SERVER": ""})
    assert caught.value.setting == "server"
    # Nor is its user's name: the person who is asked says both.
    monkeypatch.setattr("builtins.input", lambda: "typed@x.test")
    monkeypatch.setattr(getpass, "getpass", lambda _prompt: "typed-pw")
    assert who(env=env, ask=True) == ("typed@x.test", "typed-pw", None)


def test_a_team_s_server_is_known_by_how_it_was_spelt(vault: Vault) -> None:
    env = {**ENV, "SELLERCLOUD_SERVER": "team:acme"}
    assert who(env=env, server="team:acme")[1] == "env-pw"
    for server in ("", "team:other", "tt"):
        with pytest.raises(SettingsError):
            who(env=env, server=server)


def test_a_prompt_names_the_host(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getpass", lambda prompt: f"typed after {prompt}")
    assert who(username="ann@x.test", ask=True)[1] == "typed after Password of ann@x.test at tt.api.sellercloud.com: "


UNUSABLE = [
    ("password", b"pw-canary"), ("password", 5), ("token", "t-canary\n"), ("token", "t canary"), ("token", "t\u201c"),
    ("token", 5),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value"), UNUSABLE)
def test_a_secret_that_cannot_be_sent_is_told_at_once(kind: str, value: Any) -> None:
    with pytest.raises(SettingsError, match=f"The {kind} is not text") as caught:
        who(username="ann@x.test", **{kind: value})
    assert caught.value.setting == kind
    assert "canary" not in str(caught.value)


STARRED = [
    ("https://me:p/w@tt.api.sellercloud.com/rest", "https://***@tt.api.sellercloud.com/rest"), ("me:pw@tt", "***@tt"),
    ("https://tt.api.sellercloud.com/rest?token=pw", "https://tt.api.sellercloud.com/rest?***"),
    ("https://tt.api.sellercloud.com/rest#pw\npw", "https://tt.api.sellercloud.com/rest#***"),
]  # fmt: skip


@pytest.mark.parametrize(("server", "shown"), STARRED)
def test_what_else_a_server_carries_is_starred_and_refused(server: str, shown: str) -> None:
    assert without_login(server) == server_from(server) == shown
    with pytest.raises(SettingsError):
        base_url(shown)
    assert without_login("https://tt.api.sellercloud.us/rest") == "https://tt.api.sellercloud.us/rest"


# ── secrets ────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.text(min_size=4, max_size=64).filter(lambda text: text.strip("* ")))
def test_a_secret_prints_as_stars(value: str) -> None:
    secret = Secret(value)
    login = Credentials("ann@x.test", password=secret, token=secret)
    for shown in (str(secret), repr(secret), f"{secret:>30}", f"{secret!r}", "%s" % secret, repr([secret])):  # noqa: UP031
        assert shown.strip("[]") == "***"
    assert repr(login) == "Credentials(username='ann@x.test', password=***, token=***)"
    assert secret.reveal() == value


@pytest.mark.parametrize("make", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps])
def test_a_secret_is_not_pickled_or_copied(make: Callable[[object], object]) -> None:
    """Nor are the credentials that hold it; a shallow copy of them holds the same secret."""
    secret = Secret("open sesame")
    for each in (secret, Credentials("ann", password=secret))[: 1 if make is copy.copy else 2]:
        with pytest.raises(TypeError) as caught:
            make(each)
        assert "sesame" not in str(caught.value)


def test_the_user_is_shown_masked() -> None:
    assert Credentials("ann@x.test", password=Secret("p")).masked_user == "a***@x.test"
    assert Credentials("ann", password=Secret("p")).masked_user == "a***"
    assert Credentials(None, token=Secret("t")).masked_user == "token ***"
    assert "sesame" not in Credentials(None, token=Secret("sesame")).user_key


# ── folders and tenants ────────────────────────────────────────────────────────────────────────────────────────────


def test_the_cache_folder_is_the_argument_s_the_environment_s_or_the_user_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SC_PANDAS_CACHE_DIR", raising=False)
    assert cache_folder().name == "sc_pandas"
    assert cache_folder("~/x") == Path.home() / "x"
    monkeypatch.setenv("SC_PANDAS_CACHE_DIR", "/env")
    assert (cache_folder(tmp_path), cache_folder()) == (tmp_path, Path("/env"))


def test_no_frame_holds_a_password_of_the_keyring_in_clear(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where what comes next in it raises, Ctrl-C included."""
    keep_in_keyring(URL, "ring@x.test", Secret("canary-pw"))

    def strike(*_args: object, **_more: object) -> Credentials:
        raise KeyboardInterrupt

    monkeypatch.setattr("sc_pandas.settings.Credentials", strike)
    with pytest.raises(KeyboardInterrupt) as caught:
        credentials(URL, ask=False)
    frames = [frame.f_locals for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
    ours = [held for held in frames if held.get("url") == URL]
    assert len(ours) >= 2
    assert not any("canary-pw" in repr(held) for held in ours)


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), min_size=2, max_size=2, unique=True))
def test_two_tenants_never_share_a_digest(pairs: list[tuple[str, str]]) -> None:
    one, other = (tenant_digest(f"https://{host.encode().hex()}.x", user) for host, user in pairs)
    assert one != other
    assert tenant_digest("https://a.b/rest", "c") != tenant_digest("https://a/rest", ".bc")
    assert tenant_digest("https://A.b/rest", "c") == tenant_digest("https://a.b/rest", "c")
    assert Credentials(None, token=Secret("a")).user_key != Credentials("a", password=Secret("a")).user_key
