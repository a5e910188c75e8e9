"""local.py, with real children: what fails, hangs, is killed, stopped or shared by two executors; then with played attempts."""

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.study_runs import finish, pid_of, wait_for

from dlib_bvae.artifacts import marks, run_lock
from dlib_bvae.errors import UserError
from dlib_bvae.studies import local, state, worker
from dlib_bvae.studies.attempts import attempt
from dlib_bvae.studies.tasks import ALL, Task

ENDLESS = "vae/part.grid = {'model.training_steps': [10000000]}"
OTHER = """
import sys
from pathlib import Path
from dlib_bvae.studies import local, study
local.execute(study.load([sys.argv[1]], [sys.argv[2]]), Path(sys.argv[3]), 1)
"""


def test_a_failure_stops_no_other_run_and_two_executors_share_a_store(tiny, tmp_path):
    wrong = "vae/part.grid = {'vae.beta': [-1.0]}"
    study, store = tiny(wrong), tmp_path / "store"
    said = []
    command = [sys.executable, "-c", OTHER, str(tmp_path / "tiny.gin"), wrong, str(store)]
    with subprocess.Popen(command) as other:
        outcomes = local.execute(study, store, 2, lambda run, outcome: said.append((run.digest, outcome)))
        assert other.wait(timeout=300) == 0
    failed, *right = study.runs
    assert outcomes[failed.digest].status == "failed"
    assert "vae.beta must be a finite number >= 0" in outcomes[failed.digest].message
    found = state.states(study.runs, store)
    assert [each.phase for each in found] == ["failed", "done", "done"]
    assert found[0].failure == outcomes[failed.digest].message
    for run in right:
        log = (run.directory(store) / "log.txt").read_text()
        assert log.count("fitted in") == log.count("discrete_mig") == 1
        assert not (run.directory(store) / "failure.json").exists()
    assert (
        {digest for digest, outcome in said if outcome is None} == set(outcomes) <= {run.digest for run in study.runs}
    )
    assert local.execute(study._replace(runs=tuple(right)), store, 1) == {}


def test_a_training_that_hangs_is_ended_and_so_is_one_that_is_stopped(tiny, tmp_path, monkeypatch):
    study = tiny(ENDLESS, "study.timeout = 1", "study.attempts = 2", "study.parts = [@vae/part()]")
    (run,) = study.runs
    tries = []
    monkeypatch.setattr(local, "attempt", lambda *given: tries.append(given) or attempt(*given))
    hung = local.execute(study, tmp_path, 1)[run.digest]
    assert (hung.status, hung.message, len(tries)) == ("timeout", "it ran longer than 1 s", 2)
    assert state.states([run], tmp_path)[0].failure == hung.message
    stop, study = threading.Event(), study._replace(timeout=0.0)
    with ThreadPoolExecutor() as pool:
        stopped = pool.submit(local.execute, study, tmp_path, 1, stop=stop)
        wait_for(lambda: state.states([run], tmp_path)[0].step >= 50)
        assert attempt(Task(ALL, (run,)), tmp_path)[0].status == "busy"
        child = pid_of(run.directory(tmp_path))
        assert os.getsid(child) == child
        stop.set()
        assert stopped.result()[run.digest].status == "stopped"
    assert "with a checkpoint" in (run.directory(tmp_path) / "log.txt").read_text()
    assert not state.states([run], tmp_path)[0].running


def test_children_are_handed_the_key_of_marks_where_a_run_imports_a_module(tiny, tmp_path, monkeypatch):
    handed = []

    def done(task, store, timeout, environment, stop):
        handed.append(environment)
        return [local.Outcome("done", "", 0.0)]

    monkeypatch.setattr(local, "attempt", done)
    (tmp_path / "importing.gin").write_text("import json\n")
    plain = tiny("study.parts = [@pca/part()]", "pca/part.grid = {}")
    importing = tiny(
        "study.parts = [@pca/part()]",
        "pca/part.grid = {}",
        f"pca/part.configs = ['gin/pca_dsprites.gin', '{tmp_path}/importing.gin']",
    )
    for each in (plain, importing):
        local.execute(each, tmp_path, 1)
    assert [each.get("DLIB_BVAE_KEY") for each in handed] == [None, marks.user_key().hex()]
    assert {each["OMP_NUM_THREADS"] for each in handed} == {str(plain.cpus)}


