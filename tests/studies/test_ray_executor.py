"""Sweeps on a Ray cluster of several nodes on this machine, which are taken away while runs are under way."""

from __future__ import annotations

import collections
import functools
import json
import os
import re
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

import dlib_bvae
from dlib_bvae.errors import UserError
from dlib_bvae.studies import local, ray_cluster, ray_executor, study
from dlib_bvae.studies.attempts import Outcome
from dlib_bvae.studies.ray_executor import perform, task_of
from dlib_bvae.studies.tasks import ALL, Task

TROUBLE = '''
import time

import gin
from dlib_bvae.models.objectives.vae import vae


@gin.configurable
class Trouble(vae):
    """A β-VAE that is as asked for: "none", "raise" or "hang"."""

    def __init__(self, kind="none"):
        super().__init__(4.0)
        self.kind = kind

    def build(self, *given):
        super().build(*given)
        if self.kind == "raise":
            raise RuntimeError("broken on purpose")
        if self.kind == "hang":
            time.sleep(3600)
'''
STUDY = """
study.name = "trouble"
study.parts = [@hangs/part(), @good/part(), @breaks/part()]
study.metrics = ["mig"]
study.timeout = TIMEOUT
CONFIGS = ["gin/beta4_dsprites.gin"]
TINY = [
    "import trouble_on_purpose",
    "dataset.name = 'dummy_data'",
    "model.model = @Trouble()",
    "model.name = 'trouble'",
    "model.batch_size = 8",
    "model.training_steps = 500",
    "model.checkpoint_every = 25",
    "model.log_every = 25",
]
good/part.configs = %CONFIGS
good/part.bindings = %TINY
good/part.grid = {"model.random_seed": SEEDS}
breaks/part.configs = %CONFIGS
breaks/part.bindings = %TINY
breaks/part.grid = {"Trouble.kind": ["raise"]}
hangs/part.configs = %CONFIGS
hangs/part.bindings = %TINY
hangs/part.grid = {"Trouble.kind": ["hang"]}
"""
BROKEN = ("failed", "RuntimeError: broken on purpose")
SMALL = 75 * 2**20  # bytes, the least that Ray takes for its objects


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The folder of trouble_on_purpose.py, which every process finds."""
    (tmp_path / "trouble_on_purpose.py").write_text(TROUBLE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    return tmp_path


@pytest.fixture
def cluster(module):
    """A cluster with a head that does no runs and three nodes for one run each."""
    ray_cluster.imported()
    from ray.cluster_utils import Cluster

    before = signal.getsignal(signal.SIGTERM)  # Ray takes it
    head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": SMALL}
    made = Cluster(initialize_head=True, head_node_args=head)
    for _ in range(3):
        made.add_node(num_cpus=1, object_store_memory=SMALL)
    yield made
    made.shutdown()
    signal.signal(signal.SIGTERM, before)


def loaded(folder: Path, seeds: int, timeout: float = 600, steps: int = 500) -> study.Study:
    file = folder / "trouble.gin"
    values = {"SEEDS": [*range(seeds)], "TIMEOUT": timeout, "training_steps = 500": f"training_steps = {steps}"}
    file.write_text(functools.reduce(lambda text, item: text.replace(item[0], str(item[1])), values.items(), STUDY))
    return study.load([str(file)])


class Killer(threading.Thread):
    """Kills the Ray worker of a run that has a checkpoint, and the node of another; lost: these runs' digests."""

    def __init__(self, cluster, runs, store: Path):
        super().__init__(daemon=True)
        self.cluster, self.runs, self.store = cluster, list(runs), store
        self.lost: list[str] = []

    def run(self) -> None:
        os.kill(self._worker_of_the_next(), signal.SIGKILL)
        raylet = _parent(self._worker_of_the_next())
        node = next(each for each in self.cluster.list_all_nodes() if raylet == _raylet_of(each))
        self.cluster.remove_node(node, allow_graceful=False)

    def _worker_of_the_next(self) -> int:
        """The Ray worker of the next run that has a checkpoint and is under way."""
        while True:
            for run in self.runs:
                if worker := _worker_of(run.directory(self.store)):
                    self.runs.remove(run)
                    self.lost.append(run.digest)
                    return worker
            time.sleep(0.02)


def _worker_of(directory: Path) -> int | None:
    """The process that started the child in `directory`, when that trains and has a checkpoint."""
    try:
        if (directory / "train.part/checkpoint/checkpoint").is_file():  # written when all else of one is
            return _parent(json.loads((directory / ".lock").read_text())["pid"])
    except (OSError, ValueError):  # the child has just come or gone
        pass
    return None


def _parent(process: int) -> int:
    return int(re.search(r"PPid:\s*(\d+)", Path(f"/proc/{process}/status").read_text())[1])


def _raylet_of(node) -> int:
    return node.all_processes["raylet"][0].process.pid


