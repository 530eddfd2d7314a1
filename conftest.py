"""What the examples in docstrings and in the README need: folders of their own, and a connection to a sandbox."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sc_pandas as sc


def pytest_configure(config: pytest.Config) -> None:
    """In CI, make an error of a deprecation that a line of ours causes; why not everywhere stands in pyproject.toml."""
    if os.environ.get("SC_PANDAS_STRICT") == "1":
        for kind in ("DeprecationWarning", "PendingDeprecationWarning", "FutureWarning"):
            config.addinivalue_line("filterwarnings", rf"error::{kind}:(sc_pandas|tests|conftest|__main__)\b")
    # A shell starts what runs in its background with Ctrl-C ignored, which children inherit; tests press Ctrl-C.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setenv("SC_PANDAS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("SC_PANDAS_DATA_DIR", str(tmp_path / "data"))
    if isinstance(request.node, pytest.DoctestItem):
        monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sc.Connection]:
    with (
        sc.sandbox.serve(customers=120, seed=7) as box,
        sc.connect(
            box.url, username=box.username, password=box.password, cache_dir=tmp_path_factory.mktemp("cache")
        ) as shop,
    ):
        yield shop


@pytest.fixture(autouse=True)
def _names_in_examples(request: pytest.FixtureRequest, doctest_namespace: dict[str, Any]) -> None:
    """Let examples use `sc`, `shop` (a connection to a sandbox of 120 customers) and `df` (its customers)."""
    doctest_namespace.clear()
    if isinstance(request.node, pytest.DoctestItem) and request.node.dtest is not None:
        words = {word for example in request.node.dtest.examples for word in re.findall(r"\w+", example.source)}
        doctest_namespace["sc"] = sc
        if words & {"shop", "df"} and "connect" not in words:
            shop = doctest_namespace["shop"] = request.getfixturevalue("_shop")
            if "df" in words:
                doctest_namespace["df"] = shop.customers().to_pandas()
