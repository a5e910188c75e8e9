"""local.py and supervise.py, with real children: what fails, hangs, is killed, is stopped, and what two executors share."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dlib_bvae.artifacts import read_results, run_lock
from dlib_bvae.errors import UserError
from dlib_bvae.studies import local, state, worker
from dlib_bvae.studies.local import attempt

ENDLESS = "vae/part.grid = {'model.training_steps': [10000000]}"
_LONG = 300.0  # seconds; the machine that tests run on may be slow


def wait_for(condition):
    end = time.monotonic() + _LONG
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def pid_of(directory):
    return int(re.search(r'"pid": (\d+)', (directory / ".lock").read_text())[1])


OTHER = """
import sys
from pathlib import Path
from dlib_bvae.studies import local, study
local.execute(study.load([sys.argv[1]], [sys.argv[2]]), Path(sys.argv[3]), 1)
"""


def test_a_failure_stops_no_other_run_and_two_executors_share_a_store(tiny, tmp_path):
    wrong = "vae/part.grid = {'vae.beta': [-1.0]}"
    study, store = tiny(wrong), tmp_path / "store"
    told = []
    command = [sys.executable, "-c", OTHER, str(tmp_path / "tiny.gin"), wrong, str(store)]
    with subprocess.Popen(command) as other:
        outcomes = local.execute(study, store, 2, lambda run, outcome: told.append((run.digest, outcome)))
        assert other.wait(timeout=_LONG) == 0
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
        {digest for digest, outcome in told if outcome is None} == set(outcomes) <= {run.digest for run in study.runs}
    )
    assert local.execute(study._replace(runs=tuple(right)), store, 1) == {}


def test_a_killed_training_goes_on_from_its_checkpoint(tiny, tmp_path):
    (run, *_) = tiny("vae/part.grid = {'model.training_steps': [150]}").runs
    directory = run.directory(tmp_path)
    with ThreadPoolExecutor() as pool:
        killed = pool.submit(attempt, run, tmp_path)
        wait_for(lambda: state.states([run], tmp_path)[0].step >= 50)
        os.kill(pid_of(directory), signal.SIGKILL)
        assert killed.result()[:2] == ("failed", "it was ended by SIGKILL")
    kept = state.states([run], tmp_path)[0]
    assert (kept.phase, kept.running) == ("failed", False)
    before = len((directory / "log.txt").read_text())
    assert attempt(run, tmp_path).status == "done"
    first = re.search(r"step (\d+)/150", (directory / "log.txt").read_text()[before:])
    assert int(first[1]) > kept.step >= 50
    assert read_results(directory / "train", "train")["steps"] == 150
    assert state.states([run], tmp_path)[0].phase == "done"


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
        assert attempt(run, tmp_path).status == "busy"
        child = pid_of(run.directory(tmp_path))
        assert os.getsid(child) == child
        stop.set()
        assert stopped.result()[run.digest].status == "stopped"
    assert "with a checkpoint" in (run.directory(tmp_path) / "log.txt").read_text()
    assert not state.states([run], tmp_path)[0].running


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


def test_a_child_ends_when_its_parent_is_gone():
    code = "from dlib_bvae.studies import worker; import time; worker.end_with_parent(); print(1, flush=True); time.sleep(300)"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"1\n"
        child.stdin.close()
        assert child.wait(timeout=60) == -signal.SIGTERM


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
    assert [local.gpus_of(study, k) for k in range(4)] == [["3"], ["5"], ["7"], ["3"]]
    assert [local.gpus_of(study._replace(gpus=2.0), k) for k in range(2)] == [["3", "5"], ["7", "3"]]
    monkeypatch.setattr(local, "cores", lambda: 64)
    assert [local.default_workers(study._replace(gpus=gpus)) for gpus in (0.0, 0.5, 2.0, 9.0)] == [64, 6, 1, 1]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert local.gpus_of(study, 0) == []
    assert local.default_workers(study._replace(cpus=3)) == 21
    assert local.share(3)["OMP_NUM_THREADS"] == local.share(3)["TF_NUM_INTRAOP_THREADS"] == "3"
    assert "CUDA_VISIBLE_DEVICES" not in local.share(3)
    assert local.share(1, ["a", "b"])["CUDA_VISIBLE_DEVICES"] == "a,b"
