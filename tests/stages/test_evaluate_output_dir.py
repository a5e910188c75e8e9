"""evaluate.py: a run that is only read is scored into another directory."""

import numpy as np
import pytest

from dlib_bvae.artifacts import read_results
from dlib_bvae.errors import UserError
from dlib_bvae.stages import evaluate, postprocess, train

FEW = ["mig.num_train = 200"]


@pytest.fixture
def theirs(tmp_path):
    """The trained run of somebody else."""
    return train.run([], ["dataset.name = 'dummy_data'", "model.model = @oracle()"], tmp_path / "theirs")


def listing(run):
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in [run, *run.rglob("*")]}


def test_codes_that_are_there_are_used_and_scores_go_elsewhere(theirs, tmp_path, capsys):
    postprocess.run(model_dir=theirs)
    before = listing(theirs)
    (path,) = evaluate.run("mig", [], FEW, theirs, output_dir=tmp_path / "mine")
    assert path == tmp_path / "mine/mean/metrics/mig-num_train=200"
    assert listing(theirs) == before
    assert not list((tmp_path / "mine").rglob("codes.npy"))
    assert f"{theirs}/mean: encoded already" in capsys.readouterr().out
    found = read_results(path, "evaluation")
    assert found["encoded"] == read_results(theirs / "mean", "postprocess")["uuid"]
    assert evaluate.run("mig", [], FEW, theirs, output_dir=tmp_path / "mine") == [path]
    assert read_results(path, "evaluation")["uuid"] == found["uuid"]
    (own,) = evaluate.run("mig", [], FEW, theirs)
    assert read_results(own, "evaluation")["discrete_mig"] == found["discrete_mig"]


def test_where_there_are_no_codes_they_are_made_elsewhere(theirs, tmp_path, capsys):
    before = listing(theirs)
    (path,) = evaluate.run("mig", [], FEW, theirs, output_dir=tmp_path / "mine")
    assert path == tmp_path / "mine/mean/metrics/mig-num_train=200"
    assert np.load(tmp_path / "mine/mean/codes.npy").shape == (512, 4)
    assert listing(theirs) == before
    evaluate.run("mig", [], FEW, theirs, output_dir=tmp_path / "mine")
    assert f"{tmp_path}/mine/mean: encoded already" in capsys.readouterr().out


def test_other_codes_than_theirs_are_made_elsewhere(theirs, tmp_path):
    few = "postprocess.max_images = 300"
    postprocess.run(model_dir=theirs)
    before = listing(theirs)
    evaluate.run("mig", [], [*FEW, few], theirs, output_dir=tmp_path / "mine")
    assert len(np.load(tmp_path / "mine/mean/codes.npy")) == 300
    assert len(np.load(theirs / "mean/codes.npy")) == 512
    assert listing(theirs) == before


def test_an_unfinished_run_of_theirs_is_one_sentence(theirs, tmp_path):
    (theirs / "train").rename(theirs / "train.part")
    (theirs / "train.part/results/json/train_results.json").unlink()
    with pytest.raises(
        UserError, match="the training in .*theirs is not finished; run its dlib_bvae_train command again"
    ):
        evaluate.run("mig", [], FEW, theirs, output_dir=tmp_path / "mine")
