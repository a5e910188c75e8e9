"""local.py, with real children: what fails, hangs, is killed, stopped or shared by two executors; then with played attempts."""

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

from dlib_bvae.artifacts import marks, read_results, run_lock
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
    said = []
    command = [sys.executable, "-c", OTHER, str(tmp_path / "tiny.gin"), wrong, str(store)]
    with subprocess.Popen(command) as other:
        outcomes = local.execute(study, store, 2, lambda run, outcome: said.append((run.digest, outcome)))
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
        {digest for digest, outcome in said if outcome is None} == set(outcomes) <= {run.digest for run in study.runs}
    )
    assert local.execute(study._replace(runs=tuple(right)), store, 1) == {}


@pytest.mark.slow
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


def test_children_are_handed_the_key_of_marks_where_a_run_imports_a_module(tiny, tmp_path, monkeypatch):
    handed = []

    def done(run, store, timeout, environment, stop):
        handed.append(environment)
        return local.Outcome("done", "", 0.0)

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

    def attempt_of(run, store, timeout, environment, stop):
        seen.append(environment.get("CUDA_VISIBLE_DEVICES"))
        return local.Outcome("done", "", 0.0)

    monkeypatch.setattr(local, "attempt", attempt_of)
    local.execute(tiny("study.gpus = 0"), tmp_path, 1)
    assert set(seen) == {"-1"}


def test_a_system_without_process_groups_kills_the_child(monkeypatch):
    monkeypatch.delattr(os, "killpg")
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"]) as child:
        local._kill(child)
        assert child.wait(timeout=60) == -signal.SIGKILL


def test_a_store_that_cannot_be_written_is_one_sentence(tiny, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*run\.json: Not a directory"):
        local.execute(tiny(), tmp_path / "file" / "store", 1)


@pytest.mark.parametrize(
    ("code", "ended_by", "lines", "expected"),
    [
        (0, "", ["all is well"], ("done", "")),
        (0, "timeout", [], ("done", "")),  # it ended just in time
        (-15, "timeout", ["x"], ("timeout", "it ran longer than 9 s")),
        (-15, "stopped", ["x"], ("stopped", "")),
        (75, "", ["in use"], ("busy", "another process works on it")),
        (-9, "", ["x"], ("failed", "it was ended by SIGKILL")),
        (2, "", ["first", "dlib_bvae.studies.worker: vae.beta is wrong"], ("failed", "vae.beta is wrong")),
        (3, "", [], ("failed", "it ended with status 3")),
    ],
)
def test_how_an_attempt_ended(code, ended_by, lines, expected):
    assert local._outcome(code, ended_by, lines, 9.0, 1.5) == (*expected, 1.5)


def test_the_last_lines_of_an_attempt_are_kept(tmp_path):
    log = tmp_path / "log.txt"
    log.write_bytes(b"of an earlier attempt\n" + b"".join(b"line %d\n\n" % place for place in range(30)) + b"50%\r100%")
    lines = local._tail(log, len(b"of an earlier attempt\n"))
    assert lines == [*(f"line {place}" for place in range(12, 30)), "50%", "100%"]
    log.write_bytes(b"a\nb")
    assert local._tail(log, 2) == ["b"]
    log.write_bytes(b"x" * 2**17)
    assert local._tail(log, 0) == ["x" * 2**16]


def test_a_failure_is_on_record_until_an_attempt_succeeds(tmp_path):
    path = tmp_path / "failure.json"
    for status in ("failed", "timeout"):
        local._record(path, local.Outcome(status, "why", 2.0), ["last"])
        record = json.loads(path.read_text())
        assert (record["status"], record["message"], record["seconds"], record["output"]) == (
            status,
            "why",
            2.0,
            ["last"],
        )
    for status in ("stopped", "busy"):
        local._record(path, local.Outcome(status, "", 2.0), [])
        assert json.loads(path.read_text()) == record
    local._record(path, local.Outcome("done", "", 2.0), [])
    assert not path.exists()
    local._record(path, local.Outcome("done", "", 2.0), [])


@pytest.fixture
def played(tiny, tmp_path, monkeypatch):
    """played(endings, workers): execute() whose attempts end so, by part and in turn; → (outcomes by part, parts tried)."""

    def play(endings, workers=1, *bindings, **given):
        endings, tried = {part: list(each) for part, each in endings.items()}, []

        def attempt_of(run, store, timeout, environment, stop):
            tried.append(run.part)
            ending = endings[run.part].pop(0)
            if isinstance(ending, Exception):
                raise ending
            return local.Outcome(ending, "", 0.0)

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


def test_a_child_that_does_not_end_is_killed(monkeypatch):
    monkeypatch.setattr(local, "_GRACE", 0.5)
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(300)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True) as child:
        assert child.stdout.readline() == b"1\n"
        local._end(child)
        assert child.returncode == -signal.SIGKILL
