"""supervision.py: what methods say of their supervision, and what results and submissions say of it."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.frames import frame_of

from dlib_bvae.analysis.frame import KEYS, OBJECTIVE, RECORDED_SUPERVISION
from dlib_bvae.analysis.supervision import EXTERNAL, NOT_STATED, SUPERVISION, method_of, of_rows, supervision_of
from dlib_bvae.models import baselines, objectives

WITH_SUPERVISION = {
    **dict.fromkeys(("ada_gvae", "ada_ml_vae", "lejepa_pairs"), "pairs"),
    "s2_vae": "labels",
    "oracle": "factors",
}


@pytest.mark.parametrize("name", [*objectives.METHODS, *baselines.METHODS])
def test_the_supervision_of_a_method_is_what_it_says(name):
    assert supervision_of(name) == WITH_SUPERVISION.get(name, "none")


@pytest.mark.parametrize("name", objectives.METHODS)
def test_an_objective_that_is_made_says_what_its_class_says(name):
    assert objectives.OBJECTIVES.get(name)().supervision == supervision_of(name)


def test_nothing_is_known_of_external_codes_and_of_methods_that_are_not_installed():
    assert supervision_of("of_a_plugin") == supervision_of(EXTERNAL) == NOT_STATED


@pytest.mark.parametrize(
    ("reference", "method"),
    [
        ("@vae()", "vae"),
        ("@train/factor_vae()", "factor_vae"),
        ("@my_module.mine()", "mine"),
        ("vae", EXTERNAL),
        (None, EXTERNAL),
    ],
)
def test_the_method_is_the_objective_s_name(reference, method):
    assert method_of({"model.model": reference}) == method


def test_a_run_that_records_its_supervision_is_believed_without_importing_the_methods(tmp_path):
    code = f"""
import pathlib, sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from support.leaderboard_runs import score, train
from dlib_bvae.analysis.frame import collect
from dlib_bvae.leaderboard.board import build
root = pathlib.Path({str(tmp_path / "runs")!r})
score(train(root, "run", supervision="labels"), "mig", {{"discrete_mig": 0.5}})
(row,) = build(collect(root)[0], root, root.parent / "board")["rows"]
assert row["supervision"] == "labels", row
assert "tensorflow" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_submission_is_believed_before_the_results_and_these_before_the_method():
    rows = [
        {"model": "a", OBJECTIVE: "@s2_vae()"},
        {"model": "b", OBJECTIVE: "@s2_vae()", RECORDED_SUPERVISION: "pairs"},
        {"model": "c", OBJECTIVE: "@s2_vae()", RECORDED_SUPERVISION: "pairs", SUPERVISION: "none"},
        {"model": "d"},
        {"model": "e", "seed": 0, OBJECTIVE: "@vae()"},
        {"model": "e", "seed": 1, OBJECTIVE: "@vae()", RECORDED_SUPERVISION: "factors"},
    ]
    frame = frame_of(*rows)
    found = {key[list(KEYS).index("model")]: each for key, each in of_rows(frame).items()}
    assert found == {"a": "labels", "b": "pairs", "c": "none", "d": NOT_STATED, "e": "factors"}
