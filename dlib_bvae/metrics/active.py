"""Which codes carry anything: active units."""

from __future__ import annotations

import gin
import numpy as np

from dlib_bvae.datasets.ground_truth import RandomState
from dlib_bvae.errors import UserError
from dlib_bvae.metrics.engine.codes import Codes, MetricData
from dlib_bvae.metrics.engine.sampling import Sampler
from dlib_bvae.metrics.score_info import UNJUDGED, About, Result, Sampling, Score, Validity

SCORES = {"active_units": Score(0, None, None, null=None), "active_fraction": Score(0, 1, None, null=None)}
SAMPLING = Sampling(images=("num_train",))
ABOUT = {
    "active_units": About(
        "codes that vary",
        ("active_units",),
        ("threshold",),
        "Burda et al. 2016",
        defects="It counts variance, in the units of the codes, not information. Codes that are no posterior means of "
        "a VAE have other units.",
    )
}
VALIDITY = {
    "active_units": Validity(
        {"active_units": UNJUDGED},
        "It counts codes that vary, whatever they say: four for noise as for four aligned codes. One-hot codes "
        "count 23 for four factors.",
    ),
}


@gin.configurable(denylist=["data", "codes", "random_state"])
def active_units(
    data: MetricData, codes: Codes, random_state: RandomState, *, num_train: int = 10_000, threshold: float = 0.01
) -> Result:
    """How many codes vary with the image: those with Var[code] > `threshold` (Burda et al. 2016, section 5.2).

    The codes are to be posterior means, in units of a prior of variance 1. The variance is over num_train images.
    data, codes, random_state: see dlib_bvae.metrics.score. Returns active_units, active_fraction (of all codes),
    active_codes (their indices) and variances (latents,). Raises UserError for numbers out of range.
    """
    check_threshold("active_units.threshold", threshold)
    sample = Sampler("active_units", data, codes, random_state, least_factors=0).draw("num_train", num_train, 2)
    active = active_codes(sample.codes, threshold)
    return {
        "active_units": len(active),
        "active_fraction": len(active) / sample.codes.shape[1],
        "active_codes": active.tolist(),
        "variances": sample.codes.var(axis=0, ddof=1).tolist(),
    }


def active_codes(codes: np.ndarray, threshold: float) -> np.ndarray:
    """Indices of the latents of codes (n, latents) whose variance is above `threshold`, int64."""
    return np.flatnonzero(codes.var(axis=0, ddof=1) > threshold)


def check_threshold(name: str, value: object) -> None:
    """Raises UserError unless the parameter `name` is a number >= 0."""
    if (
        not isinstance(value, (int, float, np.integer, np.floating))
        or isinstance(value, bool)
        or not 0 <= value < np.inf
    ):
        raise UserError(f"{name} must be a number >= 0; got {value!r}")
