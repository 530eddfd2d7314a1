"""What a person sees: shows states of the panel in widgets, and hands on what is pressed."""

import html
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Final

import ipywidgets as widgets

from sc_pandas.contract import FILTERS_BY_NAME
from sc_pandas.panel.browser import CopyButton, keys
from sc_pandas.panel.controls import Controls
from sc_pandas.panel.entries import entries_of, has_choices
from sc_pandas.panel.more_columns import MoreColumns
from sc_pandas.panel.parts import box, button, field, group, nothing, say, tick, within, words
from sc_pandas.panel.preview import counts_html, named, sortable_columns, table_html
from sc_pandas.panel.state import PanelState, status_text
from sc_pandas.panel.style import CSS
from sc_pandas.wording import age, visible

_UNSORTED: Final = "server order"
_CHIP: Final = 40
# What each button does, and says: its action, its text and its tooltip.
_BUTTONS: Final = (
    ("apply", "Apply", "Ask now, whatever it costs"),
    ("refresh", "Refresh", "Ask the server again instead of the cache"),
    ("load", "Load all", "Read every customer that matches"),
    ("stop", "Stop", "Stop loading; finished pages are kept"),
    ("save", "Save Parquet", "Read every customer that matches into a file"),
    ("previous", "Previous", "The page before"),
    ("next", "Next", "The next page"),
    ("channel", "Count by channel (74 calls)", "One call for each known channel"),
    ("subscribed", "Count by subscribed (2 calls)", "One call for yes, one for no"),
    ("segment_save", "Save filter", "Save this filter under the name"),
    ("segment_load", "Open filter", "Set the controls to the saved filter"),
    ("segment_delete", "Delete filter", "Delete the saved filter"),
)
# How the phases that are not plain news look, and what says so besides the colour.
_STATUS: Final[Mapping[str, tuple[str, str, str]]] = {
    "failed": ("sc-failed", "alert", "⚠ Error."),
    "wrong": ("sc-warned", "status", "⚠"),
    "held": ("sc-warned", "status", "⏸"),
    "asking": ("sc-said", "status", "…"),
    "loading": ("sc-said", "status", "↓"),
}