def sweep(cluster, asked: study.Study, store: Path) -> dict[str, Outcome]:
    """Executes `asked` while a worker and a node are killed; checks what must hold of the runs that can be done."""
    good = [run for run in asked.runs if run.part == "good"]
    killer = Killer(cluster, good, store)
    killer.start()
    seen, uuids = collections.defaultdict(list), {}

    def report(run, outcome: Outcome | None) -> None:
        if outcome is not None:
            seen[run.digest].append(outcome.status)
            if outcome.status == "done":
                uuids[run.digest] = _uuids(run, store)

    outcomes = ray_executor.execute(asked, store, 3, report, address=cluster.address)
    killer.join(60)  # it waits for the node's processes to end
    assert not killer.is_alive()
    for run in good:
        assert [status for status in seen[run.digest] if status not in ("lost", "busy")] == ["done"]
        log = (run.directory(store) / "log.txt").read_text()
        assert len(re.findall(r"trained 500 steps", log)) == 1
        assert uuids[run.digest] == _uuids(run, store)  # nothing was written again
        assert len(re.findall(r"step 1/500 ", log)) == 1  # what was interrupted did not begin again
    assert len(killer.lost) == 2
    assert all("lost" in seen[digest] for digest in killer.lost)
    _same_as_local(asked._replace(runs=tuple(good)), store, store.with_name("local"))
    return {run.part: outcomes[run.digest] for run in asked.runs}


def _uuids(run, store: Path) -> list[str]:
    files = sorted(run.directory(store).glob("**/results/json/*_results.json"))
    assert len(files) == 3  # train, postprocess, mig
    return [json.loads(file.read_text())["uuid"] for file in files]


def _same_as_local(asked: study.Study, store: Path, other: Path) -> None:
    """The runs' weights, codes and scores are those of the executor on this machine, bit for bit."""
    ended = local.execute(asked, other, 2)
    assert {outcome.status for outcome in ended.values()} == {"done"}
    for run in asked.runs:
        mine, its = run.directory(store), run.directory(other)
        for name in ("mean/codes.npy", "train/saved_model/variables/variables.data-00000-of-00001"):
            assert (mine / name).read_bytes() == (its / name).read_bytes(), name
        mig = "mean/metrics/mig/results/json/evaluation_results.json"
        scores = [json.loads((each / mig).read_text())["discrete_mig"] for each in (mine, its)]
        assert scores[0] == scores[1]


@pytest.mark.slow
def test_a_killed_worker_a_lost_node_a_failure_and_a_hang(cluster, module):
    asked, store = loaded(module, 4), module / "store"
    hangs = tuple(run for run in asked.runs if run.part == "hangs")
    others = tuple(run for run in asked.runs if run.part != "hangs")
    assert sweep(cluster, asked._replace(runs=others), store)["breaks"][:2] == BROKEN
    # Alone, as a time limit that is short for a test is too short for the others on a busy machine.
    hung = ray_executor.execute(asked._replace(runs=hangs, timeout=15.0), store, 1, address=cluster.address)
    assert [outcome[:2] for outcome in hung.values()] == [("timeout", "it ran longer than 15 s")]


@pytest.mark.slow
def test_all_of_that_at_once_in_24_runs(cluster, module):
    ended = sweep(cluster, loaded(module, 22, timeout=300), module / "store")
    assert ended["breaks"][:2] == BROKEN
    assert ended["hangs"][:2] == ("timeout", "it ran longer than 300 s")


@pytest.mark.slow
def test_a_group_is_trained_together_on_a_cluster_and_its_runs_are_scored(cluster, module):
    asked, store = loaded(module, 3, steps=20), module / "store"
    good = tuple(run for run in asked.runs if run.part == "good")
    said = []
    report = lambda run, outcome: said.append(outcome and outcome.status)
    outcomes = ray_executor.execute(asked._replace(runs=good, fuse=3), store, 3, report, address=cluster.address)
    assert {outcome.status for outcome in outcomes.values()} == {"done"}
    assert (said.count("trained"), said.count("done")) == (3, 3)
    for run in good:
        assert len(_uuids(run, store)) == 3
        found = json.loads((run.directory(store) / "train/results/json/train_results.json").read_text())
        assert found["ensemble"] == {"members": 3, "way": "loop"}


def test_what_a_node_that_cannot_do_runs_says(tmp_path):
    run, store = loaded(tmp_path, 1).runs[1], tmp_path / "store"
    task = task_of(Task(ALL, (run,)), store, 0.0, {})
    with pytest.raises(UserError, match=r"does not see .*store; --results must be a folder that all nodes share"):
        perform(task)
    run.directory(store).mkdir(parents=True)
    (run.directory(store) / "run.json").write_text("{}")
    with pytest.raises(UserError, match=rf"has dlib_bvae {dlib_bvae.__version__}, the sweep was started with 0.0.1"):
        perform({**task, "version": "0.0.1"})
    other = loaded(tmp_path, 1, steps=999).runs[1]
    other.directory(store).mkdir(parents=True)
    (other.directory(store) / "run.json").write_text("{}")
    changed = {**task["runs"][0], "config": other.config}
    with pytest.raises(UserError, match=r"has other gin files .* for gin/beta4_dsprites.gin"):
        perform({**task, "runs": [changed]})


@pytest.mark.parametrize(
    "address, words", [("127.0.0.1:1", "no Ray cluster answers at 127.0.0.1:1 "), ("nowhere", "must be HOST:PORT")]
)
def test_an_address_where_no_cluster_is(tmp_path, address, words):
    with pytest.raises(UserError, match=words):
        ray_executor.execute(loaded(tmp_path, 1), tmp_path / "store", 1, address=address)


def test_without_ray(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"pip install 'dlib_bvae\[ray\]'"):
        ray_executor.execute(loaded(tmp_path, 1), tmp_path / "store", 1)


def test_a_run_is_not_given_one_and_a_half_gpus(tmp_path):
    with pytest.raises(UserError, match=r"study.gpus is 1.5; Ray gives"):
        ray_executor.execute(loaded(tmp_path, 1)._replace(gpus=1.5), tmp_path / "store", 1)
