"""What the examples in docstrings and in the README need: a cache folder and a working folder of their own."""

import os
from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """In CI, make an error of a deprecation that a line of ours causes; why not everywhere stands in pyproject.toml."""
    if os.environ.get("SC_PANDAS_STRICT") == "1":
        for kind in ("DeprecationWarning", "PendingDeprecationWarning", "FutureWarning"):
            config.addinivalue_line("filterwarnings", rf"error::{kind}:(sc_pandas|tests|conftest|__main__)\b")


@pytest.fixture(autouse=True)
def _private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setenv("SC_PANDAS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("SC_PANDAS_DATA_DIR", str(tmp_path / "data"))
    if isinstance(request.node, pytest.DoctestItem):
        monkeypatch.chdir(tmp_path)
