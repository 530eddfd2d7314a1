"""What the examples in docstrings and in the README need: a cache folder and a working folder of their own."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setenv("SC_PANDAS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("SC_PANDAS_DATA_DIR", str(tmp_path / "data"))
    if isinstance(request.node, pytest.DoctestItem):
        monkeypatch.chdir(tmp_path)
