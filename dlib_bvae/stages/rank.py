"""Ranking: the metrics of a set of runs, which need no factors; each run keeps its own score."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dlib_bvae.artifacts import Work, describe, device, peak_memory_mib, read_results
from dlib_bvae.artifacts.trust import trusting
from dlib_bvae.config import configuration, say_unused
from dlib_bvae.errors import UserError
from dlib_bvae.metrics import split
from dlib_bvae.metrics.engine.sampling import sampled
from dlib_bvae.metrics.run_sets import RUN_SET_METRICS, Member, scores_of
from dlib_bvae.representations.codes import REPRESENTATIONS
from dlib_bvae.stages import postprocess
from dlib_bvae.stages.evaluate import folder, look, of_standing, scored_by
from dlib_bvae.stages.evaluation_settings import Settings, evaluation
from dlib_bvae.stages.inputs import Representation, TrainedRun, opened_run, trained_run
from dlib_bvae.stages.scoring import drawn_so


def run(
    metric: str,
    model_dirs: Sequence[Path],
    gin_config: Sequence[str] = (),
    gin_bindings: Sequence[str] = (),
    overwrite: bool = False,
) -> list[Path]:
    """Scores the runs `model_dirs` against each other by every metric in the comma-separated `metric` ("all" for all).

    A run's result goes to <run>/mean/metrics/<metric>-runs=<set>, where <set> names these runs and their encodings, and
    is an evaluation like others: it stands in the tables of dlib_bvae_aggregate, pooled with scores of the same set only.
    Encodes first where that was not done. Raises UserError for an unknown metric, fewer than two runs, a run given
    twice, and runs on different data.
    """
    names = RUN_SET_METRICS.names() if metric == "all" else split(metric, RUN_SET_METRICS)
    for name in names:
        RUN_SET_METRICS.get(name)
    registries = [RUN_SET_METRICS, REPRESENTATIONS]
    with contextlib.ExitStack() as opened:
        opened.enter_context(trusting(gin_config, gin_bindings))
        runs = [opened.enter_context(opened_run(each)) for each in _distinct(model_dirs)]
        _check(runs)
        with configuration(gin_config, gin_bindings, registries) as configured:
            representations, used = [], dict[str, Any]()
            for each in runs:
                work, part = postprocess.encode_once(each)
                codes = postprocess.codes_in(work, functools.partial(each.encoder, part))
                representations.append(
                    Representation(work.directory, work.directory, part, codes, each.decoder, each.model)
                )
                used |= work.used()
        members: list[Member] = []
        done: list[Work] = []
        for name in names:
            with configuration(gin_config, gin_bindings, registries):
                done += _rank_once(name, runs, representations, members, overwrite)
        say_unused(configured.typed, used | {key: value for work in done for key, value in work.used().items()})
        return [work.directory for work in done]


def _distinct(model_dirs: Sequence[Path]) -> list[Path]:
    """The runs, sorted by path, so that their order on the command line does not matter."""
    runs = sorted(trained_run(each) for each in model_dirs)
    if len({each.resolve() for each in runs}) < len(runs):
        raise UserError(f"a run is given twice among {', '.join(map(str, runs))}; give each once")
    if len(runs) < 2:
        raise UserError(
            f"ranking compares runs and needs at least two of them; got {', '.join(map(str, runs)) or 'none'}"
        )
    return runs


def _check(runs: Sequence[TrainedRun]) -> None:
    first: dict[str, Path] = {}
    for each in runs:
        if (other := first.setdefault(each.results["uuid"], each.directory)) is not each.directory:
            raise UserError(f"{other} and {each.directory} are copies of one run; give each run once")
    for each in runs:
        for key in ("dataset", "fingerprint"):
            if each.results[key] != runs[0].results[key]:
                raise UserError(
                    f"{each.directory} was trained on {each.results['dataset']} {each.results['fingerprint']}, "
                    f"{runs[0].directory} on {runs[0].results['dataset']} {runs[0].results['fingerprint']}; rank runs on one "
                    "data set"
                )


def _rank_once(
    name: str,
    runs: Sequence[TrainedRun],
    representations: Sequence[Representation],
    members: list[Member],
    overwrite: bool,
) -> list[Work]:
    """The results, made where they are not all there; fills `members` when they are needed first."""
    encoded = [read_results(each.directory, "postprocess")["uuid"] for each in representations]
    run_set = hashlib.sha256("".join(sorted(encoded)).encode()).hexdigest()[:10]
    works = [look(name, each, run_set=run_set) for each in representations]
    done = [work.done(overwrite) for work in works]  # all of them, as each says what differs
    if all(done):
        print(f"{name}: these {len(works)} runs are ranked already")
        _show(name, [of_standing(work, lambda results: float(results[name])) for work in works], runs)
        return works
    began = time.monotonic()
    if not members:
        members += [_member(run, each) for run, each in zip(runs, representations, strict=True)]
    settings, data = _settings(), representations[0].data
    with sampled(settings.sampling) as drawn:
        scores = [{**each, **drawn.said()} for each in RUN_SET_METRICS.get(name)(data, members, settings.random_seed)]
        sampling = drawn_so(name)
    common = {
        **scored_by(name, {**sampling, "run_set": run_set, "num_runs": len(works)}),
        "run_set": [{"run": str(run.directory), "encoded": uuid} for run, uuid in zip(runs, encoded, strict=True)],
        "num_images": data.num_images,
        "random_seed": settings.random_seed,
        "elapsed_time": time.monotonic() - began,
        "score_names": sorted(scores_of(name).keys() & scores[0].keys()),
        "device": device(),
        "peak_memory_mib": peak_memory_mib(),
        "environment": describe(),
    }
    for work, representation, uuid, score in zip(works, representations, encoded, scores, strict=True):
        work.name(f"{folder(name)}-runs={run_set}")
        work.begin()
        work.finish({**score, **common, "encoded": uuid}, earlier=representation.directory)
    seconds = common["elapsed_time"]
    print(f"{name}: ranked {len(works)} runs in {seconds:.1f} s; results in <run>/…/metrics/{works[0].directory.name}")
    _show(name, [score[name] for score in scores], runs)
    return works


def _settings() -> Settings:
    """What evaluation() says. Raises UserError for what else it can say and does not apply to a set."""
    said = evaluation()
    if said.split != "all":
        raise UserError(f"the runs of a set are compared on all images; leave out evaluation.split = {said.split!r}")
    if said.repeats != 1:
        raise UserError(
            f"a set is ranked once; leave out evaluation.repeats = {said.repeats}, set evaluation.random_seed"
        )
    if said.null:
        raise UserError(f"a ranking has no null; leave out evaluation.null = {said.null}")
    return said


def _member(run: TrainedRun, representation: Representation) -> Member:
    if run.codes:
        raise UserError(
            f"{run.directory} has no encoder, its codes are the {run.codes}; rank runs of models that see images"
        )
    return Member(np.asarray(representation.codes), run.encoder(run.data)[0], run.decoder())


def _show(name: str, scores: list[float], runs: Sequence[TrainedRun]) -> None:
    """Prints the runs, best first."""
    for score, run in sorted(zip(scores, runs, strict=True), key=lambda pair: -pair[0]):
        print(f"  {name} {score:.4f}  {run.directory}")
