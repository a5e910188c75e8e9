"""The FactorVAE metric of Kim & Mnih 2018: does the least varying code name the fixed factor?"""

from __future__ import annotations

from typing import Any

import gin
import numpy as np

from dlib_bvae.datasets.ground_truth import RandomState
from dlib_bvae.errors import check_integer
from dlib_bvae.metrics.active import check_threshold
from dlib_bvae.metrics.engine.bounds import MOST_IMAGES, MOST_IN_BATCH
from dlib_bvae.metrics.engine.codes import Codes, MetricData
from dlib_bvae.metrics.engine.sampling import Sampler
from dlib_bvae.metrics.engine.ties import shares
from dlib_bvae.metrics.score_info import COUNT, MODULAR, UNIT, About, Matrix, Result, Sampling, Validity

SCORES = {"train_accuracy": UNIT, "eval_accuracy": UNIT, "num_active_dims": COUNT}
MATRICES = {"votes": Matrix("factor", "code", "share of the factor's votes in training", shares=True)}
SAMPLING = Sampling(images=("num_train", "num_eval", "num_variance_estimate", "batch_size"))
ABOUT = {
    "factor_vae_score": About(
        "whether the least varying code names the fixed factor (also `factor_vae`)",
        ("eval_accuracy",),
        ("batch_size", "prune_threshold"),
        "Kim & Mnih 2018",
        defects="Chance is about 1/factors, not 0. A factor in several codes costs nothing. On a small grid noise may "
        "be above 1/factors.",
    ),
    "factor_vae_score_dlib": About(
        "the same, active codes counted as there",
        ("eval_accuracy",),
        ("batch_size",),
        "Locatello et al. 2019",
        defects="`num_active_dims` is the number of all codes unless none is active. It is here for comparison with "
        "disentanglement_lib; use `factor_vae_score`.",
    ),
}
VALIDITY = {
    "factor_vae_score": Validity(
        {"eval_accuracy": MODULAR},
        "Pairwise linear mixtures and squares that lost their sign score 1.00, and eight random mixtures of all "
        "factors 0.90: the least varying code names a factor without standing for it. Duplicated, sine-cosine and "
        "one-hot codes score 1.00, so it says nothing of how many codes a factor has, and without a full grid of "
        "factors it has no value.",
    ),
    "factor_vae_score_dlib": Validity(
        {"eval_accuracy": MODULAR},
        "Pairwise linear mixtures and squares that lost their sign score 1.00, and eight random mixtures of all "
        "factors 0.91: the least varying code names a factor without standing for it. Duplicated, sine-cosine and "
        "one-hot codes score 1.00, so it says nothing of how many codes a factor has, and without a full grid of "
        "factors it has no value.",
    ),
}

_CHUNK_IMAGES = 65_536


@gin.configurable(denylist=["data", "codes", "random_state"])
def factor_vae_score(
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    *,
    batch_size: int = 64,
    num_train: int = 10_000,
    num_eval: int = 5_000,
    num_variance_estimate: int = 10_000,
    prune_threshold: float = 0.05,
) -> Result:
    """Accuracy of a majority vote that names the factor which a batch of images agrees on by its least varying code.

    Kim & Mnih 2018, section 4, with disentanglement_lib's numbers. A vote: draw a factor uniformly among those that
    vary, then `batch_size` (L) images which share one value of it; the code with the least variance in the batch, over
    its variance among num_variance_estimate images, votes for the factor. Each code then stands for the factor that most
    of its num_train votes named. Codes that vary equally little, within 1e-9 of their variance, share a vote, and a code whose
    votes named several factors equally often stands for each in part. Codes whose standard deviation is below
    prune_threshold (the reference's prune_dims.threshold) do not vote.

    data, codes, random_state: see dlib_bvae.metrics.score. Returns train_accuracy and eval_accuracy in [0, 1],
    num_active_dims (0 makes both accuracies 0), eval_accuracy_per_factor, active_codes and votes (factors × latents,
    counts of the training votes). Raises UserError for numbers out of range.
    """
    numbers = (batch_size, num_train, num_eval, num_variance_estimate, prune_threshold)
    return _scores("factor_vae_score", data, codes, random_state, *numbers)


