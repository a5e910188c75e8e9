"""One claim of a submission: the metric computed again, and its row."""

from __future__ import annotations

import contextlib
import inspect
import io
import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

from dlib_bvae import metrics
from dlib_bvae.artifacts import describe
from dlib_bvae.datasets.derived.subsets import Subsample
from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.errors import NotApplicable, UserError, unknown
from dlib_bvae.leaderboard.submissions import Claim, Entry
from dlib_bvae.metrics.score_info import info_of
from dlib_bvae.stages.evaluate import folder, look, score_once, scored_by
from dlib_bvae.stages.inputs import Representation
from dlib_bvae.stages.scoring import drawn_so

Configured = Callable[[list[str]], AbstractContextManager]
NULL, NULL_OF_COSTLY = 20, 5  # matchings of a verified score
_ROUNDING = 1e-6  # by which a score in floating point may leave its range
_GIVEN = ("data", "codes", "random_state", "decode", "model")


class Outcome(NamedTuple):
    """A claim and what the metric gives here: {score: value}, or why it cannot be computed from these codes."""

    claim: Claim
    found: dict[str, Any] | None
    reason: str | None


class Verified(NamedTuple):
    """An entry whose claims were computed again: its rows in the folder `place`, and the codes that these are of."""

    entry: Entry
    place: Path
    data: GroundTruthData | Subsample
    representation: Representation
    outcomes: list[Outcome]


def parameters_of(metric: str) -> list[str]:
    """The names of what a claim may say of a metric. Raises UnknownName."""
    return [name for name in inspect.signature(metrics.METRICS.get(metric)).parameters if name not in _GIVEN]


def bindings_of(claim: Claim) -> list[str]:
    """The claim's seed and parameters in gin. Raises UserError for an unknown metric or parameter."""
    accepted = parameters_of(claim.metric)
    name = metrics.METRICS.canonical(claim.metric)
    for parameter in claim.parameters:
        if parameter not in accepted:
            raise unknown(f"parameter of {name}", parameter, accepted)
    # the literal of a text is that text, whatever it says, so a claim cannot configure more than its metric
    given = [f"{name}.{parameter} = {value!r}" for parameter, value in claim.parameters.items()]
    return [f"evaluation.random_seed = {claim.metric_seed}", *given]


def check_range(claim: Claim) -> None:
    """Raises UserError for a claimed score that its metric does not give, or that is out of the score's range."""
    known = metrics.scores_of(metrics.METRICS.canonical(claim.metric))
    for name, claimed in claim.scores.items():
        info = info_of(known, name)
        if known and info is None:
            raise UserError(f"{claim.metric} gives no score {name}; it gives {', '.join(known)}")
        low, high = (-math.inf, math.inf) if info is None else (info.low, info.high)
        low, high = -math.inf if low is None else low, math.inf if high is None else high
        if not low - _ROUNDING <= claimed <= high + _ROUNDING:
            raise UserError(
                f"{claim.metric}.{name} is claimed to be {claimed:.6g}, which is out of its range, {low:g} … {high:g}; claim "
                "what dlib_bvae_evaluate gives"
            )


def rows_of(claim: Claim, representation: Representation, configured: Configured) -> Outcome:
    """Computes the claim's metric and writes its row; a metric that these codes cannot have gets a row as claimed."""
    name = metrics.METRICS.canonical(claim.metric)
    with configured(bindings_of(claim)):
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # it would name a scratch folder
                work = score_once(name, representation, overwrite=True)
        except NotApplicable as error:
            _write_claimed(name, claim, representation)
            return Outcome(claim, None, str(error).splitlines()[0])  # gin adds lines to an error
    return Outcome(claim, work.results(), None)


def add_null(outcome: Outcome, representation: Representation, configured: Configured, number: int) -> None:
    """Gives the row of a claim that was computed the null of `number` matchings; a costly metric has at most 5 of them."""
    if outcome.found is None or not number:
        return
    matchings = [f"evaluation.null = {number}", f"evaluation.costly_null = {NULL_OF_COSTLY}"]
    with configured([*bindings_of(outcome.claim), *matchings]), contextlib.redirect_stdout(io.StringIO()):
        score_once(metrics.METRICS.canonical(outcome.claim.metric), representation, overwrite=False)


def differences(outcome: Outcome, tolerance: float) -> list[str]:
    """What each score that is further off than `tolerance` (times the score where that is above 1) was said to be, and is."""
    if outcome.found is None:
        return []
    claim, texts = outcome.claim, []
    for score, claimed in claim.scores.items():
        found = outcome.found.get(score)
        if score not in outcome.found["score_names"] or found is None:
            texts.append(f"{claim.metric} gives no score {score}; it gives {', '.join(outcome.found['score_names'])}")
        elif abs(found - claimed) > tolerance * max(1, abs(found)):
            texts.append(
                f"{claim.metric}.{score}: claimed {claimed:.6g}, recomputed {found:.6g} with metric seed {claim.metric_seed}"
            )
    return texts


def _write_claimed(name: str, claim: Claim, representation: Representation) -> None:
    """The row of scores that nobody but the submitter has computed."""
    work = look(name, representation)
    results = {
        **claim.scores,
        "score_names": list(claim.scores),
        **scored_by(name, drawn_so(name)),
        "num_images": representation.data.num_images,
        "random_seed": claim.metric_seed,
        "evidence": "claimed",
        "encoded": work.sources["encoded"],
        "elapsed_time": 0.0,
        "environment": describe(),
    }
    work.name(folder(name))
    work.begin()
    work.finish(results, earlier=representation.directory)
