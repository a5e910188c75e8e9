"""Metrics of a set of runs on one data set: how much the runs agree says which of them to trust, without any factors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from dlib_bvae.datasets import ImageData
from dlib_bvae.errors import NotApplicable, UserError
from dlib_bvae.metrics.engine.information import gaussian_kl
from dlib_bvae.metrics.score_info import Score, said_by
from dlib_bvae.registry import Registry

PAGES = {  # in the order of the table of metrics
    "udr": "dlib_bvae.metrics.udr:udr",
    "model_centrality": "dlib_bvae.metrics.model_centrality:model_centrality",
}
RUN_SET_METRICS = Registry("metric of a set of runs", "dlib_bvae.run_set_metrics", PAGES)

_BATCH = 1_000


class Member(NamedTuple):
    """A run of the set.

    codes: (images, latents) of the whole data set, rows may be memory-mapped. encode: observations float32 (n, H, W, C) →
    (mean, log_variance), (n, latents) each, the latter None where the model has none. decode: latents float32
    (n, latents) → images (n, H, W, C) in [0, 1]; None where the model generates nothing.
    """

    codes: np.ndarray
    encode: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray | None]]
    decode: Callable[[np.ndarray], np.ndarray] | None


def scores_of(name: str) -> dict[str, Score]:
    """What is known of the scores that the metric `name` gives each run; see dlib_bvae.metrics.score_info."""
    return dict(said_by(RUN_SET_METRICS, name, "SCORES", {}))


def mean_kl(member: Member, data: ImageData, rows: np.ndarray) -> np.ndarray:
    """KL to the standard normal prior of each latent, averaged over the images `rows` of `data`, nats, (latents,).

    Raises NotApplicable for a model whose posterior has no variance, UserError when the divergence is not finite.
    """
    total = np.zeros(member.codes.shape[1])
    for start in range(0, len(rows), _BATCH):
        mean, log_variance = member.encode(data.observations_at(rows[start : start + _BATCH]))
        if log_variance is None or np.isneginf(log_variance).any():
            raise NotApplicable(
                "a model of the set has no Gaussian posterior (as PCA and autoencoders have none), so "
                "which of its latents are used is not known; leave its run out"
            )
        total += gaussian_kl(mean, log_variance).sum(axis=0)
    if not np.isfinite(total).all():
        raise UserError("an encoder of the set gives posteriors that are NaN or infinite; train its run again")
    return total / len(rows)


def check_set(name: str, members: Sequence[Member], least: int = 2) -> None:
    """Raises UserError when there are fewer than `least` runs, or their codes are of different numbers of images."""
    if len(members) < least:
        raise UserError(f"{name} compares runs and needs at least {least} of them; got {len(members)}")
    lengths = sorted({len(member.codes) for member in members})
    if len(lengths) > 1:
        raise UserError(f"{name} compares runs on one data set; their codes are of {lengths} images")
