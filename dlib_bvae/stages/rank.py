"""Ranking: the metrics of a set of runs, which need no factors; each run keeps its own score."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gin

from dlib_bvae.artifacts import config_dict, describe, device, peak_memory_mib, read_results, run_lock, write_stage
from dlib_bvae.artifacts.lifecycle import commit, recover, start
from dlib_bvae.config import configuration
from dlib_bvae.errors import UserError
from dlib_bvae.metrics.run_sets import RUN_SET_METRICS, Member, scores_of
from dlib_bvae.representations.codes import REPRESENTATIONS, read_codes
from dlib_bvae.stages import postprocess
from dlib_bvae.stages.evaluate import parameters, variant
from dlib_bvae.stages.evaluation_settings import evaluation
from dlib_bvae.stages.inputs import same_data, trained_run


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
    names = RUN_SET_METRICS.names() if metric == "all" else [name.strip() for name in metric.split(",")]
    for name in names:
        RUN_SET_METRICS.get(name)
    runs = _checked(model_dirs)
    registries = [RUN_SET_METRICS, REPRESENTATIONS]
    with contextlib.ExitStack() as locks:
        for each in runs:
            locks.enter_context(run_lock(each))
        data = same_data(runs[0])
        with configuration(gin_config, gin_bindings, registries):
            encoded = [postprocess.encode_once(each, data) for each in runs]
        members: list[Member] = []
        done = []
        for name in names:
            with configuration(gin_config, gin_bindings, registries):
                done += _rank_once(name, encoded[0][1], [each for each, _ in encoded], members, overwrite)
        return done


def _checked(model_dirs: Sequence[Path]) -> list[Path]:
    """The runs, sorted by path, so that their order on the command line does not matter."""
    runs = sorted(trained_run(each) for each in model_dirs)
    if len({each.resolve() for each in runs}) < len(runs):
        raise UserError(f"a run is given twice among {', '.join(map(str, runs))}; give each once")
    if len(runs) < 2:
        raise UserError(
            f"ranking compares runs and needs at least two of them; got {', '.join(map(str, runs)) or 'none'}"
        )
    trained = [read_results(each / "train", "train") for each in runs]
    first: dict[str, Path] = {}
    for each, results in zip(runs, trained, strict=True):
        if (other := first.setdefault(results["uuid"], each)) is not each:
            raise UserError(f"{other} and {each} are copies of one run; give each run once")
    for each, results in zip(runs, trained, strict=True):
        for key in ("dataset", "fingerprint"):
            if results[key] != trained[0][key]:
                raise UserError(
                    f"{each} was trained on {results['dataset']} {results['fingerprint']}, {runs[0]} on "
                    f"{trained[0]['dataset']} {trained[0]['fingerprint']}; rank runs on one data set"
                )
    return runs


def _rank_once(name: str, data: Any, representations: list[Path], members: list[Member], overwrite: bool) -> list[Path]:
    """The results' directories, made where they are not all there; fills `members` when they are needed first."""
    encoded = [read_results(each, "postprocess")["uuid"] for each in representations]
    run_set = hashlib.sha256("".join(sorted(encoded)).encode()).hexdigest()[:10]
    folder = f"{variant(name, config_dict(gin.config_str()))}-runs={run_set}"
    finals = [each / "metrics" / folder for each in representations]
    settled = [recover(final, "evaluation") for final in finals]
    if all(settled) and not overwrite:
        print(f"{name}: these {len(finals)} runs are ranked already")
        _show(name, [read_results(final, "evaluation")[name] for final in finals], representations)
        return finals
    began = time.monotonic()
    if not members:
        members += [_member(each, data) for each in representations]
    seed = _seed()
    scores = RUN_SET_METRICS.get(name)(data, members, seed)
    common = {
        "metric": name,
        "metric_parameters": {
            **parameters(name, config_dict(gin.operative_config_str())),
            "run_set": run_set,
            "num_runs": len(finals),
        },
        "run_set": [
            {"run": str(each.parent), "encoded": uuid} for each, uuid in zip(representations, encoded, strict=True)
        ],
        "num_images": data.num_images,
        "random_seed": seed,
        "elapsed_time": time.monotonic() - began,
    }
    for final, uuid, score in zip(finals, encoded, scores, strict=True):
        _write(final, {**score, **common, "encoded": uuid})
    print(f"{name}: ranked {len(finals)} runs in {common['elapsed_time']:.1f} s; results in <run>/…/metrics/{folder}")
    _show(name, [score[name] for score in scores], representations)
    return finals


def _write(final: Path, results: dict[str, Any]) -> None:
    """The result of one run as an evaluation."""
    text = gin.operative_config_str()
    fact_names = scores_of(results["metric"]).keys()
    results = {
        **results,
        "score_names": sorted(fact_names & results.keys()),
        "device": device(),
        "peak_memory_mib": peak_memory_mib(),
        "environment": describe(),
    }
    part = start(final, gin.config_str(), overwrite=True)
    earlier = final.parents[1]
    write_stage(part, "evaluation", results=results, config=config_dict(text), gin_text=text, earlier=earlier)
    commit(final)


def _seed() -> int:
    """The seed that evaluation() says. Raises UserError for what else it can say and does not apply to a set."""
    said = evaluation()
    if said.split != "all":
        raise UserError(f"the runs of a set are compared on all images; leave out evaluation.split = {said.split!r}")
    if said.repeats != 1:
        raise UserError(
            f"a set is ranked once; leave out evaluation.repeats = {said.repeats}, set evaluation.random_seed"
        )
    return said.random_seed


def _member(representation: Path, data: Any) -> Member:
    model_dir = representation.parent
    if codes := postprocess.codes_of(model_dir):
        raise UserError(f"{model_dir} has no encoder, its codes are the {codes}; rank runs of models that see images")
    encode = postprocess.load_encoder(model_dir / "train" / "saved_model")
    return Member(read_codes(representation), encode, postprocess.decoder_of(model_dir, data))


def _show(name: str, scores: list[float], representations: list[Path]) -> None:
    """Prints the runs, best first."""
    for score, representation in sorted(zip(scores, representations, strict=True), key=lambda pair: -pair[0]):
        print(f"  {name} {score:.4f}  {representation.parent}")
