"""What keeps the keys of the panel in the panel: in the notebook around it `d` `d` would delete its cell."""

from typing import Any, Final

import anywidget
import ipywidgets as widgets

# At the window, because Notebook 7 hears keys before the panel does; what a key does to a control is not stopped.
# The frame can have the focus itself: a click beside a control, too, leaves the notebook's cell alone.
_ESM: Final = """
export default {
  render({ el }) {
    const frameOf = event => {
      const frame = el.closest(".sc-panel");
      return frame?.contains(event.target) ? frame : null;
    };
    const keep = event => { if (frameOf(event)) event.stopPropagation(); };
    const stay = event => { const frame = frameOf(event); if (frame) frame.tabIndex = -1; };
    window.addEventListener("keydown", keep, true);
    window.addEventListener("mousedown", stay, true);
    el.classList.add("sc-held");
    return () => {
      window.removeEventListener("keydown", keep, true);
      window.removeEventListener("mousedown", stay, true);
    };
  }
};
"""
# Seen only where the front end cannot run the above; else the style sheet hides it.
_LOOSE: Final = (
    "Keys pressed here may also reach the notebook, where d d deletes this cell. Install "
    "anywidget where the notebook's server runs, and open the page again."
)


class _Keys(anywidget.AnyWidget):
    _esm = _ESM


def keys() -> Any:
    """Make the part of a panel that holds its keys."""
    return widgets.VBox([_Keys(), widgets.HTML(_LOOSE)]).add_class("sc-keys")
