"""What stands in a folder stays as it is; the cache lies beside it or below, and is found again."""

import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

import sc_pandas as sc
import sc_pandas.cli
from sc_pandas.cache import HttpCache, clear_folder, home_of
from sc_pandas.query.connection import Connection
from sc_pandas.settings import Credentials, Secret

TENANT = "0" * 32
LOGIN = Credentials("ann@x.test", password=Secret("Canary-pässword"))


def by_argument(folder: Path, _env: pytest.MonkeyPatch) -> Path:
    with Connection("http://127.0.0.1:9/rest", LOGIN, cache_dir=folder) as shop:
        return shop.cache_info().path


def by_variable(folder: Path, env: pytest.MonkeyPatch) -> Path:
    env.setenv("SC_PANDAS_CACHE_DIR", str(folder))
    with Connection("http://127.0.0.1:9/rest", LOGIN) as shop:
        return shop.cache_info().path


def by_command(folder: Path, env: pytest.MonkeyPatch) -> Path:
    path = by_argument(folder, env)
    ran = CliRunner().invoke(sc_pandas.cli.main, ["cache", "info", "--cache-dir", str(folder)])
    assert str(path.parent) in ran.output
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    private = tmp_path / "project"
    private.mkdir(mode=0o700)
    return private


def write(text: str, path: Path) -> Path:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(text)
    return path


# What stands in a folder, or becomes of it.
THEIRS: dict[str, Callable[[Path], object]] = {
    "a .gitignore": lambda folder: write("secrets.env\nbuild/\n", folder / ".gitignore"),
    "a project": lambda folder: write("print()\n", folder / "main.py"),
    "a link to a file": lambda folder: (folder / ".gitignore").symlink_to(write("theirs", folder.parent / "outside")),
    "a link to nothing": lambda folder: (folder / ".gitignore").symlink_to(folder.parent / "not there"),
    "a folder of that name": lambda folder: (folder / ".gitignore").mkdir(),
    "a package of our name": lambda folder: write("", folder / "sc_pandas" / "__init__.py"),
}


def contents(folder: Path) -> dict[str, bytes | Path]:
    return {
        str(path.relative_to(folder)): path.readlink() if path.is_symlink() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


@pytest.mark.parametrize("opened", [by_argument, by_variable, by_command])
@pytest.mark.parametrize("theirs", THEIRS)
def test_what_stands_in_the_folder_stays_letter_for_letter(
    theirs: str, opened: Callable[[Path, pytest.MonkeyPatch], Path], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    THEIRS[theirs](folder)
    before = contents(folder.parent)
    database = opened(folder, monkeypatch)
    after = contents(folder.parent)
    home = database.parent
    assert {name: after[name] for name in before} == before
    assert not (folder.parent / "not there").exists()
    assert folder in home.parents
    assert (home / ".gitignore").read_text() == "*\n"
    new = {folder.parent / name for name in set(after) - set(before)}
    assert all(home in path.parents for path in new), "everything of ours lies in a folder of our own"
    assert opened(folder, monkeypatch) == database, "and is found again"


def test_a_folder_of_ours_is_the_cache_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made by us, or empty; with all that a connection leaves in it; with a database and notes of somebody, later."""
    (tmp_path / "empty").mkdir(mode=0o700)
    for folder in (tmp_path / "new", tmp_path / "empty"):
        for _ in range(2):
            assert by_argument(folder, monkeypatch).parent == folder
        (folder / f".sc_pandas-{os.getpid()}-0a.tmp").touch()
        (folder / ("1" * 32 + ".pace")).touch()
        assert home_of(folder) == folder
        (folder / "notes.txt").touch()
        assert by_argument(folder, monkeypatch).parent == folder


def test_what_an_earlier_edition_left_among_others_files(folder: Path) -> None:
    """It wrote `*` over what stood there; that cache is found as long as it is hidden, and told of afterwards."""
    HttpCache(folder, TENANT).close()
    THEIRS["a project"](folder)
    assert HttpCache(folder, TENANT).path.parent == folder
    THEIRS["a .gitignore"](folder)  # put right by its owner
    with pytest.warns(sc.CacheWarning, match="sc-pandas cache clear") as told:
        cache = HttpCache(folder, TENANT)
    cache.close()
    assert [each.message.reason for each in told] == ["left_behind"]  # type: ignore[union-attr]
    assert cache.path.parent == folder / "sc_pandas"
    removed = clear_folder(folder)
    assert {path.parent for path in removed} == {folder, folder / "sc_pandas"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        HttpCache(folder, TENANT).close()
    assert (folder / "main.py").exists()


# ── no home ────────────────────────────────────────────────────────────────────────────────────────────────────────

NO_HOME = """
import os, pwd, sys, warnings
os.environ.pop("HOME", None)
def unknown(uid): raise KeyError(uid)
pwd.getpwuid = unknown
import sc_pandas as sc
from sc_pandas.query.connection import Connection
"""
CONNECTS = """
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    with sc.sandbox.serve(60) as box:
        with sc.connect(box.url, username=box.username, password=box.password) as shop:
            rows = [len(shop.customers().to_pandas()), len(shop.customers().to_pandas())]
            repr(shop), shop.cache_info(), shop.calls_left()
print(rows, [(type(each.message).__name__, each.message.reason) for each in told])
"""
SEGMENTS = """
for made in (lambda: sc.Segments(), lambda: sc.Segments("~/x")):
    try:
        made()
    except sc.SettingsError as error:
        print("SC_PANDAS_DATA_DIR" in str(error))
"""
COMMAND = """
sys.argv[0] = "sc-pandas"
import sc_pandas.cli
sc_pandas.cli.main()
"""


def without_home(code: str, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HOME", "SC_PANDAS", "XDG"))}
    command = [sys.executable, "-c", NO_HOME + code, *words]
    return subprocess.run(command, env=kept | env, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.skipif(os.name != "posix", reason="homes are found otherwise there")
@pytest.mark.parametrize(
    ("code", "said"), [(CONNECTS, "[60, 60] [('CacheWarning', 'no_home')]\n"), (SEGMENTS, "True\nTrue\n")]
)
def test_without_a_home_there_is_no_cache_and_one_warning(code: str, said: str) -> None:
    """Segments say which variable helps."""
    done = without_home(code)
    assert done.stdout == said, done.stderr


@pytest.mark.skipif(os.name != "posix", reason="homes are found otherwise there")
@pytest.mark.parametrize("line", ["cache info", "cache clear --yes", "segments list", "doctor"])
def test_without_a_home_commands_end_with_a_sentence(line: str) -> None:
    login = {"SELLERCLOUD_SERVER": "http://127.0.0.1:9/rest", "SELLERCLOUD_TOKEN": "t"}
    done = without_home(COMMAND, *line.split(), **login)
    assert done.returncode != 0
    assert done.stderr.startswith("sc-pandas: There is no home folder for"), done.stderr
    assert "SC_PANDAS_" in done.stderr
    assert "Traceback" not in done.stderr
