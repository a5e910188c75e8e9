"""worker.py: what is missing of one run, or of several together, is done in this process; children are in test_attempts.py."""

import json
import signal
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
from support.study_runs import finish
from support.tiny_runs import DATA

from dlib_bvae.artifacts import InUse, run_lock
from dlib_bvae.artifacts.trust import handed_on, statements_of_run, trusting
from dlib_bvae.errors import UserError
from dlib_bvae.stages import ensemble, evaluate, train, visualize
from dlib_bvae.studies import worker
from dlib_bvae.studies.state import state_of


@pytest.fixture
def calls(monkeypatch):
    """What the stages are asked for: their names, a metric behind that of an evaluation."""
    found = []
    monkeypatch.setattr(train, "run", lambda *given: found.append(("train", given)))
    monkeypatch.setattr(evaluate, "run", lambda metric, *given, step: found.append((metric, given)))
    monkeypatch.setattr(evaluate, "encode", lambda metric, *given: found.append(("encode", metric)))
    monkeypatch.setattr(visualize, "run", lambda model_dir: found.append(("draw", model_dir)))
    return found


def test_a_run_is_trained_and_scored_and_what_is_done_is_left_alone(tiny, tmp_path, calls):
    run = tiny("study.metrics = ['mig', 'sap']", "study.parts = [@pca/part()]").runs[0]
    directory = run.directory(tmp_path)
    worker.work(run, tmp_path)
    assert calls == [
        ("train", (run.gin_config, run.gin_bindings, directory)),
        ("mig", ((), (), directory)),
        ("sap", ((), (), directory)),
    ]
    finish(run, tmp_path)
    calls.clear()
    worker.work(run, tmp_path)
    assert [name for name, _ in calls] == ["sap"]
    assert not state_of(run, directory, None).done


def test_a_run_is_drawn_after_it_is_scored_where_the_study_says_so(tiny, tmp_path, calls):
    run = tiny("study.parts = [@pca/part()]", "study.pictures = True").runs[0]
    directory = run.directory(tmp_path)
    finish(run, tmp_path)
    (directory / "train" / "saved_model").mkdir()
    assert not state_of(run, directory, None).done
    assert not run.is_complete(tmp_path)
    worker.work(run, tmp_path)
    assert calls == [("draw", directory)]
    (directory / "train" / "saved_model").rmdir()  # unpacked results, of which nothing can be drawn
    assert state_of(run, directory, None).done
    assert run.is_complete(tmp_path)
    plain = tiny("study.parts = [@pca/part()]").runs[0]
    assert (plain.digest, plain.pictures, plain.is_complete(tmp_path)) == (run.digest, False, True)
    assert type(run).from_json(run.to_json()) == run


def test_a_run_is_opened_with_what_its_training_imports_or_what_the_study_trusts(tiny, tmp_path, calls, monkeypatch):
    other = tmp_path / "other" / "train" / "results" / "gin" / "train.gin"
    other.parent.mkdir(parents=True)
    other.write_text("import json\n")
    monkeypatch.setattr(evaluate, "run", lambda *_, step: statements_of_run(tmp_path / "other"))
    plain, importing = (
        tiny("study.parts = [@pca/part()]", f"pca/part.bindings = {['import ' + name, *DATA]!r}").runs[0]
        for name in ("xml", "json")
    )
    worker.work(importing, tmp_path)
    with pytest.raises(UserError, match="mig: .*other imports json, which is not executed"):
        worker.work(plain, tmp_path)
    with trusting(everything=True):
        for name, value in handed_on([]).items():
            monkeypatch.setenv(name, value)
    worker.work(plain, tmp_path)


def test_every_evaluation_is_tried_before_one_is_refused(tiny, tmp_path, calls, monkeypatch):
    run = tiny("study.metrics = ['mig', 'sap', 'dci']", "study.parts = [@pca/part()]").runs[0]
    tried = []

    def refuse(metric, *_, step):
        tried.append(metric)
        if metric != "sap":
            raise UserError(f"no {metric}")

    monkeypatch.setattr(evaluate, "run", refuse)
    with pytest.raises(UserError, match="^mig: no mig; dci: no dci$"):
        worker.work(run, tmp_path)
    assert tried == ["mig", "sap", "dci"]


