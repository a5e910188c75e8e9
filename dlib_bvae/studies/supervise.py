"""One attempt at a run in a child process: bounded in time, its output kept, its failure on record."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, NamedTuple

from dlib_bvae.artifacts import write_atomic
from dlib_bvae.artifacts.lock import in_use, locks_here
from dlib_bvae.studies.run import Run
from dlib_bvae.studies.worker import IN_USE, PROGRAM

_LINES = 20  # of the child's output that are kept in the record of a failure
_TAIL = 2**16  # bytes of its output that are looked at for them
_GRACE = 30.0  # seconds between asking a child to end and killing it
_PERIOD = 0.1  # seconds between looks at the child
_BUSY = "another process works on it"


class Outcome(NamedTuple):
    """How an attempt ended.

    status: "done", "failed", "timeout", "stopped" (it was asked to, and can continue) or "busy" (another process works on
    the run, nothing was done). message: why, in one line, empty when done or stopped. seconds: that it took.
    """

    status: str
    message: str
    seconds: float


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
    <run directory>/failure.json tells the status, the message and the last lines, until an attempt succeeds. The child has
    a session of its own, so that a terminal's Ctrl-C does not reach it, and ends when this process dies.
    """
    directory = run.directory(store)
    if in_use(directory, locks_here()):
        return Outcome("busy", _BUSY, 0.0)
    directory.mkdir(parents=True, exist_ok=True)
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
        env={**os.environ, **environment},
        start_new_session=True,
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
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    if child.stdin is not None:
        child.stdin.close()


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
