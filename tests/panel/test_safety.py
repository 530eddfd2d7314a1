"""What must never happen in a panel: names that run, big messages, lost keys, dead locks, customers left behind."""

import gc
import json
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import comm
import ipywidgets
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from ipywidgets.embed import dependency_state

import sc_pandas as sc
from sc_pandas.filters import CustomerFilter
from sc_pandas.panel.panel import Panel
from sc_pandas.panel.state import PanelState
from sc_pandas.panel.style import CSS
from sc_pandas.sandbox import Sandbox
from sc_pandas.wording import visible
from tests.panel.conftest import SOON_S, control, living, load, press, said, tree
from tests.panel.fakes import FakeServer
from tests.panel.hostile import PAYLOADS, Seen, check_calm

Opened = Callable[..., Panel]
MOST_BYTES = 256 * 1024
pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture(scope="module")
def hostile_box() -> Iterator[Sandbox]:
    """Return customers who carry the payloads as first name, last name and business name."""
    with sc.sandbox.serve(customers=len(PAYLOADS), seed=7) as box:
        for record, payload in zip(box.customers(), PAYLOADS, strict=True):
            box.update(record["user_id"], first_name=payload, last_name=payload[::-1], corporate_name=payload)
        yield box


def test_hostile_names_are_text_in_every_widget(hostile_box: Sandbox, opened: Opened) -> None:
    """Rows, facets, counts and pages of a panel on customers who carry them; nothing that is typeset holds data."""
    panel = opened(hostile_box)
    load(panel)
    panel._view.contacts.value = True
    assert panel.df is not None
    assert sorted(panel.df.first_name) == sorted(PAYLOADS)  # the data itself is unchanged
    seen: list[str] = []
    while True:
        _check_all(panel)
        seen += Seen(panel._view.table.value).cells
        if panel._view.buttons["next"].disabled:
            break
        press(panel, "Next")
    for payload in PAYLOADS:
        assert visible(payload) in seen, payload


def test_hostile_entries_and_errors_are_text_in_every_widget(opened: Opened) -> None:
    """What a person types, saves, or is told by a server: chips, words beside controls, status, code."""
    server = FakeServer()
    panel = opened(server.query())
    for payload in PAYLOADS:
        control(panel, "created_on_from").value = payload
        _check_all(panel)
        control(panel, "created_on_from").value = ""
        if payload.strip():
            question = CustomerFilter.of(first_name=payload)
            server.errors[question] = RuntimeError(payload)
            panel.filter = question
            assert panel.wait(SOON_S)
            _check_all(panel)
            panel._view.segment_name.value = payload[:100]
            press(panel, "Save filter")
    panel.close()


