"""docs/tutorials: each notebook's cells run, with fewer steps on small data; as a notebook they say nothing but their results."""

import importlib.util
import json
from pathlib import Path

import gin
import matplotlib.pyplot
import pytest

TUTORIALS = Path(__file__).parents[2] / "docs" / "tutorials"
NAMES = ("first_model", "score_your_encoder", "write_your_own")
SIZE = 'STEPS, DATA = 20, "dummy_data"'


def cells(name: str) -> list[str]:
    """The code cells of a notebook, the first of which says how long and on what it trains."""
    book = json.loads((TUTORIALS / f"{name}.ipynb").read_text(encoding="utf-8"))
    found = ["".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "code"]
    assert found[0].startswith("STEPS, DATA = ")
    return [SIZE, *found[1:]]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


def test_all_are_tried():
    assert {path.stem for path in TUTORIALS.glob("*.ipynb")} == set(NAMES)


def needed(name: str) -> None:
    if name == "score_your_encoder" and importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed; it is no dependency of this package")


@pytest.mark.parametrize("name", NAMES)
def test_its_cells_run(name, folder, monkeypatch):
    needed(name)
    monkeypatch.setattr(matplotlib.pyplot, "show", matplotlib.pyplot.close)
    state: dict[str, object] = {"__name__": "__main__"}
    with gin.unlock_config():
        for cell in cells(name):
            exec(compile(cell, f"{name}.ipynb", "exec"), state)
    if name == "write_your_own":
        assert state["run"].results["steps"] == 20  # type: ignore[attr-defined]
        return
    assert (folder / "board" / "index.html").is_file()
    if name == "first_model":
        assert set(state["scores"]) == {"mig", "active_units"}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_is_quiet_as_a_notebook(name, folder):
    """`bash bin/run_tests -m slow tests/e2e/test_tutorials.py`: in a kernel of its own, as Jupyter runs it."""
    needed(name)
    import nbclient
    import nbformat

    book = nbformat.read(TUTORIALS / f"{name}.ipynb", as_version=4)
    next(cell for cell in book.cells if cell.cell_type == "code").source = SIZE
    nbclient.NotebookClient(book, timeout=600, kernel_name="python3").execute()
    outputs = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    errors = "".join(output.text for output in outputs if output.get("name") == "stderr")
    assert "tensorflow/" not in errors
    assert not [line for line in errors.split("\n") if line.startswith(("W0000", "I0000", "E0000", "20"))]
    assert any("image/png" in output.get("data", {}) for output in outputs)
