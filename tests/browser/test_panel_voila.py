"""The panel as a page of its own, by Voila: no code, no notebook."""

from sc_pandas.sandbox import Sandbox
from tests.browser.rig import Server, Visit, logged_in


def test_panel_is_a_page(visit: Visit, voila: Server, box: Sandbox) -> None:
    code = f"{logged_in(box.url)}import sc_pandas as sc\n\nshop = sc.connect(max_wait=2)\nshop.panel()"
    path = voila.write(code)
    visit.page.goto(f"{voila.url}/voila/render/{path.name}?token={voila.token}", wait_until="commit")
    visit.until_status(r"^1,037 of 1,037 customers match", timeout_ms=30_000)
    truth = box.customers()

    visit.field("filter-last-name").press_sequentially("son", delay=20)
    visit.field("filter-customer-type").select_option(["Retail"])
    visit.field("filter-created-on-from").fill("2000-01-01")
    wanted = [
        str(each["user_id"])
        for each in truth
        if "son" in (each["last_name"] or "").casefold() and each["is_wholesale_string"] == "Retail"
    ]
    visit.until_status(rf"^{len(wanted)} of 1,037 customers match")
    visit.until(lambda: [row[0] for row in visit.rows()] == wanted[:50], "the first rows of …son")
    visit.button("Load all").click()
    visit.until_status("customers loaded, proven")
    visit.field("path").fill("sons.parquet")
    visit.button("Save Parquet").click()
    visit.until_status(r"Saved \d+ customers to sons\.parquet")
    assert (voila.folder / "sons.parquet").exists()

    good = visit.rows()
    box.close()
    visit.field("filter-last-name").fill("sen")
    visit.until_status("Error")
    assert visit.rows() == good

    # Voila's own template asks for the font of its icons; it is not there, and nothing of the panel needs it.
    assert len(visit.off_loopback) == 2
    assert all("font-awesome" in url.casefold() or "fontawesome" in url.casefold() for url in visit.off_loopback)
    visit.off_loopback.clear()
