"""docs/trials: six trials of new users; the lines of each page are typed as they stand there, and give what it shows.

The longest four: `bash bin/run_tests -m slow tests/e2e/test_trials.py`.
"""

import doctest
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parents[2]
PAGES = HOME / "docs" / "trials"
PARTS = ("dlib_bvae", "gin", "bin", "setup.py", "pyproject.toml", "README.md")
FILE = re.compile(r"^A file `([^`]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LONGEST = 900.0  # seconds of one line on a slow machine


def lines_of(page: str) -> list[tuple[str, str]]:
    """What is typed, and the output that the page shows."""
    blocks = "".join(CONSOLE.findall(page))
    return [
        (typed, shown) for typed, shown in re.findall(r"^\$ ([^\n]+)\n((?:(?!\$ )[^\n]*\n)*)", blocks, re.MULTILINE)
    ]


def typed(page: str, folder: Path, **environment: str) -> list[str]:
    """Writes the page's files into `folder`, types its lines there, and returns their standard outputs."""
    text = (PAGES / page).read_text(encoding="utf-8")
    for name, content in FILE.findall(text):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    given = {**os.environ, "PATH": path, "DLIB_BVAE_CACHE_DIR": str(folder / "cache"), **environment}
    outputs = []
    for line, shown in lines_of(text):
        done = subprocess.run(
            ["bash", "-c", line], cwd=folder, env=given, capture_output=True, text=True, timeout=LONGEST, check=False
        )
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        checker = doctest.OutputChecker()
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        assert checker.check_output(shown.replace("…", "..."), done.stdout, flags), (line, done.stdout, done.stderr)
        outputs.append(done.stdout)
    return outputs


def offline(folder: Path) -> dict[str, str]:
    """What has pip install from the disk alone, on top of the libraries of this environment."""
    return {
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


needs_checkout = pytest.mark.skipif(
    not (HOME / "setup.py").exists(), reason="the package was not imported from a checkout"
)


def test_every_trial_is_tried():
    assert {path.stem for path in PAGES.glob("*.md")} == {
        *("wheel", "pytorch", "disentanglement_lib", "notebook", "plug_in", "study"),
    }


@pytest.mark.slow
@needs_checkout
def test_a_wheel_in_a_path_with_spaces(tmp_path):
    folder = tmp_path / "a checkout"
    folder.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (HOME / part).is_dir() else shutil.copy
        copy(HOME / part, folder / part)
    typed("wheel.md", folder, **offline(folder), PYTHONPATH=sysconfig.get_path("purelib"))


@pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="PyTorch is not installed; it is no dependency of this package"
)
def test_codes_of_a_pytorch_encoder(tmp_path):
    typed("pytorch.md", tmp_path)


def test_a_gin_file_of_disentanglement_lib(tmp_path):
    typed("disentanglement_lib.md", tmp_path)


@pytest.mark.slow
def test_a_notebook(tmp_path):
    book = (HOME / "docs" / "tutorials" / "first_model.ipynb").read_text(encoding="utf-8")
    assert book.count("STEPS, DATA = ") == 1
    book = re.sub(r'STEPS, DATA = [^"\\]+\\"\w+\\"', r'STEPS, DATA = 20, \\"dummy_data\\"', book)
    assert "dummy_data" in book
    (tmp_path / "first_model.ipynb").write_text(book, encoding="utf-8")
    typed("notebook.md", tmp_path)
    book = (tmp_path / "first_model.ipynb").read_text(encoding="utf-8")
    assert "image/png" in book
    assert "board/index.html" in book


@pytest.mark.slow
@needs_checkout
def test_a_method_and_a_metric_of_a_package(tmp_path):
    site = tmp_path / "site"
    typed("plug_in.md", tmp_path, **offline(tmp_path), PIP_TARGET=str(site), PYTHONPATH=str(site))


@pytest.mark.slow
def test_a_study_that_is_interrupted(tmp_path):
    outputs = typed("study.md", tmp_path)
    assert (tmp_path / "report" / "report.html").is_file()
    assert "20 runs" in outputs[-3]
