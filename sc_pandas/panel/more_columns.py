"""The control for columns that the list does not carry, with their cost beside it."""

import html
import threading
from collections.abc import Callable
from typing import Any, Final

import ipywidgets as widgets

from sc_pandas.panel.including import cost_text, offered
from sc_pandas.panel.state import PanelState
from sc_pandas.wording import join

_TOOLTIP: Final = (
    "Columns that the list does not carry; several with Ctrl. They are found by asking a list for each value, or each "
    "customer: any number of the latter takes one call for each."
)


class MoreColumns:
    """The list to choose from, what the choice costs, and buttons to ask that exactly and to choose nothing.

    Parameters
    ----------
    on_change
        Called after a person chose otherwise.
    on_price
        Called when the exact cost is wanted.

    Attributes
    ----------
    widget : ipywidgets.Box
        All of it.
    """

    def __init__(self, on_change: Callable[[], None], on_price: Callable[[], None]) -> None:
        self._on_change, self._on_price = on_change, on_price
        # Of each thread its own: while one sets the choice, what a person chooses on another is not overheard.
        self._here = threading.local()
        self.choice = widgets.SelectMultiple(
            options=offered(), rows=7, description="More columns", tooltip=_TOOLTIP, layout={"width": "auto"}
        )
        self.choice.add_class("sc-include")
        self.choice.observe(self._changed, names="value")
        self.price = _button("Say exactly", "sc-price", "Ask the server what Load all takes: a call for each list")
        self.price.on_click(lambda _: self._on_price())
        self.none = _button("No more columns", "sc-include-none", "Read the columns of the list alone")
        self.none.on_click(lambda _: setattr(self.choice, "value", ()))
        self._cost = widgets.HTML()
        self._cost.add_class("sc-cost")
        buttons = widgets.HBox([self.price, self.none])
        buttons.add_class("sc-row")
        chosen = widgets.Box([self.choice, widgets.VBox([self._cost, buttons])])
        chosen.add_class("sc-more-columns")
        self.widget = widgets.VBox([widgets.HTML("<h4 class='sc-heading'>More columns</h4>"), chosen])
        self.widget.add_class("sc-group")

    def _changed(self, _change: object) -> None:
        if not getattr(self._here, "quiet", False):
            self._on_change()

    @property
    def names(self) -> tuple[str, ...]:
        """What is chosen."""
        return tuple(self.choice.value)

    def choose(self, names: tuple[str, ...]) -> None:
        """Set the choice without telling anybody."""
        self._here.quiet = True
        try:
            self.choice.value = names
        finally:
            self._here.quiet = False

    def show(self, state: PanelState) -> None:
        """Say what the choice costs."""
        _say(self._cost, f"<div class='sc-cost-said' aria-live='polite'>{html.escape(_said(state))}</div>")
        idle = state.phase not in {"wrong", "loading", "closed"}
        self.price.disabled = state.pricing or not (idle and state.include)
        self.none.disabled = not state.include

    def close(self) -> None:
        """Stop listening, and forget what was chosen."""
        self._on_change = self._on_price = _nothing
        self.choose(())
        _say(self._cost, "")
        self.price.disabled = self.none.disabled = True


def _said(state: PanelState) -> str:
    if state.pricing:
        return "Asking what Load all takes…"
    if state.price and state.include:
        return f"Load all with {join(state.include)}: {state.price}"
    rows = None if state.estimate is None else state.estimate.rows
    return cost_text(
        state.include,
        state.question,
        None if rows is None else int(rows),
        is_upper_bound=rows is not None and rows.is_upper_bound,
        limit=state.limit,
    )


def _say(widget: Any, text: str) -> None:
    if widget.value != text:
        widget.value = text


def _button(text: str, kind: str, tooltip: str) -> Any:
    button = widgets.Button(description=text, tooltip=tooltip, layout={"width": "auto"}, disabled=True)
    button.add_class(kind)
    return button


def _nothing() -> None:
    pass
