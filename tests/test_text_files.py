"""Text is read and written as UTF-8 whatever the locale says: every call that opens text names its encoding."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = [*sorted((ROOT / "dlib_bvae").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]
# What else is called "open"; the first argument of Path.open is its mode.
OTHERS = {"os", "Image", "archive", "gzip", "tarfile", "zipfile"}


def without_encoding(source: str) -> list[int]:
    """The lines of the calls that open a file as text, in the encoding of the locale."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or any(each.arg == "encoding" for each in node.keywords):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        of = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
        if name in ("read_text", "write_text") or (name == "open" and of not in OTHERS and not _binary(node, bool(of))):
            found.append(node.lineno)
    return found


def _binary(call: ast.Call, method: bool) -> bool:
    modes = [each.value for each in call.keywords if each.arg == "mode"] or call.args[0 if method else 1 :][:1]
    return bool(modes) and "b" in ast.unparse(modes[0])


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_text_files_name_their_encoding(path):
    assert without_encoding(path.read_text(encoding="utf-8")) == []


def test_the_search_finds_what_it_is_for():
    wrong = "open(p)\np.open('w')\np.read_text()\np.write_text('x')\nopen(p, mode='r')\n"
    right = (
        "open(p, 'rb')\np.open('wb')\np.read_text(encoding='utf-8')\nos.open(p, 0)\nopen(p, 'w', encoding='utf-8')\n"
    )
    assert without_encoding(wrong) == [1, 2, 3, 4, 5]
    assert without_encoding(right) == []
