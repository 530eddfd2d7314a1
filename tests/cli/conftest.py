"""A sandbox, commands that ask it (in this process, and as a process of their own), and a keyring in memory."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click.testing
import pytest

import sc_pandas.sandbox
from sc_pandas.cli import main
from sc_pandas.sandbox import Sandbox
from tests.support.keyrings import KeyringInMemory, keyring_in_memory


class Ran:
    """How a command ended and what it printed where."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def __repr__(self) -> str:
        return f"exit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """Return an ordinary sandbox that the tests of a module share and do not change."""
    with sc_pandas.sandbox.serve(customers=300, seed=7) as box:
        yield box


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Sandbox]]:
    """Start sandboxes that end with the test, the environment pointing at the last."""
    boxes: list[Sandbox] = []

    def start(customers: int = 120, **options: Any) -> Sandbox:
        boxes.append(sc_pandas.sandbox.serve(customers, **options))
        point_at(boxes[-1], monkeypatch)
        return boxes[-1]

    yield start
    for each in boxes:
        each.close()


@pytest.fixture
def at_box(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """Return the shared sandbox, the environment pointing at it."""
    point_at(box, monkeypatch)
    return box


def point_at(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELLERCLOUD_SERVER", box.url)
    monkeypatch.setenv("SELLERCLOUD_USERNAME", box.username)
    monkeypatch.setenv("SELLERCLOUD_PASSWORD", box.password)


@pytest.fixture
def cache_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the cache's folder, said by the environment."""
    monkeypatch.setenv("SC_PANDAS_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def run(cache_dir: Path) -> Run:
    """Run a command in this process."""

    def invoke(*args: object, typed: str = "") -> Ran:
        runner = click.testing.CliRunner()
        result = runner.invoke(main, [str(arg) for arg in args], input=typed, prog_name="sc-pandas")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    return invoke


@pytest.fixture
def start(cache_dir: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a command as a process in a session of its own, so that what it leaves running can be seen."""
    started: list[subprocess.Popen[str]] = []
    # Children shall feel SIGINT, also where this run itself was started in the background of a script.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def launch(*args: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-W", "error", "-m", "sc_pandas.cli", *map(str, args)]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,
        )
        started.append(process)
        return process

    yield launch
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def run_process(start: Callable[..., subprocess.Popen[str]]) -> Run:
    """Run a command as a process; nothing of its session may be left."""

    def invoke(*args: object) -> Ran:
        process = start(*args)
        out, err = process.communicate(timeout=60)
        assert not session_lives(process.pid), "the command left a process running"
        return Ran(process.returncode, out, err)

    return invoke


def session_lives(leader: int) -> bool:
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def keys() -> Iterator[KeyringInMemory]:
    """Return a keyring in memory in place of the machine's own."""
    with keyring_in_memory() as mine:
        yield mine
