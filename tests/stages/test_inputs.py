"""inputs.py: which run a command means, and that its data set is the one it was trained on."""

import fcntl
import json
import os

import pytest

from dlib_bvae.errors import UserError
from dlib_bvae.stages import inputs, train
from dlib_bvae.stages.inputs import opened_run, same_data, trained_run, with_input_dir


def run_in(folder, fingerprint, name="dummy_data"):
    """A run directory with what same_data and trained_run read."""
    results = folder / "train" / "results"
    (results / "json").mkdir(parents=True)
    (results / "gin").mkdir()
    known = {"uuid": "u", "elapsed_time": 1.0, "model": "m", "seed": 0}
    text = json.dumps({"dataset": name, "fingerprint": fingerprint, **known})
    (results / "json" / "train_results.json").write_text(text)
    (results / "gin" / "train.gin").write_text(f"dataset.name = '{name}'\nmodel.model = @no_such_method()\n")
    return folder


def test_the_most_recent_run_is_meant_where_none_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        UserError, match=r"no trained run in runs/; train one with dlib_bvae_train, or give --model_dir"
    ):
        trained_run(None)
    for age, name in enumerate(("newer", "older")):
        run_in(tmp_path / "runs" / name, "x")
        path = tmp_path / "runs" / name / "train/results/json/train_results.json"
        os.utime(path, (1000 - age, 1000 - age))
    assert trained_run(None).name == "newer"
    assert "run: runs/newer (the most recent; --model_dir chooses another)" in capsys.readouterr().out


def test_a_directory_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="there is no run directory"):
        trained_run(tmp_path / "nowhere")
    (tmp_path / "unfinished" / "train.part").mkdir(parents=True)
    with pytest.raises(UserError, match="is not finished; run its dlib_bvae_train command again"):
        trained_run(tmp_path / "unfinished")
    with pytest.raises(UserError, match="is not a run directory of dlib_bvae_train: it lacks train/results/json/train"):
        trained_run(tmp_path)


def test_a_data_set_with_another_fingerprint_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"was trained on dummy_data 0123, here that data set is \w+; use the package"):
        same_data(run_in(tmp_path / "other", "0123"))


def test_the_data_set_of_the_training(tmp_path):
    from dlib_bvae import datasets

    known = datasets.load("dummy_data")
    assert same_data(run_in(tmp_path / "run", known.fingerprint)).fingerprint == known.fingerprint


def is_locked(directory):
    """Whether another process would find the lock taken."""
    with open(directory / ".lock") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@pytest.fixture
def oracle(tmp_path):
    """A finished run of dummy_data."""
    return train.run([], ["dataset.name = 'dummy_data'", "model.model = @oracle()"], tmp_path / "run")


def test_a_run_is_locked_while_its_inputs_are_opened(oracle, monkeypatch):
    held = []
    monkeypatch.setattr(
        inputs, "same_data", lambda directory: held.append(is_locked(directory)) or same_data(directory)
    )
    with opened_run(oracle) as trained:
        assert trained.output == trained.directory == oracle
        assert trained.results["model"] == "oracle"
        assert trained.identity.digest == trained.results["identity"]
        assert trained.data.name == "dummy_data"
    assert held == [True]
    assert not is_locked(oracle)


def test_a_training_that_was_not_renamed_yet_is_a_run(oracle):
    (oracle / "train").rename(oracle / "train.part")
    with opened_run(oracle) as trained:
        assert trained.results["model"] == "oracle"
    assert sorted(path.name for path in oracle.iterdir()) == [".lock", "train"]


def test_a_model_of_a_step_that_was_not_kept_is_one_sentence(oracle):
    (oracle / "train" / "saved_model-20").mkdir()
    with opened_run(oracle, step=20) as trained:
        assert trained.saved_model == oracle / "train" / "saved_model-20"
    with opened_run(oracle, step=30) as trained:
        refused = r"run keeps no model of step 30 \(kept: 20, and the last\); train with model.export_steps = \[30\]"
        with pytest.raises(UserError, match=refused):
            _ = trained.saved_model


@pytest.mark.parametrize("name", ["fingerprint", "dataset", "seed", "model"])
def test_a_training_whose_results_lack_what_is_needed_is_damaged(tmp_path, name):
    path = run_in(tmp_path / "run", "0123") / "train/results/json/train_results.json"
    entries = json.loads(path.read_text())
    for damage in ({}, {name: None}, {name: [1]}):
        path.write_text(json.dumps({**{key: entries[key] for key in entries if key != name}, **damage}))
        with pytest.raises(
            UserError, match=rf"train_results\.json is damaged \(it lacks {name}\); run dlib_bvae_train"
        ):
            same_data(tmp_path / "run")


def test_the_input_directory_is_a_run_or_the_codes_in_one(tmp_path):
    run, codes = tmp_path / "run", tmp_path / "run" / "sampled"
    (run / "train" / "results" / "json").mkdir(parents=True)
    (run / "train" / "results" / "json" / "train_results.json").write_text("{}")
    codes.mkdir()
    with pytest.raises(UserError, match=r"^--input_dir must be a run directory, or the codes .*sampled is neither"):
        with_input_dir(codes, None, [])
    (codes / "codes.npy").write_bytes(b"")
    assert with_input_dir(None, run, ["a.b = 1"]) == (run, ["a.b = 1"])
    assert with_input_dir(run, None, ["a.b = 1"]) == (run, ["a.b = 1"])
    assert with_input_dir(codes, None, ["a.b = 1"]) == (
        run,
        ["a.b = 1", "postprocess.postprocess_fn = @sampled_representation"],
    )
    with pytest.raises(UserError, match="leave out one"):
        with_input_dir(codes, run, [])
    codes.rename(run / "sampled-step20")
    with pytest.raises(UserError, match="give --model_dir, and --step"):
        with_input_dir(run / "sampled-step20", None, [])
