"""CONTRIBUTING.md's recipes, carried out as they stand there: in a copy of this tree, and from another package."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

HOME = Path(__file__).resolve().parents[2]
PARTS = (
    *("dlib_bvae", "gin", "bin", "tests", "docs", "benchmarks/submissions", "README.md", "pyproject.toml", "setup.py"),
    *(f"benchmarks/results/{each}.json" for each in ("metrics_cost", "methods_speed", "noise_scores")),
)
FENCE = re.compile(r"^(?P<before>[^\n]+)\n\n```python\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


class Step(NamedTuple):
    """What a recipe says to write: a whole file, or with `table` a line at the beginning of that table in the file."""

    path: str
    code: str
    table: str | None


def recipes() -> dict[str, list[Step]]:
    """The steps of each section of CONTRIBUTING.md that has code."""
    found = {}
    for section in re.split(r"^## ", (HOME / "CONTRIBUTING.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        steps = []
        for match in FENCE.finditer(section):
            names = re.findall(r"`([^`]+)`", match["before"])
            table = names[-1] if match["before"].startswith("One line in") else None
            steps.append(Step(names[0] if table else names[-1], match["code"], table))
        if steps:
            found[section.splitlines()[0]] = steps
    return found


RECIPES = recipes()
OUTSIDE = RECIPES.pop("From another package")
TABLES = re.search(r"```bash\n(python -m .*?)```", (HOME / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.DOTALL)[1]


def follow(step: Step, root: Path) -> None:
    path = root / step.path
    if step.table is None:
        assert not path.exists(), step.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(step.code, encoding="utf-8")
        return
    text = path.read_text(encoding="utf-8")
    found = re.findall(rf"^{step.table}\b[^\n]*[{{(\[][^\n]*\n", text, re.MULTILINE)
    assert len(found) == 1, (step.path, step.table)
    path.write_text(text.replace(found[0], found[0] + step.code), encoding="utf-8")


def new_module(title: str) -> str:
    return Path(RECIPES[title][0].path).stem


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of this tree in which every recipe was followed."""
    root = tmp_path_factory.mktemp("tree")
    for part in PARTS:
        source = HOME / part
        if source.is_dir():
            shutil.copytree(source, root / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (root / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, root / part)
    for steps in RECIPES.values():
        for step in steps:
            follow(step, root)
    for line in TABLES.splitlines():
        command = [sys.executable, *line.split()[1:]]
        subprocess.run(command, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, check=True)
    return root


def test_a_recipe_is_one_file_one_line_one_test_and_one_configuration():
    assert set(RECIPES) == {
        f"Add {what}" for what in ("a data set", "an objective", "an architecture", "a metric", "a command")
    }
    for title, steps in RECIPES.items():
        folders = [step.path.split("/")[0] for step in steps if step.table is None]
        expected = ["bin", "dlib_bvae", "tests"] if title == "Add a command" else ["dlib_bvae", "gin", "tests"]
        assert sorted(folders) == expected, title
        assert sum(step.table is not None for step in steps) == 1, title


def test_the_pieces_pass_their_tests_and_those_of_their_kind(tree):
    own = [step.path for steps in RECIPES.values() for step in steps if step.path.startswith("tests/")]
    of_all = [
        "tests/metrics/test_conformance.py",
        "tests/training/test_conformance.py",
        "tests/datasets/test_gin_files.py",
    ]
    of_all += [
        "tests/models/test_gin_files.py",
        "tests/cards/test_metrics.py",
        "tests/cards/test_methods.py",
        "tests/cards/test_write.py",
    ]
    pieces = [new_module(title) for title in RECIPES if title != "Add a command"]
    names = " or ".join([*pieces, *(Path(path).stem for path in own), "cards"])
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "-rp", "-k", names]
    done = subprocess.run(
        [*command, *own, *of_all],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    passed = set(re.findall(r"^PASSED ([^:]+)::", done.stdout, re.MULTILINE))
    assert passed == {*own, *of_all}
    ruff = [sys.executable, "-m", "ruff", "check", "--no-cache", *(step.path for s in RECIPES.values() for step in s)]
    checked = subprocess.run(
        [each for each in ruff if not each.endswith(".gin")], cwd=tree, check=False, capture_output=True
    )
    assert checked.returncode == 0, checked.stdout.decode()


def test_the_new_command_is_one(tree, tmp_path):
    done = subprocess.run(
        [sys.executable, tree / RECIPES["Add a command"][2].path, "--help"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert done.stdout.startswith("usage: dlib_bvae_codes ")


def test_the_pieces_work_from_another_package(tmp_path, command):
    package, site = tmp_path / "package", tmp_path / "site"
    (package / "pieces").mkdir(parents=True)
    (package / "pieces" / "__init__.py").touch()
    (package / OUTSIDE[0].path).write_text(OUTSIDE[0].code, encoding="utf-8")
    for title, steps in RECIPES.items():
        if title != "Add a command":
            (package / "pieces" / Path(steps[0].path).name).write_text(steps[0].code, encoding="utf-8")
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([sys.executable, *install, "--target", site, package], check=True)
    options = {"env": {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}}
    (tmp_path / "mine.gin").write_text(
        "dataset.name = 'rings'\nmodel.model = @sparse_vae()\nmodel.batch_size = 16\nmodel.training_steps = 10\n"
        "encoder.encoder_fn = @narrow_fc_encoder\ndecoder.decoder_fn = @narrow_fc_decoder\nnarrow_fc_encoder.width = 8\n"
    )
    trained = command(tmp_path, "dlib_bvae_train", "--gin_config=mine.gin", **options)
    assert trained.returncode == 0, trained.stderr
    flags = ("--metric=code_range,mig", "--gin_bindings=code_range.num_train = 200")
    done = command(tmp_path, "dlib_bvae_evaluate", *flags, **options)
    assert done.returncode == 0, done.stderr
    metrics = tmp_path / "runs/mine/mean/metrics"
    results = json.loads((metrics / "code_range-num_train=200/results/json/evaluation_results.json").read_text())
    assert results["code_range"] > 0
    assert results["metric_parameters"] == {"num_train": 200, "evaluation.sampling": "disjoint"}
    assert (metrics / "mig").is_dir()
    without = command(tmp_path, "dlib_bvae_train", "--gin_config=mine.gin", "--model_dir=other")
    assert without.returncode == 2
    assert "no gin name is called 'sparse_vae" in without.stderr or "no data set is called 'rings'" in without.stderr
