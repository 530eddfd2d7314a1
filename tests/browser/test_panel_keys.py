"""Keys that are pressed in the panel, in a real JupyterLab and a real Notebook 7, stay there."""

from collections.abc import Callable
from typing import Any

import pytest

from sc_pandas.sandbox import Sandbox
from tests.browser.rig import Server, Visit, panel_code

# To JupyterLab: delete, cut, leave, move, insert, change the kind, merge, run.
_KEYS = ("d", "d", "x", "Escape", "ArrowUp", "ArrowDown", "a", "b", "m", "Shift+M", "Enter", "Shift+Enter", "d", "d")
# One part of each kind that can have the focus, and ground beside all controls.
_PARTS: dict[str, Callable[[Visit], Any]] = {
    "the ground": lambda visit: visit.part("place").click(),
    "the table": lambda visit: visit.part("preview").locator("td").first.click(),
    "a button": lambda visit: visit.button("Refresh").click(),
    "the button to copy": lambda visit: visit.part("copy").click(),
    "an active filter": lambda visit: visit.part("clear-rating").focus(),
    "a list": lambda visit: visit.field("filter-rating").focus(),
    "a drop-down": lambda visit: visit.field("sort").focus(),
    "a text": lambda visit: visit.field("filter-city").click(),
    "a text with proposals": lambda visit: visit.field("filter-channel").click(),
    "a long text": lambda visit: visit.part("code").locator("textarea").click(),
    "a checkbox": lambda visit: visit.part("contacts").locator("input").click(),
}


def opened(visit: Visit, server: Server, box: Sandbox, tree: str) -> None:
    code = panel_code(box.url, "rating='Satisfied'")
    visit.open(server, server.write("'before'", code, "'after'"), tree=tree)
    visit.run_all()
    visit.until_status("customers match")
    visit.page.locator(".sc-panel .sc-held").wait_for(state="attached")
    visit.until(lambda: len(visit.rows()) == 50, "the first page")


@pytest.mark.parametrize(("server", "tree"), [("lab", "lab/tree"), ("notebook", "notebooks")])
def test_no_key_reaches_the_notebook(
    server: str, tree: str, visit: Visit, box: Sandbox, request: pytest.FixtureRequest
) -> None:
    opened(visit, request.getfixturevalue(server), box, tree)
    before = visit.page.evaluate(_CELLS)
    assert len(before) == 3

    for what, go_to in _PARTS.items():
        go_to(visit)
        for key in _KEYS:
            visit.page.keyboard.press(key)
        visit.page.wait_for_timeout(100)
        assert visit.page.evaluate(_CELLS) == before, what
    assert visit.page.locator(".sc-panel").count() == 1
    assert not visit.part("keys").is_visible()
    # What was typed is in the control: "x" and the rest, as in any other text.
    assert visit.field("filter-city").input_value() == "ddxabmMdd"

    # Beside the panel the same keys do what they do in a notebook.
    visit.page.locator(".jp-Cell .jp-InputPrompt").first.click()
    visit.page.keyboard.press("d")
    visit.page.keyboard.press("d")
    visit.until(lambda: visit.page.evaluate(_CELLS) == before[1:], "the cell above the panel to go")


def test_without_anywidget_there_the_panel_says_so(visit: Visit, lab: Server, box: Sandbox) -> None:
    """A front end that cannot run the part which holds the keys shows what may happen."""
    visit.context.route("**/extensions/anywidget/**", lambda route: route.abort())
    visit.open(lab, lab.write(panel_code(box.url)), tree="lab/tree")
    visit.run_all()
    visit.until_status("customers match")
    visit.part("keys").get_by_text("deletes this cell").wait_for()
    assert "Install anywidget" in visit.part("keys").text_content()


# Cells as they are: who, what, and whether they ran again.
_CELLS = """() => window.jupyterapp.shell.currentWidget.content.widgets
  .map(cell => [cell.model.id, cell.model.sharedModel.getSource(), cell.model.executionCount])"""
