"""One attempt at a run in a child process: bounded in time, its output kept, its failure on record."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from dlib_bvae.results import write_atomic
from dlib_bvae.studies.run import Run

_LINES = 20  # of the child's output that are kept in the record of a failure
_GRACE = 30.0  # seconds between asking a child to end and killing it


class Outcome(NamedTuple):
    """status: "done", "failed" or "timeout"; message: why, in one line, empty when done; seconds that it took."""

    status: str
    message: str
    seconds: float


def attempt(run: Run, store: Path, timeout: float = 0.0, environment: Mapping[str, str] | None = None) -> Outcome:
    """Does what is missing of `run` in a child process and returns how that ended.

    timeout: seconds, 0 for none; then the child is asked to end, and killed when it does not. environment: variables
    added to the child's. What it prints goes to <run directory>/log.txt; of a failure <run directory>/failure.json tells the
    status, the message and the last lines, until an attempt succeeds.
    """
    directory = run.directory(store)
    directory.mkdir(parents=True, exist_ok=True)
    write_atomic(directory / "run.json", json.dumps(run.to_json(), indent=1) + "\n")
    command = [sys.executable, "-m", "dlib_bvae.studies.work", str(directory / "run.json"), str(store)]
    began = time.monotonic()
    with (directory / "log.txt").open("ab") as log:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )
        try:
            code = child.wait(timeout or None)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(child)
    seconds = time.monotonic() - began
    outcome = _outcome(code, directory / "log.txt", timeout, seconds)
    _record(directory / "failure.json", outcome, directory / "log.txt")
    return outcome


def _end(child: subprocess.Popen) -> None:
    """Ends the child where it still runs: SIGTERM, which saves a checkpoint, and SIGKILL when that does not help."""
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(_GRACE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _outcome(code: int | None, log: Path, timeout: float, seconds: float) -> Outcome:
    if code == 0:
        return Outcome("done", "", seconds)
    if code is None:
        return Outcome("timeout", f"it ran longer than {timeout:g} s", seconds)
    if code < 0:
        return Outcome("failed", f"it was ended by {signal.Signals(-code).name}", seconds)
    lines = _tail(log)
    return Outcome("failed", lines[-1] if lines else f"it ended with status {code}", seconds)


def _record(path: Path, outcome: Outcome, log: Path) -> None:
    if outcome.status == "done":
        path.unlink(missing_ok=True)
    else:
        record = {
            **outcome._asdict(),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "output": _tail(log),
        }
        write_atomic(path, json.dumps(record, indent=1) + "\n")


def _tail(log: Path) -> list[str]:
    text = log.read_text(encoding="utf-8", errors="replace")
    return [line for line in text.replace("\r", "\n").splitlines() if line.strip()][-_LINES:]
