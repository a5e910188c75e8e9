"""Imports run one way through the rooms, and none in a circle."""

import ast
import graphlib
import re
from pathlib import Path

import dlib_bvae

PACKAGE = Path(dlib_bvae.__file__).parent
# A room imports only from those before it.
ROOMS = (
    *(
        "errors",
        "runtime",
        "progress_line",
        "former_names",
        "gin_text",
        "dlib_names",
        "dlib_gin",
        "gin_names",
        "registry",
        "parameters",
        "config",
        "artifacts",
        "datasets",
        "models",
        "training",
        "representations",
    ),
    *(
        "metrics",
        "image_quality",
        "visualize",
        "stages",
        "analysis",
        "leaderboard",
        "runs",
        "board",
        "studies",
        "re_beta_vae",
        "cards",
        "commands",
        "__main__",
    ),
)


def modules() -> dict[str, Path]:
    paths = [path for path in PACKAGE.rglob("*.py") if "gin" not in path.relative_to(PACKAGE).parts]
    return {
        ".".join(("dlib_bvae", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
        for path in paths
    }


def imports(path: Path, known: dict[str, Path]) -> set[str]:
    """The package's modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "dlib_bvae":
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name if name in known else node.module for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in known}
    return found


MODULES = modules()
IMPORTS = {name: imports(path, MODULES) - {name} for name, path in MODULES.items()}


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_every_room_is_in_the_list():
    assert {room(name) for name in MODULES} - {""} == set(ROOMS)


def test_no_import_runs_up():
    place = {name: number for number, name in enumerate(("", *ROOMS))}
    up = [
        (name, other) for name, others in IMPORTS.items() for other in others if place[room(other)] > place[room(name)]
    ]
    assert up == []


def test_no_imports_run_in_a_circle():
    graphlib.TopologicalSorter(IMPORTS).prepare()


def test_contributing_draws_every_room():
    text = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    drawn = [name for name in ROOMS if not re.search(rf"^  ([a-z_.]+ )*{name}(\.py|/)", text, re.MULTILINE)]
    assert drawn == ["__main__"]


# Modules without code of their own to test: what they hold is tried through those that use them.
TRIED_ELSEWHERE = {
    **dict.fromkeys(
        (
            "dlib_bvae.__main__",
            *(f"dlib_bvae.commands.{name}" for name in ("data", "flags", "metrics", "results", "stages", "study")),
        ),
        "tests/commands/test_commands.py and tests/e2e run the commands",
    ),
    "dlib_bvae.board": "tests/test_runs.py writes and reads one",
}


def test_a_module_s_test_is_found_by_its_path():
    tests = Path(__file__).parent
    lacking = []
    for name, path in MODULES.items():
        folder, stem = tests / path.relative_to(PACKAGE).parent, path.stem
        there = [*folder.glob(f"test_{stem}.py"), *folder.glob(f"test_{stem}_*.py")]
        if not there and path.name != "__init__.py" and name not in TRIED_ELSEWHERE:
            lacking.append(name)
    assert lacking == []
