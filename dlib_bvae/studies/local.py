"""The executor on this machine: runs → their outcomes, each task in a child process with its share of cores and GPUs."""

from __future__ import annotations

import collections
import math
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dlib_bvae.artifacts import trust
from dlib_bvae.errors import check_integer
from dlib_bvae.studies.attempts import Outcome, Report, attempt
from dlib_bvae.studies.state import states
from dlib_bvae.studies.study import AUTO, Run, Study
from dlib_bvae.studies.tasks import SCORE, TRAIN, Task, after, tasks

# What decides how many threads TensorFlow, OpenMP, BLAS and joblib use.
_THREADS = (
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
)
LEAST_SHARE = 0.25  # of a GPU, that study.gpus = "auto" gives a run
_AGAIN = ("failed", "timeout")
_PERIOD = 0.1  # seconds between looks for a task that another brings
NO_GPU = {"CUDA_VISIBLE_DEVICES": "-1"}  # the environment of a child that scores what another has trained on a GPU


def execute(
    study: Study,
    store: Path,
    workers: int,
    report: Report = lambda run, outcome: None,
    stop: threading.Event | None = None,
    fits: Callable[[Run], bool] = lambda run: True,
) -> dict[str, Outcome]:
    """Does what is missing of the runs of `study` in `store`, `workers` at a time; returns how each ended by Run.digest.

    Where runs are given GPUs, `workers` of them are trained at a time, and what is trained is scored without a GPU on the cores
    that are left, at least one run at a time. A run that fails is tried study.attempts times and does not stop the others. One
    that another process works on is looked at again after all others, and left to it. report: called with a run that is started
    and None, and with its outcome when it ended, "trained" when it is yet to be scored by a process of its own; by several
    threads, one at a time. stop: when it is set, the children end with a checkpoint and nothing is started any more. fits:
    whether a run may be started now. Raises UserError for a number of workers < 1, and whatever an attempt raises (a full disk),
    after the other children were ended.
    """
    check_integer("--workers", workers, 1)
    stop = threading.Event() if stop is None else stop
    gpus = gpus_there(study)
    crew, key = _Crew(study, store, report, stop, fits, gpus), handed_on(study)
    scoring = max(1, cores() // study.cpus - workers) if gpus else 0
    # Who has a GPU trains as long as there is something to train; without GPUs what is trained is scored first.
    order = (TRAIN, SCORE) if gpus else (SCORE, TRAIN)
    places: list[tuple[dict[str, str], Sequence[str]]]
    places = [(share(study.cpus, gpus_of(study, k, workers)), order) for k in range(workers)]
    places += [(share(study.cpus, []), (SCORE,))] * scoring
    with ThreadPoolExecutor(len(places)) as pool:
        futures = [pool.submit(crew.work, environment | key, kinds) for environment, kinds in places]
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
        self,
        study: Study,
        store: Path,
        report: Report,
        stop: threading.Event,
        fits: Callable[[Run], bool],
        gpus: int,
    ) -> None:
        self.study, self.store, self.report, self.stop, self.fits = study, store, report, stop, fits
        self.outcomes: dict[str, Outcome] = {}
        self._hidden = NO_GPU if gpus else {}
        self._waiting = collections.deque(tasks(study, states(study.runs, store), store, gpus))
        self._busy: collections.deque[Task] = collections.deque()
        self._training = 0  # tasks under way that others may follow
        self._lock = threading.Lock()

    def work(self, environment: dict[str, str], kinds: Sequence[str]) -> None:
        """Does one task after the other until none is left. kinds: the first steps of those it does, in order of preference."""
        try:
            while not self.stop.is_set():
                task, waits = self._take(kinds)
                if task is not None:
                    self._do(task, environment | (self._hidden if task.scores_only else {}))
                elif waits:
                    self.stop.wait(_PERIOD)
                else:
                    return
        except BaseException:
            self.stop.set()  # the other workers end their children
            raise

    def _take(self, kinds: Sequence[str]) -> tuple[Task | None, bool]:
        """The next task, which is then under way; where there is none, whether others may bring one."""
        with self._lock:
            for kind, queue in ((kind, queue) for queue in (self._waiting, self._busy) for kind in kinds):
                for task in queue:
                    if task.steps[0] == kind and all(map(self.fits, task.runs)):
                        queue.remove(task)
                        self._training += not task.scores_only
                        for run in task.runs:
                            self.report(run, None)
                        return task, False
            others = [] if TRAIN in kinds else [*self._waiting, *self._busy]
            return None, self._training > 0 or any(all(map(self.fits, task.runs)) for task in others)

    def _do(self, task: Task, environment: dict[str, str]) -> None:
        try:
            for run, outcome in self._attempts(task, environment):
                self._end(task, run, outcome)
        finally:
            with self._lock:
                self._training -= not task.scores_only

    def _attempts(self, task: Task, environment: dict[str, str]) -> Iterator[tuple[Run, Outcome]]:
        """Each run of the task, and how its last attempt ended."""
        left = []
        for run in task.runs:
            if task.is_done(run, self.store):  # by another process, since this one began
                yield run, Outcome("done", "", 0.0)
            else:
                left.append(run)
        for tried in range(self.study.attempts if left else 0):
            outcomes = attempt(task.of(*left), self.store, self.study.timeout, environment, self.stop)
            last = tried + 1 == self.study.attempts or self.stop.is_set()
            again = [] if last else [run for run, each in zip(left, outcomes, strict=True) if each.status in _AGAIN]
            yield from ((run, each) for run, each in zip(left, outcomes, strict=True) if run not in again)
            left = again
            if not left:
                return

    def _end(self, task: Task, run: Run, outcome: Outcome) -> None:
        with self._lock:
            before = self.outcomes.get(run.digest)
            if outcome.status == "busy" and (before is None or before.status != "busy"):
                self._busy.append(task.of(run))
            if (then := after(task, run, outcome.status, self.store)) is not None:
                outcome = outcome._replace(status="trained") if outcome.status == "done" else outcome
                self._waiting.appendleft(then)
            self.outcomes[run.digest] = outcome
            self.report(run, outcome)


