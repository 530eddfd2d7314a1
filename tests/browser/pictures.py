"""Make the pictures of the panel that the notebooks and the README show: ``python tests/browser/pictures.py``."""

import sys
import tempfile
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
IMAGES: Final = ROOT / "notebooks" / "images"
WIDTHS: Final = {"panel-wide": 1280, "panel-narrow": 480}
_COLOURS: Final = 96


def main() -> None:
    """Open the panel in JupyterLab, ask something, and keep a picture for each width."""
    from playwright.sync_api import sync_playwright

    import sc_pandas as sc
    from tests.browser.conftest import JUPYTER, environment
    from tests.browser.rig import ARGS, CHROMIUM, Visit, panel_code, served

    with (
        tempfile.TemporaryDirectory() as scratch,
        sc.sandbox.serve(customers=1037, seed=7, port=8080) as box,
        served(["jupyterlab", *JUPYTER], Path(scratch), environment(Path(scratch))) as server,
        sync_playwright() as driver,
    ):
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(ARGS))
        for name, width in WIDTHS.items():
            visit = Visit(browser.new_context(viewport={"width": 1280, "height": 1400}))
            visit.open(server, server.write(panel_code(box.url)), tree="lab/tree")
            visit.run_all()
            visit.until_status("1,037 of 1,037 customers match")
            visit.page.set_viewport_size({"width": width, "height": 1400})
            visit.page.wait_for_timeout(500)
            visit.page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
            visit.field("filter-city").fill("o")
            visit.field("filter-customer-type").select_option(["Retail"])
            visit.field("filter-created-on-from").fill("2015-01-01")
            visit.until_status(r"^(?!1,037)[\d,]+ of 1,037 customers match")
            visit.run("panel.wait(30)")
            _keep(visit, IMAGES / f"{name}.png", width)
            visit.close()
        browser.close()


def _keep(visit: Any, path: Path, width: int) -> None:
    from PIL import Image

    page = visit.page
    height = page.evaluate("() => document.querySelector('.sc-panel').getBoundingClientRect().height")
    page.set_viewport_size({"width": width, "height": int(height) + 500})
    page.evaluate(
        "() => { document.activeElement.blur(); document.querySelector('.sc-panel').scrollIntoView({block: 'center'}); }"
    )
    page.wait_for_timeout(500)
    page.locator(".sc-panel").screenshot(path=path)
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


if __name__ == "__main__":
    sys.path.append(str(ROOT))
    main()
