"""Does what is missing of one run, in this process: python -m dlib_bvae.studies.worker RUN.json STORE."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

from dlib_bvae.studies.study import Run

IN_USE = 75  # the exit status when another process works on the run (EX_TEMPFAIL of sysexits.h)
PROGRAM = "dlib_bvae.studies.worker"
_GRACE = 30.0  # seconds that an orphan has to save a checkpoint


def work(run: Run, store: Path) -> None:
    """Trains `run` in `store`, encodes and scores it; what is done already is left alone, what was interrupted continues.

    Raises InUse when another process works on it, UserError for what the stages refuse; every evaluation is tried before
    that of an evaluation is raised.
    """
    from dlib_bvae.artifacts import run_lock
    from dlib_bvae.artifacts.trust import trusted_by_study, trusting

    directory = run.directory(store)
    with run_lock(directory), trusting(run.gin_config, run.gin_bindings, trusted_by_study()):
        _train(run, store, directory)
        _score(run, store, directory)


def _train(run: Run, store: Path, directory: Path) -> None:
    from dlib_bvae.runtime import load_tensorflow

    if not run.is_trained(store):
        load_tensorflow()
        from dlib_bvae.stages import train

        train.run(run.gin_config, run.gin_bindings, directory)


def _score(run: Run, store: Path, directory: Path) -> None:
    from dlib_bvae.errors import UserError
    from dlib_bvae.stages import evaluate

    refusals = []
    for each in run.missing(store):
        try:
            evaluate.run(each.metric, each.gin_config, each.gin_bindings, directory)
        except UserError as refusal:
            refusals.append(f"{each.metric}: {refusal}")
    if refusals:
        raise UserError("; ".join(refusals))


def end_with_parent() -> None:
    """Ends this process, as SIGTERM does, when its standard input is closed: the process that started it is dead then."""

    def wait() -> None:
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_GRACE)
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))  # Windows, where SIGTERM kills, lacks SIGKILL

    threading.Thread(target=wait, daemon=True).start()


def _call(run: Path, store: Path, with_parent: bool) -> None:
    from dlib_bvae.artifacts import InUse

    if with_parent:
        end_with_parent()
    try:
        work(Run.from_json(json.loads(run.read_text(encoding="utf-8"))), store)
    except InUse as error:
        print(error, file=sys.stderr)
        sys.exit(IN_USE)


def main() -> None:
    """The command: see the module's line."""
    import argparse

    from dlib_bvae import runtime

    flags = argparse.ArgumentParser(prog=PROGRAM, description=__doc__)
    flags.add_argument("run", type=Path)
    flags.add_argument("store", type=Path)
    flags.add_argument("--with_parent", action="store_true", help="end when standard input is closed")
    runtime.main(_call, flags)


if __name__ == "__main__":
    main()
