"""More columns than the list has: chosen in the panel, paid for by loading alone, and said before it is paid."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pandas.testing import assert_frame_equal

import sc_pandas as sc
from sc_pandas.contract.includes import INCLUDES, PARTITIONS
from sc_pandas.errors import ServerError, SettingsError
from sc_pandas.filters import CustomerFilter
from sc_pandas.panel.including import NOTHING_CHOSEN, cost_text, gaps_text, including, offered, plain, price_text
from sc_pandas.panel.panel import Panel
from sc_pandas.panel.preview import facet_counts, sortable_columns, table_html
from sc_pandas.panel.state import status_text
from sc_pandas.query import Count, Estimate
from sc_pandas.reading import IncludeGap
from sc_pandas.sandbox import Sandbox
from sc_pandas.segments import Segments
from tests.panel.conftest import SOON_S, Desks, control, frame, load, press, pressed, settle, tree
from tests.panel.fakes import Desk, FakeServer, about, rows_of
from tests.panel.hostile import Seen
from tests.support.shops import shop_of

Opened = Callable[..., Panel]
pytestmark = pytest.mark.usefixtures("quick")


def cost(panel: Panel) -> str:
    """Return what is said of the cost."""
    return Seen(panel._view.more.cost.value).text


def choose(panel: Panel, *names: str) -> None:
    """Choose columns as a person does."""
    panel._view.more.choice.value = names


@pytest.fixture
def desk(desks: Desks) -> Desk:
    """Return an engine that includes two columns, on a fake server with a thousand customers."""
    made = desks(include=("channel", "phones"))
    made.open()
    return made


def test_what_can_be_included_is_offered_with_its_cost() -> None:
    words = {name: text for text, name in offered()}
    assert sorted(words) == sorted(INCLUDES)
    assert all(words[name].startswith(f"{name} (") for name in words)
    assert words["subscribed"] == "subscribed (a list for yes, one for no)"
    assert words["created_month"] == "created_month (a list for each month)"
    assert words["company_id"].endswith("names, else a call for each customer)")
    order = list(words)
    assert order[:3] == ["customer_type", "subscribed", "exported"]
    assert max(map(order.index, PARTITIONS)) < order.index("phones")


@pytest.mark.parametrize(("names", "filters", "rows", "text"), [
    ((), {}, 1_037, NOTHING_CHOSEN), (("channel",), {}, 0, "Load all: no customers, and nothing more to read."),
    (("channel",), {}, 50, "Load all: 50 customers; also 74 lists for channel."),
    (("phones",), {}, 1, "Load all: 1 customer; also 1 call for phones."),
    (("phones", "title"), {}, None, "everybody who matches; also a call for each customer for phones and title."),
    (("subscribed",), {"city": ["a", "b"]}, 900, "also 4 lists or more for subscribed."),
    (("subscribed",), {"city": ["a", "b"]}, 9, "also 2 lists for subscribed."),
    (("channel",), {"channel": ["Amazon"]}, 900, "also nothing for channel."),
    (("company_id",), {}, 900, "also 900 calls for company_id."),
    (("company_id",), {"company_ids": [1, 2]}, 900, "also 2 lists instead of one for company_id."),
    (("created_month",), {}, 900, "also 12 lists or more a year for created_month."),
    (("phones",), {}, 20_000, "20,000 calls for phones. What is cached is free. SellerCloud allows 10,800 calls"),
])  # fmt: skip
def test_the_cost_is_said_in_words(names: tuple[str, ...], filters: dict[str, Any], rows: int, text: str) -> None:
    assert text in cost_text(names, CustomerFilter.of(**filters), rows)


def test_the_cost_knows_limits_and_bounds() -> None:
    question = CustomerFilter()
    assert "Load all: 60 customers; also 60 calls" in cost_text(["phones"], question, 900, limit=60)
    assert "at most 9 customers; also at most 9 calls" in cost_text(["phones"], question, Count(9, is_upper_bound=True))


def test_an_estimate_is_said_with_its_time_and_the_quota() -> None:
    def words(calls: int, seconds: float, left: int | None = 10_200) -> str:
        return price_text(Estimate(rows=Count(9), calls=calls, seconds=seconds, reads=1, calls_left=left))

    assert words(2_041, 371.0) == "2,041 calls, about 6 min; 10,200 calls left this hour."
    assert words(1, 0.2, None) == "1 call, about 1 s."
    assert words(30_000, 10_000.0, 0) == "30,000 calls, about 2.8 h; 0 calls left this hour."
    assert words(0, 0.0) == "free (cached)."


def test_gaps_are_said_by_customer_and_name() -> None:
    gaps = [IncludeGap(each, ("phones", "title"), "status 500") for each in (1, 2, 2, 3)]
    assert gaps_text(gaps) == "3 customers lack phones and title."
    assert gaps_text([*gaps, IncludeGap(4, ("channel",), "two")]).endswith("; 1 customer lacks channel.")
    assert gaps_text([]) == ""


def test_columns_of_a_query_come_and_go_with_what_is_included() -> None:
    """`columns=` names what is wanted of the opened query; what is chosen in the panel is wanted, too."""
    query = FakeServer().query(include=("phones",), columns=("user_id", "phone1"))
    live = plain(query)
    assert live.options.include == ()
    assert live.options.columns == ("user_id",)
    both = including(live, query.options, ("phones", "channel"))
    assert both.options.columns == ("user_id", "phone1", "channel")
    assert including(live, query.options, ("channel",)).options.columns == ("user_id", "channel")
    assert plain(FakeServer().query(include=("channel",), columns=("channel",))).options.columns == ("user_id",)
    # A list that carries phones of itself keeps them.
    listed = FakeServer().query(columns=("phone1",))
    assert plain(listed) is listed
    assert including(listed, listed.options, ("title",)).options.columns == ("phone1", "title")


def test_looking_asks_without_and_loading_with(desk: Desk, tmp_path: Path) -> None:
    desk.engine.change(about("Bern"))
    desk.watch.pass_s(1)
    desk.settle()
    desk.turn(1)
    desk.engine.count_by("subscribed", {"Yes": 1})
    desk.settle()
    assert {options.include for _, _, options in desk.server.calls} == {()}
    desk.server.calls.clear()
    assert desk.load().loaded
    desk.engine.save(tmp_path / "x.parquet")
    assert desk.settle().message.startswith("Saved ")
    runs = [options.include for kind, _, options in desk.server.calls if kind == "run"]
    assert runs == [("channel", "phones")] * 2
    assert desk.engine.query.options.include == ("channel", "phones")
    assert desk.engine.query.filter == about("Bern")


def test_choosing_asks_nothing_and_stops_no_question(desk: Desk) -> None:
    held = desk.server.hold(about("Bern"))
    desk.engine.apply(about("Bern"))
    assert held.arrived.wait(SOON_S)
    calls = len(desk.server.calls)
    desk.engine.choose(("title",))
    desk.watch.pass_s(60)
    assert (desk.state.include, desk.state.phase, len(desk.server.calls)) == (("title",), "asking", calls)
    held.let_go()
    assert desk.settle().rows_of == about("Bern")


def test_choosing_stops_a_load_that_would_lack_it_and_says_so(desk: Desk) -> None:
    held = desk.server.hold(CustomerFilter())
    desk.engine.load()
    assert held.arrived.wait(SOON_S)
    desk.engine.choose(("title",))
    assert not desk.state.is_busy
    assert "Loading was stopped by this" in status_text(desk.state)
    held.let_go()
    assert not desk.state.loaded
    assert desk.state.include == ("title",)


def test_choosing_does_not_stop_counting_by_channel(desk: Desk) -> None:
    held = desk.server.hold(CustomerFilter.of(channel=0), "count")
    desk.engine.count_by("channel", {"Website": 0})
    assert held.arrived.wait(SOON_S)
    desk.engine.choose(("title",))
    assert desk.state.phase == "loading"
    held.let_go()
    assert list(desk.settle().counts["channel"].index) == ["Website"]


def test_gaps_and_a_price_that_is_kept_are_said_after_the_load(desk: Desk) -> None:
    desk.server.report.gaps = (IncludeGap(7, ("phones",), "status 404"),)
    assert status_text(desk.load()).endswith("customers loaded, proven (order). 1 customer lacks phones.")
    assert "20 calls" in desk.state.price
    asked = desk.server.calls[-1]
    assert asked[0] == "estimate"
    assert asked[2].cache == "offline"


def test_the_price_is_asked_beside_the_question(desk: Desk) -> None:
    held = desk.server.hold(CustomerFilter(), "estimate")
    desk.server.calls.clear()
    desk.engine.price()
    assert held.arrived.wait(SOON_S)
    assert [(kind, options.include) for kind, _, options in desk.server.calls] == [("estimate", ("channel", "phones"))]
    assert desk.state.pricing
    assert desk.state.phase == "ready"
    assert not desk.engine.wait(0.01)
    held.let_go()
    assert desk.settle().price == "20 calls, about 1 s."
    assert not desk.state.pricing


@pytest.mark.parametrize("event", ["question", "choice", "load", "refused", "stop", "close"])
def test_a_price_that_nobody_waits_for_is_cancelled_and_not_said(event: str, desk: Desk) -> None:
    """Whatever makes it the answer to another question than the one that stands there."""
    held = desk.server.hold(CustomerFilter(), "estimate")
    desk.engine.price()
    assert held.arrived.wait(SOON_S)
    del desk.server.held["estimate", CustomerFilter()]
    act: dict[str, Callable[[], None]] = {
        "question": lambda: desk.engine.change(about("Bern")), "choice": lambda: desk.engine.choose(("title",)),
        "load": desk.engine.load, "refused": lambda: desk.engine.refuse({"city": "no"}), "stop": desk.engine.stop,
        "close": desk.engine.close,
    }  # fmt: skip
    act[event]()
    assert not desk.state.pricing
    held.let_go()
    assert desk.server.cancelled == ["estimate"]
    if event == "load":
        desk.settle()
    # What loading left in the cache is said instead.
    assert desk.state.price == ("" if event != "load" else "20 calls, about 1 s.")
    assert desk.engine.last_error is None or event == "refused"


def test_a_price_that_fails_is_said_and_the_question_stands(desk: Desk) -> None:
    error = ServerError("It is down.", status=500, attempts=1)
    held = desk.server.hold(CustomerFilter(), "estimate", error)
    desk.engine.price()
    held.let_go()
    assert desk.settle().price == "ServerError: It is down."
    assert desk.engine.last_error is error
    assert desk.state.phase == "ready"
    assert not desk.state.rows_are_old


def test_the_control_has_a_name_a_tooltip_and_all_columns(panel: Panel) -> None:
    choice = panel._view.more.choice
    assert choice.description == "More columns"
    assert "sc-include" in choice._dom_classes
    assert "several with Ctrl" in choice.tooltip
    assert choice.description_allow_html is False
    assert set(choice._options_values) == set(INCLUDES)
    assert choice.value == panel.include == ()
    assert cost(panel) == NOTHING_CHOSEN
    assert panel._view.more.price.disabled
    assert panel._view.more.none.disabled
    assert choice in list(tree(panel.widget))


def test_chosen_columns_are_loaded_and_cost_nothing_before(panel: Panel, shared_box: Sandbox) -> None:
    calls = shared_box.calls()
    choose(panel, "subscribed", "phones")
    assert cost(panel) == (
        "Load all: 437 customers; also 2 lists or more for subscribed, and 437 calls for phones. "
        "What is cached is free."
    )
    assert "The list alone takes" in settle(panel)
    control(panel, "customer_type").value = ("Wholesale",)
    settle(panel)
    assert shared_box.calls() - calls == 1
    assert shared_box.calls("detail") == 0
    truth = {each["user_id"]: each for each in shared_box.customers() if each["is_whole_sale_user"]}
    assert f"Load all: {len(truth)} customers; also 2 lists or more" in cost(panel)

    pressed(panel, "Exact cost")
    announced = int(cost(panel).partition(": ")[2].partition(" call")[0])
    assert "left this hour" in cost(panel)
    calls = shared_box.calls()
    assert f"{len(truth)} of 437 customers loaded, proven" in pressed(panel, "Load all")
    assert shared_box.calls() - calls == announced
    assert list(frame(panel).columns[-6:]) == ["subscribed", "phone1", "phone2", "phone3", "mobile", "fax"]
    assert dict(zip(frame(panel).user_id, frame(panel).subscribed, strict=True)) == {
        each: record["subscribed"] for each, record in truth.items()
    }
    assert cost(panel) == "Load all with subscribed and phones: free (cached)."
    assert ("subscribed", "subscribed") in panel._view.sort.options
    assert "subscribed" in Seen(panel._view.table.value).cells
    assert panel.state.facets["subscribed"].sum() == len(truth)


def test_code_and_file_have_what_was_chosen(shared_box: Sandbox, opened: Opened, tmp_path: Path) -> None:
    panel = opened(shared_box, customer_type="Wholesale")
    before = panel.to_code()
    choose(panel, "subscribed", "exported")
    assert "include=['subscribed', 'exported']" in panel.to_code()
    assert panel._view.code.value == panel._view.copy.text == panel.to_code() != before
    panel._view.path.value = str(tmp_path / "out.parquet")
    assert "Saved " in pressed(panel, "Save Parquet")
    assert cost(panel) == "Load all with subscribed and exported: free (cached)."
    load(panel)
    saved = sc.read_parquet(tmp_path / "out.parquet")
    assert saved.attrs["sellercloud"]["include"] == ["subscribed", "exported"]
    assert_frame_equal(saved, frame(panel))
    # Chosen anew, the loaded rows lack it, and the panel says so until they are loaded again.
    assert "load all again" not in panel._view.place.value
    choose(panel, "channel")
    assert "load all again" in panel._view.place.value
    press(panel, "Clear extra columns")
    assert panel.include == ()
    assert panel.to_code() == before


def test_a_panel_begins_with_what_its_query_or_frame_includes(box: Sandbox, tmp_path: Path) -> None:
    with shop_of(box, tmp_path / "cache") as shop:
        query = shop.customers(include=["phones", "subscribed"], columns=["user_id", "subscribed"])
        whole = shop.customers(include="exported").to_pandas()
        for panel, names in ((query.panel(), ("phones", "subscribed")), (whole.sellercloud.panel(), ("exported",))):
            assert "137 of 137 customers match" in settle(panel)
            assert panel.include == panel._view.more.choice.value == names
            assert panel.query.options.include == names
            panel.close()
        assert box.calls("detail") == 0
        panel = query.panel()
        settle(panel)
        assert list(frame(panel).columns) == ["user_id"]
        load(panel)
        assert panel.query.options == query.options
        assert list(frame(panel).columns) == ["user_id", "subscribed"]
        panel.close()


def test_include_in_python_moves_the_control_or_nothing(panel: Panel, shared_box: Sandbox) -> None:
    calls = shared_box.calls()
    panel.include = ["phones", "channel", "phones"]
    assert panel.include == panel._view.more.choice.value == ("phones", "channel")
    panel.include = "title"
    assert panel._view.more.choice.value == ("title",)
    state = panel.state
    with pytest.raises(SettingsError, match="Did you mean phones"):
        panel.include = ["channel", "phone"]
    with pytest.raises(SettingsError, match="takes no 'city'"):
        panel.include = ["channel", "city"]
    assert panel.state is state
    assert panel._view.more.choice.value == ("title",)
    assert panel.query.options.include == ("title",)
    panel.include = ()
    assert panel._view.more.choice.value == ()
    assert shared_box.calls() == calls


def test_saved_filters_carry_no_columns(shared_box: Sandbox, opened: Opened, tmp_path: Path) -> None:
    panel = opened(shared_box, customer_type="Wholesale", include=["subscribed"], segments=Segments(tmp_path / "mine"))
    panel._view.segment_name.value = "big"
    press(panel, "Save filter")
    assert "include" not in json.dumps([each.read_text() for each in (tmp_path / "mine").iterdir()])
    panel.include = ["exported"]
    pressed(panel, "Open filter")
    assert panel.include == ("exported",)


def everything(box: Sandbox, folder: Path) -> pd.DataFrame:
    with shop_of(box, folder) as shop:
        return shop.customers(include=INCLUDES).to_pandas()


def test_nobody_can_be_reached_by_what_the_masked_table_shows(box: Sandbox, tmp_path: Path) -> None:
    """Every phone, e-mail, address line and contact name of every column, also inside the list of addresses."""
    frame = everything(box, tmp_path).iloc[:50]
    assert any(len(each) > 1 for each in frame.addresses)
    keys = ("phone", "fax", "address")
    reach = ("email", "phone1", "phone2", "phone3", "mobile", "fax")
    found = {text for name in reach for text in frame[name].dropna()}
    found |= {str(each[key]) for row in frame.addresses for each in row for key in keys if each[key]}
    found = {text for text in found if len(text) > 4}
    assert len(found) > 100
    contacts = {str(each["contact_name"]) for row in frame.addresses for each in row if each["contact_name"]}
    only = frame.drop(columns=["first_name", "last_name", "name"])
    for masked in (True, False):
        text = " ".join(Seen(table_html(only, masked=masked)).cells)
        assert (not any(each in text for each in found)) is masked
        assert (not any(each in text for each in contacts)) is masked
    # What segments are made of is shown.
    shown = " ".join(Seen(table_html(only, masked=True)).cells)
    assert frame.billing_city.dropna().iloc[0] in shown
    assert "'city'" in shown


def test_inside_of_a_list_what_reaches_a_person_is_masked() -> None:
    address = {"phone": "212 555 0159", "city": "Bern", "is_billing_address": True, "more": [{"fax": "5550100"}]}
    rows = pd.DataFrame({"addresses": pd.arrays.ArrowExtensionArray(pa.array([[address], None]))})
    cells = Seen(table_html(rows, masked=True)).cells
    assert "'phone': '***59'" in cells[1]
    assert "'fax': '***00'" in cells[1]
    assert "'city': 'Bern'" in cells[1]
    assert "'is_billing_address': True" in cells[1]
    assert cells[2] == "–"
    assert "212 555 0159" in Seen(table_html(rows, masked=False)).cells[1]


def test_included_columns_are_shown_and_sorted_if_ordered(box: Sandbox, opened: Opened) -> None:
    panel = opened(box, include=INCLUDES)
    load(panel)
    assert len(frame(panel).columns) > 70
    shown = Seen(panel._view.table.value).cells[: len(frame(panel).columns)]
    assert shown == list(frame(panel).columns)
    view = panel._view
    assert {"groups", "group_ids", "addresses", "business_aliases"}.isdisjoint(dict(view.sort.options))
    for name in sortable_columns(frame(panel)):
        view.sort.value = name
    view.sort.value = "created_on"
    wanted = [str(each) for each in frame(panel).sort_values("created_on", kind="stable").user_id[:50]]
    cells = Seen(view.table.value).cells
    width = len(frame(panel).columns)
    assert cells[width::width] == wanted


def test_too_many_values_are_folded_and_groups_counted_each() -> None:
    values = [f"c{n % 15}" for n in range(150)]
    groups = [["VIP", "Net 30"], [], None, ["VIP"]] * 25
    rows = rows_of(CustomerFilter(), 100).assign(
        channel=pd.arrays.ArrowExtensionArray(pa.array(values[:100])),
        groups=pd.arrays.ArrowExtensionArray(pa.array(groups)),
    )
    counts = facet_counts(rows)
    assert len(counts["channel"]) == 12
    assert counts["channel"].iloc[-1] == counts["channel"]["others"]
    assert counts["channel"].sum() == 100
    assert counts["groups"].to_dict() == {"VIP": 50, "Net 30": 25, "none": 25, "unknown": 25}
