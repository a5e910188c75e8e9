"""Does steps of one run, or trains several in one graph, in this process: python -m dlib_bvae.studies.worker RUN.json… STORE."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from dlib_bvae.studies.study import Run

IN_USE = 75  # the exit status when another process works on the run (EX_TEMPFAIL of sysexits.h)
PROGRAM = "dlib_bvae.studies.worker"
_GRACE = 30.0  # seconds that an orphan has to save a checkpoint


def work(run: Run, store: Path, steps: Sequence[str] = ("train", "score")) -> None:
    """Does `steps` (of tasks.STEPS) of `run` in `store`; what is done already is left alone, what was interrupted continues.

    Raises InUse when another process works on it, UserError for what the stages refuse; every evaluation is tried before
    that of an evaluation is raised. What cannot be encoded is no error before it is scored.
    """
    from dlib_bvae.artifacts import run_lock
    from dlib_bvae.artifacts.trust import trusted_by_study, trusting

    directory = run.directory(store)
    with run_lock(directory), trusting(run.gin_config, run.gin_bindings, trusted_by_study()):
        if "train" in steps:
            _train(run, store, directory)
        if "encode" in steps:
            _encode(run, store, directory)
        if "score" in steps:
            _score(run, store, directory)
            _draw(run, store, directory)


def train_together(runs: Sequence[Run], store: Path, steps: Sequence[str], endings: Path) -> None:
    """Trains `runs`, which have one data set and network, in one graph, and encodes each where `steps` say so.

    Writes to `endings` {Run.digest: [status, message]}, as of attempts.Outcome, of those that have ended: one that is refused
    or diverges is "failed" and stops no other, one that another process works on is "busy".
    """
    from dlib_bvae.artifacts import InUse, run_lock, write_atomic
    from dlib_bvae.artifacts.trust import trusted_by_study, trusting
    from dlib_bvae.runtime import load_tensorflow

    load_tensorflow()
    from dlib_bvae.stages import ensemble

    found: dict[str, tuple[str, str]] = {}
    with contextlib.ExitStack() as opened:
        # Their statements differ in literal values alone, so that all import the same.
        opened.enter_context(trusting(runs[0].gin_config, runs[0].gin_bindings, trusted_by_study()))
        free = list[Run]()
        for run in runs:
            try:
                opened.enter_context(run_lock(run.directory(store)))
                free.append(run)
            except InUse as error:
                found[run.digest] = "busy", str(error)
        errors = ensemble.run_members(
            [ensemble.Wanted(run.gin_config, run.gin_bindings, run.directory(store)) for run in free]
        )
        for run, refusal in zip(free, errors, strict=True):
            if refusal is not None:
                found[run.digest] = "failed", str(refusal)
        write_atomic(endings, json.dumps(found))
        for run in (each for each in free if each.digest not in found):
            if "encode" in steps:
                _encode(run, store, run.directory(store))
            found[run.digest] = "done", ""
            write_atomic(endings, json.dumps(found))


def _train(run: Run, store: Path, directory: Path) -> None:
    from dlib_bvae.runtime import load_tensorflow

    if not run.is_trained(store):
        load_tensorflow()
        from dlib_bvae.stages import train

        train.run(run.gin_config, run.gin_bindings, directory)


def _encode(run: Run, store: Path, directory: Path) -> None:
    from dlib_bvae.errors import UserError
    from dlib_bvae.runtime import say
    from dlib_bvae.stages import evaluate

    for each in run.missing(store):
        if each.encodes_all():
            try:
                evaluate.encode(each.metric, each.gin_config, each.gin_bindings, directory, each.step)
            except UserError as refusal:  # which is raised when it is scored
                say(f"not encoded for {each.metric}: {refusal}")


def _score(run: Run, store: Path, directory: Path) -> None:
    from dlib_bvae.errors import UserError
    from dlib_bvae.stages import evaluate

    refusals = []
    for each in run.missing(store):
        try:
            evaluate.run(each.metric, each.gin_config, each.gin_bindings, directory, step=each.step)
        except UserError as refusal:
            refusals.append(f"{each.metric}: {refusal}")
    if refusals:
        raise UserError("; ".join(refusals))


def _draw(run: Run, store: Path, directory: Path) -> None:
    from dlib_bvae.runtime import load_tensorflow

    if not run.is_drawn(store):
        load_tensorflow()
        from dlib_bvae.stages import visualize

        visualize.run(model_dir=directory)


def end_with_parent() -> None:
    """Ends this process, as SIGTERM does, when its standard input is closed: the process that started it is dead then."""

    def wait() -> None:
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_GRACE)
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))  # Windows, where SIGTERM kills, lacks SIGKILL

    threading.Thread(target=wait, daemon=True).start()


def _call(runs: Sequence[Path], store: Path, steps: str, endings: Path | None, with_parent: bool) -> None:
    from dlib_bvae.artifacts import InUse

    if with_parent:
        end_with_parent()
    asked = [Run.from_json(json.loads(each.read_text(encoding="utf-8"))) for each in runs]
    if endings is not None:
        train_together(asked, store, steps.split(","), endings)
        return
    try:
        work(asked[0], store, steps.split(","))
    except InUse as error:
        print(error, file=sys.stderr)
        sys.exit(IN_USE)


def main() -> None:
    """The command: see the module's line."""
    import argparse

    from dlib_bvae import runtime

    flags = argparse.ArgumentParser(prog=PROGRAM, description=__doc__)
    flags.add_argument("runs", type=Path, nargs="+")
    flags.add_argument("store", type=Path)
    flags.add_argument("--steps", default="train,score", help="of train, encode and score; default: %(default)s")
    flags.add_argument("--endings", type=Path, help="train the runs in one graph, and write here how each ended")
    flags.add_argument("--with_parent", action="store_true", help="end when standard input is closed")
    runtime.main(_call, flags)


if __name__ == "__main__":
    main()
