"""One control for each of the nineteen filters, made from the contract's table, with room for a word on wrong input."""

import html
from collections.abc import Callable, Mapping
from typing import Any, Final

import ipywidgets as widgets

from sc_pandas.contract import FILTERS, Channel, FilterFact
from sc_pandas.panel.entries import NOTHING, Entry, choices, empty, has_choices, placeholder
from sc_pandas.panel.parts import Setting, box, group, nothing

_GROUPS: Final = {"who": "Who", "kind": "Kind", "when": "When", "where": "Where", "more": "More"}
# Groups that share a column where the panel is wide: all columns are about as high.
_COLUMNS: Final = (("who",), ("kind",), ("when",), ("where", "more"))


class Controls:
    """The controls of all filters, as one widget; `on_change` is called after a person changed one."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._setting = Setting()
        self.by_name: dict[str, Any] = {fact.name: _control(fact) for fact in FILTERS}
        self._words = {fact.name: widgets.HTML(layout={"display": "none"}) for fact in FILTERS}
        for control in self.by_name.values():
            control.observe(self._changed, names="value")
        columns = [box("sc-column", *map(self._group, groups)) for groups in _COLUMNS]
        self.widget = box("sc-groups", *columns)

    def _group(self, name: str) -> Any:
        facts = [fact.name for fact in FILTERS if fact.group == name]
        return group(_GROUPS[name], *(box("sc-one", self.by_name[each], self._words[each]) for each in facts))

    def _changed(self, _change: object) -> None:
        if not self._setting.now:
            self._on_change()

    def entries(self) -> dict[str, Entry]:
        """Return what stands in the controls."""
        return {name: control.value for name, control in self.by_name.items()}

    def show(self, entries: Mapping[str, Entry]) -> None:
        """Set the controls without asking anything."""
        with self._setting():
            for name, control in self.by_name.items():
                control.value = entries.get(name, empty(name))

    def clear(self, name: str | None = None) -> None:
        """Empty one control, or all, and ask what is left."""
        self.show(NOTHING if name is None else {**self.entries(), name: empty(name)})
        self._on_change()

    def mark(self, wrong: Mapping[str, str]) -> None:
        """Write beside each control what is wrong with its entry."""
        for name, word in self._words.items():
            said = wrong.get(name, "")
            word.value = f"<span class='sc-wrong' role='alert'>⚠ {html.escape(said)}</span>" if said else ""
            word.layout.display = None if said else "none"

    def close(self) -> None:
        """Stop listening, and forget what was typed."""
        self._on_change = nothing
        self.show(NOTHING)
        self.mark({})


def _control(fact: FilterFact) -> Any:
    example = placeholder(fact.name)
    shared: dict[str, Any] = {
        "description": fact.label,
        "tooltip": f"{fact.says}, as in: {example}" if example else f"{fact.says}; several with Ctrl",
        "style": {"description_width": "7.7em"},
        "layout": {"width": "auto"},
    }
    if has_choices(fact.name):
        names = choices(fact.name)
        control: Any = widgets.SelectMultiple(options=names, rows=min(len(names), 6), **shared)
    elif fact.open_enum:
        control = widgets.Combobox(options=tuple(Channel.__members__), placeholder=example, **shared)
    else:
        # What does not fit into the control stands in its tooltip.
        control = widgets.Text(placeholder=example.partition(" or ")[0], **shared)
    return control.add_class(f"sc-filter-{fact.name.replace('_', '-')}")
