"""ray_executor.py over a Ray that is played: what becomes of each run, however its attempt ends."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import types
from concurrent.futures import Future

import pytest
from support.study_runs import finish

from dlib_bvae.errors import UserError
from dlib_bvae.studies import ray_executor, study
from dlib_bvae.studies.attempts import Outcome
from dlib_bvae.studies.ray_executor import task_of
from dlib_bvae.studies.tasks import ALL, Task


class RayError(Exception):
    """As Ray's: the worker or node was lost."""


class TaskCancelledError(RayError):
    """As Ray's."""


class RayTaskError(RayError):
    """As Ray's: `cause` was raised in the task."""

    def __init__(self, cause):
        super().__init__("a traceback\nof many lines")
        self.cause = cause


class Played:
    """The part of Ray that a sweep uses. plays: digest's part → how its attempts end, in turn: an Outcome or an error."""

    exceptions = types.SimpleNamespace(
        RayError=RayError, TaskCancelledError=TaskCancelledError, RayTaskError=RayTaskError
    )

    def __init__(self, plays, store):
        self.plays, self.store, self.options = {part: list(endings) for part, endings in plays.items()}, store, []
        self.tasks, self.most, self.held, self.cancelled = [], 0, {}, []
        self.gpus = []  # of each task
        self.resources = [{"CPU": 8.0}]

    def nodes(self):
        return [{"Resources": each, "Alive": True} for each in self.resources]

    def remote(self, **options):
        self.options.append(options)
        return lambda function: types.SimpleNamespace(remote=lambda task: self.hand(task, options["num_gpus"]))

    def hand(self, task, gpus):
        self.tasks.append(task)
        self.gpus.append(gpus)
        self.held[len(self.tasks)] = Task(tuple(task["steps"]), tuple(map(study.Run.from_json, task["runs"])))
        self.most = max(self.most, len(self.held))
        return len(self.tasks)

    def wait(self, references, num_returns, timeout):
        ready = [each for each in references if self.plays[self.held[each].runs[0].part] or each in self.cancelled]
        return ready[:num_returns], None

    def get(self, reference):
        task = self.held.pop(reference)
        if reference in self.cancelled:
            raise TaskCancelledError
        ending = self.plays[task.runs[0].part].pop(0)
        if isinstance(ending, Exception):
            raise ending
        endings = ending if isinstance(ending, list) else [ending] * len(task.runs)
        for run, each in zip(task.runs, endings, strict=True):
            if each.status == "done":
                finish(run, self.store, scored="score" in task.steps)
        return [tuple(each) for each in endings]

    def cancel(self, reference):
        self.cancelled.append(reference)


DONE = Outcome("done", "", 1.0)


@pytest.fixture
def sweep(tiny, tmp_path, monkeypatch):
    """sweep(plays, workers, …) → (Ray, outcomes by part, what was reported by part)."""
    monkeypatch.setattr(ray_executor, "_PERIOD", 0.0)
    monkeypatch.setattr(ray_executor, "_BUSY", 0.03)

    def play(plays, workers=1, bindings=(), resources=None, **given):
        asked = tiny(*([] if "pca" in plays else ["study.parts = [@vae/part()]"]), *bindings)
        ray = Played(plays, tmp_path)
        ray.resources = resources or ray.resources
        monkeypatch.setattr(ray_executor, "cluster", lambda *_: contextlib.nullcontext(ray))
        told = []
        report = lambda run, outcome: told.append((run.part, outcome and outcome.status))
        outcomes = ray_executor.execute(asked, tmp_path, workers, report, **given)
        return ray, {run.part: outcomes.get(run.digest) for run in asked.runs}, told

    return play


