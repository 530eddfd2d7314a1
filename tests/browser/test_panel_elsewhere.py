"""The same panel in a real JupyterLab 4 and Notebook 7, and as a page of its own by Voila: one journey."""

import pytest

from sc_pandas.sandbox import Sandbox
from tests.browser.rig import Server, Visit, panel_code


def journey(visit: Visit, box: Sandbox) -> None:
    """Ask, load, and see the server die."""
    visit.until_status(r"^1,037 of 1,037 customers match")
    visit.field("filter-last-name").press_sequentially("son", delay=20)
    visit.field("filter-customer-type").select_option(["Retail"])
    visit.field("filter-created-on-from").fill("2000-01-01")
    wanted = [
        str(each["user_id"])
        for each in box.customers()
        if "son" in (each["last_name"] or "").casefold() and each["is_wholesale_string"] == "Retail"
    ]
    visit.until_status(rf"^{len(wanted)} of 1,037 customers match")
    visit.until(lambda: [row[0] for row in visit.rows()] == wanted[:50], "the first rows of …son")
    visit.button("Load all").click()
    visit.until_status("customers loaded, proven")
    good = visit.rows()
    box.close()
    visit.field("filter-last-name").fill("sen")
    visit.until_status("Error")
    assert visit.rows() == good
    assert "Old" in visit.part("place").text_content()


@pytest.mark.parametrize(("server", "tree"), [("lab", "lab/tree"), ("notebook", "notebooks")])
def test_panel_works(server: str, tree: str, visit: Visit, box: Sandbox, request: pytest.FixtureRequest) -> None:
    house: Server = request.getfixturevalue(server)
    visit.open(house, house.write(panel_code(box.url, login="max_wait=2")), tree=tree)
    visit.run_all()
    journey(visit, box)
    visit.part("copy").click()
    visit.page.get_by_role("button", name="Copied").wait_for()
    assert "last_name='sen'" in visit.page.evaluate("navigator.clipboard.readText()")
    visit.run("panel.close()")
    visit.until_status("Closed")
    assert visit.rows() == []


def test_panel_is_a_page(visit: Visit, voila: Server, box: Sandbox) -> None:
    path = voila.write(panel_code(box.url, login="max_wait=2"))
    visit.page.goto(f"{voila.url}/voila/render/{path.name}?token={voila.token}", wait_until="commit")
    journey(visit, box)
    # Voila's own template asks for the font of its icons; it is not there, and nothing of the panel needs it.
    assert len(visit.off_loopback) == 2
    assert all("font-awesome" in url.casefold() or "fontawesome" in url.casefold() for url in visit.off_loopback)
    visit.off_loopback.clear()
