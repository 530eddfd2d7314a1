"""Panels on a sandbox, which live as long as their test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import ipywidgets
import pandas as pd
import pytest
from ipywidgets.widgets import widget as registry

import sc_pandas as sc
from sc_pandas.panel import latest
from sc_pandas.panel.panel import Panel
from sc_pandas.panel.state import status_text
from sc_pandas.query import Connection, CustomerQuery
from sc_pandas.sandbox import Sandbox
from sc_pandas.segments import Segments
from tests.panel.fakes import Desk, FakeServer
from tests.support.shops import shop_of

SOON_S = 20.0
Desks = Callable[..., Desk]


@pytest.fixture(autouse=True)
def own_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep saved filters of tests apart from each other and from the developer's."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let controls settle at once."""
    monkeypatch.setattr(latest, "DEBOUNCE_S", 0.01)
    monkeypatch.setattr(latest, "APART_S", 0.0)


@pytest.fixture
def desks() -> Iterator[Desks]:
    """Make engines on a fake server; they are closed after the test."""
    with ExitStack() as stack:

        def make(*server: FakeServer, **options: Any) -> Desk:
            desk = Desk(*server, **options)
            stack.callback(desk.engine.close)
            return desk

        yield make


@pytest.fixture
def desk(desks: Desks) -> Desk:
    """Return an engine that has asked for everybody."""
    made = desks()
    made.open()
    return made


@pytest.fixture(scope="module")
def shared_box() -> Iterator[Sandbox]:
    """Return a sandbox that no test of a module changes."""
    with sc.sandbox.serve(customers=437, seed=7) as box:
        yield box


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """Return a sandbox of a test's own."""
    with sc.sandbox.serve(customers=137, seed=7) as box:
        yield box


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Panel]]:
    """Open panels on a sandbox or a query; they are closed after the test."""
    with ExitStack() as stack:

        def open_panel(at: Sandbox | Connection | CustomerQuery, **options: Any) -> Panel:
            settings = {name: options.pop(name) for name in ("live", "title", "segments") if name in options}
            if isinstance(at, Sandbox):
                connection = {n: options.pop(n) for n in ("password", "max_wait_s", "policy") if n in options}
                at = shop_of(at, tmp_path / "cache", **connection)
                stack.callback(at.close)
            query: CustomerQuery = at.customers(**options) if isinstance(at, Connection) else at
            segments = settings.pop("segments", Segments(tmp_path / "segments"))
            panel = Panel(query, **{"title": "Customers", "segments": segments, **settings})
            stack.callback(panel.close)
            assert panel.wait(SOON_S)
            return panel

        yield open_panel


@pytest.fixture
def panel(shared_box: Sandbox, opened: Callable[..., Panel]) -> Panel:
    """Return a panel on everybody of the shared sandbox."""
    return opened(shared_box)


def control(panel: Panel, name: str) -> Any:
    """Return the control of a filter."""
    return panel._view.controls.by_name[name]


def press(panel: Panel, text: str) -> None:
    """Press the button that says so."""
    for each in tree(panel.widget):
        if isinstance(each, ipywidgets.Button) and each.description == text:
            each.click()
            return
    raise AssertionError(f"there is no button {text!r}")


def tree(widget: Any) -> Iterator[Any]:
    """Return a widget and all within it, with their layouts and styles."""
    yield widget
    for name in ("layout", "style"):
        if hasattr(widget, name):
            yield getattr(widget, name)
    for child in getattr(widget, "children", ()):
        yield from tree(child)


def living() -> dict[str, Any]:
    """Return every widget of this process by its id."""
    return dict(registry._instances)


def said(panel: Panel) -> str:
    """Return the status line."""
    return str(panel._view.status.value)


def settle(panel: Panel) -> str:
    """Wait for the answer and return the status line."""
    assert panel.wait(SOON_S)
    return status_text(panel.state)


def pressed(panel: Panel, text: str) -> str:
    """Press the button that says so, wait for the answer and return the status line."""
    press(panel, text)
    return settle(panel)


def load(panel: Panel) -> str:
    """Load all, wait for it and return the status line."""
    panel.load()
    return settle(panel)


def frame(panel: Panel) -> pd.DataFrame:
    """Return the rows of a panel that has some."""
    assert panel.df is not None
    return panel.df
