"""What a Ray worker does with one run of a study, in whichever node it is."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, TimeoutError
from pathlib import Path
from typing import Any

import dlib_bvae
from dlib_bvae.errors import UserError
from dlib_bvae.studies.run import Run, resolved
from dlib_bvae.studies.supervise import Outcome, attempt

_PERIOD = 0.2  # seconds between looks for a cancellation


def perform(task: Mapping[str, Any]) -> Outcome:
    """One attempt at the run that `task`, made by task_of, tells of.

    Ray cancels a task by a KeyboardInterrupt, after which the child is asked to end and the outcome is "stopped". Raises
    UserError when this node cannot do runs of the study: other results, another package or other gin files.
    """
    run, store = Run.from_json(task["run"]), Path(task["store"])
    if Path(task["folder"]).is_dir():
        os.chdir(task["folder"])  # gin files are named from where the command was given
    _check_node(run, store, task["version"])
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        outcome = pool.submit(attempt, run, store, task["timeout"], task["environment"], stop)
        try:
            return _waited_for(outcome, stop)
        finally:
            stop.set()


def _waited_for(outcome: Future[Outcome], stop: threading.Event) -> Outcome:
    while True:
        try:
            return outcome.result(_PERIOD)
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
