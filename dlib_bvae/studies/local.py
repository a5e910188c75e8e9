"""The executor on this machine: as many runs at a time as there are workers, each in a child process with its share."""

from __future__ import annotations

import collections
import math
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dlib_bvae.errors import check_integer
from dlib_bvae.studies.run import Run
from dlib_bvae.studies.state import states
from dlib_bvae.studies.study import Study
from dlib_bvae.studies.supervise import Outcome, attempt

# What decides how many threads TensorFlow, OpenMP, BLAS and joblib use.
_THREADS = (
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
)
_AGAIN = ("failed", "timeout")

Report = Callable[[Run, Outcome | None], None]


def execute(
    study: Study,
    store: Path,
    workers: int,
    report: Report = lambda run, outcome: None,
    stop: threading.Event | None = None,
    fits: Callable[[Run], bool] = lambda run: True,
) -> dict[str, Outcome]:
    """Does what is missing of the runs of `study` in `store`, `workers` at a time; returns how each ended by Run.digest.

    A run that fails is tried study.attempts times and does not stop the others. One that another process works on is
    looked at again after all others, and left to it. report: called with a run that is started and None, and with its
    outcome when it ended; by several threads, one at a time. stop: when it is set, the children end with a checkpoint and
    nothing is started any more. fits: whether a run may be started now. Raises UserError for a number of workers < 1, and
    whatever an attempt raises (a full disk), after the other children were ended.
    """
    check_integer("--workers", workers, 1)
    stop = threading.Event() if stop is None else stop
    crew = _Crew(study, store, report, stop, fits)
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(crew.work, share(study.cpus, gpus_of(study, k))) for k in range(workers)]
        try:
            for future in futures:
                future.result()
        except BaseException:
            stop.set()
            raise
    return crew.outcomes


class _Crew:
    """What the workers share."""

    def __init__(
        self, study: Study, store: Path, report: Report, stop: threading.Event, fits: Callable[[Run], bool]
    ) -> None:
        self.study, self.store, self.report, self.stop, self.fits = study, store, report, stop, fits
        self.outcomes: dict[str, Outcome] = {}
        found = zip(study.runs, states(study.runs, store), strict=True)
        self._waiting = collections.deque(run for run, state in found if not state.done)
        self._busy: collections.deque[Run] = collections.deque()
        self._lock = threading.Lock()

    def work(self, environment: dict[str, str]) -> None:
        """Does one run after the other until none is left."""
        try:
            while not self.stop.is_set() and (run := self._take()) is not None:
                again = run.digest in self.outcomes
                self._end(run, self._attempts(run, environment), again)
        except BaseException:
            self.stop.set()  # the other workers end their children
            raise

    def _take(self) -> Run | None:
        with self._lock:
            for queue in (self._waiting, self._busy):
                for run in queue:
                    if self.fits(run):
                        queue.remove(run)
                        self.report(run, None)
                        return run
            return None

    def _attempts(self, run: Run, environment: dict[str, str]) -> Outcome:
        if _is_done(run, self.store):  # by another process, since this one began
            return Outcome("done", "", 0.0)
        for _ in range(self.study.attempts):
            outcome = attempt(run, self.store, self.study.timeout, environment, self.stop)
            if outcome.status not in _AGAIN or self.stop.is_set():
                break
        return outcome

    def _end(self, run: Run, outcome: Outcome, again: bool) -> None:
        with self._lock:
            self.outcomes[run.digest] = outcome
            if outcome.status == "busy" and not again:
                self._busy.append(run)
            self.report(run, outcome)


def _is_done(run: Run, store: Path) -> bool:
    return run.is_trained(store) and not run.missing(store)


def share(cpus: int, gpus: Iterable[str] = ()) -> dict[str, str]:
    """The environment of a child that may use `cpus` cores, and of the machine's GPUs those named."""
    environment = dict.fromkeys(_THREADS, str(cpus))
    if names := ",".join(gpus):
        # Else the first of two runs on one GPU takes all of its memory.
        environment |= {"CUDA_VISIBLE_DEVICES": names, "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    return environment


def gpus_of(study: Study, worker: int) -> list[str]:
    """The GPUs of a worker, in turn: as many as a run is given, at least one; none where the machine has none."""
    names = visible_gpus()
    each = min(len(names), max(1, math.ceil(study.gpus)))
    return [names[(worker * each + k) % len(names)] for k in range(each)]


def visible_gpus() -> Sequence[str]:
    """The names of the NVIDIA GPUs that this process may use, as CUDA_VISIBLE_DEVICES has them."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [name.strip() for name in chosen.split(",") if name.strip() not in ("", "-1")]
    return sorted((path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*")), key=int)


def default_workers(study: Study) -> int:
    """How many runs this machine does at a time: its cores, and where runs are given GPUs those, shared out; at least 1."""
    most = cores() // study.cpus
    names = visible_gpus()
    if names and study.gpus > 0:
        most = min(most, int(len(names) / study.gpus + 1e-9))
    return max(1, most)


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
