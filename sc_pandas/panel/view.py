"""What a person sees: shows states of the panel in widgets, and hands on what is pressed."""

import html
import math
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Final

import ipywidgets as widgets
import pandas as pd

from sc_pandas.contract import FILTERS_BY_NAME
from sc_pandas.panel.clipboard import CopyButton
from sc_pandas.panel.controls import Controls
from sc_pandas.panel.entries import Entry, entries_of, has_choices
from sc_pandas.panel.keys import keys
from sc_pandas.panel.more_columns import MoreColumns
from sc_pandas.panel.preview import named, sortable_columns, table_html
from sc_pandas.panel.state import PanelState, status_text
from sc_pandas.panel.style import CSS
from sc_pandas.wording import age, visible

_UNSORTED: Final = "as SellerCloud gives them"
_TICK_S: Final = 1.0
_CHIP: Final = 40


class View:
    """The widgets of one panel.

    Parameters
    ----------
    title
        What stands above.
    on_entries
        Called with all entries after a person changed one.
    actions
        What the buttons do, by name: apply, refresh, load, stop, save, turn, live, include, price, segment_save,
        segment_load, segment_delete, channel, subscribed.
    lock
        Held while a state is shown; what a person or a timer changes waits for it, so that nothing old is shown last.
    """

    def __init__(
        self,
        title: str,
        on_entries: Callable[[Mapping[str, Entry]], None],
        actions: Mapping[str, Callable[..., None]],
        *,
        lock: AbstractContextManager[Any],
    ) -> None:
        self._actions = actions
        self._lock = lock
        self._state = PanelState()
        self._on_show = 0
        self.controls = Controls(on_entries)
        self.more = MoreColumns(actions["include"], actions["price"])
        self.status = _html("sc-status")
        self.facets = widgets.Image(format="png", layout={"display": "none"})
        self.facets.add_class("sc-facets")
        self.facets_of = _html("sc-facets-of")
        self.facets_said = _html("sc-unseen")
        self.counts = _html("sc-counts")
        self.table = _html("sc-preview")
        self._chips = {name: self._chip(name) for name in FILTERS_BY_NAME}
        self._reset = self._small_button("Reset all", "sc-reset", "Clear every filter")
        self._reset.on_click(lambda _: self.controls.clear())
        self._any_active = _html("sc-any-active")
        self.active = widgets.HBox([self._any_active, *self._chips.values(), self._reset])
        self.active.add_class("sc-active")
        self.code = widgets.Textarea(
            description="Code", tooltip="Code that reads the same", layout={"width": "auto", "height": "7.2em"}
        )
        self.code.add_class("sc-code")
        self._ticker: threading.Timer | None = None
        self.copy = CopyButton()
        self._buttons()
        self.segments = self._segments()
        self.widget = self._laid_out(title)

    # ── parts ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def _buttons(self) -> None:
        self.apply = self._button("Apply", "apply", "Ask what the controls say, whatever it costs")
        self.refresh = self._button("Refresh", "refresh", "Ask the server again instead of the cache")
        self.load = self._button("Load all", "load", "Read every customer that matches")
        self.stop = self._button("Stop", "stop", "Stop loading; finished pages are kept")
        self.save = self._button("Save Parquet", "save", "Read every customer that matches into a file")
        self.path = widgets.Text(
            "customers.parquet",
            description="File",
            tooltip="Where Save Parquet writes",
            style={"description_width": "4.2em"},
            layout={"flex": "1 1 12em", "width": "auto"},
        )
        self.path.add_class("sc-path")
        # A checkbox and not a toggle button: ipywidgets does not tell screen readers whether that is pressed.
        self.live = widgets.Checkbox(value=True, description="Live", tooltip="Ask as the controls move", indent=False)
        self.live.add_class("sc-live")
        self.live.observe(lambda change: self._actions["live"](change["new"]), names="value")
        self.previous = self._button("Previous", None, "The page before")
        self.next = self._button("Next", None, "The next page")
        self.previous.on_click(lambda _: self._actions["turn"](-1))
        self.next.on_click(lambda _: self._actions["turn"](1))
        self.place = _html("sc-place")
        self.sort = widgets.Dropdown(
            options=named([_UNSORTED]),
            description="Sort by",
            tooltip="Sorts the rows on show, or all rows once they are loaded",
            style={"description_width": "initial"},
            layout={"width": "auto"},
        )
        self.sort.add_class("sc-sort")
        self.descending = widgets.Checkbox(value=False, description="Descending", indent=False)
        self.contacts = widgets.Checkbox(
            value=False,
            description="Show contact data",
            tooltip="E-mails, phones and addresses are masked until then",
            indent=False,
        )
        self.contacts.add_class("sc-contacts")
        for each in (self.sort, self.descending, self.contacts):
            each.observe(lambda _: self._arranged(), names="value")
        self.by_channel = self._button("Count by channel (74 calls)", "channel", "One call for each known channel")
        self.by_subscribed = self._button("Count by subscribed (2 calls)", "subscribed", "One call for yes, one for no")

    def _button(self, text: str, action: str | None, tooltip: str) -> Any:
        button = widgets.Button(description=text, tooltip=tooltip, layout={"width": "auto"})
        button.add_class(f"sc-{text.split(' (', maxsplit=1)[0].lower().replace(' ', '-')}")
        if action is not None:
            button.on_click(lambda _: self._actions[action]())
        return button

    def _small_button(self, text: str, kind: str, tooltip: str) -> Any:
        button = widgets.Button(description=text, tooltip=tooltip, layout={"width": "auto", "display": "none"})
        button.add_class(kind)
        return button

    def _chip(self, name: str) -> Any:
        chip = self._small_button("", "sc-chip", f"Clear {FILTERS_BY_NAME[name].label}")
        chip.add_class(f"sc-clear-{name.replace('_', '-')}")
        chip.on_click(lambda _: self.controls.clear(name))
        return chip

    def _segments(self) -> Any:
        short = {"style": {"description_width": "4.2em"}, "layout": {"flex": "1 1 12em", "width": "auto"}}
        self.segment_name = widgets.Text(
            placeholder="a name for this filter", description="Save as", tooltip="Name for this filter", **short
        )
        self.segment_name.add_class("sc-segment-name")
        self.segment_list = widgets.Dropdown(options=[], description="Saved", tooltip="Saved filters", **short)
        self.segment_list.add_class("sc-segment-list")
        keep = [self.segment_name, self._button("Save filter", "segment_save", "Keep this filter under the name")]
        take = [
            self.segment_list,
            self._button("Open filter", "segment_load", "Set the controls to the saved filter"),
            self._button("Delete filter", "segment_delete", "Forget the saved filter"),
        ]
        return _group("Saved filters", _row(*keep), _row(*take))

    def _laid_out(self, title: str) -> Any:
        actions = _row(self.live, self.apply, self.refresh, self.load, self.stop)
        pager = _row(self.previous, self.next, self.sort, self.descending, self.contacts)
        counting = _row(self.by_channel, self.by_subscribed)
        beside = widgets.VBox([self.facets_of, self.facets, self.facets_said, counting, self.counts])
        beside.add_class("sc-beside")
        results = widgets.Box([widgets.VBox([pager, self.place, self.table]), beside])
        results.add_class("sc-results")
        code = _group("The same in code", self.code, _row(self.copy))
        keeping = _group("Keep the rows", _row(self.path, self.save))
        kept = widgets.VBox([keeping, self.segments])
        kept.add_class("sc-column")
        out = widgets.Box([code, kept])
        out.add_class("sc-out")
        heading = widgets.HTML(f"<style>{CSS}</style><h3 class='sc-title'>{html.escape(title)}</h3>")
        asking = [self.controls.widget, self.active, self.more.widget, actions]
        whole = widgets.VBox([heading, *asking, self.status, results, out, keys()])
        whole.add_class("sc-panel")
        return whole

    # ── showing a state ────────────────────────────────────────────────────────────────────────────────────────────
    def show(self, state: PanelState, code: str) -> None:
        """Show a state; only what changed is sent to the browser, and what people wait for first."""
        before, self._state = self._state, state
        self.controls.mark(state.wrong)
        self._show_status(state)
        self.more.show(state)
        stoppable = state.phase == "loading" or state.pricing or (state.is_busy and state.waiting_until is not None)
        self.stop.disabled = not stoppable
        self.load.disabled = state.is_busy or state.phase == "wrong"
        self.save.disabled = state.phase in {"loading", "wrong"}
        self.apply.button_style = "primary" if state.phase == "dear" else ""
        if before.question != state.question or not self._any_active.value:
            self._show_active(state)
        if before.rows is not state.rows:
            self._offer_sorts(state)
        if before.rows is not state.rows or before.page != state.page:
            self._show_rows()
        elif before.rows_are_old != state.rows_are_old or before.include is not state.include:
            self._show_place()
        if self.code.value != code:
            self.code.value = code
            self.copy.text = code
        if before.facets is not state.facets or before.counts is not state.counts:
            self._show_facets(state)

    def _show_status(self, state: PanelState) -> None:
        kind, role, sign = _STATUS.get(state.phase, ("sc-said", "status", ""))
        if state.waiting_until is not None:
            kind, role, sign = "sc-warned", "status", "⏳"
        mark = f"<span class='sc-sign' aria-hidden='true'>{sign}</span> " if sign else ""
        text = html.escape(f"{status_text(state)}{_countdown(state)}")
        live = "" if role == "alert" else " aria-live='polite'"
        self.status.value = f"<div class='{kind}' role='{role}'{live}>{mark}{text}{_bar(state)}</div>"
        self._tick_again(state)

    def _tick_again(self, state: PanelState) -> None:
        # A countdown goes on while nothing else happens.
        if self._ticker is not None:
            self._ticker.cancel()
            self._ticker = None
        if state.waiting_until is not None:
            self._ticker = threading.Timer(_TICK_S, self._tick, [state])
            self._ticker.name = "sc_pandas-panel-countdown"
            self._ticker.daemon = True
            self._ticker.start()

    def _tick(self, state: PanelState) -> None:
        with self._lock:
            if state is self._state:
                self._show_status(state)

    def _show_active(self, state: PanelState) -> None:
        asked = state.question.to_dict()
        for name, entry in entries_of(state.question).items():
            chip = self._chips[name]
            values = "; ".join(entry) if has_choices(name) else str(entry)
            shown = f"✕ {FILTERS_BY_NAME[name].label}: {values}"
            chip.description = visible(shown, _CHIP) if name in asked else ""
            chip.layout.display = None if name in asked else "none"
        self._reset.layout.display = None if asked else "none"
        self._any_active.value = "Active filters:" if asked else "No filter is active: everybody is asked for."

    def _offer_sorts(self, state: PanelState) -> None:
        columns = [_UNSORTED, *([] if state.rows is None else sortable_columns(state.rows))]
        offered = named(columns)
        if offered == tuple(self.sort.options):
            return
        chosen = self.sort.value
        self.sort.options = offered
        self.sort.value = chosen if chosen in columns else _UNSORTED

    def _show_facets(self, state: PanelState) -> None:
        counts, picture = (state.facets.counts, state.facets.png) if state.facets is not None else ({}, None)
        self.facets.value = picture or b""
        self.facets.layout.display = None if picture else "none"
        whose = "all loaded rows" if state.loaded else "the rows on show"
        self.facets_of.value = f"<h4 class='sc-heading'>Counts of {whose}</h4>" if counts else ""
        # A picture is mute: the same is said in words for those who do not see it, or where it cannot be drawn.
        words = _count_tables(counts)
        self.facets_said.value = words if picture else ""
        self.counts.value = ("" if picture else words) + _count_tables(state.counts)

    def _arranged(self) -> None:
        with self._lock:
            self._show_rows()

    def _show_rows(self) -> None:
        state = self._state
        if state.rows is None:
            self.table.value = self.place.value = ""
            return
        rows = state.rows
        if self.sort.value in rows.columns:
            rows = rows.sort_values(self.sort.value, ascending=not self.descending.value, kind="stable")
        on_show = rows.iloc[state.start :][: state.page_rows] if state.loaded else rows
        self._on_show = len(on_show)
        self.table.value = table_html(on_show, masked=not self.contacts.value)
        self._show_place()

    def _show_place(self) -> None:
        """Say which rows are on show and whether they are old; the table itself is not sent again."""
        state, end = self._state, self._on_show
        if state.rows is None:
            return
        start = state.start
        of = f"of {len(state.rows):,} loaded" if state.loaded else "(this page; sorting too)"
        other = state.loaded and state.loaded_with != state.include and not state.rows_are_old
        again = " Other columns are chosen now: load all again." if other else ""
        old = f" <b>Old: answer to an earlier question, {age(state.rows_at)}.</b>" if state.rows_are_old else ""
        self.place.value = html.escape(f"Rows {start + 1 if end else 0:,}–{start + end:,} {of}.{again}") + old
        (self.table.add_class if state.rows_are_old else self.table.remove_class)("sc-is-old")
        matched = len(state.rows) if state.loaded or state.estimate is None else int(state.estimate.rows)
        # A union of lists has no pages of its own before it is loaded.
        union = not state.loaded and getattr(state.estimate, "reads", 1) > 1
        self.previous.disabled = start == 0 or union
        self.next.disabled = start + end >= matched or union

    def close(self) -> None:
        """Empty every trait that could hold a customer, so that nothing of them is saved with the notebook."""
        self.controls.close()
        self.more.close()
        self._actions = dict.fromkeys(self._actions, _nothing)
        self._state = PanelState(phase="closed")
        if self._ticker is not None:
            self._ticker.cancel()
        for each in (self.table, self.place, self.counts, self.facets_of, self.facets_said):
            each.value = ""
        self.facets.value = b""
        self.facets.layout.display = "none"
        for chip in self._chips.values():
            chip.description, chip.layout.display = "", "none"
        self._reset.layout.display = "none"
        self._any_active.value = ""
        self.code.value = self.copy.text = ""
        self.sort.options = named([_UNSORTED])
        self.status.value = "<div class='sc-said' role='status'>Closed.</div>"
        self.segment_name.value = ""
        self.segment_list.options = []


