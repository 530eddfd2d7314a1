import ast
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sc_pandas

ROOT = Path(__file__).parents[2]
NOTHING_HEAVY = {"pandas", "pyarrow", "numpy", "requests", "requests_cache", "msgspec", "ipywidgets", "matplotlib"}
OF_A_READ = {"click", "ipywidgets", "matplotlib", "openpyxl", "fsspec", "IPython", "keyring", "sc_pandas.sandbox"}


@pytest.mark.parametrize(("code", "absent"), [
    ("import sc_pandas", NOTHING_HEAVY | OF_A_READ),
    ("import sc_pandas; dir(sc_pandas); sc_pandas.SettingsError", NOTHING_HEAVY | OF_A_READ),
    ("import sc_pandas as sc; sc.connect; sc.SellerCloudAccessor; sc.read_parquet", OF_A_READ),
    ("from sc_pandas.cli import main; main(['--help'], standalone_mode=False)", NOTHING_HEAVY),
    ("from sc_pandas.cli import main; main(['count', '--help'], standalone_mode=False)", OF_A_READ - {"click"}),
])  # fmt: skip
def test_what_is_loaded_is_what_is_needed(code: str, absent: set[str]) -> None:
    """`import sc_pandas` and `sc-pandas --help` load no library of a read; a read loads no widgets, servers or plots."""
    code = f"{code}\nimport sys; print(f'loaded: {{[*sys.modules]}}')"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert absent & set(re.findall(r"[\w.]+", out.partition("loaded: ")[2])) == set()


@pytest.mark.parametrize("code", ["import sc_pandas, pandas as pd", "import pandas as pd, sc_pandas"])
def test_frames_have_the_accessor_in_either_order(code: str) -> None:
    code += "\ntry: pd.DataFrame().sellercloud\nexcept sc_pandas.AccessorError: print('ours')"
    out = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True).stdout
    assert out == "ours\n"


@pytest.mark.fault("E02")
def test_nothing_unpickles_or_evaluates() -> None:
    """No room can run code out of data: no pickle, marshal, shelve, eval or exec in the package."""
    for path in (ROOT / "sc_pandas").rglob("*.py"):
        if "sandbox" in path.parts:
            continue  # it keeps its own records in its own memory, and reads nothing that anybody else wrote
        text = path.read_text()
        assert not re.search(r"^\s*(import|from) (pickle|marshal|shelve|dill|cloudpickle)\b", text, re.MULTILINE), path
        if path.name != "demo.py":  # runs lines of its own, which it shows
            assert not re.search(r"(?<![\w.])(eval|exec)\(", text), path


def test_rooms_stay_small() -> None:
    """No module has more than 400 lines, docstrings not counted."""
    for path in (ROOT / "sc_pandas").rglob("*.py"):
        assert lines_without_docstrings(path.read_text()) <= 400, path


def test_docstrings_begin_with_plain_verbs() -> None:
    """No docstring begins with "Whether", and no line of one with "Give" or "Say whether"."""
    odd = re.compile(r"\AWhether\b|^\s*(Gives?|Say whether)\b", re.MULTILINE)
    for path in (ROOT / "sc_pandas").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                assert not odd.search(ast.get_docstring(node) or ""), f"{path}: {ast.get_docstring(node)}"


def lines_without_docstrings(text: str) -> int:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    bodies = [node.body for node in ast.walk(ast.parse(text)) if isinstance(node, documented) and node.body]
    firsts = [body[0] for body in bodies if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)]
    return len(text.splitlines()) - sum((first.end_lineno or 0) - first.lineno + 1 for first in firsts)


def test_version_is_told_once() -> None:
    """The installed version is that of pyproject.toml."""
    said = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert said is not None
    assert importlib.metadata.version("sc_pandas") == sc_pandas.__version__ == said[1]
    assert "__version__" in dir(sc_pandas)


def test_no_registry_is_named() -> None:
    """No file in git names a package registry's host, and there is no lock file."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    hosts = ("pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "debian" + ".org")
    for name in files:
        path = ROOT / name
        if path.is_file():
            text = path.read_text(errors="replace")
            assert not any(host in text for host in hosts), name
    assert not {"uv.lock", "poetry.lock", "Pipfile.lock", "requirements.lock"} & set(files)