class View:
    """The widgets of one panel.

    `actions` are called by name: the first column of `_BUTTONS`, and entries, live, include and price.  `lock` is held
    while a state is shown; what a person changes waits for it, so nothing old is shown last.
    """

    def __init__(
        self, title: str, actions: Mapping[str, Callable[..., None]], *, lock: AbstractContextManager[Any]
    ) -> None:
        self._actions = actions
        self._lock = lock
        self._state = PanelState()
        self._on_show = 0
        self.buttons = {name: button(text, tooltip, partial(self._act, name)) for name, text, tooltip in _BUTTONS}
        self.controls = Controls(partial(self._act, "entries"))
        self.more = MoreColumns(partial(self._act, "include"), partial(self._act, "price"))
        self.status, self.place, self.table = words("sc-status"), words("sc-place"), words("sc-preview")
        self.facets, self.counts = words("sc-facets"), words("sc-counts")
        self._chips = {name: self._chip(name) for name in FILTERS_BY_NAME}
        self._reset = button("Reset all", "Clear every filter", self.controls.clear, "sc-reset", hidden=True)
        self._any_active = words("sc-any-active")
        look = {"width": "auto", "height": "7.2em"}
        self.code = field(widgets.Textarea, "sc-code", "Code", "Code that reads the same", layout=look)
        self.copy = CopyButton()
        self.path = field(widgets.Text, "sc-path", "File", "Where Save Parquet writes", value="customers.parquet")
        self.segment_name = field(widgets.Text, "sc-segment-name", "Save as", "Name for this filter")
        self.segment_list = field(widgets.Dropdown, "sc-segment-list", "Saved", "Saved filters")
        self.sort = field(widgets.Dropdown, "sc-sort", "Sort by", "Sorts the rows on show, or all loaded rows")
        self.sort.options = named([_UNSORTED])
        self.live = tick("sc-live", "Live", "Ask as the controls move", on=True)
        self.live.observe(lambda change: self._act("live", change["new"]), names="value")
        self.descending = tick("sc-descending", "Descending", "Sort from the largest")
        self.contacts = tick("sc-contacts", "Show contact data", "E-mails, phones and addresses are masked until then")
        for each in (self.sort, self.descending, self.contacts):
            each.observe(self._arranged, names="value")
        self.widget = self._laid_out(title)

    def _act(self, name: str, *values: object) -> None:
        self._actions[name](*values)

    def _chip(self, name: str) -> Any:
        tooltip = f"Clear {FILTERS_BY_NAME[name].label}"
        chip = button("", tooltip, partial(self.controls.clear, name), "sc-chip", hidden=True)
        return chip.add_class(f"sc-clear-{name.replace('_', '-')}")

    def _laid_out(self, title: str) -> Any:
        def row(*parts: Any) -> Any:
            return box("sc-row", *(self.buttons[each] if isinstance(each, str) else each for each in parts))

        pager = row("previous", "next", self.sort, self.descending, self.contacts)
        beside = box("sc-beside", self.facets, row("channel", "subscribed"), self.counts)
        rows = widgets.VBox([pager, self.place, self.table])
        saving = group("Save rows", row(self.path, "save"))
        filters = group(
            "Saved filters",
            row(self.segment_name, "segment_save"),
            row(self.segment_list, "segment_load", "segment_delete"),
        )
        return box(
            "sc-panel",
            widgets.HTML(f"<style>{CSS}</style><h3 class='sc-title'>{html.escape(title)}</h3>"),
            self.controls.widget,
            box("sc-active", self._any_active, *self._chips.values(), self._reset),
            self.more.widget,
            row(self.live, "apply", "refresh", "load", "stop"),
            self.status,
            box("sc-results", rows, beside),
            box("sc-out", group("Code", self.code, row(self.copy)), box("sc-column", saving, filters)),
            keys(),
        )

    def show(self, state: PanelState, code: str) -> None:
        """Show a state; only what changed is sent to the browser, and what people wait for first."""
        before, self._state = self._state, state
        self.controls.mark(state.wrong)
        self._show_status(state)
        self.more.show(state)
        stoppable = state.phase == "loading" or state.pricing or (state.is_busy and state.waiting_until is not None)
        self.buttons["stop"].disabled = not stoppable
        self.buttons["load"].disabled = state.is_busy or state.phase == "wrong"
        self.buttons["save"].disabled = state.phase in {"loading", "wrong"}
        self.buttons["apply"].button_style = "primary" if state.phase == "held" else ""
        if before.question != state.question or not self._any_active.value:
            self._show_active(state)
        if before.rows is not state.rows:
            self._offer_sorts(state)
        if before.rows is not state.rows or before.page != state.page:
            self._show_rows()
        elif before.rows_are_old != state.rows_are_old or before.include is not state.include:
            self._show_place()
        say(self.code, code)
        self.copy.text = code
        if before.facets is not state.facets:
            whose = "all loaded rows" if state.loaded else "the rows on show"
            self.facets.value = counts_html(f"Counts of {whose}", state.facets)
        if before.counts is not state.counts:
            self.counts.value = counts_html("Counts by the server", state.counts)

    def _show_status(self, state: PanelState) -> None:
        kind, role, sign = _STATUS.get(state.phase, ("sc-said", "status", ""))
        if state.waiting_until is not None:
            kind, role, sign = "sc-warned", "status", "⏳"
        mark = f"<span class='sc-sign' aria-hidden='true'>{sign}</span> " if sign else ""
        live = "" if role == "alert" else " aria-live='polite'"
        text = html.escape(status_text(state))
        self.status.value = f"<div class='{kind}' role='{role}'{live}>{mark}{text}{_bar(state)}</div>"

    def _show_active(self, state: PanelState) -> None:
        asked = state.question.to_dict()
        for name, entry in entries_of(state.question).items():
            chip = self._chips[name]
            values = "; ".join(entry) if has_choices(name) else str(entry)
            shown = f"✕ {FILTERS_BY_NAME[name].label}: {values}"
            chip.description = visible(shown, _CHIP) if name in asked else ""
            chip.layout.display = None if name in asked else "none"
        self._reset.layout.display = None if asked else "none"
        self._any_active.value = "Active filters:" if asked else "No active filters: all customers."

    def _offer_sorts(self, state: PanelState) -> None:
        columns = [_UNSORTED, *([] if state.rows is None else sortable_columns(state.rows))]
        offered = named(columns)
        if offered == tuple(self.sort.options):
            return
        chosen = self.sort.value
        self.sort.options = offered
        self.sort.value = chosen if chosen in columns else _UNSORTED

    def _arranged(self, _change: object) -> None:
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
        """Write which rows are on show and whether they are old; the table itself is not sent again."""
        state, end = self._state, self._on_show
        if state.rows is None or state.rows_at is None:
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
        union = not state.loaded and state.estimate is not None and state.estimate.reads > 1
        self.buttons["previous"].disabled = start == 0 or union
        self.buttons["next"].disabled = start + end >= matched or union

    def close(self) -> None:
        """Empty every trait that could hold a customer, and all widgets but title and status go."""
        self.controls.close()
        self.more.close()
        self._actions = dict.fromkeys((*self._actions, "entries"), nothing)
        self._state = PanelState(phase="closed")
        for each in (self.table, self.place, self.counts, self.facets, self._any_active, self.code, self.segment_name):
            each.value = ""
        for chip in (*self._chips.values(), self._reset):
            chip.layout.display, chip.description = "none", ""
        self.copy.text = ""
        self.sort.options = named([_UNSORTED])
        self.status.value = "<div class='sc-said' role='status'>Closed.</div>"
        self.segment_list.options = []
        gone = set(within(self.widget))
        self.widget.children = [self.widget.children[0], self.status]
        for each in gone.difference(within(self.widget)):
            each.close()


def _bar(state: PanelState) -> str:
    if state.phase != "loading" or not state.pages_expected:
        return ""
    value = f"value='{state.pages_done}' max='{state.pages_expected}'"
    return f"<progress class='sc-bar' aria-label='Pages loaded' {value}></progress>"
