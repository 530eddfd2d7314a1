"""Exit codes, one line on stderr, warnings in a line, and nothing of a secret anywhere."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from sc_pandas import errors
from sc_pandas.cli import main
from sc_pandas.cli.app import COMMANDS
from sc_pandas.cli.endings import EXIT_CODES, code_of
from sc_pandas.sandbox import Sandbox


def one_line(text: str) -> bool:
    return text.startswith("sc-pandas: ") and text.count("\n") == 1 and "Traceback" not in text


CODES = [
    (errors.SellerCloudError("x"), 1), (errors.SettingsError("x"), 2), (errors.FilterError("x"), 2),
    (errors.AuthError("x"), 1), (errors.TransportError("x"), 1), (errors.ServerError("x"), 1),
    (errors.ResponseError("x"), 1), (errors.RateLimitedError("x"), 4), (errors.PagingDriftError("x"), 3),
    (errors.CacheMissError("x"), 1), (errors.ExportError("x", reason="not_verified"), 3),
    (errors.ExportError("x", reason="os"), 1),
]  # fmt: skip


@pytest.mark.parametrize(("error", "code"), CODES)
def test_each_error_has_its_code(error: errors.SellerCloudError, code: int) -> None:
    assert code_of(error) == code
    assert code in EXIT_CODES


def test_help_tells_the_codes_and_the_environment(run: Any) -> None:
    ran = run("--help")
    assert ran.code == 0
    assert all(f"{code}" in ran.out and meaning in ran.out for code, meaning in EXIT_CODES.items())
    assert all(f"SELLERCLOUD_{name}" in ran.out for name in ("SERVER", "USERNAME", "PASSWORD", "TOKEN"))
    assert all(name in ran.out for name in ("demo", "sandbox", "count", "export", "cache", "login"))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_takes_no_password(name: str, run: Any) -> None:
    """The list of commands says what each says; a password would be in the process list and in the shell's history."""
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert (command.help or "").splitlines()[0] == COMMANDS[name]
    assert not [each for option in command.params for each in option.opts if "password" in each or "token" in each]
    assert "Examples:\n    sc-pandas" in run(name, "--help").out


def test_version(run_process: Any) -> None:
    from importlib.metadata import version

    ran = run_process("--version")
    assert (ran.code, ran.out) == (0, f"sc-pandas {version('sc_pandas')}\n")


UNASKED = [
    ["count", "--rating", "splendid"], ["count", "--created-on-from", "soon"], ["count", "--customer-ids", "all"],
    ["count", "--city", " "], ["count", "--server", "two words"], ["count", "--server-timezone", "Mars/Olympus"],
    ["export", "x.parquet", "--limit", "0"], ["export", "x.parquet", "--page-size", "0"], ["count", "--timeout", "0"],
    ["count", "--max-wait", "-1"],
]  # fmt: skip


@pytest.mark.parametrize("args", UNASKED)
def test_what_cannot_be_asked_is_usage_and_nothing_is_sent(
    args: list[str], at_box: Sandbox, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = at_box.calls()
    ran = run(*args)
    assert (ran.code, ran.out) == (2, ""), ran
    assert one_line(ran.err)
    assert at_box.calls() == before
    assert not (tmp_path / "x.parquet").exists()


@pytest.mark.parametrize(
    "args", [["count", "--no-such"], ["count", "--cache", "maybe"], ["export"], ["nothing"], ["count", "--limit", "1"]]
)
def test_wrong_usage_is_clicks_own(args: list[str], run: Any) -> None:
    ran = run(*args)
    assert (ran.code, ran.out, "Usage:" in ran.err) == (2, "", True)


@pytest.mark.parametrize(
    ("args", "says"),
    [([], "SELLERCLOUD_SERVER"), (["--server", "http://127.0.0.1:1"], "sc-pandas login"),
     (["--server", "http://127.0.0.1:1", "--rating", "splendid"], "rating")],
)  # fmt: skip
def test_no_server_no_login_and_before_it_a_wrong_filter(args: list[str], says: str, run: Any, keys: Any) -> None:
    ran = run("count", *args)
    assert (ran.code, says in ran.err) == (2, True)


# What is wrong with the server, what is asked of it, the exit code, and what the line says.
FAILURES: dict[str, tuple[Callable[[Sandbox], object], list[str], int, str]] = {
    "wrong password": (lambda _: os.environ.update(SELLERCLOUD_PASSWORD="not-the-Passw0rd"), ["count"], 1, "password"),
    "nobody listens": (Sandbox.close, ["count", "--timeout", "1"], 1, "could not be reached"),
    "used up quota": (lambda box: box.fault("throttle", reset_in_s=900.0), ["count", "--max-wait", "1"], 4, "UTC"),
    "no such folder": (lambda _: None, ["export", "no/such/x.parquet"], 1, "does not exist"),
}


@pytest.mark.parametrize(("spoil", "args", "code", "says"), FAILURES.values(), ids=FAILURES)
def test_what_fails_is_a_line_without_a_secret(
    spoil: Callable[[Sandbox], object], args: list[str], code: int, says: str, serve: Any, run: Any
) -> None:
    box = serve()
    spoil(box)
    ran = run(*args, "--json")
    assert (ran.code, ran.out) == (code, "")
    assert one_line(ran.err)
    assert says in ran.err
    assert "not-the-Passw0rd" not in ran.err
    assert box.calls("token") <= 1


def test_a_list_that_moves_is_not_written(
    at_box: Sandbox, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def moved(*_args: object, **_more: object) -> None:
        raise errors.PagingDriftError("The list moved.", reason="total_moved")

    monkeypatch.setattr("sc_pandas.query.customer_query.read_rows", moved)
    ran = run("export", tmp_path / "x.parquet", "--json")
    assert (ran.code, ran.out, ran.err) == (3, "", "sc-pandas: The list moved.\n")
    assert not (tmp_path / "x.parquet").exists()


# ── warnings ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_cache_that_steps_aside_is_a_line_on_stderr(at_box: Sandbox, run: Any, cache_dir: Path) -> None:
    cache_dir.mkdir(mode=0o755)
    cache_dir.chmod(0o755)
    ran = run("count", "--json")
    assert ran.code == 0
    assert ran.json["count"] == 300
    assert one_line(ran.err)
    assert "warning: The cache is not used" in ran.err


def test_undocumented_keys_are_a_line_on_stderr(serve: Any, run: Any, tmp_path: Path) -> None:
    box = serve()
    body = {"Items": [{"UserID": 1, "Oddity": 2}], "TotalResults": 1}
    box.fault("status", status=200, body=body, times=None)
    ran = run("export", tmp_path / "x.parquet", "--json")
    assert ran.code == 0, ran
    assert ran.json["rows"] == 1
    assert one_line(ran.err)
    assert "oddity" in ran.err.lower()


def test_names_in_every_alphabet_fit_a_small_one(run_process: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    ran = run_process("demo")
    assert ran.code == 0, ran
    assert "?????  ?????????" in ran.out