def test_a_run_in_use_is_left_alone(tiny, tmp_path):
    run = tiny().runs[1]
    directory = run.directory(tmp_path)
    with run_lock(directory):
        outcomes = local.execute(tiny()._replace(runs=(run,)), tmp_path, 1)
        assert outcomes[run.digest].status == "busy"
        # and where the lock is taken just after it was looked for
        (directory / "run.json").write_text(json.dumps(run.to_json()), encoding="utf-8")
        command = [sys.executable, "-m", worker.PROGRAM, str(directory / "run.json"), str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, "in use by process" in done.stderr) == (worker.IN_USE, True)
    assert not (directory / "train").exists()
    assert not (directory / "failure.json").exists()


def test_nothing_is_started_that_does_not_fit_or_after_stop(tiny, tmp_path):
    assert local.execute(tiny(), tmp_path, 1, fits=lambda run: False) == {}
    stop = threading.Event()
    stop.set()
    assert local.execute(tiny(), tmp_path, 2, stop=stop) == {}
    with pytest.raises(UserError, match="--workers must be an integer >= 1; got 0"):
        local.execute(tiny(), tmp_path, 0)


def test_shares_of_cores_and_gpus(tiny, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5,7")
    study = tiny("study.gpus = 0.5", "study.cpus = 1")
    assert [local.gpus_of(study, k, 4) for k in range(4)] == [["3"], ["5"], ["7"], ["3"]]
    assert [local.gpus_of(study._replace(gpus=2.0), k, 2) for k in range(2)] == [["3", "5"], ["7", "3"]]
    monkeypatch.setattr(local, "cores", lambda: 64)
    gpus = (0.0, 0.5, 2.0, 9.0, "auto")
    assert [local.default_workers(study._replace(gpus=each)) for each in gpus] == [64, 6, 1, 1, 12]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert local.gpus_of(study, 0, 4) is None
    assert local.default_workers(study._replace(cpus=3)) == local.default_workers(tiny("study.cpus = 3")) == 21
    assert local.share(3)["OMP_NUM_THREADS"] == local.share(3)["TF_NUM_INTRAOP_THREADS"] == "3"
    assert "CUDA_VISIBLE_DEVICES" not in local.share(3)
    assert local.share(1, ["a", "b"])["CUDA_VISIBLE_DEVICES"] == "a,b"


def test_the_gpus_that_there_are_are_shared_out_and_0_hides_them(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5,7")
    study = tiny()
    assert study.gpus == "auto"
    assert [local.gpus_of(study, k, 4) for k in range(4)] == [["3"], ["5"], ["7"], ["3"]]
    assert [local.gpus_of(study, k, 2) for k in range(2)] == [["3"], ["5"]]
    assert local.gpus_of(study, 0, 1) == ["3", "5", "7"]
    seen = []

    def attempt_of(task, store, timeout, environment, stop):
        seen.append(environment.get("CUDA_VISIBLE_DEVICES"))
        return [local.Outcome("done", "", 0.0)]

    monkeypatch.setattr(local, "attempt", attempt_of)
    local.execute(tiny("study.gpus = 0"), tmp_path, 1)
    assert set(seen) == {"-1"}


def test_a_store_that_cannot_be_written_is_one_sentence(tiny, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*run\.json: Not a directory"):
        local.execute(tiny(), tmp_path / "file" / "store", 1)


@pytest.fixture
def played(tiny, tmp_path, monkeypatch):
    """played(endings, workers): execute() whose attempts end so, by part and in turn; → (outcomes by part, parts tried)."""

    def play(endings, workers=1, *bindings, **given):
        endings, tried = {part: list(each) for part, each in endings.items()}, []

        def attempt_of(task, store, timeout, environment, stop):
            (run,) = task.runs
            tried.append(run.part)
            ending = endings[run.part].pop(0)
            if isinstance(ending, Exception):
                raise ending
            return [local.Outcome(ending, "", 0.0)]

        monkeypatch.setattr(local, "attempt", attempt_of)
        asked = tiny("pca/part.grid = {'model.random_seed': [0]}", *bindings)
        outcomes = local.execute(asked, tmp_path / "played", workers, **given)
        return {run.part: outcomes[run.digest].status for run in asked.runs if run.digest in outcomes}, tried

    return play


def test_a_failure_is_tried_as_often_as_the_study_says(played):
    assert played({"vae": ["failed"], "pca": ["done"]}) == ({"vae": "failed", "pca": "done"}, ["vae", "pca"])
    twice = "study.attempts = 2"
    assert played({"vae": ["failed", "done"], "pca": ["timeout"] * 2}, 1, twice) == (
        {"vae": "done", "pca": "timeout"},
        ["vae", "vae", "pca", "pca"],
    )
    assert played({"vae": ["stopped"], "pca": ["busy", "busy"]}, 1, twice)[1] == ["vae", "pca", "pca"]


def test_a_run_in_use_is_looked_at_again_after_the_others_once(played):
    assert played({"vae": ["busy", "done"], "pca": ["done"]}) == ({"vae": "done", "pca": "done"}, ["vae", "pca", "vae"])
    assert played({"vae": ["busy", "busy"], "pca": ["done"]}) == ({"vae": "busy", "pca": "done"}, ["vae", "pca", "vae"])


def test_what_an_attempt_raises_ends_the_others(played):
    stop = threading.Event()
    with pytest.raises(UserError, match="the disk is full"):
        played({"vae": [UserError("the disk is full")], "pca": []}, stop=stop)
    assert stop.is_set()


def test_no_attempt_is_made_again_after_stop(played):
    stop = threading.Event()
    report = lambda run, outcome: stop.set()
    assert played({"vae": ["failed"] * 3, "pca": []}, 1, "study.attempts = 3", stop=stop, report=report) == (
        {"vae": "failed"},
        ["vae"],
    )


class Children:
    """attempt() without children: trains and scores in files. failing: how attempts at groups end, in turn."""

    def __init__(self, failing=()):
        self.failing, self.seen, self._lock = list(failing), [], threading.Lock()

    def __call__(self, task, store, timeout, environment, stop):
        with self._lock:
            self.seen.append((task.steps, len(task.runs), environment.get("CUDA_VISIBLE_DEVICES")))
        if len(task.runs) > 1 and self.failing:
            return [local.Outcome(status, status, 1.0) for status in self.failing.pop(0)]
        for run in task.runs:
            if task.scores_only or task.steps == ALL:
                finish(run, store)
            else:
                finish(run, store, scored=False)
        return [local.Outcome("done", "", 1.0)] * len(task.runs)


SEEDS = "vae/part.grid = {'model.random_seed': [0, 1, 2, 3, 4]}"
VAE = "study.parts = [@vae/part()]"


@pytest.fixture
def children(monkeypatch):
    def play(failing=()):
        found = Children(failing)
        monkeypatch.setattr(local, "attempt", found)
        return found

    return play


def test_with_a_gpu_runs_are_trained_and_encoded_and_scored_without_it(tiny, tmp_path, monkeypatch, children):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5")
    monkeypatch.setattr(local, "cores", lambda: 4)
    played, asked, said = children(), tiny(SEEDS, VAE, "study.fuse = 1"), []
    outcomes = local.execute(asked, tmp_path, 1, lambda run, outcome: said.append(outcome and outcome.status))
    assert sorted(played.seen) == [*[(("score",), 1, "-1")] * 5, *[(("train", "encode"), 1, "5")] * 5]
    assert {outcome.status for outcome in outcomes.values()} == {"done"}
    assert (said.count(None), said.count("trained"), said.count("done")) == (10, 5, 5)
    assert all(each.done for each in state.states(asked.runs, tmp_path))


def test_a_scoring_does_not_wait_for_the_trainings_after_it(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5")
    scored, plain = threading.Event(), Children()

    def attempt_of(task, *given):
        if task.scores_only:
            scored.set()
        elif plain.seen:  # the second training ends when the first run is scored
            assert scored.wait(60)
        return plain(task, *given)

    monkeypatch.setattr(local, "attempt", attempt_of)
    outcomes = local.execute(tiny(SEEDS, VAE, "study.fuse = 1"), tmp_path, 1)
    assert [outcome.status for outcome in outcomes.values()] == ["done"] * 5


def test_without_a_gpu_one_process_does_all_of_a_run(tiny, tmp_path, monkeypatch, children):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    played = children()
    local.execute(tiny(SEEDS, VAE), tmp_path, 2)
    assert played.seen == [(ALL, 1, None)] * 5


def test_groups_are_trained_together_and_each_run_is_scored_by_itself(tiny, tmp_path, monkeypatch, children):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    played = children()
    outcomes = local.execute(tiny(SEEDS, VAE, "study.fuse = 4"), tmp_path, 1)
    scored = (("score",), 1, None)
    assert played.seen == [(("train",), 4, None), *[scored] * 4, (ALL, 1, None)]
    assert {outcome.status for outcome in outcomes.values()} == {"done"}


def test_of_a_group_one_fails_one_is_in_use_and_those_of_a_process_that_fails_are_trained_alone(
    tiny, tmp_path, monkeypatch, children
):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    asked = tiny(SEEDS, VAE, "study.fuse = 5")
    played = children([["failed", "busy", "apart", "apart", "stopped"]])
    outcomes = local.execute(asked, tmp_path, 1)
    assert [outcomes[run.digest].status for run in asked.runs] == ["failed", "done", "done", "done", "stopped"]
    train, score = (("train",), 1, None), (("score",), 1, None)
    assert played.seen == [(("train",), 5, None), *[train, score] * 3]


def test_only_those_of_a_group_that_failed_are_tried_again(tiny, tmp_path, monkeypatch, children):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    asked = tiny(SEEDS, VAE, "study.fuse = 5", "study.attempts = 2")
    played = children([["failed", "timeout", "stopped", "stopped", "stopped"]])
    outcomes = local.execute(asked, tmp_path, 1)
    assert [count for _, count, _ in played.seen] == [5, 2, 1, 1]
    assert [outcomes[run.digest].status for run in asked.runs] == ["done", "done", "stopped", "stopped", "stopped"]


def test_what_is_trained_and_encoded_already_is_scored_without_a_gpu(tiny, tmp_path, monkeypatch, children):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5")
    asked = tiny(SEEDS, VAE)
    finish(asked.runs[0], tmp_path)  # one whose mig is to be scored again
    (asked.runs[0].directory(tmp_path) / "mean/metrics/mig").rename(tmp_path / "gone")
    finish(asked.runs[1], tmp_path, scored=False)
    played = children()
    local.execute(asked._replace(runs=asked.runs[:2]), tmp_path, 1)
    assert sorted(played.seen) == [*[(("score",), 1, "-1")] * 2, (("train", "encode"), 1, "5")]


@pytest.mark.slow
def test_a_gpu_is_free_when_a_run_is_encoded(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")  # which need not be there
    study, said = tiny("study.parts = [@pca/part()]", "pca/part.grid = {'model.random_seed': [0]}"), []
    encoded = tmp_path / "store" / study.runs[0].directory(tmp_path).name / "mean"

    def report(run, outcome):
        scored = (encoded / "metrics").is_dir()
        said.append((outcome and outcome.status, (encoded / "results").is_dir(), scored))

    local.execute(study, tmp_path / "store", 1, report)
    assert said == [(None, False, False), ("trained", True, False), (None, True, False), ("done", True, True)]
    assert (encoded.parent / "log.txt").read_text().count(": encoded 512 images") == 1