def share(cpus: int, gpus: Sequence[str] | None = None) -> dict[str, str]:
    """The environment of a child that may use `cpus` cores, and of the machine's GPUs those named; None: those it sees."""
    environment = dict.fromkeys(_THREADS, str(cpus))
    if gpus is None or gpus:
        # Else the first of two runs on one GPU takes all of its memory.
        environment["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
    if gpus is not None:
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(gpus) or "-1"
    return environment


def handed_on(study: Study) -> dict[str, str]:
    """The environment by which the children that train runs of `study` open and mark them as this process would."""
    importing = lambda run: tuple(each for each in run.gin_bindings if "import" in each or "include" in each)
    return trust.handed_on({(run.gin_config, importing(run)) for run in study.runs})


def gpus_of(study: Study, worker: int, workers: int) -> list[str] | None:
    """The GPUs of one of `workers`, in turn: as many as a run is given; "auto": all are shared out, at least one each.

    Empty where study.gpus is 0; None where the machine names none, and what a child finds is its own.
    """
    if study.gpus == 0:
        return []
    names = visible_gpus()
    wanted = max(1, len(names) // workers) if study.gpus == AUTO else math.ceil(float(study.gpus))
    each = min(len(names), wanted)
    return [names[(worker * each + k) % len(names)] for k in range(each)] or None


def gpus_there(study: Study) -> int:
    """How many GPUs of this machine the runs of `study` share."""
    return 0 if study.gpus == 0 else len(visible_gpus())


def visible_gpus() -> Sequence[str]:
    """The names of the NVIDIA GPUs that this process may use, as CUDA_VISIBLE_DEVICES has them."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [name.strip() for name in chosen.split(",") if name.strip() not in ("", "-1")]
    return sorted((path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*")), key=int)


def default_workers(study: Study) -> int:
    """How many runs this machine does at a time: its cores, and where runs are given GPUs those, shared out; at least 1.

    study.gpus = "auto": at most four per GPU.
    """
    most = cores() // study.cpus
    each = LEAST_SHARE if study.gpus == AUTO else float(study.gpus)
    if (names := visible_gpus()) and each > 0:
        most = min(most, int(len(names) / each + 1e-9))
    return max(1, most)


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
