"""One attempt at a task in a child process with its share of cores and GPUs → how it ended for each of the task's runs."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from dlib_bvae.artifacts import write_atomic
from dlib_bvae.artifacts.lock import in_use, locks_here
from dlib_bvae.studies.study import Run
from dlib_bvae.studies.tasks import Task
from dlib_bvae.studies.worker import IN_USE, PROGRAM

_LINES = 20  # of the child's output that are kept in the record of a failure
_TAIL = 2**16  # bytes of its output that are looked at for them
_GRACE = 30.0  # seconds between asking a child to end and killing it
_PERIOD = 0.1  # seconds between looks at the child
_BUSY = "another process works on it"


class Outcome(NamedTuple):
    """How an attempt ended.

    status: "done", "failed", "timeout", "stopped" (it was asked to, and can continue), "busy" (another process works on the
    run, nothing was done) or "apart" (of a run that was trained with others: their process failed). message: why, in one line,
    empty when done or stopped. seconds: that it took. Executors add "trained": the run is to be scored by another process.
    """

    status: str
    message: str
    seconds: float


Report = Callable[[Run, Outcome | None], None]


def attempt(
    task: Task,
    store: Path,
    timeout: float = 0.0,
    environment: Mapping[str, str] | None = None,
    stop: threading.Event | None = None,
) -> list[Outcome]:
    """Does what is missing of `task` in a child process and returns how that ended for each of its runs.

    timeout: seconds, 0 for none. After it, or when another thread sets `stop`, the child is asked to end, and killed when
    it does not. environment: variables added to the child's. What it prints goes to <run directory>/log.txt, of several runs to
    that of the first, which the others' name; of a failure <run directory>/failure.json has the status, the message and the last
    lines, until an attempt succeeds. The child has its own session, so that a terminal's Ctrl-C does not reach it, and ends when
    this process dies.
    """
    locks = locks_here()
    free = [run for run in task.runs if not in_use(run.directory(store), locks)]
    outcomes = dict.fromkeys((run.digest for run in task.runs), Outcome("busy", _BUSY, 0.0))
    if free:
        outcomes |= _attempt(task.of(*free), store, timeout, environment or {}, stop)
    return [outcomes[run.digest] for run in task.runs]


def _attempt(
    task: Task, store: Path, timeout: float, environment: Mapping[str, str], stop: threading.Event | None
) -> dict[str, Outcome]:
    """The outcomes by Run.digest of runs that no process works on."""
    directories = [run.directory(store) for run in task.runs]
    for run, directory in zip(task.runs, directories, strict=True):
        write_atomic(directory / "run.json", json.dumps(run.to_json(), indent=1) + "\n")
    log_path, began = directories[0] / "log.txt", time.monotonic()
    for directory in directories[1:]:
        with (directory / "log.txt").open("a", encoding="utf-8") as other:
            print(f"trained together with others; what their process prints stands in {log_path}", file=other)
    with tempfile.TemporaryDirectory() as folder, log_path.open("ab") as log:
        first, endings = log.tell(), Path(folder) / "endings.json"
        child = _start(task, directories, store, endings, log, environment)
        ended_by = ""
        try:
            ended_by = _wait(child, timeout, stop)
        finally:
            _end(child)
        said: dict[str, tuple[str, str]] = {}
        if endings.exists():
            said = json.loads(endings.read_text(encoding="utf-8"))
    lines, seconds = _tail(log_path, first), time.monotonic() - began
    common = _outcome(child.returncode, ended_by, lines, timeout, seconds)
    if len(task.runs) > 1 and common.status == "failed":
        common = common._replace(status="apart")
    outcomes = {run.digest: Outcome(*said[run.digest], seconds) if run.digest in said else common for run in task.runs}
    for run, directory in zip(task.runs, directories, strict=True):
        _record(directory / "failure.json", outcomes[run.digest], lines)
    return outcomes


def _start(
    task: Task, directories: Sequence[Path], store: Path, endings: Path, log: IO[bytes], environment: Mapping[str, str]
) -> subprocess.Popen:
    command = [sys.executable, "-m", PROGRAM, "--with_parent", "--steps", ",".join(task.steps)]
    command += [] if len(directories) == 1 else ["--endings", str(endings)]
    return subprocess.Popen(
        [*command, *(str(directory / "run.json") for directory in directories), str(store)],
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
