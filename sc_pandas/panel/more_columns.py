"""The control for columns that the list does not carry, with their cost beside it."""

import html
from collections.abc import Callable
from typing import Final

import ipywidgets as widgets

from sc_pandas.panel.including import cost_text, offered
from sc_pandas.panel.parts import Setting, box, button, group, nothing, say, words
from sc_pandas.panel.state import PanelState
from sc_pandas.wording import join

_TOOLTIP: Final = (
    "Columns that the list does not carry; several with Ctrl. They take a call for each value, or a call for each "
    "customer: any number of the latter takes one call for each."
)


class MoreColumns:
    """The list to choose from, what the choice costs, and buttons to ask that exactly and to choose nothing."""

    def __init__(self, on_change: Callable[[], None], on_price: Callable[[], None]) -> None:
        self._on_change = on_change
        self._setting = Setting()
        self.choice = widgets.SelectMultiple(
            options=offered(), rows=7, description="More columns", tooltip=_TOOLTIP, layout={"width": "auto"}
        )
        self.choice.add_class("sc-include").observe(self._changed, names="value")
        self.price = button("Exact cost", "Ask the server what Load all takes: a call for each list", on_price)
        self.none = button("Clear extra columns", "Read the columns of the list alone", self._clear)
        self.cost = words("sc-cost")
        beside = widgets.VBox([self.cost, box("sc-row", self.price, self.none)])
        self.widget = group("More columns", box("sc-more-columns", self.choice, beside))

    def _changed(self, _change: object) -> None:
        if not self._setting.now:
            self._on_change()

    def _clear(self) -> None:
        self.choice.value = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What is chosen."""
        return tuple(self.choice.value)

    def choose(self, names: tuple[str, ...]) -> None:
        """Set the choice without telling anybody."""
        with self._setting():
            self.choice.value = names

    def show(self, state: PanelState) -> None:
        """Write what the choice costs."""
        say(self.cost, f"<div class='sc-cost-said' aria-live='polite'>{html.escape(_cost(state))}</div>")
        idle = state.phase not in {"wrong", "loading", "closed"}
        self.price.disabled = state.pricing or not (idle and state.include)
        self.none.disabled = not state.include

    def close(self) -> None:
        """Stop listening, and forget what was chosen."""
        self._on_change = nothing
        self.choose(())
        say(self.cost, "")
        self.price.disabled = self.none.disabled = True


def _cost(state: PanelState) -> str:
    if state.pricing:
        return "Asking what Load all takes…"
    if state.price and state.include:
        return f"Load all with {join(state.include)}: {state.price}"
    rows = None if state.estimate is None else state.estimate.rows
    return cost_text(state.include, state.question, rows, limit=state.limit)
