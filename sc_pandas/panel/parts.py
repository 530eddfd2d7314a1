"""The small widgets that the panel is made of."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ipywidgets as widgets


class Setting(threading.local):
    """True if this thread sets controls itself; what a person changes on another thread meanwhile is heard."""

    now = False

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Set controls without their telling anybody."""
        self.now = True
        try:
            yield
        finally:
            self.now = False


def button(text: str, tooltip: str, on_click: Callable[[], object], kind: str = "", *, hidden: bool = False) -> Any:
    """Make a button."""
    layout = {"width": "auto", "display": "none" if hidden else None}
    made = widgets.Button(description=text, tooltip=tooltip, layout=layout).add_class(kind or "sc-button")
    made.on_click(lambda _: on_click())
    return made


def field(kind: type[Any], name: str, text: str, tooltip: str, **more: Any) -> Any:
    """Make a labelled control to type into or to choose from."""
    look = {"style": {"description_width": "4.2em"}, "layout": {"flex": "1 1 12em", "width": "auto"}}
    return kind(description=text, tooltip=tooltip, **(look | more)).add_class(name)


def tick(kind: str, text: str, tooltip: str, *, on: bool = False) -> Any:
    """Make a checkbox: ipywidgets does not tell screen readers whether a toggle button is pressed."""
    return widgets.Checkbox(value=on, description=text, tooltip=tooltip, indent=False).add_class(kind)


def words(kind: str) -> Any:
    """Make a place for words."""
    return widgets.HTML().add_class(kind)


def say(widget: Any, text: str) -> None:
    """Set a trait only where it changes: nothing is sent twice."""
    if widget.value != text:
        widget.value = text


def box(kind: str, *children: Any) -> Any:
    """Put widgets into a box that the style sheet lays out."""
    return widgets.Box(children).add_class(kind)


def group(heading: str, *children: Any) -> Any:
    """Put widgets under a heading."""
    return widgets.VBox([widgets.HTML(f"<h4 class='sc-heading'>{heading}</h4>"), *children]).add_class("sc-group")


def within(widget: Any) -> Iterator[Any]:
    """Yield a widget and whatever its traits hold: children, layouts, styles."""
    yield widget
    for value in (getattr(widget, name) for name in widget.keys):
        for each in value if isinstance(value, tuple | list) else (value,):
            if isinstance(each, widgets.Widget):
                yield from within(each)


def nothing(*_of_it: object) -> None:
    """Do nothing, as a closed panel does."""
