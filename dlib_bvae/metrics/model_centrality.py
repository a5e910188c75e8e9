"""ModelCentrality (Lin et al. 2020): the run that lies in the middle of its set."""

from __future__ import annotations

from collections.abc import Sequence

import gin
import numpy as np

from dlib_bvae.datasets import ImageData
from dlib_bvae.datasets.ground_truth import RandomState, as_rng, draw
from dlib_bvae.errors import UserError, check_integer
from dlib_bvae.metrics.active import check_threshold
from dlib_bvae.metrics.engine.bounds import MOST_IMAGES, MOST_IN_BATCH, check_codes_fit
from dlib_bvae.metrics.engine.sampling import draw_rows
from dlib_bvae.metrics.engine.ties import leading, shares
from dlib_bvae.metrics.run_sets import Member, check_set, mean_kl
from dlib_bvae.metrics.score_info import COUNT, UNIT, About, Result, Sampling

_IMAGES = 1_000  # that are generated at once

SCORES = {"model_centrality": UNIT._replace(null=None), "num_informative": COUNT._replace(null=None)}
SAMPLING = Sampling(images=("num_votes", "num_variance_estimate", "num_kl", "batch_size"))
ABOUT = {
    "model_centrality": About(
        "a run's latents found in the images of others (`dlib_bvae_metrics rank`)",
        ("model_centrality",),
        ("num_votes", "kl_threshold"),
        "Lin et al. 2020",
        "seconds",
        defects="It ranks runs of one set: another run in the set changes all scores.",
    )
}


@gin.configurable(denylist=["data", "members", "random_state"])
def model_centrality(
    data: ImageData,
    members: Sequence[Member],
    random_state: RandomState,
    *,
    batch_size: int = 100,
    num_votes: int = 1_000,
    num_variance_estimate: int = 10_000,
    num_kl: int = 1_000,
    kl_threshold: float = 0.01,
    prune_threshold: float = 0.05,
) -> list[Result]:
    """How well the encoder of one run finds the latents of another in its generated images, and the other way round.

    Lin et al. 2020, "InfoGAN-CR and ModelCentrality", section 5. Run i generates images from latents drawn from the
    prior; the FactorVAE score of run j's means, with those latents for factors, is A (i, j): a vote fixes one latent
    in batch_size images, num_votes votes of which the first two thirds settle what each code stands for and the
    others are scored. A run's score is the mean of (A + Aᵀ) / 2 over the others; the highest is the medoid. Only latents
    whose mean KL over num_kl images is above kl_threshold nats are fixed, as no encoder can find the others (the
    authors fix all: kl_threshold=0). Codes whose standard deviation over num_variance_estimate generated images is below
    prune_threshold do not vote.

    data: an ImageData, for the KL. members: at least two. random_state: see dlib_bvae.metrics.score. Returns for each
    run model_centrality in [0, 1], num_informative and similarities, one entry a run, None for itself.
    Raises UserError for numbers out of range.
    """
    check_set("model_centrality", members)
    if any(member.decode is None for member in members):
        raise UserError(
            "model_centrality generates images by every model of the set, and one has no decoder; leave it out"
        )
    for name, value, least, most in (
        ("batch_size", batch_size, 2, MOST_IN_BATCH),
        ("num_votes", num_votes, 3, MOST_IMAGES),
        ("num_kl", num_kl, 1, MOST_IMAGES),
        ("num_variance_estimate", num_variance_estimate, 2, MOST_IMAGES),
    ):
        check_integer(f"model_centrality.{name}", value, least, most)
    for member in members:
        check_codes_fit(max(batch_size, num_variance_estimate, num_kl), member.codes.shape[1])
    check_threshold("model_centrality.kl_threshold", kl_threshold)
    check_threshold("model_centrality.prune_threshold", prune_threshold)
    rng = np.random.default_rng(int(draw(as_rng(random_state), 2**31 - 1, 1)[0]))
    rows = draw_rows("model_centrality", rng, len(members[0].codes), num_kl)
    informative = [np.flatnonzero(mean_kl(member, data, rows) > kl_threshold) for member in members]
    numbers = (batch_size, num_votes, num_variance_estimate, prune_threshold)
    found = np.array([_found(members, i, informative[i], *numbers, rng) for i in range(len(members))])
    alike = (found + found.T) / 2
    others = ~np.eye(len(members), dtype=bool)
    return [
        {
            "model_centrality": float(alike[i, others[i]].mean()),
            "num_informative": len(informative[i]),
            "similarities": [float(each) if k != i else None for k, each in enumerate(alike[i])],
        }
        for i in range(len(members))
    ]


def _found(
    members: Sequence[Member],
    generator: int,
    informative: np.ndarray,
    batch_size: int,
    num_votes: int,
    num_variance_estimate: int,
    prune_threshold: float,
    rng: np.random.Generator,
) -> list[float]:
    """The score of every run's encoder on images of run `generator`, whose latents `informative` are fixed in turn."""
    if not len(informative):
        return [0.0] * len(members)
    latents = members[generator].codes.shape[1]
    free = rng.standard_normal((num_variance_estimate, latents), np.float32)
    variances = [codes.var(axis=0, ddof=1) for codes in _codes(members, generator, free)]
    active = [np.flatnonzero((np.sqrt(each) >= prune_threshold) & (each > 0)) for each in variances]
    labels = rng.integers(len(informative), size=num_votes)
    votes = np.full((len(members), num_votes), -1)
    step = max(1, _IMAGES // batch_size)
    for start in range(0, num_votes, step):
        label = labels[start : start + step]
        drawn = rng.standard_normal((len(label), batch_size, latents), np.float32)
        which = np.arange(len(label))
        drawn[which, :, informative[label]] = drawn[which, :1, informative[label]]
        for j, codes in enumerate(_codes(members, generator, drawn.reshape(-1, latents))):
            if len(active[j]):
                variance = codes.reshape(len(label), batch_size, -1)[..., active[j]].var(axis=1, ddof=1)
                votes[j, start : start + step] = active[j][
                    leading(-variance / variances[j][active[j]], axis=1).argmax(axis=1)
                ]
    return [
        majority_accuracy(votes[j], labels, len(informative)) if len(active[j]) else 0.0 for j in range(len(members))
    ]


def majority_accuracy(votes: np.ndarray, labels: np.ndarray, classes: int) -> float:
    """Votes (n,), codes, and labels (n,), 0 … classes - 1 → accuracy on the last third of what the first two say most.

    A code that the first two thirds say of several factors alike is right in part for each.
    """
    ends = 2 * len(votes) // 3
    counts = np.zeros((votes.max() + 1, classes), np.int64)
    np.add.at(counts, (votes[:ends], labels[:ends]), 1)
    return float(np.mean(shares(counts, axis=1)[votes[ends:], labels[ends:]]))


def _codes(members: Sequence[Member], generator: int, latents: np.ndarray) -> list[np.ndarray]:
    """The means, float64 (n, latents), that every run gives the images of `latents` (n, latents) by run `generator`."""
    decode = members[generator].decode
    assert decode is not None
    parts: list[list[np.ndarray]] = [[] for _ in members]
    for start in range(0, len(latents), _IMAGES):
        images = decode(latents[start : start + _IMAGES])
        for part, member in zip(parts, members, strict=True):
            part.append(np.asarray(member.encode(images)[0], np.float64))
    return [np.concatenate(part) for part in parts]
