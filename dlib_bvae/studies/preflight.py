"""Whether the configurations of a study can be used, tried in a child: python -m dlib_bvae.studies.preflight < RUNS.json."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dlib_bvae.config import Configuration
from dlib_bvae.datasets.images import ImageData
from dlib_bvae.errors import UnknownName, UserError
from dlib_bvae.studies.evaluation import Evaluation, encoded
from dlib_bvae.studies.study import Run

PROGRAM = "dlib_bvae.studies.preflight"


def check(runs: Sequence[Run]) -> dict[str, str]:
    """Tries the configurations of `runs`, without training; returns {place(run): why} for data sets that cannot be had here.

    Of every part each value of each parameter is tried once, seeds excepted, and on each data set each evaluation's
    parameters (stages.trial). Raises UserError for the first that is wrong.
    """
    for evaluation in {each for run in runs for each in run.evaluations}:
        evaluation.representation()  # raises for an unknown metric, file or parameter
    return asked(PROGRAM, examples(runs))


def asked(program: str, runs: Sequence[Run], environment: Mapping[str, str] | None = None) -> Any:
    """What the module `program` answers in a child on `runs`, as JSON; environment: variables added to the child's.

    Raises UserError with the child's last line where it fails.
    """
    child = subprocess.run(
        [sys.executable, "-m", program],
        input=json.dumps([run.to_json() for run in runs]),
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if child.returncode:
        lines = [line for line in child.stderr.splitlines() if line.strip()]
        raise UserError(lines[-1].removeprefix(f"{program}: ") if lines else f"{program} ended by {child.returncode}")
    return json.loads(child.stdout.splitlines()[-1])


def place(run: Run) -> str:
    """The part and the data set of a run: where one of its runs can be done, all can."""
    return f"{run.part} {data_of(run)}"


def data_of(run: Run) -> str:
    """The data set of a run, as its configuration names it."""
    return str(run.config.get("dataset.name", "a data set"))


def examples(runs: Sequence[Run]) -> list[Run]:
    """Runs that show, of every part, each value of each parameter but the seed."""
    seen: set[tuple[str, str, str]] = set()
    chosen = []
    for run in runs:
        values = {(run.part, key, repr(value)) for key, value in run.config.items() if not key.endswith("seed")}
        if not values <= seen:
            chosen.append(run)
            seen |= values
    return chosen


def _try(runs: Sequence[Run]) -> dict[str, str]:
    from dlib_bvae import runtime

    runtime.load_tensorflow()
    absent: dict[str, str] = {}
    seen: set[tuple[str, Evaluation]] = set()
    typed: dict[str, _Typed] = {}
    for run in runs:
        fresh = [each for each in run.evaluations if (data_of(run), each) not in seen]
        seen |= {(data_of(run), each) for each in fresh}
        try:
            data = _data_set(run, typed.setdefault(run.part, _Typed()))
            if isinstance(data, str):
                typed[run.part].known = False
                absent[place(run)] = data
            else:
                _try_evaluations(fresh, data)
                _refuse_two_encodings(run.evaluations, data)
        except UserError as error:
            raise UserError(f"part {run.part} of the study is wrong: {error}") from error
    for part, each in typed.items():
        each.refuse_unused(f"part {part} of the study is wrong: ")
    return absent


def _data_set(run: Run, typed: _Typed) -> ImageData | str:
    """Builds the data set and the settings of the training; returns the data set, or a text that says why it cannot be had."""
    from dlib_bvae import datasets
    from dlib_bvae.config import configuration
    from dlib_bvae.stages import train

    with configuration(run.gin_config, run.gin_bindings, train.REGISTRIES) as configured:
        settings = train.TrainingSettings()
        try:
            data = datasets.load()
            absence = _absence(data)
        except UnknownName:
            raise
        except UserError as error:
            return str(error).splitlines()[0]  # gin adds further lines
        typed.note(configured, train.doors(settings))
        return absence or data


@dataclass
class _Typed:
    """What a study binds for its runs, and what of all that they bind is used by one of them at least."""

    bindings: dict[str, Any] = field(default_factory=dict)
    reached: dict[str, Any] = field(default_factory=dict)
    known: bool = True  # False where a data set could not be had, so that it is not known what it uses

    def note(self, configured: Configuration, doors: Sequence[str]) -> None:
        """Takes in one run. doors: what is called besides what has been called by now."""
        from dlib_bvae import config

        # What a plug-in calls on its way cannot be known before.
        foreign = config.foreign(configured.typed)
        self.bindings |= {key: value for key, value in configured.typed.items() if key not in foreign}
        self.reached |= config.reached(config.used(), configured.bound, doors)

    def refuse_unused(self, where: str) -> None:
        """Raises UserError, which begins with `where`, for a binding that nothing uses."""
        from dlib_bvae import config

        if self.known and (sentences := config.unused(self.bindings, self.reached)):
            raise UserError(f"{where}{sentences[0]}; leave it out of the study")


def _try_evaluations(evaluations: Sequence[Evaluation], data: ImageData) -> None:
    from dlib_bvae.config import configuration
    from dlib_bvae.stages import dry_run, evaluate

    for each in evaluations:
        with configuration(each.gin_config, each.gin_bindings, evaluate.REGISTRIES) as configured:
            (name,) = evaluate.named(each.metric)
            if dry_run.try_parameters(name, data):
                typed = _Typed()
                typed.note(configured, ["evaluation", "postprocess"])
                typed.refuse_unused(f"the metric {name}: ")


def _refuse_two_encodings(evaluations: Sequence[Evaluation], data: ImageData) -> None:
    """Raises UserError where two evaluations of a run ask for different codes, which one directory would have to hold."""
    seen: dict[str, tuple[str, ...]] = {}
    for each in evaluations:
        directory, codes = each.representation(), encoded(each, data)
        if seen.setdefault(directory, codes) != codes:
            both = " and ".join(", ".join(those) or "all images" for those in (seen[directory], codes))
            raise UserError(
                f"its evaluations encode {directory} by {both}, and a run keeps one of them; "
                "ask for the other in a study with another directory"
            )


def _absence(data: ImageData) -> str:
    """Why the files of `data`, or of what it is derived from, cannot be read; "" where they can."""
    from dlib_bvae.datasets.official.base import OfficialData

    if isinstance(data, OfficialData):
        return "" if data.cache_path.exists() or data.found() else str(data.missing())
    wrapped = getattr(data, "data", None)
    return _absence(wrapped) if wrapped is not None else ""


def _call() -> None:
    print(json.dumps(_try([Run.from_json(values) for values in json.load(sys.stdin)])))


def main() -> None:
    """The command: see the module's line."""
    import argparse

    from dlib_bvae import runtime

    runtime.main(_call, argparse.ArgumentParser(prog=PROGRAM, description=__doc__))


if __name__ == "__main__":
    main()
