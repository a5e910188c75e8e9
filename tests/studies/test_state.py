"""state.py: what the files of a run directory say, without TensorFlow."""

import json
import subprocess
import sys

from dlib_bvae.artifacts import run_lock
from dlib_bvae.studies import state

LISTED = """model_checkpoint_path: "ckpt-900"
all_model_checkpoint_paths: "ckpt-800"
all_model_checkpoint_paths: "ckpt-900"
"""


def finish(directory, stage):
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
    finish(directory / "train", "train")
    assert (now().phase, now().trained, now().step, now().scored) == ("scoring", True, 1000, 0)
    finish(directory / run.evaluations[0].folder, "evaluation")
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
    finish(tmp_path / f"other-name_data-{run.digest}" / "train", "train")
    (tmp_path / "results.md").touch()
    assert list(state.directories(tmp_path)) == [run.digest]
    assert state.states([run], tmp_path)[0].phase == "scoring"
    assert state.directories(tmp_path / "none") == {}


def test_steps_may_be_a_macro_or_unsaid(tiny):
    assert state.steps_of({"model.training_steps": "%STEPS", "STEPS": 7}) == 7
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
