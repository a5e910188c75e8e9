"""The executor on a Ray cluster: every task in a child process of a Ray worker; one lost with its node starts again elsewhere."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, TimeoutError
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import dlib_bvae
from dlib_bvae.artifacts import write_atomic
from dlib_bvae.errors import UserError, check_integer
from dlib_bvae.studies.attempts import Outcome, Report, attempt
from dlib_bvae.studies.local import NO_GPU, handed_on, share
from dlib_bvae.studies.ray_cluster import cluster, gpus_of_a_run, gpus_shared, nodes_of
from dlib_bvae.studies.state import states
from dlib_bvae.studies.study import Run, Study, resolved
from dlib_bvae.studies.tasks import Task, after, tasks

_LOSSES = 20  # times that a run may be lost: what kills every worker it meets is no bad luck
_BUSY = 90.0  # seconds that a run may be in use: a child whose node was lost saves its checkpoint first
_PERIOD = 1.0  # seconds between looks at the cluster
_LEAVE = 45.0  # seconds for children to end
_CANCEL_PERIOD = 0.2  # seconds between looks for a cancellation


class _Job(NamedTuple):
    """A task that waits, until the time `after`; what became of it before, and since when it was in use."""

    task: Task
    failures: int = 0
    losses: int = 0
    busy_since: float | None = None
    after: float = 0.0


def execute(
    study: Study,
    store: Path,
    workers: int,
    report: Report = lambda run, outcome: None,
    stop: threading.Event | None = None,
    fits: Callable[[Run], bool] = lambda run: True,
    address: str | None = None,
) -> dict[str, Outcome]:
    """Does what is missing of the runs of `study` in `store`, `workers` at a time; returns how each ended by Run.digest.

    address: HOST:PORT of the cluster to join, "auto" for that of this machine, None to start one here, which ends with the
    call. A run is given study.cpus and study.gpus; "auto" is a whole GPU or its part, down to a quarter, as the cluster has GPUs
    for so many workers, and none where it has none. With a GPU a run is trained and encoded, and then scored by a task without
    one, up to `workers` of these at a time. report, stop, fits: as of local.execute; a run is reported as started when Ray is
    handed it, and as "lost" when it will be handed it again.

    A run whose worker or node is lost is no failure: it is handed to Ray again, up to 20 times, and continues from its
    checkpoint. Raises UserError when there is no such cluster, or when a node cannot do the study's runs; all children are
    ended then.
    """
    check_integer("--workers", workers, 1)
    with cluster(study, workers, address) as ray:
        return _Sweep(ray, study, store.absolute(), workers, report, stop or threading.Event(), fits).run()


class _Sweep:
    """The runs that wait and those that Ray has."""

    def __init__(
        self,
        ray: ModuleType,
        study: Study,
        store: Path,
        workers: int,
        report: Report,
        stop: threading.Event,
        fits: Callable[[Run], bool],
    ) -> None:
        self.study, self.store, self.workers = study, store, workers
        self.report, self.stop, self.fits = report, stop, fits
        self.outcomes: dict[str, Outcome] = {}
        self._ray = ray
        # Ray's own retries would leave unsaid that a run was lost.
        nodes = nodes_of(ray)
        self._gpus = gpus_of_a_run(study, workers, nodes)
        remote = lambda gpus: ray.remote(num_cpus=study.cpus, num_gpus=gpus, max_retries=0)(perform)
        self._remote = remote(self._gpus)
        self._scoring = remote(0.0) if self._gpus else self._remote
        # Ray names a run's GPUs to it; it does not hide them from one that asks for none on every version and cluster.
        self._environment = share(study.cpus, [] if study.gpus == 0 else None) | handed_on(study)
        first = tasks(study, states(study.runs, store), store, gpus_shared(study, nodes))
        self._waiting = [_Job(task) for task in first]
        self._handed: dict[Any, _Job] = {}

    def run(self) -> dict[str, Outcome]:
        """Hands runs to Ray until none is left; ends what Ray has when it is stopped or something is raised."""
        try:
            while not self.stop.is_set() and (self._hand_over() or self._handed or self._waits()):
                self._collect(_PERIOD)
        finally:
            self._leave()
        return self.outcomes

    def _waits(self) -> bool:
        """Whether a run waits for its time, which is waited for."""
        waits = any(self._fits(job) for job in self._waiting)
        if waits:
            self.stop.wait(_PERIOD)
        return waits

    def _fits(self, job: _Job) -> bool:
        return all(map(self.fits, job.task.runs))

    def _hand_over(self) -> bool:
        """Hands to Ray what it may have now; returns whether that was anything."""
        before, now = len(self._handed), time.monotonic()
        for job in list(self._waiting):
            if self._has_room(job) and job.after <= now and self._fits(job):
                self._waiting.remove(job)
                self._hand(job)
        return len(self._handed) > before

    def _is_apart(self, job: _Job) -> bool:
        """Whether the job scores what another has trained on a GPU."""
        return self._gpus > 0 and job.task.scores_only

    def _has_room(self, job: _Job) -> bool:
        alike = [each for each in self._handed.values() if self._is_apart(each) == self._is_apart(job)]
        return len(alike) < self.workers

    def _hand(self, job: _Job) -> None:
        left = []
        for run in job.task.runs:
            self.report(run, None)
            if job.task.is_done(run, self.store):  # by another process, since this one began
                self._end(job, run, Outcome("done", "", 0.0))
                continue
            # A node that does not see this file does not share the results.
            write_atomic(run.directory(self.store) / "run.json", json.dumps(run.to_json(), indent=1) + "\n")
            left.append(run)
        if left:
            job, apart = job._replace(task=job.task.of(*left)), self._is_apart(job)
            environment = self._environment | (NO_GPU if apart else {})
            task = task_of(job.task, self.store, self.study.timeout, environment)
            self._handed[(self._scoring if apart else self._remote).remote(task)] = job

    def _collect(self, seconds: float) -> None:
        """Waits up to `seconds` for a run to end, and decides what becomes of each that did."""
        if not self._handed:
            return
        ended, _ = self._ray.wait(list(self._handed), num_returns=1, timeout=seconds)
        for reference in ended:
            self._settle(self._handed.pop(reference), reference)

    def _settle(self, job: _Job, reference: Any) -> None:
        outcomes = self._outcomes_of(reference, len(job.task.runs))
        if outcomes is None:
            self._lost(job._replace(losses=job.losses + 1))
            return
        for run, outcome in zip(job.task.runs, outcomes, strict=True):
            self._settle_run(job._replace(task=job.task.of(run)), run, outcome)

    def _settle_run(self, job: _Job, run: Run, outcome: Outcome) -> None:
        now = time.monotonic()
        if outcome.status == "busy" and now - (job.busy_since or now) < _BUSY:
            self._again(job._replace(busy_since=job.busy_since or now, after=now + _BUSY / 30), outcome)
        elif outcome.status in ("failed", "timeout") and job.failures + 1 < self.study.attempts:
            self._again(job._replace(failures=job.failures + 1), outcome)
        else:
            self._end(job, run, outcome)

    def _lost(self, job: _Job) -> None:
        if job.losses < _LOSSES:
            self._again(job, Outcome("lost", "its worker or node was lost; it is started again", 0.0))
        else:
            for run in job.task.runs:
                self._end(job, run, Outcome("failed", f"its worker or node was lost {_LOSSES} times", 0.0))

    def _again(self, job: _Job, outcome: Outcome) -> None:
        for run in job.task.runs:
            self.report(run, outcome)
        self._waiting.append(job)

    def _end(self, job: _Job, run: Run, outcome: Outcome) -> None:
        if (then := after(job.task, run, outcome.status, self.store)) is not None:
            outcome = outcome._replace(status="trained") if outcome.status == "done" else outcome
            self._waiting.insert(0, _Job(then))
        self.outcomes[run.digest] = outcome
        self.report(run, outcome)

    def _outcomes_of(self, reference: Any, count: int) -> list[Outcome] | None:
        """How an attempt ended for each of `count` runs; None when its worker or node was lost.

        Raises UserError when the node cannot do runs.
        """
        errors = self._ray.exceptions
        try:
            return [Outcome(*each) for each in self._ray.get(reference)]
        except errors.TaskCancelledError:
            return [Outcome("stopped", "", 0.0)] * count
        except errors.RayTaskError as error:
            if isinstance(error.cause, UserError):
                raise UserError(str(error.cause)) from error
            return [Outcome("failed", str(error.cause or error).strip().splitlines()[-1], 0.0)] * count
        except errors.RayError:
            return None

    def _leave(self) -> None:
        """Ends what Ray still has; the children save their checkpoints."""
        for reference in self._handed:
            self._ray.cancel(reference)
        until = time.monotonic() + _LEAVE
        while self._handed and time.monotonic() < until:
            with contextlib.suppress(UserError):  # of other nodes
                self._collect(_PERIOD)


def perform(task: Mapping[str, Any]) -> list[Outcome]:
    """One attempt at `task` (of task_of): how it ended for each of its runs.

    Ray cancels a task by a KeyboardInterrupt, after which the child is asked to end and the outcomes are "stopped". Raises
    UserError when this node cannot do runs of the study: other results, another package or other gin files.
    """
    asked, store = Task(tuple(task["steps"]), tuple(map(Run.from_json, task["runs"]))), Path(task["store"])
    with _working_in(Path(task["folder"])):  # gin files are named from where the command was given
        for run in asked.runs:
            _check_node(run, store, task["version"])
        stop = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            outcomes = pool.submit(attempt, asked, store, task["timeout"], task["environment"], stop)
            try:
                return _waited_for(outcomes, stop)
            finally:
                stop.set()


@contextlib.contextmanager
def _working_in(folder: Path) -> Iterator[None]:
    """The block runs in `folder`, where that is there; Ray's process, which does other tasks later, is then where it was."""
    before = os.getcwd()
    if folder.is_dir():
        os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _waited_for(outcomes: Future[list[Outcome]], stop: threading.Event) -> list[Outcome]:
    while True:
        try:
            return outcomes.result(_CANCEL_PERIOD)
        except TimeoutError:
            continue
        except KeyboardInterrupt:
            stop.set()


def task_of(task: Task, store: Path, timeout: float, environment: Mapping[str, str]) -> dict[str, Any]:
    """What perform needs, as plain values; see attempts.attempt."""
    return {
        "steps": list(task.steps),
        "runs": [run.to_json() for run in task.runs],
        "store": str(store),
        "timeout": timeout,
        "environment": dict(environment),
        "folder": os.getcwd(),
        "version": dlib_bvae.__version__,
    }


def _check_node(run: Run, store: Path, version: str) -> None:
    node = socket.gethostname()
    if not (run.directory(store) / "run.json").is_file():
        raise UserError(
            f"the node {node} does not see {store}; --results must be a folder that all nodes share under the same path"
        )
    if dlib_bvae.__version__ != version:
        raise UserError(
            f"the node {node} has dlib_bvae {dlib_bvae.__version__}, the sweep was started with {version}; install the same"
        )
    if resolved(run.gin_config, run.gin_bindings) != run.config:
        raise UserError(
            f"the node {node} has other gin files than this machine for {', '.join(run.gin_config)}; start the sweep in a "
            "folder that all nodes share, and install the same dlib_bvae"
        )
