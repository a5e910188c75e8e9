"""state.py: what the files of a run directory say, without TensorFlow, and how long runs take."""

import json
import subprocess
import sys

import pytest
from support.study_runs import finish

from dlib_bvae.artifacts import run_lock
from dlib_bvae.studies import state
from dlib_bvae.studies.study import resolved

LISTED = """model_checkpoint_path: "ckpt-900"
all_model_checkpoint_paths: "ckpt-800"
all_model_checkpoint_paths: "ckpt-900"
"""


def mark_done(directory, stage):
    folder = directory / "results" / "json"
    folder.mkdir(parents=True)
    (folder / f"{stage}_results.json").write_text("{}", encoding="utf-8")


def test_a_run_goes_through_its_phases(tiny, tmp_path):
    run = tiny().runs[0]
    store = tmp_path / "store"

    def now():
        return state.states([run], store)[0]

    assert now() == state.State("waiting", False, 0, 1000, 0, 1, False, "")
    directory = run.directory(store)
    checkpoints = directory / "train.part" / "checkpoint"
    checkpoints.mkdir(parents=True)
    assert (now().phase, now().step) == ("training", 0)
    (checkpoints / "ckpt-1000.index").touch()  # a checkpoint that is just being written
    (checkpoints / "checkpoint").write_text(LISTED, encoding="utf-8")
    assert (now().phase, now().step, now().steps) == ("training", 900, 1000)
    finish(run, store, scored=False)
    assert (now().phase, now().trained, now().step, now().scored) == ("scoring", True, 1000, 0)
    finish(run, store)
    assert now() == state.State("done", True, 1000, 1000, 1, 1, False, "")
    assert now().done


def test_a_failure_counts_until_another_attempt_is_under_way(tiny, tmp_path):
    run = tiny().runs[0]
    directory = run.directory(tmp_path)
    directory.mkdir()
    (directory / "failure.json").write_text(json.dumps({"message": "it diverged"}), encoding="utf-8")
    (found,) = state.states([run], tmp_path)
    assert (found.phase, found.failure, found.running) == ("failed", "it diverged", False)
    with run_lock(directory):
        (found,) = state.states([run], tmp_path)
        assert (found.phase, found.failure, found.running) == ("training", "", True)
    (directory / "failure.json").write_text("{", encoding="utf-8")
    assert state.states([run], tmp_path)[0].failure == "failure.json is damaged"


def test_a_directory_belongs_to_a_digest_whatever_it_is_called(tiny, tmp_path):
    run = tiny().runs[0]
    mark_done(tmp_path / f"other-name_data-{run.digest}" / "train", "train")
    (tmp_path / "results.md").touch()
    assert list(state.directories(tmp_path)) == [run.digest]
    assert state.states([run], tmp_path)[0].phase == "scoring"
    assert state.directories(tmp_path / "none") == {}


def test_steps_may_be_a_macro_or_unsaid(tiny):
    assert state.steps_of(resolved([], ["model.training_steps = %STEPS", "STEPS = 7"])) == 7
    assert state.steps_of({"model.training_steps": "%STEPS"}) is None
    assert state.steps_of(tiny().runs[1].config) is None  # of a PCA


def test_states_need_no_tensorflow(tiny, tmp_path):
    tiny()
    code = (
        "import sys; from pathlib import Path; from dlib_bvae.studies import state, study; "
        f"s = study.load([{str(tmp_path / 'tiny.gin')!r}]); print(len(state.states(s.runs, Path('none')))); "
        "assert 'tensorflow' not in sys.modules and 'sklearn' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "3\n"), done.stderr


def test_time_left_is_that_of_done_runs_of_the_part(tiny, tmp_path):
    study = tiny("vae/part.grid = {'vae.beta': [1.0, 4.0]}")
    finish(study.runs[0], tmp_path, 60.0)
    found = state.states(study.runs, tmp_path)
    known = state.RuntimeEstimator(study.runs, found, tmp_path)
    assert known.left(study.runs[0], found[0]) == 0
    assert known.left(study.runs[1], found[1]) == 180
    assert known.left(study.runs[1], found[1]._replace(step=750, phase="training")) == 135
    assert known.left(study.runs[1], found[1]._replace(step=1000, trained=True, phase="scoring")) == 120
    assert known.left(study.runs[2], found[2]) is None
    finish(study.runs[2], tmp_path, 10.0)
    known.learn(study.runs[2])
    assert known.left(study.runs[3], found[3]) == 30


def test_a_run_takes_the_mean_of_at_most_three_done_runs(tiny, tmp_path):
    runs = tiny("study.parts = [@pca/part()]", "pca/part.grid = {'model.random_seed': [0, 1, 2, 3, 4]}").runs
    for run, seconds in zip(runs, (10.0, 20.0, 60.0, 1000.0), strict=False):
        finish(run, tmp_path, seconds)
    found = state.states(runs, tmp_path)
    known = state.RuntimeEstimator(runs, found, tmp_path)
    assert known.left(runs[4], found[4]) == pytest.approx(90)  # thrice (10 + 20 + 60) ÷ 3: train, encode, score
    known.learn(runs[3])
    assert known.left(runs[4], found[4]) == pytest.approx(3 * 1090 / 4)
    assert known.left(runs[4], found[4]._replace(trained=True)) == pytest.approx(2 * 1090 / 4)


def test_of_half_of_the_evaluations_half_is_left(tiny, tmp_path):
    runs = tiny("study.parts = [@vae/part()]", "vae/part.grid = {'vae.beta': [1.0, 4.0]}").runs
    finish(runs[0], tmp_path, 10.0)
    found = state.states(runs, tmp_path)
    known = state.RuntimeEstimator(runs, found, tmp_path)
    scoring = found[1]._replace(trained=True, step=1000, scored=1, evaluations=4)
    assert known.left(runs[1], scoring) == pytest.approx(0.75 * 20)
    assert known.left(runs[1], found[1]._replace(step=2000, steps=1000)) == pytest.approx(20)  # it was asked for fewer
    assert known.left(runs[1], found[1]._replace(evaluations=0, step=500)) == pytest.approx(5 + 20)
    assert known.left(runs[1], found[1]._replace(evaluations=0, step=1000)) == 0


def test_damaged_results_teach_nothing(tiny, tmp_path):
    run = tiny("study.parts = [@vae/part()]").runs[0]
    finish(run, tmp_path, 10.0)
    (run.directory(tmp_path) / "train/results/json/train_results.json").write_text("{")
    (found,) = state.states([run], tmp_path)
    assert found.phase == "scoring"
    known = state.RuntimeEstimator([run], [found], tmp_path)
    assert known.left(run, found) is None
    known.learn(run)
    assert known.left(run, found) is None
    assert known.left(run, found._replace(phase="done")) == 0


def test_a_run_that_was_trained_with_others_took_its_part_of_their_time(tiny, tmp_path):
    runs = tiny("study.parts = [@pca/part()]").runs
    finish(runs[0], tmp_path, 40.0)
    file = runs[0].directory(tmp_path) / "train/results/json/train_results.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "ensemble": {"members": 4, "way": "fused"}}))
    found = state.states(runs, tmp_path)
    assert state.RuntimeEstimator(runs, found, tmp_path).left(runs[1], found[1]) == 10 + 2 * 40
