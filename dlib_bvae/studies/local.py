"""The executor on this machine: runs → their outcomes, each attempt in a child process with its share of cores and GPUs."""

from __future__ import annotations

import collections
import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, NamedTuple

from dlib_bvae.artifacts import trust, write_atomic
from dlib_bvae.artifacts.lock import in_use, locks_here
from dlib_bvae.errors import check_integer
from dlib_bvae.studies.state import states
from dlib_bvae.studies.study import AUTO, Run, Study
from dlib_bvae.studies.worker import IN_USE, PROGRAM

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
_LINES = 20  # of the child's output that are kept in the record of a failure
_TAIL = 2**16  # bytes of its output that are looked at for them
_GRACE = 30.0  # seconds between asking a child to end and killing it
_PERIOD = 0.1  # seconds between looks at the child
_BUSY = "another process works on it"


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
    crew, key = _Crew(study, store, report, stop, fits), handed_on(study)
    with ThreadPoolExecutor(workers) as pool:
        shares = [share(study.cpus, gpus_of(study, k, workers)) for k in range(workers)]
        futures = [pool.submit(crew.work, each | key) for each in shares]
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


class Outcome(NamedTuple):
    """How an attempt ended.

    status: "done", "failed", "timeout", "stopped" (it was asked to, and can continue) or "busy" (another process works on
    the run, nothing was done). message: why, in one line, empty when done or stopped. seconds: that it took.
    """

    status: str
    message: str
    seconds: float


Report = Callable[[Run, Outcome | None], None]


def attempt(
    run: Run,
    store: Path,
    timeout: float = 0.0,
    environment: Mapping[str, str] | None = None,
    stop: threading.Event | None = None,
) -> Outcome:
    """Does what is missing of `run` in a child process and returns how that ended.

    timeout: seconds, 0 for none. After it, or when another thread sets `stop`, the child is asked to end, and killed when
    it does not. environment: variables added to the child's. What it prints goes to <run directory>/log.txt; of a failure
    <run directory>/failure.json has the status, the message and the last lines, until an attempt succeeds. The child has
    its own session, so that a terminal's Ctrl-C does not reach it, and ends when this process dies.
    """
    directory = run.directory(store)
    if in_use(directory, locks_here()):
        return Outcome("busy", _BUSY, 0.0)
    write_atomic(directory / "run.json", json.dumps(run.to_json(), indent=1) + "\n")
    log_path, began = directory / "log.txt", time.monotonic()
    with log_path.open("ab") as log:
        first = log.tell()
        child = _start(directory, store, log, environment or {})
        ended_by = ""
        try:
            ended_by = _wait(child, timeout, stop)
        finally:
            _end(child)
    outcome = _outcome(child.returncode, ended_by, _tail(log_path, first), timeout, time.monotonic() - began)
    _record(directory / "failure.json", outcome, _tail(log_path, first))
    return outcome


def _start(directory: Path, store: Path, log: IO[bytes], environment: Mapping[str, str]) -> subprocess.Popen:
    command = [sys.executable, "-m", PROGRAM, "--with_parent", str(directory / "run.json"), str(store)]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,  # closed when this process dies
        stdout=log,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},  # log.txt is read as UTF-8
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # what Windows has for a session
    )


def _wait(child: subprocess.Popen, timeout: float, stop: threading.Event | None) -> str:
    """Waits for the child; "" when it ended, else why it has to: "timeout" or "stopped"."""
    began = time.monotonic()
    while child.poll() is None:
        if stop is not None and stop.is_set():
            return "stopped"
        if timeout and time.monotonic() - began > timeout:
            return "timeout"
        time.sleep(_PERIOD)
    return ""


def _end(child: subprocess.Popen) -> None:
    """Ends the child where it still runs: SIGTERM, which saves a checkpoint, and SIGKILL when that does not help."""
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(_GRACE)
        except subprocess.TimeoutExpired:
            _kill(child)
            child.wait()
    if child.stdin is not None:
        child.stdin.close()


def _kill(child: subprocess.Popen) -> None:
    """Kills the child, and what it has started where the system has sessions."""
    if not hasattr(os, "killpg"):  # Windows
        child.kill()
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


def _outcome(code: int, ended_by: str, lines: list[str], timeout: float, seconds: float) -> Outcome:
    if code == 0:
        return Outcome("done", "", seconds)
    if ended_by == "timeout":
        return Outcome("timeout", f"it ran longer than {timeout:g} s", seconds)
    if ended_by:
        return Outcome(ended_by, "", seconds)
    if code == IN_USE:
        return Outcome("busy", _BUSY, seconds)
    if code < 0:
        return Outcome("failed", f"it was ended by {signal.Signals(-code).name}", seconds)
    message = lines[-1].removeprefix(f"{PROGRAM}: ") if lines else f"it ended with status {code}"
    return Outcome("failed", message, seconds)


def _record(path: Path, outcome: Outcome, lines: list[str]) -> None:
    if outcome.status == "done":
        path.unlink(missing_ok=True)
    elif outcome.status in ("failed", "timeout"):
        finished = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        record = {**outcome._asdict(), "finished": finished, "output": lines}
        write_atomic(path, json.dumps(record, indent=1) + "\n")


def _tail(log: Path, first: int) -> list[str]:
    """The last lines that stand in `log` after its first `first` bytes."""
    with log.open("rb") as file:
        file.seek(max(first, log.stat().st_size - _TAIL))
        text = file.read().decode(errors="replace")
    return [line for line in text.replace("\r", "\n").splitlines() if line.strip()][-_LINES:]
