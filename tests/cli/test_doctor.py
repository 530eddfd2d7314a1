"""`sc-pandas doctor`: says what is wrong in plain words, in five calls at most, and gives nothing away."""

import os
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sc_pandas.contract import CALLS_PER_HOUR
from sc_pandas.pacing import Pace, PaceFile, SystemClock
from sc_pandas.query import doctor
from sc_pandas.sandbox import Sandbox
from sc_pandas.settings import Credentials, Secret, base_url, tenant_digest
from tests.support.wire_faults import order

ALL = ["server", "clock", "login", "dialect", "page cap", "quota", "cache folder", "proxy", "versions"]


def states(ran: Any) -> dict[str, str]:
    return {check["name"]: check["state"] for check in ran.json["checks"]}


def words(ran: Any, name: str) -> str:
    return next(str(check["words"]) for check in ran.json["checks"] if check["name"] == name)


@pytest.fixture(autouse=True)
def nothing_given_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No secret, name or e-mail stands in what any test of this module prints."""
    said: list[str] = []
    echo = doctor.Check.__init__

    def listen(self: Any, name: str, state: Any, words: str) -> None:
        said.append(words)
        echo(self, name, state, words)

    monkeypatch.setattr(doctor.Check, "__init__", listen)
    yield
    text = " ".join(said)
    assert said
    for secret in ("open-sesame", "canary", "demo", "sandbox.test", "@"):
        assert secret not in text, text


# ── the server ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_healthy(at_box: Sandbox, run: Any, cache_dir: Path) -> None:
    before = at_box.calls()
    ran = run("doctor", "--json")
    assert (ran.code, ran.err, ran.json["fine"]) == (0, "", True)
    assert list(states(ran).items()) == [(name, "ok") for name in ALL]
    assert ran.json["calls"] == at_box.calls() - before == 2
    assert words(ran, "dialect") == "article is understood"
    assert words(ran, "page cap") == "50 rows come when 100 are asked, of 300 customers"
    assert words(ran, "quota").startswith("10,798 of 10,800 calls are left")
    assert words(ran, "proxy") == "none; calls go directly"
    assert "pandas" in words(ran, "versions")


def test_in_words(at_box: Sandbox, run: Any) -> None:
    run("count")
    ran = run("doctor")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert [line[:6].strip() for line in lines[:-2]] == ["ok"] * len(ALL)
    assert lines[-1] == "Everything that a read needs is there. (2 calls made)"
    assert "doctor" in run("--help").out
    assert "at most 5 calls" in run("doctor", "--help").out


def test_a_wrong_password_is_tried_once(serve: Any, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    box = serve()
    monkeypatch.setenv("SELLERCLOUD_PASSWORD", "canary-password")
    ran = run("doctor", "--json")
    assert (ran.code, ran.json["fine"], ran.json["calls"]) == (1, False, box.calls() == 1)
    assert [states(ran)[name] for name in ("server", "login", "cache folder")] == ["ok", "fail", "ok"]
    assert "dialect" not in states(ran)
    assert run("doctor").out.splitlines()[-1] == "Something fails; see above. (1 call made)"


def test_a_dead_server(serve: Any, run: Any) -> None:
    serve().close()
    ran = run("doctor", "--json")
    assert (ran.code, states(ran)["server"]) == (1, "fail")
    assert "no connection" in words(ran, "server")
    assert list(states(ran)) == ["server", *ALL[5:]]


# What the server is told to be, the fault of all its calls, the exit code, and the state and words of some checks.
FORBIDDEN = {"kind": "status", "status": 403, "body": '{"Message": "canary@sandbox.test may not"}'}
LIKE: list[tuple[dict[str, Any], dict[str, Any], int, dict[str, tuple[str, str]]]] = [
    ({"dialects": ("article",)}, {}, 0, {"dialect": ("ok", "article is understood")}),
    ({"dialects": ("swagger",)}, {}, 0, {"dialect": ("ok", "swagger is understood")}),
    ({"customers": 0}, {}, 0, {"dialect": ("warn", "")}), ({"customers": 9}, {}, 0, {"dialect": ("warn", "")}),
    ({"page_cap": 25}, {}, 0, {"page cap": ("ok", "25 rows come")}),
    ({"page_cap": 200}, {}, 0, {"page cap": ("ok", "100 rows come")}),
    ({"page_cap": 10}, {}, 1, {"dialect": ("fail", "")}),
    ({}, FORBIDDEN, 1, {"login": ("ok", ""), "customers": ("fail", "")}),
    ({}, {"kind": "cut_body"}, 1, {"login": ("ok", ""), "customers": ("fail", "")}),
    ({}, {"kind": "html", "endpoint": "token"}, 1, {"login": ("fail", "")}),
    ({}, {"kind": "redirect", "endpoint": "token"}, 1, {"login": ("fail", "")}),
]  # fmt: skip


@pytest.mark.parametrize(("options", "fault", "code", "told"), LIKE)
def test_what_the_server_is_like_is_told_in_five_calls(
    options: dict[str, Any], fault: dict[str, Any], code: int, told: dict[str, tuple[str, str]], serve: Any, run: Any
) -> None:
    box = serve(**options)
    if fault:
        order(box, times=None, **fault)
    ran = run("doctor", "--json")
    assert (ran.code, ran.json["calls"]) == (code, box.calls()), ran
    assert box.calls() <= 5
    for name, (state, says) in told.items():
        assert states(ran)[name] == state
        assert words(ran, name).startswith(says)


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_clock_that_is_wrong(hours: int, at_box: Sandbox, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SystemClock, "now", staticmethod(lambda: datetime.now(UTC) + timedelta(hours=hours)))
    ran = run("doctor", "--json")
    assert (ran.code, states(ran)["clock"]) == (0, "warn")
    side = "ahead of" if hours > 0 else "behind"
    assert words(ran, "clock") == f"this computer's clock is 2 h {side} the server's; set it by the network"


def test_a_token_instead_of_a_password(at_box: Sandbox, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SELLERCLOUD_PASSWORD")
    monkeypatch.delenv("SELLERCLOUD_USERNAME")
    monkeypatch.setenv("SELLERCLOUD_TOKEN", "canary-token")
    before = at_box.calls()
    ran = run("doctor", "--json")
    assert ran.code == 1
    assert (states(ran)["server"], states(ran)["customers"]) == ("ok", "fail")
    assert "token is no longer good" in words(ran, "customers")
    assert at_box.calls() - before == 1


def test_settings_that_cannot_be_used_are_exit_code_2(run: Any) -> None:
    assert run("doctor", "--server", "http://example.com").code == 2
    assert run("doctor").code == 2
    doctor.Check("that nothing was checked", "ok", "is meant")


# ── the quota ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_throttle(serve: Any, run: Any) -> None:
    box = serve()
    box.fault("throttle", reset_in_s=600.0)
    ran = run("doctor", "--json")
    assert ran.code == 1
    assert states(ran)["quota"] == "fail"
    assert "takes no calls until" in words(ran, "quota")
    calls = box.calls()
    ran = run("doctor", "--json")
    assert (states(ran)["server"], states(ran)["quota"]) == ("warn", "fail")
    assert box.calls() == calls


def test_a_quota_that_is_used_up_is_told_and_not_waited_for(serve: Any, run: Any, cache_dir: Path) -> None:
    box = serve()
    tenant = tenant_digest(base_url(box.url), Credentials(box.username, password=Secret("x")).user_key)
    shared = PaceFile(cache_dir / f"{tenant}.pace")
    pace = Pace(SystemClock(), file=shared)
    for _ in range(CALLS_PER_HOUR - 3):
        pace.wait_for_turn()
    shared.close()
    started = time.monotonic()
    ran = run("doctor", "--json")
    assert time.monotonic() - started < 5.0
    assert (ran.code, states(ran)["quota"], states(ran)["server"]) == (1, "fail", "warn")
    assert words(ran, "quota").startswith("3 of 10,800")
    assert box.calls() == 0


# ── this machine ───────────────────────────────────────────────────────────────────────────────────────────────────


def database_of(cache_dir: Path) -> Path:
    (path,) = cache_dir.glob("*.sqlite")
    return path


def test_the_cache_s_size_is_told_and_nothing_is_changed(at_box: Sandbox, run: Any, cache_dir: Path) -> None:
    assert "is not there yet" in words(run("doctor", "--json"), "cache folder")
    run("count")
    before = database_of(cache_dir).read_bytes()
    ran = run("doctor", "--json")
    assert "is private" in words(ran, "cache folder")
    assert database_of(cache_dir).read_bytes() == before
    assert {path.stat().st_mode & 0o077 for path in cache_dir.iterdir() if path.name != ".gitignore"} == {0}


def test_a_folder_that_others_can_open(at_box: Sandbox, run: Any, cache_dir: Path) -> None:
    cache_dir.mkdir(0o755)
    cache_dir.chmod(0o755)
    ran = run("doctor", "--json")
    assert (ran.code, states(ran)["cache folder"]) == (1, "fail")
    assert "accessible to other users" in words(ran, "cache folder")
    assert list(cache_dir.iterdir()) == []


def test_the_home_folder_is_not_named(at_box: Sandbox, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SC_PANDAS_CACHE_DIR")
    ran = run("doctor", "--json")
    assert words(ran, "cache folder").startswith(f"~{os.sep}cache{os.sep}sc_pandas ")


def test_a_proxy_is_named_by_its_host_alone(monkeypatch: pytest.MonkeyPatch, run: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    monkeypatch.setenv("HTTPS_PROXY", f"http://canary:canary@127.0.0.1:{port}")
    monkeypatch.setenv("SELLERCLOUD_SERVER", "tt")
    monkeypatch.setenv("SELLERCLOUD_USERNAME", "demo@sandbox.test")
    monkeypatch.setenv("SELLERCLOUD_PASSWORD", "canary")
    ran = run("doctor", "--json")
    assert (ran.code, states(ran)["server"]) == (1, "fail")
    assert "proxy" in words(ran, "server")
    assert words(ran, "proxy") == f"calls go through 127.0.0.1:{port}"