@gin.configurable(denylist=["data", "codes", "random_state"])
def factor_vae_score_dlib(
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    *,
    batch_size: int = 64,
    num_train: int = 10_000,
    num_eval: int = 5_000,
    num_variance_estimate: int = 10_000,
    prune_threshold: float = 0.05,
) -> Result:
    """factor_vae_score with the number of active codes as disentanglement_lib's factor_vae_score counts it.

    That code returns the length of its mask, so num_active_dims is the number of all codes unless none is active. The
    accuracies are those of factor_vae_score, but that of codes which vary equally little the first has the vote; parameters,
    returns and errors too.
    """
    numbers = (batch_size, num_train, num_eval, num_variance_estimate, prune_threshold)
    scores = _scores("factor_vae_score_dlib", data, codes, random_state, *numbers)
    return {**scores, "num_active_dims": len(scores["votes"][0]) if scores["num_active_dims"] else 0}


def votes(
    sampler: Sampler, variances: np.ndarray, active: np.ndarray, num: int, batch_size: int, shared: bool = True
) -> np.ndarray:
    """`num` votes, counted by the fixed factor and the code that varied least, float64 (factors, latents).

    variances: of each code over the data set, (latents,). active: indices of the codes that may vote; without any there
    are no votes. shared: codes that varied equally little, within 1e-9 of their variance, share a vote; else the first has it.
    """
    seed = sampler.seed()
    rng, images = np.random.default_rng(seed), np.random.RandomState(seed)
    counts = np.zeros((len(sampler.kept), len(variances)))
    if not len(active):
        return counts
    labels = rng.integers(len(sampler.kept), size=num)
    step = max(1, sampler.source.at_once(_CHUNK_IMAGES) // batch_size)
    for start in range(0, num, step):
        label = labels[start : start + step]
        rows = rng.integers(sampler.source.num_images, size=(len(label), batch_size))
        rows = sampler.moved(rows, label[:, None], sampler.values(rows[:, :1], label[:, None]))
        for batches in sampler.source.batches_at(rows, images):
            kept = batches if len(active) == len(variances) else batches[..., active]
            moved = kept.var(axis=1, ddof=1) / variances[active]
            given = shares(-moved, axis=1) if shared else moved.argmin(axis=1)[:, None] == np.arange(len(active))
            for factor in range(len(counts)):
                counts[factor, active] += given[label[: len(given)] == factor].sum(axis=0)
            label = label[len(given) :]
    return counts


def _scores(
    metric: str,
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    batch_size: int,
    num_train: int,
    num_eval: int,
    num_variance_estimate: int,
    prune_threshold: float,
) -> dict[str, Any]:
    check_integer(f"{metric}.batch_size", batch_size, 2, MOST_IN_BATCH)
    for name, value in (("num_train", num_train), ("num_eval", num_eval)):
        check_integer(f"{metric}.{name}", value, 1, MOST_IMAGES)
    check_threshold(f"{metric}.prune_threshold", prune_threshold)
    sampler = Sampler(metric, data, codes, random_state, least_factors=2, full_grid=True)
    variances = sampler.draw("num_variance_estimate", num_variance_estimate, 2).codes.var(axis=0, ddof=1)
    active = np.flatnonzero((np.sqrt(variances) >= prune_threshold) & (variances > 0))
    shared = metric != "factor_vae_score_dlib"  # the reference code takes the first of what is equal
    train = votes(sampler, variances, active, num_train, batch_size, shared)
    evaluated = votes(sampler, variances, active, num_eval, batch_size, shared)
    stands_for = shares(train) if shared else train.argmax(axis=0) == np.arange(len(train))[:, None]
    right = evaluated * stands_for
    asked = evaluated.sum(axis=1)
    return {
        "train_accuracy": float(train.max(axis=0).sum() / num_train),
        "eval_accuracy": float(right.sum() / num_eval),
        "num_active_dims": len(active),
        "eval_accuracy_per_factor": sampler.by_factor(right.sum(axis=1) / np.maximum(asked, 1)),
        "active_codes": active.tolist(),
        "votes": train.tolist(),
    }