def _check_all(panel: Panel) -> None:
    for widget in tree(panel.widget):
        assert not isinstance(widget, (ipywidgets.Label, ipywidgets.HTMLMath, ipywidgets.Output))
        assert not getattr(widget, "description_allow_html", False)
        if isinstance(widget, ipywidgets.HTML):
            source = widget.value.replace("<style>" + CSS + "</style>", "")
            check_calm(source)
            assert not widget.description


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of all messages that widgets send, in bytes as they travel."""
    sizes: list[int] = []

    def publish(_self: Any, _kind: str, data: Any = None, _meta: Any = None, buffers: Any = None, **_more: Any) -> None:
        packed = len(json.dumps(data, default=str)) + sum(memoryview(b).nbytes for b in buffers or ())
        sizes.append(packed)

    monkeypatch.setattr(comm.DummyComm, "publish_msg", publish)
    return sizes


def test_a_hundred_thousand_customers_travel_in_small_messages(messages: list[int], opened: Opened) -> None:
    """Each below 256 KiB, all of a page together too; and the panel answers in a moment."""
    server = FakeServer(customers=100_000)
    server.everything = _many(100_000)
    panel = opened(server.query())
    load(panel)
    assert panel.df is not None
    assert len(panel.df) == 100_000
    assert messages
    largest = max(messages)
    slowest = {}
    actions: dict[str, Callable[[], None]] = {
        "turn": lambda: press(panel, "Next"), "sort": lambda: setattr(panel._view.sort, "value", "last_name"),
        "unmask": lambda: setattr(panel._view.contacts, "value", True), "turn sorted": lambda: press(panel, "Next"),
        "key": lambda: setattr(control(panel, "city"), "value", "x"),
    }  # fmt: skip
    for name, action in actions.items():
        messages.clear()
        began = time.monotonic()
        action()
        slowest[name] = time.monotonic() - began
        assert sum(messages) <= MOST_BYTES
        largest = max([largest, *messages])
    assert 10_000 < largest <= MOST_BYTES
    assert max(slowest.values()) < 2.0
    assert panel.wait(SOON_S)


def _many(n: int) -> pd.DataFrame:
    def column(values: Any) -> Any:
        return pd.arrays.ArrowExtensionArray(pa.array(values))

    long = "漢<&'" * 60
    columns = {
        "user_id": column(np.arange(n)),
        "email": column([f"c{i}@example.com" for i in range(n)]),
        "last_name": column([f"{i * 7919 % n:06d}{long}" for i in range(n)]),
        "rating_name": column([("Neutral", "Satisfied", None)[i % 3] for i in range(n)]),
        **{f"custom.Field {c}": column([f"v{i % 7}" for i in range(n)]) for c in range(6)},
    }
    return pd.DataFrame(columns)


def _together(actions: list[Callable[[], None]]) -> None:
    """Do all at once, each on a thread of its own; none may raise or hang."""
    problems: list[BaseException] = []
    start = threading.Barrier(len(actions))

    def act(action: Callable[[], None]) -> None:
        try:
            start.wait(SOON_S)
            action()
        except BaseException as error:  # noqa: BLE001  # whatever it is, the test tells it
            problems.append(error)

    threads = [threading.Thread(target=act, args=(action,), daemon=True) for action in actions]
    for each in threads:
        each.start()
    for each in threads:
        each.join(SOON_S)
    assert not [each for each in threads if each.is_alive()]
    assert problems == []


SIX = {"first_name": "Ada", "last_name": "Example", "city": "Bern", "keyword": "x", "zip_code": "3011",
       "corporate_name": "Example Ltd"}  # fmt: skip


def test_six_filters_changed_on_any_threads_are_all_answered(opened: Opened) -> None:
    """No key is lost: the last answer is to all six; nothing raises."""
    server = FakeServer()
    panel = opened(server.query())
    for _ in range(20):
        panel.filter = CustomerFilter()
        assert panel.wait(SOON_S)
        _together([lambda n=n, v=v: setattr(control(panel, n), "value", v) for n, v in SIX.items()])  # type: ignore[misc]
        busy_until = time.monotonic() + 0.03
        while time.monotonic() < busy_until:
            pass
        assert panel.wait(SOON_S)
        assert panel.filter == panel.state.rows_of == server.asked()[-1] == CustomerFilter.of(**SIX)
        assert panel.last_error is None


def test_eight_threads_at_once_lock_nothing_dead(opened: Opened) -> None:
    """And at rest afterwards, controls, filter, rows and code are of one question."""
    server = FakeServer()
    panel = opened(server.query())
    view = panel._view

    def each_way(*actions: Callable[[int], object]) -> Callable[[], None]:
        def run() -> None:
            for number in range(25):
                for action in actions:
                    action(number)

        return run

    _together(
        [
            each_way(lambda n: setattr(control(panel, "city"), "value", f"c{n}")),
            each_way(lambda n: setattr(control(panel, "first_name"), "value", f"n{n}")),
            each_way(lambda n: setattr(control(panel, "created_on_from"), "value", "soon" if n % 3 else "")),
            each_way(lambda n: setattr(panel, "filter", CustomerFilter.of(keyword=f"k{n}"))),
            each_way(lambda _: panel.load(), lambda _: panel._engine.stop(), lambda _: press(panel, "Next")),
            each_way(lambda n: setattr(view.contacts, "value", bool(n % 2)), lambda _: press(panel, "Refresh")),
            each_way(lambda n: setattr(view.sort, "value", view.sort.options[n % len(view.sort.options)][1])),
            each_way(lambda n: panel.wait(0.001 * (n % 3)), lambda _: panel.to_code(), lambda _: panel.df),
        ]
    )
    control(panel, "created_on_from").value = ""
    panel.apply()
    assert panel.wait(SOON_S)
    assert panel.state.phase == "ready"
    assert panel.state.rows_of == panel.filter
    assert view.code.value == panel.to_code()
    shown = {name: control(panel, name).value for name in ("city", "first_name", "keyword")}
    assert CustomerFilter.of(**{name: value for name, value in shown.items() if value}) == panel.filter


def test_a_render_and_a_change_do_not_wait_for_ever(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that renders holds the lock; a change elsewhere waits for that one render, then goes on."""
    server = FakeServer()
    panel = opened(server.query(), live=False)
    rendering, go_on = threading.Event(), threading.Event()
    plain = panel._view.show

    def slow(state: PanelState, code: str) -> None:
        if threading.current_thread().name == "sc_pandas-panel" and not go_on.is_set():
            rendering.set()
            # The worker sets traits while it holds the lock, as any render does; their observers run here.
            panel._view.contacts.value = not panel._view.contacts.value
            assert go_on.wait(SOON_S)
        plain(state, code)

    monkeypatch.setattr(panel._view, "show", slow)
    panel.apply()
    assert rendering.wait(SOON_S)
    changer = threading.Thread(target=lambda: setattr(control(panel, "city"), "value", "Bern"), daemon=True)
    changer.start()
    changer.join(0.05)
    assert changer.is_alive()
    go_on.set()
    changer.join(SOON_S)
    assert not changer.is_alive()
    assert panel.filter == CustomerFilter.of(city="Bern")