def _countdown(state: PanelState) -> str:
    if state.waiting_until is None:
        return ""
    left = math.ceil((state.waiting_until - datetime.now(UTC)).total_seconds())
    return f" {max(0, left):,} s to go."


# How the phases that are not plain news look, and what says so besides the colour.
_STATUS: Final[Mapping[str, tuple[str, str, str]]] = {
    "failed": ("sc-failed", "alert", "⚠ Error."),
    "wrong": ("sc-warned", "status", "⚠"),
    "dear": ("sc-warned", "status", "⏸"),
    "asking": ("sc-said", "status", "…"),
    "loading": ("sc-said", "status", "↓"),
}


def _row(*children: Any) -> Any:
    row = widgets.HBox(children)
    row.add_class("sc-row")
    return row


def _group(heading: str, *children: Any) -> Any:
    group = widgets.VBox([widgets.HTML(f"<h4 class='sc-heading'>{heading}</h4>"), *children])
    group.add_class("sc-group")
    return group


def _count_tables(counts: "Mapping[str, pd.Series[int]]") -> str:
    return "".join(
        table_html(series.rename("customers").rename_axis(name).reset_index(), masked=False)
        for name, series in counts.items()
    )


def _nothing(*_of_it: object) -> None:
    pass


def _html(kind: str) -> Any:
    widget = widgets.HTML()
    widget.add_class(kind)
    return widget


def _bar(state: PanelState) -> str:
    if state.phase != "loading" or not state.pages_expected:
        return ""
    value = f"value='{state.pages_done}' max='{state.pages_expected}'"
    return f"<progress class='sc-bar' aria-label='Pages loaded' {value}></progress>"