def test_a_run_is_handed_over_once_with_its_share(sweep):
    ray, outcomes, told = sweep(
        {"vae": [DONE, DONE]}, bindings=["study.cpus = 3", "study.gpus = 0.5", "study.timeout = 9.0"]
    )
    assert ray.options[0] == {"num_cpus": 3, "num_gpus": 0.5, "max_retries": 0}
    assert outcomes == {"vae": DONE}
    assert [status for _, status in told] == [None, "trained", None, "done"]
    assert ray.options[1] == {"num_cpus": 3, "num_gpus": 0, "max_retries": 0}
    task, scoring = ray.tasks
    assert (task["steps"], scoring["steps"], ray.gpus) == (["train", "encode"], ["score"], [0.5, 0])
    assert "CUDA_VISIBLE_DEVICES" not in task["environment"]
    assert scoring["environment"] == task["environment"] | {"CUDA_VISIBLE_DEVICES": "-1"}
    assert task["environment"]["OMP_NUM_THREADS"] == "3"
    assert task["environment"]["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    assert task["timeout"] == 9.0
    run = study.Run.from_json(task["runs"][0])
    file = run.directory(ray.store) / "run.json"
    assert study.Run.from_json(json.loads(file.read_text())) == run
    assert sweep({"vae": []})[1:] == ({"vae": None}, [])  # it is done


def test_0_gpus_hide_them_from_the_child(sweep):
    ray, _, _ = sweep({"vae": [DONE]}, bindings=["study.gpus = 0"], resources=[{"CPU": 8.0, "GPU": 2.0}])
    assert [each["num_gpus"] for each in ray.options] == [0]
    assert [task["steps"] for task in ray.tasks] == [["train", "score"]]
    assert ray.tasks[0]["environment"]["CUDA_VISIBLE_DEVICES"] == "-1"
    assert "TF_FORCE_GPU_ALLOW_GROWTH" not in ray.tasks[0]["environment"]


@pytest.mark.parametrize(
    ("workers", "gpus", "asked"), [(1, 2.0, 1.0), (2, 2.0, 1.0), (3, 2.0, 0.5), (30, 2.0, 0.25), (3, 0.0, 0.0)]
)
def test_the_gpus_of_a_cluster_are_shared_out(sweep, workers, gpus, asked):
    ray, _, _ = sweep({"vae": [DONE, DONE]}, workers, resources=[{"CPU": 8.0}, {"CPU": 8.0, "GPU": gpus}])
    assert ray.options[0]["num_gpus"] == asked
    assert "CUDA_VISIBLE_DEVICES" not in ray.tasks[0]["environment"]  # Ray says which
    assert ray.tasks[0]["environment"]["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"


def test_a_task_leaves_ray_s_process_where_it_was(tiny, tmp_path, monkeypatch):
    run, store = tiny().runs[0], tmp_path / "store"
    run.directory(store).mkdir(parents=True)
    (run.directory(store) / "run.json").write_text("{}")
    (tmp_path / "elsewhere").mkdir()
    seen = []
    monkeypatch.setattr(ray_executor, "attempt", lambda *_: seen.append(os.getcwd()) or [DONE])
    before = os.getcwd()
    task = {**task_of(Task(ALL, (run,)), store, 0.0, {}), "folder": str(tmp_path / "elsewhere")}
    assert ray_executor.perform(task) == [DONE]
    assert (seen, os.getcwd()) == ([str(tmp_path / "elsewhere")], before)
    with pytest.raises(UserError, match="the sweep was started with 0"):
        ray_executor.perform({**task, "version": "0"})
    assert os.getcwd() == before


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_so_many_at_a_time(sweep, workers):
    ray, outcomes, _ = sweep({"vae": [DONE], "pca": [DONE, DONE]}, workers)
    assert ray.most == workers
    assert outcomes == {"vae": DONE, "pca": DONE}


def test_a_failure_is_tried_as_often_as_the_study_says(sweep):
    broken, slow = Outcome("failed", "broken", 1.0), Outcome("timeout", "slow", 1.0)
    assert sweep({"vae": [broken, DONE]})[1:] == ({"vae": broken}, [("vae", None), ("vae", "failed")])
    ray, outcomes, told = sweep({"vae": [broken, slow, DONE]}, bindings=["study.attempts = 2"])
    assert outcomes == {"vae": slow}
    assert [status for _, status in told] == [None, "failed", None, "timeout"]


def test_a_lost_run_is_no_failure_and_is_given_up_after_twenty_losses(sweep):
    ray, outcomes, told = sweep({"vae": [RayError(), RayError(), DONE]})
    assert outcomes == {"vae": DONE}
    assert [status for _, status in told] == [None, "lost", None, "lost", None, "done"]


def test_a_run_that_kills_every_worker_is_given_up(sweep):
    ray, outcomes, _ = sweep({"vae": [RayError()] * 20})
    assert (outcomes["vae"][:2], len(ray.tasks)) == (("failed", "its worker or node was lost 20 times"), 20)


def test_a_run_in_use_is_waited_for_and_then_left_to_the_other(sweep):
    busy = Outcome("busy", "another process works on it", 0.0)
    ray, outcomes, told = sweep({"vae": [busy, busy, DONE]})
    assert outcomes == {"vae": DONE}
    assert [status for _, status in told] == [None, "busy", None, "busy", None, "done"]


def test_a_run_that_stays_in_use_is_left_to_the_other(sweep):
    busy = Outcome("busy", "another process works on it", 0.0)
    ray, outcomes, _ = sweep({"vae": [busy] * 1_000})
    assert outcomes == {"vae": busy}
    assert 2 <= len(ray.tasks) < 1_000


def test_what_a_task_raises_is_its_failure_or_the_node_s(sweep):
    _, outcomes, _ = sweep({"vae": [RayTaskError(ValueError("first\nlast line"))]})
    assert outcomes["vae"] == ("failed", "last line", 0.0)
    _, outcomes, _ = sweep({"vae": [RayTaskError(None)]})
    assert outcomes["vae"] == ("failed", "of many lines", 0.0)


def test_a_node_that_cannot_do_runs_ends_the_sweep_and_the_others(sweep):
    with pytest.raises(UserError, match="^the node x has other gin files$"):
        sweep({"vae": [RayTaskError(UserError("the node x has other gin files"))], "pca": []}, workers=3)


def test_a_stopped_sweep_cancels_what_ray_has(sweep):
    stop = threading.Event()
    told = []

    def fits(run):
        told.append(run.part)
        if len(told) == 2:
            stop.set()
        return True

    ray, outcomes, _ = sweep({"vae": [], "pca": [DONE]}, workers=2, stop=stop, fits=fits)
    assert len(ray.tasks) == 2
    assert outcomes["vae"] == ("stopped", "", 0.0)
    assert ray.cancelled
    stop.set()
    assert sweep({"vae": [DONE]}, stop=stop)[0].tasks == []


def test_what_does_not_fit_is_not_handed_over(sweep):
    ray, outcomes, _ = sweep({"vae": [DONE], "pca": [DONE, DONE]}, workers=3, fits=lambda run: run.part == "pca")
    assert outcomes == {"vae": None, "pca": DONE}
    assert [study.Run.from_json(task["runs"][0]).part for task in ray.tasks] == ["pca", "pca"]


def test_a_run_that_another_process_has_done_meanwhile_is_done(sweep, tiny, tmp_path):
    def fits(run):
        finish(run, tmp_path)
        return True

    ray, outcomes, told = sweep({"vae": []}, fits=fits)
    assert (outcomes, ray.tasks) == ({"vae": ("done", "", 0.0)}, [])
    assert told == [("vae", None), ("vae", "done")]


def test_a_cancelled_task_asks_its_child_to_end(monkeypatch):
    outcome: Future = Future()
    stop = threading.Event()
    calls = []

    def result(timeout):
        calls.append(timeout)
        if len(calls) == 1:
            raise TimeoutError
        if len(calls) == 2:
            raise KeyboardInterrupt
        return [DONE]

    monkeypatch.setattr(outcome, "result", result)
    monkeypatch.setattr(ray_executor, "TimeoutError", TimeoutError, raising=False)
    assert ray_executor._waited_for(outcome, stop) == [DONE]
    assert (stop.is_set(), len(calls)) == (True, 3)


def test_a_task_is_plain_values(tiny, tmp_path):
    run = tiny().runs[0]
    task = task_of(Task(ALL, (run,)), tmp_path, 5.0, {"A": "1"})
    assert [study.Run.from_json(each) for each in json.loads(json.dumps(task))["runs"]] == [run]
    assert task["steps"] == ["train", "score"]
    assert (task["store"], task["timeout"], task["environment"]) == (str(tmp_path), 5.0, {"A": "1"})


GROUP = ["study.fuse = 3", "vae/part.grid = {'model.random_seed': [0, 1, 2]}"]


def test_a_group_is_one_task_and_each_of_its_runs_is_scored(sweep):
    ray, _, told = sweep({"vae": [DONE] * 4}, bindings=GROUP)
    assert [(task["steps"], len(task["runs"])) for task in ray.tasks] == [(["train"], 3), *[(["score"], 1)] * 3]
    assert [status for _, status in told].count("trained") == 3
    assert [status for _, status in told].count("done") == 3


def test_each_of_a_group_ends_by_itself(sweep):
    ends = [DONE, Outcome("failed", "it diverged", 1.0), Outcome("apart", "it was ended by SIGKILL", 1.0)]
    ray, _, told = sweep({"vae": [ends, DONE, DONE, DONE]}, bindings=GROUP)
    steps = [(task["steps"], len(task["runs"])) for task in ray.tasks]
    assert steps[0] == (["train"], 3)
    assert sorted(steps[1:]) == [(["score"], 1), (["score"], 1), (["train"], 1)]
    assert sorted(status for _, status in told if status) == ["apart", "done", "done", "failed", "trained", "trained"]


def test_a_group_that_is_lost_is_handed_over_again(sweep):
    ray, _, told = sweep({"vae": [RayError(), DONE, DONE, DONE, DONE]}, bindings=GROUP)
    assert [len(task["runs"]) for task in ray.tasks] == [3, 3, 1, 1, 1]
    assert [status for _, status in told].count("lost") == 3


def test_with_gpus_as_many_are_scored_at_a_time_as_are_trained(sweep):
    more = ["study.fuse = 1", "vae/part.grid = {'model.random_seed': [0, 1, 2]}"]
    ray, _, _ = sweep({"vae": [DONE] * 6}, 1, more, resources=[{"CPU": 8.0, "GPU": 1.0}])
    assert ray.most == 2
    assert sorted(ray.gpus) == [0, 0, 0, 1.0, 1.0, 1.0]
