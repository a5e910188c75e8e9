"""Does what is missing of one run, in this process: python -m dlib_bvae.studies.work RUN.json STORE."""

from __future__ import annotations

import json
from pathlib import Path

from dlib_bvae.studies.run import Run


def work(run: Run, store: Path) -> None:
    """Trains `run` in `store`, encodes and scores it; what is done already is left alone, what was interrupted continues.

    Raises UserError for what the stages refuse; every evaluation is tried before that of an evaluation is raised.
    """
    from dlib_bvae.cli import load_tensorflow
    from dlib_bvae.errors import UserError
    from dlib_bvae.stages import evaluate

    directory = run.directory(store)
    if not run.is_trained(store):
        load_tensorflow()
        from dlib_bvae.stages import train

        train.run(run.gin_config, run.gin_bindings, directory)
    refusals = []
    for each in run.missing(store):
        try:
            evaluate.run(each.metric, each.gin_config, each.gin_bindings, directory)
        except UserError as refusal:
            refusals.append(f"{each.metric}: {refusal}")
    if refusals:
        raise UserError("; ".join(refusals))


def main() -> None:
    """The command: see the module's line."""
    import argparse

    from dlib_bvae import cli

    flags = argparse.ArgumentParser(prog="dlib_bvae.studies.work", description=__doc__)
    flags.add_argument("run", type=Path)
    flags.add_argument("store", type=Path)
    cli.main(lambda run, store: work(Run.from_json(json.loads(run.read_text(encoding="utf-8"))), store), flags)


if __name__ == "__main__":
    main()
