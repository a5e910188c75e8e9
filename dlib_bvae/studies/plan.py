"""What is missing of a study, and the hours and disk that it takes here: by runs that are done, or by training it for seconds.

The training is tried in a child, with the cores and GPUs of one worker: python -m dlib_bvae.studies.plan < RUNS.json.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from dlib_bvae.errors import check_integer, pluralize
from dlib_bvae.progress_line import duration
from dlib_bvae.runtime import RUNS
from dlib_bvae.studies import local, preflight
from dlib_bvae.studies.executors import LOCAL, Executor
from dlib_bvae.studies.preflight import place
from dlib_bvae.studies.progress import WIDTH_OF_A_PIPE, print_plan
from dlib_bvae.studies.state import RuntimeEstimator, State, states
from dlib_bvae.studies.study import AUTO, Run, Study, load
from dlib_bvae.studies.tasks import sentence

PROGRAM = "dlib_bvae.studies.plan"
SECONDS = 3.0  # of steps that a probe takes
_ENCODING = 1.0  # seconds of a probe's encoding
_BATCH = 256
_EXPORTED = 2 * 2**20  # bytes of a SavedModel's graph, pictures, events and results, about


class Cost(NamedTuple):
    """What a run of a part takes: seconds before its first step, a step, to encode all images; bytes that it leaves."""

    start: float
    step: float
    encode: float
    size: float


def run(
    study: Sequence[str],
    gin_bindings: Sequence[str] = (),
    results: Path | None = None,
    workers: int | None = None,
    executor: Executor = LOCAL,
    probe: bool = True,
) -> None:
    """Prints what is missing of the study of the gin files `study` in `results` (default: runs/<its name>), and its cost.

    workers: runs at a time (default: as many as `executor` has room for). probe: whether the first run of a part of which none
    is done is trained for SECONDS, into nowhere. Writes nothing. Raises UserError for a study that is wrong.
    """
    chosen = load(study, gin_bindings)
    store = RUNS / chosen.name if results is None else results
    workers = executor.default_workers(chosen) if workers is None else workers
    check_integer("--workers", workers, 1)
    before = states(chosen.runs, store)
    missing = [each for each, state in zip(chosen.runs, before, strict=True) if not state.done]
    show(chosen, before, preflight.check(missing) if missing else {}, store, workers, executor, probe)


def show(
    study: Study,
    before: Sequence[State],
    absent: dict[str, str],
    store: Path,
    workers: int,
    executor: Executor,
    probe: bool,
) -> None:
    """Prints the plan; before, absent: the states of the runs, and the data sets that cannot be had (preflight.check)."""
    console = Console()
    console = console if console.is_terminal else Console(width=WIDTH_OF_A_PIPE)
    print_plan(study, before, absent, store, workers, console)
    pairs = zip(study.runs, before, strict=True)
    todo = [(each, state) for each, state in pairs if not state.done and place(each) not in absent]
    if not todo:
        return
    pace = RuntimeEstimator(study.runs, before, store)
    wanted = {place(each): each for each, state in reversed(todo) if pace.left(each, state) is None}
    print(f"to do: {pluralize(len(todo), 'run')}", flush=True)
    together = _together(study, [each for each, state in todo if not state.trained], executor)
    if together:
        print(together)
    costs = _probed(study, wanted, workers) if probe and wanted else {}
    for line in estimate(todo, pace, costs, workers):
        print(line)
    for line in _disk(study, before, todo, store, costs):
        print(line)


def _together(study: Study, runs: Sequence[Run], executor: Executor) -> str:
    """The sentence on the runs that are trained in one graph; "" for none."""
    gpus = executor.gpus(study) if study.fuse == AUTO and runs else 0
    found = sentence(study, runs, gpus)
    return found and f"{found}; the time that is said is that of runs which are trained alone"


def estimate(
    todo: Sequence[tuple[Run, State]], pace: RuntimeEstimator, costs: dict[str, Cost | None], workers: int
) -> list[str]:
    """The sentences on the hours of the runs `todo`, `workers` at a time; costs: of parts by place(run), see Cost."""
    known, scoring, unknown = 0.0, 0, list[Run]()
    for each, state in todo:
        seconds, cost = pace.left(each, state), costs.get(place(each))
        if seconds is None and cost is not None:
            left = (state.steps or 0) - state.step
            seconds, scoring = cost.start + cost.step * left + cost.encode, scoring + 1
        if seconds is None:
            unknown.append(each)
        else:
            known += seconds
    at_once = min(workers, len(todo))
    lines = [f"time: about {duration(known / at_once)}, {at_once} at a time"] if known else []
    if scoring:
        lines.append(
            f"  the metrics of {pluralize(scoring, 'run')} come on top: of their parts none is scored yet; ask again when one is"
        )
    if unknown:
        parts = ", ".join(dict.fromkeys(each.part for each in unknown))
        lines.append(f"time not known: {pluralize(len(unknown), 'run')} of {parts}, of which none is done and scored")
    return lines


def _disk(
    study: Study, before: Sequence[State], todo: Sequence[tuple[Run, State]], store: Path, costs: dict[str, Cost | None]
) -> list[str]:
    """The sentences on the disk that the runs `todo` fill, by those of their part that are done, else by their probe."""
    sizes: dict[str, float] = {}
    for each, state in zip(study.runs, before, strict=True):
        if state.done and each.part not in sizes:
            sizes[each.part] = _bytes_of(each.directory(store))
    found = [
        sizes.get(each.part) or (cost.size if (cost := costs.get(place(each))) is not None else None)
        for each, _ in todo
    ]
    needed = sum(size for size in found if size is not None)
    if not needed:
        return []
    existing = next(each for each in (store.absolute(), *store.absolute().parents) if each.is_dir())
    free = shutil.disk_usage(existing).free
    least = "at least" if None in found else "about"
    line = f"disk: {least} {_gib(needed)} ({_gib(needed / sum(size is not None for size in found))} per run); {_gib(free)} free"
    return [line + ("" if needed < free else ": too little; free some, or name another --results_dir")]


def _gib(size: float) -> str:
    return f"{size / 2**30:,.1f} GiB" if size >= 2**30 else f"{size / 2**20:,.0f} MiB"


def _bytes_of(directory: Path) -> float:
    files = [os.path.join(folder, name) for folder, _, names in os.walk(directory) for name in names]
    return float(sum(os.lstat(path).st_size for path in files))


def _probed(study: Study, wanted: dict[str, Run], workers: int) -> dict[str, Cost | None]:
    """place(run) → the cost of such a run, None of one without training steps."""
    print(f"training {pluralize(len(wanted), 'part')} for {SECONDS:.0f} s each …", file=sys.stderr, flush=True)
    environment = local.share(study.cpus, local.gpus_of(study, 0, workers)) | local.handed_on(study)
    costs = preflight.asked(PROGRAM, list(wanted.values()), environment)
    return {name: None if cost is None else Cost(*cost) for name, cost in zip(wanted, costs, strict=True)}


def _probe(each: Run) -> Cost | None:
    """Trains `each` for SECONDS and encodes for a second; None for a fitted model."""
    import numpy as np
    import tensorflow as tf

    from dlib_bvae import datasets
    from dlib_bvae.artifacts.trust import trusted_by_study, trusting
    from dlib_bvae.config import configuration
    from dlib_bvae.models.baselines import Baseline
    from dlib_bvae.stages import train

    with (
        trusting(each.gin_config, each.gin_bindings, trusted_by_study()),
        configuration(each.gin_config, each.gin_bindings, train.REGISTRIES),
    ):
        began = time.monotonic()
        data, settings = datasets.load(), train.TrainingSettings()
        if isinstance(settings.model, Baseline):
            return None
        trainer, _ = train.build(data, settings)
        trainer.feed.start(0, trainer.total)
        trainer.run(tf.constant(1, tf.int64))
        start = time.monotonic() - began
        step = _seconds_a_call(lambda: trainer.run(tf.constant(1, tf.int64)), SECONDS)
        images = data.observations_at(np.arange(min(_BATCH, data.num_images)))
        trainer.network.encode(images)
        encode = _seconds_a_call(lambda: trainer.network.encode(images), _ENCODING) / len(images) * data.num_images
        weights = sum(each.numpy().nbytes for each in trainer.variables)
        state = sum(each.numpy().nbytes for each in trainer.state.variables)
        codes = data.num_images * trainer.network.num_latent * 4
        return Cost(start, step, encode, state + weights + codes + _EXPORTED)


def _seconds_a_call(call: object, seconds: float) -> float:
    assert callable(call)
    count, began = 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < seconds:
        call()
        count += 1
    return passed / count


def _call() -> None:
    from dlib_bvae import runtime

    runtime.load_tensorflow()
    print(json.dumps([_probe(Run.from_json(values)) for values in json.load(sys.stdin)]))


def main() -> None:
    """The command: see the module's lines."""
    import argparse

    from dlib_bvae import runtime

    runtime.main(_call, argparse.ArgumentParser(prog=PROGRAM, description=__doc__))


if __name__ == "__main__":
    main()
