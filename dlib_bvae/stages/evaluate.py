"""The evaluation stage: metrics of a run's cached codes, or of codes and encoders brought from elsewhere."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from dlib_bvae import metrics
from dlib_bvae.artifacts import is_done, run_lock
from dlib_bvae.config import configuration
from dlib_bvae.datasets import DATASETS
from dlib_bvae.errors import NotApplicable, UserError
from dlib_bvae.image_quality.extractors import EXTRACTORS
from dlib_bvae.representations.codes import REPRESENTATIONS, read_codes
from dlib_bvae.stages import external, postprocess
from dlib_bvae.stages.dry_run import refuse_early
from dlib_bvae.stages.external import ExternalCodes
from dlib_bvae.stages.inputs import same_data, trained_run
from dlib_bvae.stages.scoring import Representation, score_once

Configured = Callable[[], contextlib.AbstractContextManager]
REGISTRIES = [metrics.METRICS, metrics.CLASSIFIERS, EXTRACTORS, REPRESENTATIONS]


def run(
    metric: str,
    gin_config: Sequence[str] = (),
    gin_bindings: Sequence[str] = (),
    model_dir: Path | None = None,
    overwrite: bool = False,
    repeats: int | None = None,
    own: ExternalCodes | None = None,
) -> list[Path]:
    """Scores the codes of `model_dir`, or of `own`, by every metric in the comma-separated `metric` ("all" for all).

    Each result goes to <representation>/metrics/<metric>; parameters other than the metric's own stand in the name.
    Encodes first where that was not done, as postprocess.postprocess_fn says. repeats: sets evaluation.repeats.
    A metric that refuses does not stop those after it. Raises UserError for an unknown metric before any is scored, and
    at the end for refusals, except that "all" names what cannot apply to these codes and data and leaves it out.
    """
    names = _metrics(metric)
    bindings = [*gin_bindings, *([] if repeats is None else [f"evaluation.repeats = {repeats}"])]
    if own is not None:
        configured = functools.partial(configuration, gin_config, own.bindings(bindings), [*REGISTRIES, DATASETS])
        with configured():
            data, codes = external.opened(own)
        if codes is None:
            refuse_early(names, data, configured)
        with configured(), run_lock(own.output_dir, "--output_dir"):
            representation = external.represent(own, data, codes, overwrite)
    else:
        configured = functools.partial(configuration, gin_config, bindings, REGISTRIES)
        representation = _of_run(trained_run(model_dir), names, configured)
    with run_lock(representation.directory.parent, "--model_dir" if own is None else "--output_dir"):
        return _score(names, representation, metric == "all", configured, overwrite)


def _of_run(model_dir: Path, names: Sequence[str], configured: Configured) -> Representation:
    with run_lock(model_dir):
        data = same_data(model_dir)
        with configured():
            stage = postprocess.stage_of(model_dir, postprocess.postprocessing()[0])
        if not is_done(stage, "postprocess"):
            refuse_early(names, data, configured)
        with configured():
            directory, part = postprocess.encode_once(model_dir, data)
        decoder = functools.partial(postprocess.decoder_of, model_dir, data)
        model = functools.partial(postprocess.model_of, model_dir)
        return Representation(directory, part, read_codes(directory), decoder, model)


def _metrics(text: str) -> list[str]:
    """The registry's names in `text`, each once. Raises UnknownName."""
    names = metrics.names() if text == "all" else [name.strip() for name in text.split(",")]
    for name in names:
        metrics.METRICS.get(name)
    return list(dict.fromkeys(metrics.METRICS.canonical(name) for name in names))


def _score(
    names: list[str],
    representation: Representation,
    skip_inapplicable: bool,
    configured: Configured,
    overwrite: bool,
) -> list[Path]:
    """Scores by each metric; choosy: those that cannot apply are left out, which is no error."""
    done: list[Path] = []
    refusals: dict[str, UserError] = {}
    for name in names:
        try:
            # A configuration each: else a result would tell the parameters of the metrics before it as its own.
            with configured():
                done.append(score_once(name, representation, overwrite))
        except UserError as refusal:
            refusals[name] = refusal
    _tell(refusals, len(names), skip_inapplicable)
    return done


def _tell(refusals: dict[str, UserError], asked: int, skip_inapplicable: bool) -> None:
    """Names what was refused on standard error; raises UserError where that is an error."""
    if asked == 1 and refusals:
        raise next(iter(refusals.values()))
    skipped = [name for name, refusal in refusals.items() if skip_inapplicable and isinstance(refusal, NotApplicable)]
    for name, refusal in refusals.items():
        print(f"{'left out' if name in skipped else 'refused'}: {name}: {refusal}", file=sys.stderr)
    if refused := [name for name in refusals if name not in skipped]:
        raise UserError(
            f"{len(refused)} of {asked} metrics could not be scored: {', '.join(refused)}; the lines above say why"
        )
    if len(skipped) == asked:
        raise UserError("no metric applies to these codes and data; the lines above say why")
