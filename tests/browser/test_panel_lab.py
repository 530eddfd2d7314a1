"""The panel in a real JupyterLab 4: what a person does, and what they see."""

import json
import re
from typing import Any

from sc_pandas.contract import FILTERS
from sc_pandas.sandbox import Sandbox
from tests.browser.rig import FOCUSED, Server, Visit, panel_code


def opened(visit: Visit, lab: Server, box: Sandbox) -> None:
    """Open a notebook in JupyterLab whose first cell shows a panel on the sandbox."""
    visit.open(lab, lab.write(panel_code(box.url)), tree="lab/tree")
    visit.run_all()
    visit.until_status(r"of [\d,]+ customers match")
    visit.until(lambda: len(visit.rows()) == 50, "the first page")


def names(truth: list[dict[str, Any]], **wanted: str) -> list[str]:
    """Return the ids of the customers whose fields contain the wanted texts, as the table shows them."""
    return [
        str(each["user_id"])
        for each in truth
        if all(text.casefold() in str(each[field] or "").casefold() for field, text in wanted.items())
    ]


def ids(visit: Visit) -> list[str]:
    return [row[0] for row in visit.rows()]


def test_every_control_has_a_name(visit: Visit, lab: Server, box: Sandbox) -> None:
    opened(visit, lab, box)
    visit.field("filter-city").fill("Boston")
    visit.until_status(r"^(?!1,037)[\d,]+ of 1,037 customers match")
    kinds = {"button", "textbox", "combobox", "listbox", "checkbox", "ToggleButton", "radio", "link", "spinbutton"}
    controls = [(role, name) for role, name in visit.accessible(".sc-panel") if role in kinds]
    assert [role for role, name in controls if not name.strip()] == []
    heard = {name for _, name in controls}
    assert {fact.label for fact in FILTERS} <= heard
    assert {"Live", "Apply", "Refresh", "Load all", "Stop", "Save Parquet", "Copy code", "Reset all"} <= heard
    assert "Customers" in {name for role, name in visit.accessible(".sc-panel") if role == "region"}


def test_panel_works_by_keyboard(visit: Visit, lab: Server, box: Sandbox) -> None:
    opened(visit, lab, box)
    visit.run("panel.wait(30)")
    wanted: list[str] = visit.page.evaluate(_FOCUSABLE)
    visit.field("filter-customer-ids").focus()
    reached = []
    for _ in wanted:
        reached.append(visit.page.evaluate(FOCUSED))
        visit.page.keyboard.press("Tab")
    assert reached == wanted

    truth = box.customers()
    visit.field("filter-customer-ids").focus()
    visit.tab_to("City")
    visit.page.keyboard.type("Boston")
    visit.until_status(rf"^{len(names(truth, city='Boston'))} of 1,037 customers match")
    visit.tab_to("Rating", back=True)
    visit.page.keyboard.press("End")
    happy = names(truth, city="Boston", rating="5")
    visit.until_status(rf"^{len(happy)} of 1,037 customers match")
    visit.tab_to("✕ Rating: Very_Satisfied")
    visit.page.keyboard.press("Enter")
    visit.until_status(rf"^{len(names(truth, city='Boston'))} of 1,037 customers match")
    visit.field("filter-city").focus()
    visit.tab_to("Load all")
    visit.page.keyboard.press("Space")
    visit.until_status("customers loaded, proven")
    visit.tab_to("Show contact data")
    visit.page.keyboard.press("Space")
    visit.until(lambda: any("***" not in row[1] and "@" in row[1] for row in visit.rows()), "an e-mail in the open")


def test_filters_changed_while_a_cell_runs_are_all_answered(visit: Visit, lab: Server, box: Sandbox) -> None:
    opened(visit, lab, box)
    visit.begin("import time\ntime.sleep(10)\nprint('slept')")
    visit.page.wait_for_timeout(300)
    visit.field("filter-city").fill("o")
    visit.field("filter-first-name").fill("a")
    visit.field("filter-last-name").fill("e")
    visit.field("filter-customer-type").select_option(["Retail"])
    visit.field("filter-created-on-from").fill("2000-01-01")
    visit.field("filter-created-on-to").fill("2100-01-01")
    truth = box.customers()
    wanted = names(truth, city="o", first_name="a", last_name="e", is_wholesale_string="Retail")
    visit.until_status(rf"^{len(wanted)} of 1,037 customers match")
    visit.until(lambda: ids(visit) == wanted[:50], "the rows of all six")
    assert visit.run("panel.last_error is None, len(panel.filter.to_dict())") == "(True, 6)"
    assert visit.page.evaluate(_OUTPUTS) == ["slept\n"]


def test_saved_notebook_holds_nobody(visit: Visit, lab: Server, box: Sandbox) -> None:
    truth = box.customers()
    mail = next(each["email"] for each in truth if each["email"] and each["email"].isascii())
    opened(visit, lab, box)
    visit.field("filter-email").fill(mail)
    visit.until_status(r"^1 of 1,037 customers match")
    visit.part("reset").click()
    visit.until_status(r"^1,037 of 1,037 customers match")
    visit.part("contacts").locator("input").check()
    visit.button("Load all").click()
    visit.until_status("1,037 customers loaded, proven")
    visit.run("panel.close()")
    visit.until_status("Closed")
    path = lab.folder / visit.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.path")
    visit.save()
    visit.until(lambda: "widget-state+json" in path.read_text(), "the widgets' state in the file")
    kept = path.read_text()
    unfolded = json.dumps(json.loads(kept), ensure_ascii=False)
    for field in ("email", "email_cc", "phone1", "phone2", "phone3", "mobile", "fax", "corporate_name"):
        found = {each[field] for each in truth if each[field] and len(each[field]) > 4 and each[field] in unfolded}
        assert not found, field
    assert box.password not in kept
    assert box.username not in kept
    words = set(re.findall(r"\w+", unfolded))
    people = {word for each in truth for word in (each["first_name"], each["last_name"]) if word and len(word) > 2}
    people -= {"Ada"}  # the example in the empty control
    assert words & people == set()


_FOCUSABLE = """() => [...document.querySelectorAll('.sc-panel :is(button, input, select, textarea, [tabindex="0"])')]
  .filter(e => !e.disabled && e.tabIndex >= 0 && e.checkVisibility({visibilityProperty: true}))
  .map(e => e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent || e.title)"""

_OUTPUTS = """() => window.jupyterapp.shell.currentWidget.content.widgets
  .flatMap(cell => cell.model.outputs?.toJSON() ?? []).filter(o => o.output_type !== 'display_data'
    && o.output_type !== 'execute_result').map(o => o.text ?? JSON.stringify(o)).filter(t => t.includes('slept')
    || t.includes('Error'))"""
