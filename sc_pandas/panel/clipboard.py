"""A button that copies text to the clipboard; ipywidgets has none."""

import anywidget
import traitlets

_ESM = """
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


class CopyButton(anywidget.AnyWidget):
    """Copies `text` when it is pressed."""

    _esm = _ESM
    text = traitlets.Unicode("").tag(sync=True)
