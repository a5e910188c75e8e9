"""train.py: a changed name is written into a training and all that was made from it, without training again."""

import json

import numpy as np
import pytest

from dlib_bvae.analysis.frame import collect
from dlib_bvae.artifacts import read_config, read_results
from dlib_bvae.stages import evaluate, postprocess, train

ORACLE = ["dataset.name = 'dummy_data'", "model.model = @oracle()"]
FEW = ["mig.num_train = 200"]


@pytest.fixture
def run(tmp_path):
    """An oracle called before, encoded and scored."""
    run = train.run([], [*ORACLE, "model.name = 'before'"], tmp_path / "runs" / "run")
    evaluate.run("mig", [], FEW, run)
    return run


def aggregates(run):
    found = {path.stem: json.loads(path.read_text()) for path in run.rglob("results/aggregate/*.json")}
    assert found.keys() == {"train", "postprocess", "evaluation"}
    return found


def uuids(run):
    return {key: value for key, value in aggregates(run)["evaluation"].items() if key.endswith("uuid")}


def test_another_name_is_written_into_all_results(run, capsys):
    before, weights = uuids(run), np.load(run / "mean" / "codes.npy")
    capsys.readouterr()
    train.run([], [*ORACLE, "model.name = 'after'", "model.checkpoint_every = 7"], run)
    assert capsys.readouterr().out == f"{run}/train: trained already; --overwrite trains again\n"
    assert read_results(run / "train", "train")["model"] == "after"
    assert read_config(run / "train", "train")["model.name"] == "after"
    assert "model.name = 'after'" in (run / "train/results/gin/train.gin").read_text()
    for entries in aggregates(run).values():
        assert entries["train_results.model"] == entries["train_config.model.name"] == "after"
    assert uuids(run) == before
    np.testing.assert_array_equal(np.load(run / "mean" / "codes.npy"), weights)
    frame, problems = collect(run.parent)
    assert problems == []
    assert frame["train_results.model"].tolist() == ["after"]


def test_what_was_made_from_it_stays_made(run, capsys):
    train.run([], [*ORACLE, "model.name = 'after'"], run)
    capsys.readouterr()
    postprocess.run(model_dir=run)
    evaluate.run("mig", [], FEW, run)
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == [f"{run}/mean: encoded already"] * 2
    assert said[2].startswith(f"{run}/mean/metrics/mig-num_train=200: scored already: ")


def test_results_of_other_trainings_keep_their_names(run):
    other = train.run([], [*ORACLE, "model.name = 'before'"], run.parent / "other")
    evaluate.run("mig", [], FEW, other)
    train.run([], [*ORACLE, "model.name = 'after'"], run)
    assert aggregates(other)["evaluation"]["train_results.model"] == "before"
