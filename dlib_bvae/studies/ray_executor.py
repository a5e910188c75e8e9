"""The executor on a Ray cluster: every run in a child process of a Ray worker; one lost with its node starts again elsewhere."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, TimeoutError
from pathlib import Path
from types import ModuleType
from typing import IO, Any, NamedTuple

import dlib_bvae
from dlib_bvae.artifacts import write_atomic
from dlib_bvae.errors import UserError, check_integer, pluralize
from dlib_bvae.studies.local import LEAST_SHARE, Outcome, Report, attempt, handed_on, share
from dlib_bvae.studies.state import state_of, states
from dlib_bvae.studies.study import AUTO, Run, Study, resolved

_LOSSES = 20  # times that a run may be lost: what kills every worker it meets is no bad luck
_BUSY = 90.0  # seconds that a run may be in use: a child whose node was lost saves its checkpoint first
_PERIOD = 1.0  # seconds between looks at the cluster
_LEAVE = 45.0  # seconds for children to end
_CANCEL_PERIOD = 0.2  # seconds between looks for a cancellation
_STORE = 2**27  # bytes of shared memory: results go by files, so Ray has next to nothing to carry
_PATIENCE = 10.0  # seconds for the head node to answer
_LISTENER = "ray_listen_error_messages"  # Ray's thread that prints what raylets say


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
    call. A run is given study.cpus and study.gpus; "auto" is a whole GPU or its part, down to a quarter, as the cluster has GPUs
    for so many workers, and none where it has none. report, stop, fits: as of local.execute; a run is reported as started
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
        gpus = _gpus_of_a_run(study, workers, _nodes(ray))
        self._remote = ray.remote(num_cpus=study.cpus, num_gpus=gpus, max_retries=0)(perform)
        # Ray names a run's GPUs to it; it does not hide them from one that asks for none on every version and cluster.
        self._environment = share(study.cpus, [] if study.gpus == 0 else None) | handed_on(study)
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
        task = task_of(run, self.store, self.study.timeout, self._environment)
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


def _gpus_of_a_run(study: Study, workers: int, nodes: Sequence[Mapping[str, float]]) -> float:
    """What Ray is asked for: study.gpus; of "auto" what `workers` runs at a time leave each other, 1 … 1/4, or 0 of none."""
    if study.gpus != AUTO:
        return float(study.gpus)
    there = sum(node.get("GPU", 0) for node in nodes)
    return max(LEAST_SHARE, 1 / math.ceil(workers / there)) if there else 0.0


def perform(task: Mapping[str, Any]) -> Outcome:
    """One attempt at the run of `task` (of task_of).

    Ray cancels a task by a KeyboardInterrupt, after which the child is asked to end and the outcome is "stopped". Raises
    UserError when this node cannot do runs of the study: other results, another package or other gin files.
    """
    run, store = Run.from_json(task["run"]), Path(task["store"])
    with _working_in(Path(task["folder"])):  # gin files are named from where the command was given
        _check_node(run, store, task["version"])
        stop = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            outcome = pool.submit(attempt, run, store, task["timeout"], task["environment"], stop)
            try:
                return _waited_for(outcome, stop)
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


def _waited_for(outcome: Future[Outcome], stop: threading.Event) -> Outcome:
    while True:
        try:
            return outcome.result(_CANCEL_PERIOD)
        except TimeoutError:
            continue
        except KeyboardInterrupt:
            stop.set()


def task_of(run: Run, store: Path, timeout: float, environment: Mapping[str, str]) -> dict[str, Any]:
    """What perform needs, as plain values; see supervise.attempt."""
    return {
        "run": run.to_json(),
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


def imported() -> ModuleType:
    """The module ray; UserError when it is not installed."""
    try:
        with _settings():
            import ray
    except ImportError as error:
        raise UserError(
            "--executor=ray needs Ray, which is not installed; pip install 'dlib_bvae[ray]', or use --executor=local"
        ) from error
    return ray


@contextlib.contextmanager
def _settings() -> Iterator[None]:
    """In the block the environment says to Ray what the user has not: no usage statistics, and 0 GPUs are no GPUs."""
    wanted = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1"}
    added = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextlib.contextmanager
def cluster(study: Study, workers: int, address: str | None) -> Iterator[ModuleType]:
    """Gives the module ray, connected to the cluster at `address`, or to one of this machine that ends with the block.

    workers: of a cluster that is started: so many runs of `study` fit in at once. Raises UserError when there is no Ray, no
    cluster at `address`, or when a cluster that was started has no room for one run.
    """
    if study.gpus != AUTO and float(study.gpus) > 1 and not float(study.gpus).is_integer():
        raise UserError(f"study.gpus is {study.gpus:g}; Ray gives a run a part of one GPU, or whole ones")
    ray = imported()
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address is None:
        options |= {"num_cpus": workers * study.cpus, "include_dashboard": False, "object_store_memory": _STORE}
    with _settings(), contextlib.redirect_stdout(_WithoutRaylets(sys.stdout)):
        _connect(ray, address, options)
        try:
            _check_room(ray, study, workers, started=address is None)
            yield ray
        finally:
            ray.shutdown()


def _connect(ray: ModuleType, address: str | None, options: dict[str, Any]) -> None:
    if address not in (None, "auto"):
        knock(str(address))
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address or "local", **options)
    except (OSError, RuntimeError) as error:
        if address is None:
            raise
        raise _no_answer(address, error) from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)  # ray.init takes it for itself


def knock(address: str) -> None:
    """Raises UserError when `address` is none, or when nothing listens there, which Ray takes minutes to say."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise UserError(f"--ray_address must be HOST:PORT, such as 10.0.0.1:6379, or auto; got {address!r}")
    try:
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()
    except OSError as error:
        raise _no_answer(address, error) from error


