"""A submission's model trained again from its gin file, and its scores compared with those claimed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dlib_bvae import metrics
from dlib_bvae.artifacts import read_results
from dlib_bvae.config import configuration
from dlib_bvae.datasets.derived.subsets import Subsample
from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.errors import NotApplicable, UserError, visible
from dlib_bvae.leaderboard.submissions import Claim, Entry, Retrain
from dlib_bvae.leaderboard.submissions.gin_check import checked
from dlib_bvae.leaderboard.submissions.scores import Outcome, bindings_of, differences
from dlib_bvae.stages import train
from dlib_bvae.stages.evaluate import REGISTRIES
from dlib_bvae.stages.evaluation_settings import evaluation
from dlib_bvae.stages.inputs import load_encoder

_BATCH = 1_000


def check(entry: Entry, data: GroundTruthData | Subsample, model_dir: Path) -> None:
    """Trains the entry's gin file by its training seed in `model_dir`; nothing is returned.

    data: the images whose codes were submitted; the posterior means of the new model are scored on them by every claim.
    What is trained are the bindings that were checked (see gin_check.checked), not the file read again.
    Raises UserError for a gin file that is refused or cannot be trained, and for scores further off than the entry's tolerance.
    """
    retrain: Retrain = entry.retrain  # type: ignore[assignment]
    bindings = [*checked(retrain.gin_config, entry.dataset), f"model.random_seed = {entry.training_seed}"]
    try:
        train.run([], bindings, model_dir)
    except UserError as error:
        raise UserError(f"{retrain.gin_config} cannot be trained again: {error}") from error
    codes = _codes(model_dir, data)
    apart = [text for claim in entry.claims for text in differences(_scored(claim, data, codes), retrain.tolerance)]
    if apart:
        raise UserError(
            f"{retrain.gin_config}: trained again by seed {entry.training_seed}, {'; '.join(apart)} (tolerance "
            f"{retrain.tolerance:g})"
        )
    final = read_results(model_dir / "train", "train")
    again = f"trained again by seed {entry.training_seed} ({final['elapsed_time']:.0f} s)"
    print(visible(f"{retrain.gin_config}: {again}; scores agree"))


def _codes(model_dir: Path, data: GroundTruthData | Subsample) -> np.ndarray:
    """Posterior means, float32 (images, latents)."""
    encode = load_encoder(model_dir / "train" / "saved_model")
    starts = range(0, data.num_images, _BATCH)
    rows = [np.arange(start, min(start + _BATCH, data.num_images)) for start in starts]
    return np.concatenate([np.asarray(encode(data.observations_at(each))[0]) for each in rows])


def _scored(claim: Claim, data: GroundTruthData | Subsample, codes: np.ndarray) -> Outcome:
    with configuration([], bindings_of(claim), REGISTRIES):
        metric = metrics.METRICS.get(claim.metric)
        try:
            found = metric(data, codes, evaluation().random_seed)
        except NotApplicable as error:
            return Outcome(claim, None, str(error))
    return Outcome(claim, {**found, "score_names": list(found)}, None)
