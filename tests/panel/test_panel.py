"""The whole panel on a sandbox, driven as a person and as Python drive it, without a browser."""

import html
import os
import stat
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import sc_pandas as sc
from sc_pandas.contract import FILTERS
from sc_pandas.errors import AuthError, FilterError, SettingsError, TransportError
from sc_pandas.filters import CustomerFilter
from sc_pandas.panel.panel import Panel
from sc_pandas.panel.preview import named
from sc_pandas.sandbox import Sandbox
from sc_pandas.segments import Segments
from sc_pandas.segments.saved import FILE
from tests.panel.conftest import SOON_S, control, frame, load, press, pressed, said, settle
from tests.panel.hostile import Seen
from tests.support.wire_faults import order

Opened = Callable[..., Panel]
pytestmark = pytest.mark.usefixtures("quick")


def test_each_of_the_nineteen_filters_has_a_labelled_control(panel: Panel) -> None:
    controls = panel._view.controls.by_name
    assert list(controls) == [fact.name for fact in FILTERS]
    assert len(controls) == 19
    for fact in FILTERS:
        one = controls[fact.name]
        assert one.description == fact.label
        assert fact.says in one.tooltip
        assert getattr(one, "placeholder", "chosen") or hasattr(one, "options")
        assert one.description_allow_html is False


EVERYTHING = {
    "customer_ids": [1001, 1002], "email": "ada@example.com", "first_name": ["Ada", "Bo; Co"], "last_name": "Example",
    "rating": ["Satisfied", "Neutral"], "customer_type": "Wholesale", "subscribed": True, "exported": False,
    "created_on_from": "2020-01-31 14:05:09", "created_on_to": "2026-01-31", "modified_on_from": "2020-01-31 14:05",
    "modified_on_to": "2026-12-31 23:59:59.5", "phone_number": "555-0100", "city": ["Bern", "Basel"],
    "zip_code": "3011", "channel": ["Amazon", 4242], "corporate_name": '"Nut" & Sons', "company_ids": 163,
    "keyword": " a ",
}  # fmt: skip


def test_a_filter_set_from_python_moves_all_controls_and_asks(shared_box: Sandbox, opened: Opened) -> None:
    panel = opened(shared_box, live=False)
    question = CustomerFilter.of(**EVERYTHING)
    assert question.given().keys() == {fact.name for fact in FILTERS}
    panel.filter = question
    assert panel.filter == question
    assert control(panel, "first_name").value == 'Ada; "Bo; Co"'
    assert control(panel, "created_on_from").value == "2020-01-31 14:05:09"
    assert control(panel, "channel").value == "Amazon; 4242"
    assert control(panel, "rating").value == ("Neutral", "Satisfied")
    assert all(control(panel, fact.name).value for fact in FILTERS)
    # Touching a control and putting it back asks the same filter again.
    control(panel, "city").value = "Bern"
    control(panel, "city").value = "Basel; Bern"
    assert panel.filter == question
    panel.filter = CustomerFilter()
    assert not any(control(panel, fact.name).value for fact in FILTERS)
    settle(panel)


def test_controls_make_the_filter_and_the_answer(panel: Panel) -> None:
    control(panel, "customer_type").value = ("Wholesale",)
    control(panel, "created_on_from").value = "2019-01-01"
    words = settle(panel)
    assert panel.filter == CustomerFilter.of(customer_type="Wholesale", created_on_from="2019-01-01")
    assert panel.query.filter == panel.filter
    expected = panel.query.count()
    assert f"{expected:,} of 437 customers match" in words
    assert len(frame(panel)) == min(50, expected)


def test_a_month_is_all_of_it_and_a_relative_day_stays_so(panel: Panel, shared_box: Sandbox) -> None:
    control(panel, "created_on_from").value = "-36500d"
    control(panel, "created_on_to").value = "2024-06"
    words = settle(panel)
    wanted = [each for each in shared_box.customers() if each["created_on"] < datetime(2024, 7, 1)]  # noqa: DTZ001
    assert f"{len(wanted):,} of 437 customers match" in words
    assert panel.filter.to_dict() == {"created_on_from": "-36500d", "created_on_to": "2024-06-30"}
    assert "created_on_to='2024-06-30'" in panel.query.to_code()
    assert "-36500d" not in panel.query.to_code()
    panel.filter = CustomerFilter.of(created_on_from="-7d", created_on_to="2099-06-30 00:00", modified_on_to="2024")
    shown = [control(panel, name).value for name in ("created_on_from", "created_on_to", "modified_on_to")]
    assert shown == ["-7d", "2099-06-30 00:00", "2024-12-31"]


def test_a_filter_that_python_cannot_ask_moves_nothing(panel: Panel) -> None:
    state = panel.state
    with pytest.raises(FilterError, match="time zone"):
        panel.filter = CustomerFilter.of(created_on_from="2026-01-31 00:00+02:00")
    assert panel.state is state
    assert control(panel, "created_on_from").value == ""


