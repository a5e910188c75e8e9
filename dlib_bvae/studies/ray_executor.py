"""The executor on a Ray cluster: every run in a child process of a Ray worker; one lost with its node starts again elsewhere."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from dlib_bvae.artifacts import write_atomic
from dlib_bvae.errors import UserError, check_integer
from dlib_bvae.studies.local import Report, share
from dlib_bvae.studies.ray_cluster import cluster
from dlib_bvae.studies.ray_task import perform, task_of
from dlib_bvae.studies.run import Run
from dlib_bvae.studies.state import state_of, states
from dlib_bvae.studies.study import Study
from dlib_bvae.studies.supervise import Outcome

_LOSSES = 20  # times that a run may be lost: what kills every worker it meets is no bad luck
_BUSY = 90.0  # seconds that a run may be in use: a child whose node was lost saves its checkpoint first
_PERIOD = 1.0  # seconds between looks at the cluster
_LEAVE = 45.0  # seconds for children to end


class _Job(NamedTuple):
    """A run that waits, until the time `after`; what became of it before, and since when it was in use."""

    run: Run
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
    call. A run is given study.cpus and study.gpus. report, stop, fits: as of local.execute; a run is reported as started
    when Ray is handed it, and as "lost" when it will be handed it again.

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
        ray: Any,
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
        self._remote = ray.remote(num_cpus=study.cpus, num_gpus=study.gpus, max_retries=0)(perform)
        before = zip(study.runs, states(study.runs, store), strict=True)
        self._waiting = [_Job(run) for run, state in before if not state.done]
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
        waits = any(self.fits(job.run) for job in self._waiting)
        if waits:
            self.stop.wait(_PERIOD)
        return waits

    def _hand_over(self) -> bool:
        """Hands to Ray what it may have now; returns whether that was anything."""
        before, now = len(self._handed), time.monotonic()
        for job in list(self._waiting):
            if len(self._handed) >= self.workers:
                break
            if job.after <= now and self.fits(job.run):
                self._waiting.remove(job)
                self._hand(job)
        return len(self._handed) > before

    def _hand(self, job: _Job) -> None:
        run = job.run
        self.report(run, None)
        if state_of(run, run.directory(self.store), None).done:  # by another process, since this one began
            self._end(job, Outcome("done", "", 0.0))
            return
        # A node that does not see this file does not share the results.
        write_atomic(run.directory(self.store) / "run.json", json.dumps(run.to_json(), indent=1) + "\n")
        environment = share(self.study.cpus) | _gpu_memory(self.study.gpus)
        task = task_of(run, self.store, self.study.timeout, environment)
        self._handed[self._remote.remote(task)] = job

    def _collect(self, seconds: float) -> None:
        """Waits up to `seconds` for a run to end, and decides what becomes of each that did."""
        if not self._handed:
            return
        ended, _ = self._ray.wait(list(self._handed), num_returns=1, timeout=seconds)
        for reference in ended:
            self._settle(self._handed.pop(reference), reference)

    def _settle(self, job: _Job, reference: Any) -> None:
        outcome, now = self._outcome_of(reference), time.monotonic()
        if outcome is None:
            self._lost(job._replace(losses=job.losses + 1))
        elif outcome.status == "busy" and now - (job.busy_since or now) < _BUSY:
            self._again(job._replace(busy_since=job.busy_since or now, after=now + _BUSY / 30), outcome)
        elif outcome.status in ("failed", "timeout") and job.failures + 1 < self.study.attempts:
            self._again(job._replace(failures=job.failures + 1), outcome)
        else:
            self._end(job, outcome)

    def _lost(self, job: _Job) -> None:
        if job.losses < _LOSSES:
            self._again(job, Outcome("lost", "its worker or node was lost; it is started again", 0.0))
        else:
            self._end(job, Outcome("failed", f"its worker or node was lost {_LOSSES} times", 0.0))

    def _again(self, job: _Job, outcome: Outcome) -> None:
        self.report(job.run, outcome)
        self._waiting.append(job)

    def _end(self, job: _Job, outcome: Outcome) -> None:
        self.outcomes[job.run.digest] = outcome
        self.report(job.run, outcome)

    def _outcome_of(self, reference: Any) -> Outcome | None:
        """How an attempt ended; None when its worker or node was lost. Raises UserError when the node cannot do runs."""
        errors = self._ray.exceptions
        try:
            return Outcome(*self._ray.get(reference))
        except errors.TaskCancelledError:
            return Outcome("stopped", "", 0.0)
        except errors.RayTaskError as error:
            if isinstance(error.cause, UserError):
                raise UserError(str(error.cause)) from error
            return Outcome("failed", str(error.cause or error).strip().splitlines()[-1], 0.0)
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


def _gpu_memory(gpus: float) -> dict[str, str]:
    """Else the first of two runs on one GPU takes all of its memory."""
    return {"TF_FORCE_GPU_ALLOW_GROWTH": "true"} if gpus else {}