def test_setting_controls_makes_no_other_thread_unheard(opened: Opened) -> None:
    """While Python sets the controls, a key that a person presses on another thread is heard."""
    panel = opened(FakeServer().query(), live=False)
    typists = []

    def observe(_change: object) -> None:
        # The control that is typed into has been set already; the typist waits for the lock, so this must not.
        typist = threading.Thread(target=lambda: setattr(control(panel, "email"), "value", "typed"), daemon=True)
        typists.append(typist)
        typist.start()
        typist.join(0.2)

    control(panel, "company_ids").observe(observe, names="value")
    panel.filter = CustomerFilter.of(company_ids=163)
    typists[0].join(SOON_S)
    assert not typists[0].is_alive()
    assert control(panel, "email").value == "typed"
    assert panel.filter == CustomerFilter.of(company_ids=163, email="typed")


def test_no_widget_event_waits_for_a_server_that_is_held_shut(opened: Opened) -> None:
    """Keys, buttons, page turns and close return while no answer comes."""
    server = FakeServer()
    panel = opened(server.query())
    held = [
        server.hold(q, kind) for q in (CustomerFilter(), CustomerFilter.of(city="Bern")) for kind in ("run", "page")
    ]
    began = time.monotonic()
    press(panel, "Next")
    control(panel, "city").value = "Bern"
    for text in ("Apply", "Refresh", "Load all", "Stop", "Save Parquet", "Previous"):
        press(panel, text)
    panel.filter = CustomerFilter()
    panel.close()
    assert time.monotonic() - began < 1.0
    for each in held:
        each.release.set()


def test_after_close_no_customer_and_no_login_is_in_any_widget(box: Sandbox, opened: Opened) -> None:
    """Not in the tree, not in the state that is saved with a notebook, not in a widget that was replaced."""
    earlier = living().keys()
    for record in box.customers():
        n = record["user_id"]
        box.update(n, first_name=f"CANARY-F{n}", last_name=f"CANARY-L{n}", email=f"canary-{n}@example.com")
    panel = opened(box, include=["subscribed"])
    view = panel._view
    view.contacts.value = True
    load(panel)
    assert "CANARY-F1001" in json.dumps(_state(panel))  # the search finds what is there
    control(panel, "email").value = "canary-1001@example.com"
    control(panel, "first_name").value = "CANARY-F1001"
    control(panel, "created_on_to").value = "CANARY-TIME"
    control(panel, "created_on_to").value = ""
    view.segment_name.value = "CANARY-SEGMENT"
    press(panel, "Save filter")
    assert panel.wait(SOON_S)
    control(panel, "email").value = ""
    view.sort.value = "first_name"
    assert panel.wait(SOON_S)
    assert "CANARY-F1001" in view.table.value
    buttons, city = [w for w in tree(panel.widget) if isinstance(w, ipywidgets.Button)], control(panel, "city")
    panel.close()
    left = [widget for key, widget in living().items() if key not in earlier]
    assert 0 < len(left) < 10  # the title and the line that says so, each with its layout and style
    text = json.dumps(_state(panel)) + json.dumps([w.get_state() for w in left], default=repr)
    assert "canary" not in text.casefold()
    assert box.password not in text
    assert view.facets.value == ""
    assert (panel.df, panel.state.phase) == (None, "closed")
    assert "Closed." in said(panel)
    # What is pressed or typed afterwards does nothing, and raises nothing.
    calls = box.calls()
    for button in buttons:
        button.click()
    city.value = "Bern"
    view.live.value = False
    panel.include = ["phones"]
    view.more.choice.value = ("phones",)
    panel.load()
    panel.close()
    assert [panel.state.phase, panel.include, view.more.cost.value] == ["closed", (), ""]
    assert (box.calls(), box.calls("detail")) == (calls, 0)


def _state(panel: Panel) -> Any:
    return json.loads(json.dumps(dependency_state(panel.widget, drop_defaults=False), default=repr))


def test_a_panel_that_was_replaced_does_not_live_on(opened: Opened) -> None:
    """Re-running a cell: closed and forgotten, the panel is gone, with engine, rows and threads."""
    server = FakeServer()
    panel = Panel(server.query(), title="Customers", segments=opened(server.query())._segments)
    assert panel.wait(SOON_S)
    control(panel, "city").value = "Bern"
    assert panel.wait(SOON_S)
    rows = panel.df
    assert rows is not None
    gone: list[Callable[[], object]] = [weakref.ref(panel), weakref.ref(panel._engine), weakref.ref(rows)]
    panel.close()
    until = time.monotonic() + SOON_S
    while [t for t in threading.enumerate() if t.name.startswith("sc_pandas-panel")]:
        assert time.monotonic() < until
        time.sleep(0.001)
    del panel, rows
    gc.collect()
    assert [each() for each in gone] == [None, None, None]


def test_closing_while_everything_moves_leaves_nothing_on_show(opened: Opened) -> None:
    """Ten times: a panel closed from another thread in the middle of typing and loading stays empty."""
    for _ in range(10):
        server = FakeServer()
        panel = opened(server.query())

        def typing(panel: Panel = panel, city: Any = control(panel, "city")) -> None:  # noqa: B008
            for number in range(20):
                city.value = f"CANARY{number}"
                panel.apply()
                panel.load()

        _together([typing, panel.close])
        assert panel.state.phase == "closed"
        assert panel._view.table.value == ""
        assert panel._view.code.value == ""
