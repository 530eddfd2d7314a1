"""Real notebook servers and a real browser: started once, driven by each test, nothing off this machine."""

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

CHROMIUM: Final = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGS: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
OFF_LOOPBACK: Final = re.compile(r"^(?:https?|wss?)://(?!127\.0\.0\.1[:/]|localhost[:/])")
UP_S: Final = 60.0
PATIENCE_MS: Final = 30_000


@dataclass
class Server:
    """A notebook server in a process group of its own."""

    url: str
    token: str
    folder: Path
    process: "subprocess.Popen[bytes]"
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1_000_000)))

    def write(self, *cells: str) -> Path:
        """Put a new notebook into the server's folder."""
        path = self.folder / f"notebook-{next(self.numbers)}.ipynb"
        made: list[dict[str, Any]] = [
            {"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": s, "outputs": [], "execution_count": None}
            for n, s in enumerate(cells)
        ]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        document = {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
        path.write_text(json.dumps(document))
        return path


def panel_code(url: str, filters: str = "", login: str = "") -> str:
    """Return a cell that shows a panel; the login of the environment belongs to this server."""
    lines = [
        "import os\n", f"os.environ['SELLERCLOUD_SERVER'] = {url!r}", "import sc_pandas as sc\n",
        f"shop = sc.connect({login})", f"panel = shop.panel({filters})", "panel",
    ]  # fmt: skip
    return "\n".join(lines)


@contextmanager
def served(arguments: list[str], folder: Path, environment: Mapping[str, str]) -> Iterator[Server]:
    """Start `python -m …` with a free port and a token of its own, and end its process group afterwards."""
    token, port = secrets.token_hex(16), _free_port()
    places = {
        name: str(folder / name.lower())
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "HOME")
    }
    settings = folder / "settings"
    news = settings / "@jupyterlab" / "apputils-extension"
    for each in (*map(Path, places.values()), news, folder / "work"):
        each.mkdir(parents=True, exist_ok=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    (news / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
    # What the widgets hold is saved with the notebook: the harder case.
    widgets = settings / "@jupyter-widgets" / "jupyterlab-manager"
    widgets.mkdir(parents=True)
    (widgets / "plugin.jupyterlab-settings").write_text(json.dumps({"saveState": True}))
    env = {**os.environ, **places, "JUPYTERLAB_SETTINGS_DIR": str(settings), **environment}
    for name in ("PYTHONWARNINGS", "PYTEST_CURRENT_TEST"):
        env.pop(name, None)
    command = [part.format(port=port, token=token) for part in arguments]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=folder / "work",
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            server = Server(f"http://127.0.0.1:{port}", token, folder / "work", process)
            _wait_until_up(server, folder / "server.log")
            yield server
        finally:
            _end(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_up(server: Server, log: Path) -> None:
    until = time.monotonic() + UP_S
    while time.monotonic() < until:
        if server.process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{server.url}/?token={server.token}", timeout=5):  # noqa: S310  # loopback
                return
        except urllib.error.HTTPError as answered:
            answered.close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"the server did not come up:\n{log.read_text(errors='replace')[-4000:]}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    for kind in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, kind)
        except ProcessLookupError:
            break
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            continue
    process.wait(10)


class Visit:
    """One page in a fresh browser context, with what it asked for off this machine."""

    def __init__(self, context: Any) -> None:
        self.context = context
        self.off_loopback: list[str] = []
        self._has_kernel = False
        context.set_default_timeout(PATIENCE_MS)
        context.on("request", self._noted)
        context.route(OFF_LOOPBACK, lambda route: route.abort())
        self.page = context.new_page()

    def _noted(self, request: Any) -> None:
        if OFF_LOOPBACK.match(request.url):
            self.off_loopback.append(request.url)

    def open(self, server: Server, notebook: Path, *, tree: str) -> None:
        """Open a notebook and wait until its kernel is connected (the idle sign shows too early)."""
        self.page.goto(f"{server.url}/{tree}/{notebook.name}?token={server.token}&reset", wait_until="commit")
        self.page.wait_for_function(_CONNECTED)
        self._has_kernel = True

    def close(self) -> None:
        """End the kernel, if there is one, and the context."""
        if self._has_kernel:
            self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        self.context.close()

    def run_all(self) -> None:
        """Run every cell that is there."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")

    def run(self, source: str) -> str:
        """Run Python in a new last cell, and give the text that it printed or showed; an error is raised."""
        outputs = self.page.evaluate(_RUN, source)
        return _text_of(outputs)

    def begin(self, source: str) -> None:
        """Run Python in a new last cell without waiting for its end."""
        self.page.evaluate(_BEGIN, source)

    def save(self) -> None:
        """Save the notebook as its Save button does."""
        self.page.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save'); }")

    def part(self, name: str) -> Any:
        """Return an element of the panel by its class without the `sc-`."""
        return self.page.locator(f".sc-panel .sc-{name}").first

    def field(self, name: str) -> Any:
        """Return the element that people type into, of a filter or of another text control."""
        return self.page.locator(f".sc-panel .sc-{name} :is(input, textarea, select)").first

    def button(self, name: str) -> Any:
        """Return a button by its accessible name."""
        return self.page.locator(".sc-panel").get_by_role("button", name=name, exact=True)

    def status(self) -> str:
        """Return what the status line says."""
        return str(self.part("status").text_content())

    def until_status(self, pattern: str, *, timeout_ms: int = PATIENCE_MS) -> str:
        """Wait until the status line says it, and give the whole line."""
        try:
            self.page.wait_for_function(_SAYS, arg=pattern, timeout=timeout_ms)
        except Exception as error:
            raise AssertionError(f"the status does not say {pattern!r}; it says {self.status()!r}") from error
        return self.status()

    def rows(self) -> list[list[str]]:
        """Return the rows on show, as text."""
        found: list[list[str]] = self.page.evaluate(_ROWS)
        return found

    def tab_to(self, name: str, *, back: bool = False) -> None:
        """Press Tab until the control with that label has the focus."""
        for _ in range(80):
            if self.page.evaluate(FOCUSED) == name:
                return
            self.page.keyboard.press("Shift+Tab" if back else "Tab")
        raise AssertionError(f"Tab does not reach {name!r}")

    def accessible(self, selector: str) -> list[tuple[str, str]]:
        """Roles and names of what is in the browser's accessibility tree under an element."""
        session = self.context.new_cdp_session(self.page)
        session.send("Accessibility.enable")
        document = session.send("DOM.getDocument")
        found = session.send("DOM.querySelector", {"nodeId": document["root"]["nodeId"], "selector": selector})
        answer = session.send("Accessibility.queryAXTree", {"nodeId": found["nodeId"]})
        session.detach()
        return [
            (str(node["role"]["value"]), str(node.get("name", {}).get("value", "")))
            for node in answer["nodes"]
            if not node.get("ignored") and "role" in node
        ]

    def until(self, check: Callable[[], bool], what: str, *, seconds: float = PATIENCE_MS / 1_000) -> None:
        """Wait for something that only Python can see, while the browser goes on."""
        until = time.monotonic() + seconds
        while not check():
            assert time.monotonic() < until, f"waited in vain for {what}"
            self.page.wait_for_timeout(25)


_CONNECTED: Final = """() => {
  const app = window.jupyterapp;
  if (!app || !app.shell.currentWidget || !app.shell.currentWidget.sessionContext) return false;
  const context = app.shell.currentWidget.sessionContext;
  return context.isReady && context.session?.kernel?.connectionStatus === 'connected'
    && context.session.kernel.status === 'idle';
}"""

_ADD: Final = """
  const app = window.jupyterapp;
  const notebook = app.shell.currentWidget.content;
  notebook.model.sharedModel.addCell({cell_type: 'code', source, metadata: {}});
  notebook.activeCellIndex = notebook.widgets.length - 1;
  const cell = notebook.activeCell;
"""
_RUN: Final = f"""async source => {{ {_ADD}
  await app.commands.execute('notebook:run-cell');
  return cell.model.outputs.toJSON();
}}"""
_BEGIN: Final = f"""source => {{ {_ADD}
  app.commands.execute('notebook:run-cell');
}}"""

FOCUSED: Final = """() => { const e = document.activeElement;
  return e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent || e.title; }"""

_SAYS: Final = """pattern => {
  const line = document.querySelector('.sc-panel .sc-status');
  return line !== null && new RegExp(pattern).test(line.textContent);
}"""

_ROWS: Final = """() => [...document.querySelectorAll('.sc-panel .sc-preview tbody tr')]
  .map(row => [...row.cells].map(cell => cell.textContent))"""


def _text_of(outputs: list[dict[str, Any]]) -> str:
    parts = []
    for output in outputs:
        if output["output_type"] == "error":
            raise AssertionError("\n".join(output["traceback"]))
        text = output.get("text") or output.get("data", {}).get("text/plain", "")
        parts.append("".join(text))
    return "".join(parts).strip()
