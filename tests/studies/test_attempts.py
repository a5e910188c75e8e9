"""attempts.py: how a child ended is said of each run of its task; with real children, and with a worker that is played."""

import json
import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.study_runs import pid_of, wait_for

from dlib_bvae.artifacts import read_results, run_lock
from dlib_bvae.studies import attempts, state
from dlib_bvae.studies.attempts import attempt
from dlib_bvae.studies.tasks import ALL, ENCODE, TRAIN, Task


@pytest.mark.slow
def test_a_killed_training_goes_on_from_its_checkpoint(tiny, tmp_path):
    (run, *_) = tiny("vae/part.grid = {'model.training_steps': [150]}").runs
    directory = run.directory(tmp_path)
    with ThreadPoolExecutor() as pool:
        killed = pool.submit(attempt, Task(ALL, (run,)), tmp_path)
        wait_for(lambda: state.states([run], tmp_path)[0].step >= 50)
        os.kill(pid_of(directory), signal.SIGKILL)
        assert killed.result()[0][:2] == ("failed", "it was ended by SIGKILL")
    kept = state.states([run], tmp_path)[0]
    assert (kept.phase, kept.running) == ("failed", False)
    before = len((directory / "log.txt").read_text())
    assert attempt(Task(ALL, (run,)), tmp_path)[0].status == "done"
    first = re.search(r"step (\d+)/150", (directory / "log.txt").read_text()[before:])
    assert int(first[1]) > kept.step >= 50
    assert read_results(directory / "train", "train")["steps"] == 150
    assert state.states([run], tmp_path)[0].phase == "done"


def test_a_child_ends_when_its_parent_is_gone():
    code = "from dlib_bvae.studies import worker; import time; worker.end_with_parent(); print(1, flush=True); time.sleep(300)"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"1\n"
        child.stdin.close()
        assert child.wait(timeout=60) == -signal.SIGTERM


def test_a_system_without_process_groups_kills_the_child(monkeypatch):
    monkeypatch.delattr(os, "killpg")
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"]) as child:
        attempts._kill(child)
        assert child.wait(timeout=60) == -signal.SIGKILL


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
    assert attempts._outcome(code, ended_by, lines, 9.0, 1.5) == (*expected, 1.5)


def test_the_last_lines_of_an_attempt_are_kept(tmp_path):
    log = tmp_path / "log.txt"
    log.write_bytes(b"of an earlier attempt\n" + b"".join(b"line %d\n\n" % place for place in range(30)) + b"50%\r100%")
    lines = attempts._tail(log, len(b"of an earlier attempt\n"))
    assert lines == [*(f"line {place}" for place in range(12, 30)), "50%", "100%"]
    log.write_bytes(b"a\nb")
    assert attempts._tail(log, 2) == ["b"]
    log.write_bytes(b"x" * 2**17)
    assert attempts._tail(log, 0) == ["x" * 2**16]


def test_a_failure_is_on_record_until_an_attempt_succeeds(tmp_path):
    path = tmp_path / "failure.json"
    for status in ("failed", "timeout"):
        attempts._record(path, attempts.Outcome(status, "why", 2.0), ["last"])
        record = json.loads(path.read_text())
        assert (record["status"], record["message"], record["seconds"], record["output"]) == (
            status,
            "why",
            2.0,
            ["last"],
        )
    for status in ("stopped", "busy"):
        attempts._record(path, attempts.Outcome(status, "", 2.0), [])
        assert json.loads(path.read_text()) == record
    attempts._record(path, attempts.Outcome("done", "", 2.0), [])
    assert not path.exists()
    attempts._record(path, attempts.Outcome("done", "", 2.0), [])


def test_a_child_that_does_not_end_is_killed(monkeypatch):
    monkeypatch.setattr(attempts, "_GRACE", 0.5)
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(300)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True) as child:
        assert child.stdout.readline() == b"1\n"
        attempts._end(child)
        assert child.returncode == -signal.SIGKILL


WORKER = """
import json, os, signal, sys, time
steps, endings, runs = "", None, sys.argv[2:-1]
while runs[0].startswith("--"):
    name, value, *runs = runs
    steps, endings = (value, endings) if name == "--steps" else (steps, value)
digests = [os.path.basename(os.path.dirname(each)).split("data-")[1] for each in runs]
print("steps", steps, "of", len(runs), "runs", flush=True)
HOW
"""


@pytest.fixture
def group(tiny, tmp_path, monkeypatch):
    """group(how, …): one attempt at a group of three runs by a process that does `how`; → (outcomes, run directories)."""

    def play(how, count=3, steps=(TRAIN, ENCODE), **given):
        (tmp_path / "played_worker.py").write_text(WORKER.replace("HOW", how))
        monkeypatch.setattr(attempts, "PROGRAM", "played_worker")
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
        runs = tiny("vae/part.grid = {'model.random_seed': [0, 1, 2]}").runs[:count]
        return attempt(Task(steps, runs), tmp_path, **given), [run.directory(tmp_path) for run in runs]

    return play


SAID = "json.dump({digests[0]: ['done', ''], digests[1]: ['failed', 'it diverged']}, open(endings, 'w'))\n"


def test_each_of_a_group_ends_as_its_process_says(group):
    how = SAID.replace("}, open", ", digests[2]: ['busy', 'in use']}, open")
    outcomes, (first, second, third) = group(how)
    assert [each[:2] for each in outcomes] == [("done", ""), ("failed", "it diverged"), ("busy", "in use")]
    assert (first / "log.txt").read_text() == "steps train,encode of 3 runs\n"
    assert (second / "log.txt").read_text().strip().endswith(f"stands in {first / 'log.txt'}")
    failure = json.loads((second / "failure.json").read_text())
    assert (failure["message"], failure["output"]) == ("it diverged", ["steps train,encode of 3 runs"])
    assert not (first / "failure.json").exists()
    assert not (third / "failure.json").exists()


def test_those_of_a_process_that_fails_are_to_be_trained_apart(group):
    outcomes, directories = group(SAID + "os.kill(os.getpid(), signal.SIGKILL)")
    assert [each.status for each in outcomes] == ["done", "failed", "apart"]
    assert outcomes[2].message == "it was ended by SIGKILL"
    assert not (directories[2] / "failure.json").exists()


def test_a_group_that_takes_too_long_has_timed_out(group):
    outcomes, directories = group("time.sleep(300)", timeout=0.5)
    assert [each[:2] for each in outcomes] == [("timeout", "it ran longer than 0.5 s")] * 3
    assert all((each / "failure.json").exists() for each in directories)


def test_those_of_a_group_that_another_process_has_are_left_to_it(group, tiny, tmp_path):
    held = tiny("vae/part.grid = {'model.random_seed': [0, 1, 2]}").runs[0]
    with run_lock(held.directory(tmp_path)):
        outcomes, directories = group("json.dump({each: ['done', ''] for each in digests}, open(endings, 'w'))")
    assert [each.status for each in outcomes] == ["busy", "done", "done"]
    assert not (directories[0] / "log.txt").exists()
    assert (directories[1] / "log.txt").read_text() == "steps train,encode of 2 runs\n"


def test_one_run_s_end_is_that_of_its_process(group):
    outcomes, _ = group("assert endings is None\nsys.exit(3)", count=1, steps=("score",))
    assert outcomes[0][:2] == ("failed", "steps score of 1 runs")