def test_what_cannot_be_asked_is_said_beside_its_control(panel: Panel, shared_box: Sandbox) -> None:
    calls = shared_box.calls()
    control(panel, "created_on_from").value = "2026-01-31 00:00+02:00"
    assert panel.state.phase == "wrong"
    assert "server_timezone" in panel._view.controls._words["created_on_from"].value
    assert isinstance(panel.last_error, FilterError)
    press(panel, "Refresh")  # does not ask behind the person's back either
    assert panel.state.phase == "wrong"
    assert shared_box.calls() == calls
    control(panel, "created_on_from").value = ""
    assert "437 of 437" in settle(panel)
    assert panel.last_error is None


def test_clearing_one_and_all(shared_box: Sandbox, opened: Opened) -> None:
    panel = opened(shared_box, city="Berlin", customer_type="Retail")
    panel._view.controls.clear("city")
    assert panel.filter == CustomerFilter.of(customer_type="Retail")
    press(panel, "Reset all")
    assert panel.filter == CustomerFilter()
    settle(panel)


def test_load_all_pages_and_sorting(panel: Panel, shared_box: Sandbox) -> None:
    """A page before Load all costs one call; after it none; sorting sorts what is there."""
    view = panel._view
    calls = shared_box.calls()
    pressed(panel, "Next")
    assert shared_box.calls() - calls == 1
    ids = [each["user_id"] for each in shared_box.customers()]
    assert list(frame(panel).user_id) == ids[50:100]
    assert Seen(view.place.value).text.startswith("Rows 51–100")
    pressed(panel, "Previous")
    assert shared_box.calls() - calls == 1  # page 1 is kept
    assert load(panel) == "437 of 437 customers loaded, proven (order)."
    calls = shared_box.calls()
    assert len(frame(panel)) == 437
    for _ in range(8):
        press(panel, "Next")
    assert Seen(view.place.value).text.startswith("Rows 401–437 of 437 loaded")
    assert view.buttons["next"].disabled
    view.sort.value = "user_id"
    view.descending.value = True
    while not view.buttons["previous"].disabled:
        press(panel, "Previous")
    first_row = Seen(view.table.value).cells[len(frame(panel).columns) :]
    assert first_row[0] == str(ids[-1])
    assert shared_box.calls() == calls


def test_e_mails_are_masked_until_asked(panel: Panel, shared_box: Sandbox) -> None:
    first = shared_box.customers()[0]["email"]
    assert html.escape(first) not in panel._view.table.value
    panel._view.contacts.value = True
    assert html.escape(first) in panel._view.table.value
    panel._view.contacts.value = False
    assert html.escape(first) not in panel._view.table.value


