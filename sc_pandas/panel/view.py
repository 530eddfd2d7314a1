"""What a person sees: shows states of the panel in widgets, and hands on what is pressed."""

import html
from collections.abc import Callable, Mapping
from typing import Any, Final

import ipywidgets as widgets
import pandas as pd

from sc_pandas.contract import FILTERS_BY_NAME
from sc_pandas.panel.controls import Controls
from sc_pandas.panel.entries import Entry
from sc_pandas.panel.pictures import facet_png
from sc_pandas.panel.preview import facet_counts, table_html
from sc_pandas.panel.state import PanelState, age_text, status_text
from sc_pandas.panel.style import CSS

PAGE_ROWS: Final = 50
_UNSORTED: Final = "as SellerCloud gives them"


class View:
    """The widgets of one panel.

    Parameters
    ----------
    title
        What stands above.
    on_entries
        Called with all entries after a person changed one.
    actions
        What the buttons do, by name: apply, refresh, load, stop, save, page, live, segment_save, segment_load,
        segment_delete, channel, subscribed.
    """

    def __init__(
        self,
        title: str,
        on_entries: Callable[[Mapping[str, Entry]], None],
        actions: Mapping[str, Callable[..., None]],
    ) -> None:
        self._actions = actions
        self._state = PanelState()
        self._start = 0
        self._number = 1
        self.controls = Controls(on_entries)
        self.status = _html("sc-status")
        self.facets = widgets.Image(format="png", layout={"display": "none"})
        self.facets.add_class("sc-facets")
        self.counts = _html("sc-counts")
        self.table = _html("sc-preview")
        self.active = widgets.HBox()
        self.active.add_class("sc-active")
        self.code = widgets.Textarea(description="Code", layout={"width": "100%", "height": "5.5em"}, disabled=False)
        self.code.add_class("sc-code")
        self.copy: Any = _copy_button()
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
        self.path = widgets.Text("customers.parquet", description="File", tooltip="Where Save Parquet writes")
        self.path.add_class("sc-path")
        self.live = widgets.ToggleButton(value=True, description="Live", tooltip="Ask as the controls move")
        self.live.add_class("sc-live")
        self.live.observe(lambda change: self._actions["live"](change["new"]), names="value")
        self.previous = self._button("Previous", None, "The page before")
        self.next = self._button("Next", None, "The next page")
        self.previous.on_click(lambda _: self._turn(-1))
        self.next.on_click(lambda _: self._turn(1))
        self.place = _html("sc-place")
        self.sort = widgets.Dropdown(options=[_UNSORTED], description="Sort by", tooltip="Sorts the rows on show")
        self.sort.add_class("sc-sort")
        self.descending = widgets.Checkbox(value=False, description="Descending", indent=False)
        self.contacts = widgets.Checkbox(value=False, description="Show e-mails and phones", indent=False)
        self.contacts.add_class("sc-contacts")
        for each in (self.sort, self.descending, self.contacts):
            each.observe(lambda _: self._show_rows(), names="value")
        self.by_channel = self._button("Count by channel (74 calls)", "channel", "One call for each known channel")
        self.by_subscribed = self._button("Count by subscribed (2 calls)", "subscribed", "One call for yes, one for no")

    def _button(self, text: str, action: str | None, tooltip: str) -> Any:
        button = widgets.Button(description=text, tooltip=tooltip, layout={"width": "auto"})
        button.add_class(f"sc-{text.split(' (', maxsplit=1)[0].lower().replace(' ', '-')}")
        if action is not None:
            button.on_click(lambda _: self._actions[action]())
        return button

    def _segments(self) -> Any:
        self.segment_name = widgets.Text(placeholder="name", description="Save as", tooltip="Name for this filter")
        self.segment_name.add_class("sc-segment-name")
        self.segment_list = widgets.Dropdown(options=[], description="Saved", tooltip="Saved filters")
        self.segment_list.add_class("sc-segment-list")
        return widgets.HBox(
            [
                self.segment_name,
                self._button("Save filter", "segment_save", "Keep this filter under the name"),
                self.segment_list,
                self._button("Open filter", "segment_load", "Set the controls to the saved filter"),
                self._button("Delete filter", "segment_delete", "Forget the saved filter"),
            ]
        )

    def _laid_out(self, title: str) -> Any:
        actions = widgets.HBox([self.live, self.apply, self.refresh, self.load, self.stop])
        pager = widgets.HBox([self.previous, self.next, self.place, self.sort, self.descending, self.contacts])
        saving = widgets.HBox([self.path, self.save, self.copy])
        beside = widgets.VBox([self.facets, self.counts, self.by_channel, self.by_subscribed])
        beside.add_class("sc-beside")
        results = widgets.Box([widgets.VBox([pager, self.table]), beside])
        results.add_class("sc-results")
        for row in (actions, pager, saving, self.segments):
            row.add_class("sc-row")
        parts = [
            widgets.HTML(f"<style>{CSS}</style><h3 class='sc-title'>{html.escape(title)}</h3>"),
            self.controls.widget,
            self.active,
            actions,
            self.status,
            results,
            saving,
            self.code,
            self.segments,
        ]
        whole = widgets.VBox(parts)
        whole.add_class("sc-panel")
        return whole

    # ── showing a state ────────────────────────────────────────────────────────────────────────────────────────────
    def show(self, state: PanelState, code: str) -> None:
        """Show a state; only what changed is sent to the browser."""
        before, self._state = self._state, state
        self.controls.mark(state.wrong)
        kind = "sc-failed" if state.phase == "failed" else "sc-said"
        text = html.escape(status_text(state))
        self.status.value = f"<div class='{kind}' role='status' aria-live='polite'>{text}</div>{_bar(state)}"
        self.stop.disabled = state.phase != "loading"
        self.load.disabled = state.is_busy or state.phase == "wrong"
        self.save.disabled = state.phase in {"wrong", "loading"}
        if before.question != state.question or not self.active.children:
            self._show_active(state)
        if before.rows is not state.rows:
            self._start = 0
            if before.question != state.question or state.loaded:
                self._number = 1
            self._offer_sorts(state)
            self._show_facets(state)
        if before.rows is not state.rows or before.rows_are_old != state.rows_are_old:
            self._show_rows()
        if self.code.value != code:
            self.code.value = code
            self.copy.text = code

    def _show_active(self, state: PanelState) -> None:
        asked = state.question.to_dict()
        buttons = []
        for name, value in asked.items():
            values = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            shown = f"{FILTERS_BY_NAME[name].label}: {values}"
            button = widgets.Button(
                description=f"✕ {shown[:40]}", tooltip=f"Clear {FILTERS_BY_NAME[name].label}", layout={"width": "auto"}
            )
            button.on_click(lambda _, name=name: self.controls.clear(name))
            buttons.append(button)
        label = widgets.HTML("Active filters:" if asked else "No filter is active: everybody is asked for.")
        if asked:
            reset = widgets.Button(description="Reset all", tooltip="Clear every filter", layout={"width": "auto"})
            reset.add_class("sc-reset")
            reset.on_click(lambda _: self.controls.clear())
            buttons.append(reset)
        for old in self.active.children:
            old.close()
        self.active.children = (label, *buttons)

    def _offer_sorts(self, state: PanelState) -> None:
        columns = [] if state.rows is None else [str(name) for name in state.rows.columns]
        chosen = self.sort.value
        self.sort.options = [_UNSORTED, *columns]
        self.sort.value = chosen if chosen in self.sort.options else _UNSORTED

    def _show_facets(self, state: PanelState) -> None:
        counts = {} if state.rows is None else facet_counts(state.rows)
        picture = facet_png(counts)
        self.facets.value = picture or b""
        self.facets.layout.display = None if picture else "none"
        if picture is None:
            self.show_counts(counts)

    def show_counts(self, counts: "Mapping[str, pd.Series[int]]") -> None:
        """Show counts as text tables."""
        self.counts.value = "".join(
            table_html(series.rename("customers").rename_axis(name).reset_index(), masked=False)
            for name, series in counts.items()
        )

    def _turn(self, step: int) -> None:
        state = self._state
        if state.rows is None:
            return
        if state.loaded:
            self._start = max(0, min(self._start + step * PAGE_ROWS, len(state.rows) - 1))
            self._show_rows()
        else:
            self._number = max(1, self._number + step)
            self._actions["page"](self._number)

    def _show_rows(self) -> None:
        state = self._state
        if state.rows is None:
            self.table.value = self.place.value = ""
            return
        rows = state.rows
        if self.sort.value in rows.columns:
            rows = rows.sort_values(self.sort.value, ascending=not self.descending.value, kind="stable")
        on_show = rows.iloc[self._start : self._start + PAGE_ROWS]
        self.table.value = table_html(on_show, masked=not self.contacts.value, old=state.rows_are_old)
        self.place.value = html.escape(self._place(state, len(on_show)))
        first = (self._start if state.loaded else (self._number - 1) * PAGE_ROWS) == 0
        matched = len(state.rows) if state.loaded or state.estimate is None else int(state.estimate.rows)
        last = (self._start if state.loaded else (self._number - 1) * PAGE_ROWS) + len(on_show) >= matched
        self.previous.disabled, self.next.disabled = first, last

    def _place(self, state: PanelState, on_show: int) -> str:
        start = self._start if state.loaded else (self._number - 1) * PAGE_ROWS
        of = f"of {len(state.rows):,} loaded" if state.loaded and state.rows is not None else "(this page; sorting too)"
        old = f", of an earlier question, {age_text(state.rows_at)}" if state.rows_are_old else ""
        return f"Rows {start + 1 if on_show else 0:,}–{start + on_show:,} {of}{old}"

    def close(self) -> None:
        """Empty every trait that could hold a customer, so that nothing of them is saved with the notebook."""
        self.controls.close()
        self._state = PanelState(phase="closed")
        for each in (self.table, self.place, self.counts):
            each.value = ""
        self.facets.value = b""
        self.facets.layout.display = "none"
        self.active.children = ()
        self.code.value = self.copy.text = ""
        self.sort.options = [_UNSORTED]
        self.status.value = "<div class='sc-said' role='status'>Closed.</div>"
        self.segment_name.value = ""
        self.segment_list.options = []


def _html(kind: str) -> Any:
    widget = widgets.HTML()
    widget.add_class(kind)
    return widget


def _bar(state: PanelState) -> str:
    if state.phase != "loading" or not state.pages_expected:
        return ""
    value = f"value='{state.pages_done}' max='{state.pages_expected}'"
    return f"<progress class='sc-bar' aria-label='Pages loaded' {value}></progress>"


def _copy_button() -> Any:
    try:
        from sc_pandas.panel.clipboard import CopyButton
    except ImportError:
        return widgets.HTML(layout={"display": "none"})
    return CopyButton()
