"""The panel in a real Notebook 7: the same journey in short."""

from sc_pandas.sandbox import Sandbox
from tests.browser.rig import Server, Visit, logged_in


def test_panel_asks_loads_and_closes(visit: Visit, notebook: Server, box: Sandbox) -> None:
    code = f"{logged_in(box.url)}import sc_pandas as sc\n\nshop = sc.connect(max_wait=2)\npanel = shop.panel()\npanel"
    visit.open(notebook, notebook.write(code), tree="notebooks")
    visit.run_all()
    visit.until_status(r"^1,037 of 1,037 customers match")
    truth = box.customers()

    visit.field("filter-city").press_sequentially("San", delay=20)
    visit.field("filter-customer-type").select_option(["Retail"])
    visit.field("filter-created-on-from").fill("2000-01-01")
    wanted = [
        str(each["user_id"])
        for each in truth
        if "san" in (each["city"] or "").casefold() and each["is_wholesale_string"] == "Retail"
    ]
    visit.until_status(rf"^{len(wanted)} of 1,037 customers match")
    visit.until(lambda: [row[0] for row in visit.rows()] == wanted[:50], "the first rows of San …")
    visit.button("Load all").click()
    visit.until_status("customers loaded, proven")
    assert visit.run("len(panel.df)") == str(len(wanted))

    good = visit.rows()
    box.fault("status", status=500, times=None)
    visit.field("filter-city").fill("Santa")
    visit.until_status("Error")
    assert visit.rows() == good
    assert "Old" in visit.part("place").text_content()
    box.clear_faults()
    visit.part("copy").click()
    visit.page.get_by_role("button", name="Copied").wait_for()
    assert "city='Santa'" in visit.page.evaluate("navigator.clipboard.readText()")
    visit.run("panel.close()")
    visit.until_status("Closed")
    assert visit.rows() == []
