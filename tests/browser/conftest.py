"""One JupyterLab, one Notebook 7, one Voila and one Chromium for all browser tests; a new context for each test.

Where Chromium or a server is missing these tests are skipped, unless ``SC_PANDAS_REQUIRE_BROWSER=1``, as in CI.
"""

import importlib.util
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

import sc_pandas.sandbox
from tests.browser.rig import ARGS, CHROMIUM, Server, Visit, served

_HERE = Path(__file__).parent
_REQUIRED = os.environ.get("SC_PANDAS_REQUIRE_BROWSER") == "1"
JUPYTER = (
    "--no-browser", "--allow-root", "--expose-app-in-browser", "--ServerApp.ip=127.0.0.1", "--ServerApp.port={port}",
    "--ServerApp.port_retries=0", "--IdentityProvider.token={token}",
)  # fmt: skip
_VOILA = ("--no-browser", "--Voila.ip=127.0.0.1", "--port={port}", "--token={token}", "--show_tracebacks=True")


# First, so that xdist sees the group: one worker runs them all, with one server of each kind.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs Chromium."""
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))


def _need(module: str) -> None:
    if importlib.util.find_spec(module) is None:
        _missing(f"{module} is not installed")


def _missing(why: str) -> None:
    if _REQUIRED:
        pytest.fail(why)
    pytest.skip(why)


# The servers and the browser live as long as this folder's tests: playwright keeps an event loop in the main thread.
@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """Return a running Chromium."""
    _need("playwright")
    if not Path(CHROMIUM).exists():
        _missing(f"there is no Chromium at {CHROMIUM}; set CHROMIUM to its path")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=list(ARGS))
        yield running
        running.close()


def _serving(factory: pytest.TempPathFactory, name: str, *arguments: str) -> AbstractContextManager[Server]:
    _need(name)
    folder = factory.mktemp(name)
    return served([name, *arguments], folder, environment(folder))


def environment(folder: Path) -> dict[str, str]:
    """Return what kernels need: folders of their own, and the sandbox's login, so that it stands in no notebook."""
    return {
        "SC_PANDAS_CACHE_DIR": str(folder / "cache"),
        "SC_PANDAS_DATA_DIR": str(folder / "data"),
        "SELLERCLOUD_USERNAME": sc_pandas.sandbox.DEFAULT_USERNAME,
        "SELLERCLOUD_PASSWORD": sc_pandas.sandbox.DEFAULT_PASSWORD,
    }


@pytest.fixture(scope="package")
def lab(tmp_path_factory: pytest.TempPathFactory, browser: Any) -> Iterator[Server]:
    """Return a running JupyterLab."""
    with _serving(tmp_path_factory, "jupyterlab", *JUPYTER) as server:
        yield server


@pytest.fixture(scope="package")
def notebook(tmp_path_factory: pytest.TempPathFactory, browser: Any) -> Iterator[Server]:
    """Return a running Notebook 7."""
    with _serving(tmp_path_factory, "notebook", *JUPYTER) as server:
        yield server


@pytest.fixture(scope="package")
def voila(tmp_path_factory: pytest.TempPathFactory, browser: Any) -> Iterator[Server]:
    """Return a running Voila."""
    with _serving(tmp_path_factory, "voila", *_VOILA) as server:
        yield server


@pytest.fixture
def visit(browser: Any) -> Iterator[Visit]:
    """Return a page in a fresh context; whatever it asked for off this machine fails the test."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 1000}, permissions=["clipboard-read", "clipboard-write"]
    )
    made = Visit(context)
    yield made
    made.close()
    assert made.off_loopback == []


@pytest.fixture
def box() -> Iterator[sc_pandas.sandbox.Sandbox]:
    """Return a sandbox outside of the notebook's kernel, so that the test can break it."""
    with sc_pandas.sandbox.serve(customers=1037, seed=7) as running:
        yield running