def test_the_code_runs_and_gives_an_equal_frame(
    shared_box: Sandbox, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = opened(shared_box, first_name=["a", "e; x"], exported=True)
    load(panel)
    monkeypatch.setenv("SELLERCLOUD_SERVER", shared_box.url)
    monkeypatch.setenv("SELLERCLOUD_USERNAME", shared_box.username)
    monkeypatch.setenv("SELLERCLOUD_PASSWORD", shared_box.password)
    assert shared_box.password not in panel.to_code()
    assert panel._view.code.value == panel._view.copy.text == panel.to_code()
    space: dict[str, Any] = {}
    exec(panel.to_code(), space)  # noqa: S102  # the code is what is tested
    assert len(frame(panel)) > 10
    assert_frame_equal(space["df"], frame(panel))


def test_save_parquet_reads_back_equal(shared_box: Sandbox, opened: Opened, tmp_path: Path) -> None:
    panel = opened(shared_box, customer_type="Wholesale")
    panel._view.path.value = str(tmp_path / "out.parquet")
    words = pressed(panel, "Save Parquet")
    assert f"customers to {tmp_path / 'out.parquet'}, proven" in words
    assert "Load all is free (cached)." in words  # what was saved is kept, and the line knows
    assert stat.S_IMODE((tmp_path / "out.parquet").stat().st_mode) == 0o600
    calls = shared_box.calls()
    load(panel)
    assert shared_box.calls() == calls
    assert_frame_equal(sc.read_parquet(tmp_path / "out.parquet"), frame(panel))
    direct = panel.query.to_parquet(tmp_path / "direct.parquet")
    assert direct.read_bytes() == (tmp_path / "out.parquet").read_bytes()


@pytest.mark.parametrize("name", ["/no/such/folder/x.parquet", "x.csv"])
def test_a_file_that_cannot_be_written_is_said_before_any_call(name: str, panel: Panel, shared_box: Sandbox) -> None:
    calls = shared_box.calls()
    panel._view.path.value = name
    assert "ExportError" in pressed(panel, "Save Parquet")
    assert shared_box.calls() == calls
    assert panel._view.table.value


def test_facets_are_of_the_rows_on_show_and_then_of_all(panel: Panel) -> None:
    assert panel.state.facets["is_wholesale_string"].sum() == 50
    assert "Counts of the rows on show" in panel._view.facets.value
    load(panel)
    assert panel.state.facets["is_wholesale_string"].sum() == 437
    assert "Counts of all loaded rows" in panel._view.facets.value


def test_a_settled_change_costs_one_call_and_a_known_answer_none(panel: Panel, shared_box: Sandbox) -> None:
    calls = shared_box.calls()
    control(panel, "city").value = "Paris"
    assert "asked just now" in settle(panel)
    assert shared_box.calls() - calls == 1
    control(panel, "city").value = ""
    assert "from the cache, " in settle(panel)
    assert shared_box.calls() - calls == 1


def test_refresh_and_load_all_show_the_servers_rows_of_now(box: Sandbox, opened: Opened) -> None:
    """Neither count nor rows nor load come from the read that was kept before."""
    panel = opened(box)
    load(panel)
    box.update(1001, first_name="Changed")
    box.insert(3)
    calls = box.calls()
    assert pressed(panel, "Refresh").startswith("140 of 140 customers match, asked just now")
    assert box.calls() - calls == 1
    assert frame(panel).first_name.iloc[0] == "Changed"
    assert "140 of 140" in load(panel)
    assert frame(panel).first_name.iloc[0] == "Changed"


def test_a_wrong_password_is_said_and_shows_no_empty_table(box: Sandbox, opened: Opened) -> None:
    panel = opened(box, password="wrong")
    assert isinstance(panel.last_error, AuthError)
    assert "AuthError" in Seen(said(panel)).text
    assert "wrong" not in said(panel).replace("wrong password", "")
    assert panel.df is None
    assert panel._view.table.value == ""


def test_a_dead_server_keeps_the_rows_marked_old(box: Sandbox, opened: Opened) -> None:
    panel = opened(box)
    table = panel._view.table.value
    order(box, "reset", times=None, keep=0.0)
    control(panel, "city").value = "Paris"
    words = settle(panel)
    assert isinstance(panel.last_error, TransportError)
    assert words.startswith("TransportError: ")
    assert panel._view.table.value == table
    assert panel.state.rows_are_old
    assert "Old" in Seen(panel._view.place.value).text
    box.clear_faults()
    assert "customers match" in pressed(panel, "Apply")
    cleared: BaseException | None = panel.last_error
    assert cleared is None
    assert "Old" not in Seen(panel._view.place.value).text


def test_filters_are_saved_listed_opened_and_deleted(shared_box: Sandbox, opened: Opened, tmp_path: Path) -> None:
    kept = Segments(tmp_path / "mine")
    panel = opened(shared_box, customer_type="Wholesale", segments=kept)
    view = panel._view
    view.segment_name.value = " big ones "
    press(panel, "Save filter")
    assert list(kept) == ["big ones"]
    assert view.segment_list.value == "big ones"
    press(panel, "Reset all")
    press(panel, "Open filter")
    assert panel.filter == CustomerFilter.of(customer_type="Wholesale")
    assert control(panel, "customer_type").value == ("Wholesale",)
    settle(panel)
    press(panel, "Delete filter")
    assert view.segment_list.options == ()
    press(panel, "Delete filter")
    assert "Choose a saved filter first." in said(panel)


def test_a_damaged_file_of_filters_is_said_and_stops_nothing(
    shared_box: Sandbox, opened: Opened, tmp_path: Path
) -> None:
    (tmp_path / FILE).write_text("{")
    panel = opened(shared_box, segments=Segments(tmp_path))
    assert "move it away" in said(panel)
    assert "437 of 437" in said(panel)
    press(panel, "Save filter")
    assert "needs a name" in said(panel)
    panel._view.segment_name.value = "x"
    press(panel, "Save filter")
    assert isinstance(panel.last_error, SettingsError)
    assert (panel.state.phase, panel.state.rows_are_old) == ("ready", False)


def test_all_doors_lead_to_a_panel(box: Sandbox, tmp_path: Path) -> None:
    """`shop.panel()`, `query.panel()` and `df.sellercloud.panel()`, each on its own question."""
    with sc.connect(box.url, username=box.username, password=box.password, cache_dir=tmp_path / "c") as shop:
        whole = shop.customers(customer_type="Retail").to_pandas()
        for panel in (
            shop.panel(customer_type="Retail"),
            shop.customers(customer_type="Retail").panel(),
            whole.sellercloud.panel(),
        ):
            assert panel.wait(SOON_S)
            assert panel.filter == CustomerFilter.of(customer_type="Retail")
            assert repr(panel) == "<Panel ready>"
            panel.close()
            assert repr(panel) == "<Panel closed>"
            assert panel.df is None
    assert os.environ["XDG_DATA_HOME"] == str(tmp_path / "share")
    assert isinstance(whole, pd.DataFrame)


@pytest.mark.fault("H15")
def test_drop_downs_show_what_is_hidden_in_names(shared_box: Sandbox, opened: Opened, tmp_path: Path) -> None:
    """A direction character in a name is shown as its code point, and the name itself is what is chosen."""
    panel = opened(shared_box, segments=Segments(tmp_path / "mine"))
    view = panel._view
    view.segment_name.value = "vip\u202egnp"
    press(panel, "Save filter")
    assert view.segment_list.options == (("vip\\u202egnp", "vip\u202egnp"),)
    assert view.segment_list.value == "vip\u202egnp"
    assert named(["custom.\u200bA"]) == (("custom.\\u200bA", "custom.\u200bA"),)