def test_a_run_in_use_ends_with_its_status(tiny, tmp_path, calls, capsys, monkeypatch):
    run = tiny("study.parts = [@pca/part()]").runs[0]
    file = tmp_path / "run.json"
    file.write_text(json.dumps(run.to_json()))
    worker._call([file], tmp_path, "train,score", None, with_parent=False)
    assert [name for name, _ in calls] == ["train", "mig"]

    def refuse(*_):
        raise InUse("in use by process 7")

    monkeypatch.setattr(worker, "work", refuse)
    with pytest.raises(SystemExit) as stop:
        worker._call([file], tmp_path, "train,score", None, with_parent=False)
    assert stop.value.code == worker.IN_USE == 75
    assert capsys.readouterr().err == "in use by process 7\n"


def test_it_ends_with_its_parent_where_it_is_asked_to(tiny, tmp_path, calls, monkeypatch):
    file = tmp_path / "run.json"
    file.write_text(json.dumps(tiny("study.parts = [@pca/part()]").runs[0].to_json()))
    asked = []
    monkeypatch.setattr(worker, "end_with_parent", lambda: asked.append(len(calls)))
    worker._call([file], tmp_path, "train,score", None, with_parent=False)
    assert asked == []
    worker._call([file], tmp_path, "train,score", None, with_parent=True)
    assert asked == [2]  # before the run's work begins again


def test_it_is_a_command(tmp_path):
    command = [sys.executable, "-m", worker.PROGRAM, str(tmp_path / "none.json"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "none.json" in done.stderr


def test_the_closed_standard_input_of_a_worker_ends_it(monkeypatch):
    asked, sent, ended = [], [], threading.Event()

    def read(descriptor, count):
        asked.append((descriptor, count))
        return b"" if len(asked) == 2 else b"x"

    def kill(pid, signum):
        sent.append((pid, signum))
        if signum == signal.SIGKILL:
            ended.set()

    monkeypatch.setattr(worker, "os", SimpleNamespace(read=read, kill=kill, getpid=lambda: 7))
    monkeypatch.setattr(worker, "time", SimpleNamespace(sleep=sent.append))
    worker.end_with_parent()
    assert ended.wait(timeout=60)
    assert asked == [(0, 1), (0, 1)]
    assert sent == [(7, signal.SIGTERM), worker._GRACE, (7, signal.SIGKILL)]


NEEDED = "{'metric': 'sap', 'gin_bindings': ['postprocess.images = \"needed\"']}"


def test_the_steps_that_are_asked_for_are_done(tiny, tmp_path, calls):
    run = tiny(f"study.metrics = ['mig', {NEEDED}]", "study.parts = [@pca/part()]").runs[0]
    worker.work(run, tmp_path, ["train", "encode"])
    assert [name for name, _ in calls] == ["train", "encode"]
    assert calls[1] == ("encode", "mig")  # and not what is encoded when it is scored
    calls.clear()
    worker.work(run, tmp_path, ["score"])
    assert [name for name, _ in calls] == ["mig", "sap"]


def test_what_cannot_be_encoded_is_no_failure_of_the_training(tiny, tmp_path, calls, monkeypatch, capsys):
    def refuse(metric, *_):
        raise UserError("no codes")

    monkeypatch.setattr(evaluate, "encode", refuse)
    worker.work(tiny("study.parts = [@pca/part()]").runs[0], tmp_path, ["train", "encode"])
    assert "not encoded for mig: no codes" in capsys.readouterr().out


def test_how_each_of_several_ended_is_written(tiny, tmp_path, calls, monkeypatch):
    runs = tiny("study.parts = [@vae/part()]", "vae/part.grid = {'model.random_seed': [0, 1, 2]}").runs
    files = [tmp_path / f"{run.seed}.json" for run in runs]
    for file, run in zip(files, runs, strict=True):
        file.write_text(json.dumps(run.to_json()))
    asked, endings = [], tmp_path / "endings.json"

    def train_them(wanted):
        asked.extend(wanted)
        return [None, UserError("it diverged")]

    monkeypatch.setattr(ensemble, "run_members", train_them)
    held = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(runs[0].directory(tmp_path))], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with held:
        assert held.stdout.readline() == b"held\n"
        worker._call(files, tmp_path, "train,encode", endings, with_parent=False)
    said = json.loads(endings.read_text())
    assert said[runs[0].digest][0] == "busy"
    assert "in use by process" in said[runs[0].digest][1]
    assert said[runs[1].digest] == ["done", ""]
    assert said[runs[2].digest] == ["failed", "it diverged"]
    assert asked == [(run.gin_config, run.gin_bindings, run.directory(tmp_path)) for run in runs[1:]]
    assert calls == [("encode", "mig")]
    with run_lock(runs[1].directory(tmp_path)):  # it was released
        pass


HOLD = """
import sys
from pathlib import Path
from dlib_bvae.artifacts import run_lock
with run_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
