"""What methods say of their supervision; origins of images as recorded, and as the names of earlier results say them."""

import subprocess
import sys
from pathlib import Path

import pytest

from dlib_bvae.datasets import DATASETS, DERIVED
from dlib_bvae.leaderboard.provenance import EXTERNAL, NOT_STATED, method_of, origin_of, supervision_of
from dlib_bvae.models import baselines, objectives

# What is rendered here, by the registry's addresses.
RENDERED = {"dummy_data", "dsprites_rendered", "mpi3d_toy_rendered", "shapes3d_rendered"} | {
    f"{variant}_rendered" for variant in ("color_dsprites", "dsprites_noshape", "noisy_dsprites", "scream_dsprites")
}

# No checksum of their files is published.
UNCHECKED = {"chairs", "mpi3d_real_complex"}

WITH_SUPERVISION = {"ada_gvae": "pairs", "ada_ml_vae": "pairs", "s2_vae": "labels", "oracle": "factors"}


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


def test_results_of_earlier_versions_go_by_the_names_of_that_time():
    names = set(DATASETS.names()) - DERIVED.keys() - {"celeba_attributes"}  # later than the first recorded origin
    assert {name for name in names if origin_of(name, [None]) == "rendered"} == RENDERED
    assert {name for name in names if origin_of(name, [None]) == "external"} == UNCHECKED
    assert {name for name in names if origin_of(name, [None]) == "official"} == names - RENDERED - UNCHECKED


def test_the_name_of_a_plug_in_says_nothing(monkeypatch):
    monkeypatch.setattr(DATASETS, "_plugins", {"faces": None, "faces_rendered": None})
    assert "faces" in DATASETS.names()
    assert origin_of("faces", [None]) == origin_of("faces_rendered", [None]) == "external"


@pytest.mark.parametrize(
    ("recorded", "origin"),
    [
        (["official"], "official"),
        (["rendered", "rendered"], "rendered"),
        (["external"], "external"),
        (["official", None], "official"),  # shapes3d by its name
        (["external", None], "external"),
        (["official", "rendered"], "rendered"),
        (["official", "of my own"], "external"),
        ([], "external"),
    ],
)
def test_what_is_recorded_goes_before_the_name(recorded, origin):
    assert origin_of("shapes3d", recorded) == origin


@pytest.mark.parametrize(
    ("name", "origin"),
    [
        ("noisy(dsprites_rendered)", "rendered"),
        ("subset(noisy(shapes3d))", "official"),
        ("probe(mpi3d_toy, 1000 images, seed 0)", "official"),
        ("probe(subset(dummy_data), 10 images, seed 1)", "rendered"),
        ("from_file(dsprites_rendered)", "external"),
        ("image_folder(shapes3d)", "external"),
        ("subset(from_file(a(b).npz))", "external"),
        ("somebody's", "external"),
    ],
)
def test_an_earlier_derived_set_has_the_origin_of_the_one_below(name, origin):
    assert origin_of(name, [None]) == origin


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
