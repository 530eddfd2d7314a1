"""What keeps the keys of the panel in the panel: in the notebook around it `d` `d` would delete its cell."""

from typing import Any, Final

import anywidget
import ipywidgets as widgets

# The frame can have the focus itself, so that a click beside a control, too, leaves the notebook's cell alone.
_ESM: Final = """
export default {
  render({ el }) {
    const keep = event => event.stopPropagation();
    let frame = null, waiting = 0;
    const hold = () => {
      frame = el.closest(".sc-panel");
      if (frame === null) { waiting = requestAnimationFrame(hold); return; }
      frame.tabIndex = -1;
      frame.classList.add("sc-held");
      frame.addEventListener("keydown", keep);
    };
    hold();
    return () => { cancelAnimationFrame(waiting); frame?.removeEventListener("keydown", keep); };
  }
};
"""
# Seen only where the front end cannot run the above; the style sheet hides it in a frame that holds its keys.
_LOOSE: Final = (
    "Keys pressed here may also reach the notebook, where <kbd>d</kbd> <kbd>d</kbd> deletes this cell. Install anywidget "
    "where the notebook's server runs, and open the page again."
)


class _Keys(anywidget.AnyWidget):  # type: ignore[misc]  # anywidget is untyped to mypy here
    _esm = _ESM


def keys() -> Any:
    """Make the part of a panel that holds its keys."""
    kept = widgets.VBox([_Keys(), widgets.HTML(_LOOSE)])
    kept.add_class("sc-keys")
    return kept
