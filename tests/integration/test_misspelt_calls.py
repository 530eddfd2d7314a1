"""No tool that prints the locals of a traceback shows a password, a token or a key, whatever goes wrong with a call."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest
import requests

from tests.support import misspelt

SECRET = "Canary-5f2c81d07e"
_IPYTHON = """
from IPython.core.interactiveshell import InteractiveShell
from tests.support import misspelt
shell = InteractiveShell.instance(colors="nocolor")
shell.run_line_magic("xmode", "Verbose")
for name in misspelt.WAYS:
    print("##", name)
    shell.run_cell(f"from tests.support import misspelt\\nmisspelt.WAYS[{name!r}]()")
"""
_RICH = """
import sys
from rich.console import Console
from rich.traceback import Traceback
from tests.support import misspelt
console = Console(width=400, no_color=True)
for name, way in misspelt.WAYS.items():
    print("##", name, flush=True)
    try:
        way()
    except BaseException:
        told = Traceback.from_exception(*sys.exc_info(), show_locals=True, locals_max_length=None, locals_max_string=None)
        console.print(told)
"""
_PYTEST = """
import pytest
from tests.support import misspelt

@pytest.mark.parametrize("name", misspelt.WAYS)
def test_way(name):
    print("##", name)
    try:
        misspelt.WAYS[name]()
    except KeyboardInterrupt as error:  # pytest would end the run
        error.__class__ = Stopped
        raise

class Stopped(KeyboardInterrupt, Exception):
    pass
"""


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("secret") / "word"
    path.write_text(SECRET)
    return path


def told_by(tool: str, secret: Path, folder: Path) -> str:
    """Run all ways in one process and give what the tool prints."""
    script = folder / "test_ways.py"
    script.write_text({"ipython": _IPYTHON, "rich": _RICH, "pytest": _PYTEST}[tool])
    root = str(Path(misspelt.__file__).parents[2])
    options = ["-m", "pytest", "-l", "-vv", "--tb=long", "-rN", "-p", "no:cacheprovider", "-c", "/dev/null"]
    environment = {
        misspelt.FILE: str(secret), "PYTHONPATH": root, "HOME": str(folder), "IPYTHONDIR": str(folder),
        "SC_PANDAS_CACHE_DIR": str(folder / "cache"), "SC_PANDAS_DATA_DIR": str(folder / "data"), "PATH": "/usr/bin:/bin",
        "SC_PANDAS_DEBUG": "1",
    }  # fmt: skip
    command = [sys.executable, *(options if tool == "pytest" else []), str(script)]
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    return done.stdout + done.stderr


@pytest.mark.fault("G12")
@pytest.mark.parametrize("tool", ["ipython", "pytest", "rich"])
def test_no_tool_shows_it(tool: str, secret: Path, tmp_path: Path) -> None:
    told = told_by(tool, secret, tmp_path)
    for name in misspelt.WAYS:
        assert name in told, told[-3000:]
    shown, _, control = told.rpartition("## control")
    if tool == "pytest":  # tracebacks come at the end, in order
        shown, _, control = told.rpartition("_ test_way[control] _")
    assert SECRET in control, "the tool shows locals, or this test proves nothing"
    place = shown.find(SECRET[:10])
    assert place < 0, shown[max(0, place - 2500) : place + 200]


def frames_of(error: BaseException | None, seen: set[int]) -> Iterator[FrameType]:
    """Return every frame that an error keeps, those of its whole chain too, whether it is shown or not."""
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next
    yield from frames_of(error.__cause__, seen)
    yield from frames_of(error.__context__, seen)


def in_clear(frame: FrameType) -> list[str]:
    """Name the locals that show the secret, in a request's header or body too."""
    found = []
    for name, value in frame.f_locals.items():
        parts = [
            value,
            *(vars(value).values() if isinstance(value, requests.PreparedRequest | requests.Response) else ()),
        ]
        if any(SECRET[:10] in repr(part) for part in parts):
            found.append(f"{frame.f_code.co_qualname}: {name}")
    return found


@pytest.mark.fault("G12")
@pytest.mark.parametrize("way", [name for name in misspelt.WAYS if name != "control"])
def test_no_frame_keeps_it(way: str, secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also a chain that is not shown, for what sends errors away."""
    monkeypatch.setenv(misspelt.FILE, str(secret))
    monkeypatch.setenv("SC_PANDAS_DEBUG", "1")
    for name in ("SERVER", "USERNAME", "PASSWORD"):  # taken back after the way that sets them
        monkeypatch.setenv(f"SELLERCLOUD_{name}", "")
    with pytest.raises(BaseException) as caught:  # Ctrl-C is one of them
        misspelt.WAYS[way]()
    assert not isinstance(caught.value, AssertionError)
    assert SECRET not in f"{caught.value!r} {vars(caught.value)}"
    frames = [each for each in frames_of(caught.value, set()) if "/tests/" not in each.f_code.co_filename]
    assert frames
    assert [name for each in frames for name in in_clear(each)] == []
