"""`login`: tried before it is kept, and never shown."""

from pathlib import Path
from typing import Any

import keyring
import keyring.backends.fail
import pytest

import sc_pandas as sc
from sc_pandas.settings import base_url, keyring_service


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, serve: Any) -> Any:
    """Return a sandbox that the environment names, without a login there."""
    box = serve()
    monkeypatch.delenv("SELLERCLOUD_USERNAME")
    monkeypatch.delenv("SELLERCLOUD_PASSWORD")
    return box


def test_a_good_login_is_tried_and_kept(alone: Any, run: Any, keys: Any, cache_dir: Path) -> None:
    ran = run("login", typed=f"{alone.username}\n{alone.password}\n")
    assert ran.code == 0, ran
    assert (alone.calls(), alone.calls("token")) == (1, 1)
    assert alone.password not in ran.out + ran.err
    service = keyring_service(base_url(alone.url))
    assert keys.kept[service, alone.username] == alone.password
    assert not cache_dir.exists()
    counted = run("count")
    assert (counted.code, counted.out) == (0, "120\n")
    with sc.connect() as shop:
        assert shop.customers().count() == 120


def test_a_wrong_password_is_sent_once_and_not_kept(alone: Any, run: Any, keys: Any) -> None:
    ran = run("login", "--server", alone.url, "--username", alone.username, typed="not-the-Passw0rd\n")
    assert ran.code == 1
    assert [entry.method for entry in alone.log.requests()] == ["POST"]
    assert keys.kept == {}
    assert "not-the-Passw0rd" not in ran.out + ran.err
    assert ran.err.splitlines()[-1].startswith("sc-pandas: ")


def test_a_wrong_server_is_told_before_anything_is_asked(run: Any, keys: Any) -> None:
    ran = run("login", "--server", "http://elsewhere.example", typed="me\nsecret\n")
    assert ran.code == 2
    assert "Password" not in ran.err
    assert run("login", typed="me\nsecret\n").code == 2


def test_nobody_types(alone: Any, run: Any, keys: Any) -> None:
    assert run("login").code == 130
    assert alone.calls() == 0


def test_a_machine_without_a_keyring(alone: Any, run: Any, keys: Any) -> None:
    keyring.set_keyring(keyring.backends.fail.Keyring())  # type: ignore[no-untyped-call]
    ran = run("login", typed=f"{alone.username}\n{alone.password}\n")
    assert ran.code == 2
    assert "keyring" in ran.err
    assert alone.password not in ran.out + ran.err
