"""One control for each of the nineteen filters, made from the contract's table, with room for a word on wrong input."""

import html
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

import ipywidgets as widgets

from sc_pandas.contract import FILTERS, Channel, FilterFact
from sc_pandas.panel.entries import NOTHING, Entry, choices, has_choices, placeholder

GROUPS: Final = {"who": "Who", "kind": "Kind", "when": "When", "where": "Where", "more": "More"}
# Groups that share a column where the panel is wide, so that all columns are about as high.
_COLUMNS: Final = (("who",), ("kind",), ("when",), ("where", "more"))
_WIDE: Final = {"description_width": "7.7em"}
_FILL: Final = {"width": "auto"}


class Controls:
    """The controls of all filters, as one widget.

    Parameters
    ----------
    on_entries
        Called with all entries after a person changed one.
    """

    def __init__(self, on_entries: Callable[[Mapping[str, Entry]], None]) -> None:
        self._on_entries = on_entries
        # Of each thread its own: while one sets the controls, what a person types on another is not overheard.
        self._here = threading.local()
        self.by_name: dict[str, Any] = {fact.name: _control(fact) for fact in FILTERS}
        self._words = {fact.name: widgets.HTML(layout={"display": "none"}) for fact in FILTERS}
        for control in self.by_name.values():
            control.observe(self._changed, names="value")
        self.widget = widgets.Box([self._column(groups) for groups in _COLUMNS])
        self.widget.add_class("sc-groups")

    def _column(self, groups: tuple[str, ...]) -> Any:
        column = widgets.VBox([self._group(group) for group in groups])
        column.add_class("sc-column")
        return column

    def _group(self, group: str) -> Any:
        facts = [fact for fact in FILTERS if fact.group == group]
        heading = widgets.HTML(f"<h4 class='sc-heading'>{GROUPS[group]}</h4>")
        rows = [widgets.VBox([self.by_name[f.name], self._words[f.name]]) for f in facts]
        for row in rows:
            row.add_class("sc-one")
        box = widgets.VBox([heading, *rows])
        box.add_class("sc-group")
        return box

    def _changed(self, _change: object) -> None:
        if not getattr(self._here, "quiet", False):
            self._on_entries(self.entries())

    def entries(self) -> dict[str, Entry]:
        """Give what stands in the controls."""
        return {name: control.value for name, control in self.by_name.items()}

    def show(self, entries: Mapping[str, Entry]) -> None:
        """Set the controls without asking anything."""
        self._here.quiet = True
        try:
            for name, control in self.by_name.items():
                nothing: Entry = () if has_choices(name) else ""
                control.value = entries.get(name, nothing)
        finally:
            self._here.quiet = False

    def clear(self, name: str | None = None) -> None:
        """Empty one control, or all, and ask what is left."""
        self.show(NOTHING if name is None else {**self.entries(), name: () if has_choices(name) else ""})
        self._on_entries(self.entries())

    def mark(self, wrong: Mapping[str, str]) -> None:
        """Say beside each control what is wrong with its entry."""
        for name, word in self._words.items():
            said = wrong.get(name, "")
            word.value = f"<span class='sc-wrong' role='alert'>⚠ {html.escape(said)}</span>" if said else ""
            word.layout.display = None if said else "none"

    def close(self) -> None:
        """Stop listening, and forget what was typed."""
        self._on_entries = lambda _entries: None
        self.show(NOTHING)
        self.mark({})


def _control(fact: FilterFact) -> Any:
    example = placeholder(fact.name)
    shared: dict[str, Any] = {
        "description": fact.label,
        "tooltip": f"{fact.says}, as in: {example}" if example else f"{fact.says}; several with Ctrl",
        "style": _WIDE,
        "layout": _FILL,
    }
    if has_choices(fact.name):
        names = choices(fact.name)
        control: Any = widgets.SelectMultiple(options=names, rows=min(len(names), 6), **shared)
    elif fact.open_enum:
        shared["options"] = tuple(Channel.__members__)
        control = widgets.Combobox(placeholder=example, continuous_update=True, **shared)
    else:
        # What does not fit into the control stands in its tooltip.
        control = widgets.Text(placeholder=example.partition(" or ")[0], continuous_update=True, **shared)
    control.add_class(f"sc-filter-{fact.name.replace('_', '-')}")
    return control
