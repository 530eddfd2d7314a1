import importlib.util
from pathlib import Path
from types import ModuleType

import nbformat
import pytest


def _refresh() -> ModuleType:
    spec = importlib.util.spec_from_file_location("refresh", Path(__file__).with_name("refresh.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REFRESH = _refresh()


@pytest.mark.parametrize("path", REFRESH.NOTEBOOKS, ids=lambda path: path.name)
# The kernel's own libraries warn about their transport and their future; that is not ours to fix.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::UserWarning")
def test_notebook_runs(path: Path, tmp_path: Path) -> None:
    """Every notebook runs from top to bottom on the sandbox."""
    notebook = REFRESH.executed(path, tmp_path)
    assert any(cell.get("outputs") for cell in notebook.cells)


@pytest.mark.parametrize("path", REFRESH.NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_is_kept_with_outputs(path: Path) -> None:
    """A kept notebook shows results, no error, and no live widget."""
    notebook = nbformat.read(path, as_version=4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert outputs
    assert not [o for o in outputs if o.output_type == "error"]
    assert "widget-view" not in path.read_text()
