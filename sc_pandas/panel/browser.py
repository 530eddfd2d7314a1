"""What runs in the browser: the keys of a panel stay in it, and a button copies text, which ipywidgets has not."""

from typing import Any, Final

import anywidget
import ipywidgets as widgets
import traitlets

# At the window, because Notebook 7 hears keys before the panel does (there `d` `d` would delete the cell); what a key
# does to a control is not stopped.  The frame can have the focus itself: a click beside a control, too, leaves the
# notebook's cell alone.
_HOLD_KEYS: Final = """
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
_COPY: Final = """
export default {
  render({ model, el }) {
    const button = document.createElement("button");
    button.className = "jupyter-button widget-button sc-copy";
    button.textContent = "Copy code";
    button.title = "Copy the code that asks the same";
    button.addEventListener("click", async () => {
      const text = model.get("text");
      let done = false;
      try { await navigator.clipboard.writeText(text); done = true; }
      catch (_refused) {
        const area = document.createElement("textarea");
        area.value = text;
        document.body.appendChild(area);
        area.select();
        done = document.execCommand("copy");
        area.remove();
      }
      button.textContent = done ? "Copied" : "Select the code above";
      setTimeout(() => { button.textContent = "Copy code"; }, 1500);
    });
    el.appendChild(button);
  }
};
"""


class _Keys(anywidget.AnyWidget):
    _esm = _HOLD_KEYS


class CopyButton(anywidget.AnyWidget):
    """Copies `text` when it is pressed."""

    _esm = _COPY
    text = traitlets.Unicode("").tag(sync=True)


def keys() -> Any:
    """Make the part of a panel that holds its keys."""
    return widgets.VBox([_Keys(), widgets.HTML(_LOOSE)]).add_class("sc-keys")