def _no_answer(address: str, error: Exception) -> UserError:
    return UserError(
        f"no Ray cluster answers at {address} ({str(error).splitlines()[0]}); start one by 'ray start --head' and give its "
        "HOST:PORT as --ray_address, or auto for the one that this machine is part of"
    )


def room(study: Study, address: str) -> int:
    """How many runs of `study` the cluster at `address` has room for at a time; at least 1. Raises UserError as cluster."""
    with cluster(study, 1, address) as ray:
        nodes = _nodes(ray)
        # "auto": as many as there are cores for, which makes it the smallest share
        gpus = _gpus_of_a_run(study, int(sum(node.get("CPU", 0) for node in nodes)), nodes)
        return max(1, sum(_fit(study, node, gpus) for node in nodes))


def _nodes(ray: ModuleType) -> list[dict[str, float]]:
    """What each node that is alive has: "CPU", "GPU", …"""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _fit(study: Study, node: Mapping[str, float], gpus: float) -> int:
    """How many runs a node has room for, each with study.cpus and `gpus`."""
    fit = int(node.get("CPU", 0) // study.cpus)
    return min(fit, int(node.get("GPU", 0) / gpus + 1e-9)) if gpus else fit


def _check_room(ray: ModuleType, study: Study, workers: int, started: bool) -> None:
    """Raises UserError where no node can ever do a run; says so where one may still join."""
    nodes = _nodes(ray)
    gpus = _gpus_of_a_run(study, workers, nodes)
    if any(_fit(study, node, gpus) for node in nodes):
        return
    wanted = f"{pluralize(study.cpus, 'CPU')} and {gpus:g} GPU{'' if gpus == 1 else 's'} (study.cpus, study.gpus)"
    if started:
        raise UserError(
            f"a run needs {wanted}, which this machine has not; ask for less, or join a cluster by --ray_address"
        )
    print(f"no node of the cluster has {wanted} yet; runs wait until one joins", file=sys.stderr)


class _WithoutRaylets:
    """`stream` without what Ray prints of raylets that died: pages of their logs, which stand in its files too."""

    def __init__(self, stream: IO[str]):
        self._stream = stream

    def write(self, text: str) -> int:
        return len(text) if threading.current_thread().name == _LISTENER else self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
