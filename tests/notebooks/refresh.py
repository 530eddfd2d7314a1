"""Execute every notebook on the sandbox and keep its outputs: ``python tests/notebooks/refresh.py``."""

import tempfile
from pathlib import Path
from typing import Any

import nbclient
import nbformat

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
_WIDGET = "application/vnd.jupyter.widget-view+json"


def executed(path: Path, folder: Path) -> Any:
    """Execute a notebook with its own cache and working folder; an error in a cell is raised."""
    notebook = nbformat.read(path, as_version=4)
    prelude = nbformat.v4.new_code_cell(
        f"import os\nos.environ['SC_PANDAS_CACHE_DIR'] = {str(folder / 'cache')!r}\nos.chdir({str(folder)!r})"
    )
    notebook.cells.insert(0, prelude)
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    notebook.cells.pop(0)
    return notebook


def tidy(notebook: Any) -> Any:
    """Drop what only a live kernel can show, and what changes with every run."""
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = [each for each in cell.outputs if _WIDGET not in each.get("data", {})]
    notebook.metadata.pop("widgets", None)
    for number, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), start=1):
        cell.execution_count = number
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = number
    return notebook


if __name__ == "__main__":
    for each in NOTEBOOKS:
        with tempfile.TemporaryDirectory() as scratch:
            nbformat.write(tidy(executed(each, Path(scratch))), each)
