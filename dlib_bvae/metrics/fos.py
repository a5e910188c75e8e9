"""Factorisation of support (Roth et al. 2023): does every value of one code occur with every value of another?"""

from __future__ import annotations

import itertools

import gin
import numpy as np

from dlib_bvae.datasets.ground_truth import RandomState
from dlib_bvae.errors import NotApplicable, check_integer
from dlib_bvae.metrics.engine.bounds import MOST_IMAGES, MOST_IN_BATCH, check_codes_fit
from dlib_bvae.metrics.engine.codes import Codes, MetricData
from dlib_bvae.metrics.engine.probes import standardised
from dlib_bvae.metrics.engine.sampling import Sampler
from dlib_bvae.metrics.score_info import UNJUDGED, About, Matrix, Result, Sampling, Score, Validity

SCORES = {"fos": Score(0, None, False, null=None), "fos_standardised": Score(0, None, False, null=None)}
MATRICES = {"fos_per_pair": Matrix("code", "code", "squared distance")}
SAMPLING = Sampling(images=("num_train", "batch_size"))
ABOUT = {
    "fos": About(
        "factorisation of the codes' support",
        ("fos",),
        ("num_train", "batch_size"),
        "Roth et al. 2023",
        "seconds",
        defects="Less is better, and constant codes have 0. `fos` is in the codes' units squared and shrinks with "
        "them; `fos_standardised` does not.",
    )
}
VALIDITY = {
    "fos": Validity(
        {"fos": UNJUDGED, "fos_standardised": UNJUDGED},
        "It looks at the codes alone: squares that lost their sign have the best value, 0.00, and two codes for "
        "four independent factors a fos_standardised of 0.16, close to all four (0.09). Correlated factors alone "
        "raise that of aligned codes to 0.59.",
    ),
}

_MOST_CODES = 100  # every pair of codes is compared


@gin.configurable(denylist=["data", "codes", "random_state"])
def fos(
    data: MetricData, codes: Codes, random_state: RandomState, *, num_train: int = 1_280, batch_size: int = 128
) -> Result:
    """How far, at most, a combination of two codes' values is from one that occurs; needs no factors.

    Roth et al. 2023, "Disentanglement of correlated factors via Hausdorff factorized support": within a batch, for each
    pair of codes, the largest squared distance from a point (code a of one image, code b of another) to the nearest
    image. fos is the sum over pairs, averaged over the num_train // batch_size batches, in the codes' units squared,
    so that it shrinks with them; fos_standardised the mean over pairs of the codes that vary, in units of their variance.

    data, codes, random_state: see dlib_bvae.metrics.score. Returns fos and fos_standardised (both 0 with one code) and
    fos_per_pair, symmetric (latents × latents). Raises UserError for numbers out of range and more than 100 codes.
    """
    check_integer("fos.batch_size", batch_size, 2, MOST_IN_BATCH)
    sampler = Sampler("fos", data, codes, random_state, least_factors=0, most_codes=_MOST_CODES)
    check_integer("fos.num_train", num_train, int(batch_size), MOST_IMAGES)
    check_codes_fit(int(num_train) * int(batch_size), sampler.source.latents or 1)  # the distances within batches
    sample = sampler.draw("num_train", _whole_batches(sampler, num_train, batch_size))
    raw = hausdorff(sample.codes, batch_size)
    scaled = standardised(sample)[0].codes
    varies = np.flatnonzero(scaled.any(axis=0))
    pairs = len(varies) * (len(varies) - 1) / 2
    return {
        "fos": float(raw.sum() / 2),
        "fos_standardised": float(hausdorff(scaled[:, varies], batch_size).sum() / 2 / max(pairs, 1)),
        "fos_per_pair": raw.tolist(),
    }


def _whole_batches(sampler: Sampler, num_train: int, batch_size: int) -> int:
    """How many images there are for batches of batch_size. Raises NotApplicable where there are not enough for one."""
    there = num_train if sampler.with_replacement else min(num_train, sampler.source.images)
    if there < batch_size:
        raise NotApplicable(
            f"fos needs batch_size = {batch_size} different images, and this data set has {there}; set fos.batch_size lower"
        )
    found = there // batch_size * batch_size
    sampler.note("num_train", num_train // batch_size * batch_size, found)
    return found


def hausdorff(codes: np.ndarray, batch_size: int) -> np.ndarray:
    """Codes (batches · batch_size, latents) → mean over batches of the squared distance, symmetric (latents, latents)."""
    batches = codes.reshape(len(codes) // batch_size, batch_size, codes.shape[1])
    found = np.zeros((codes.shape[1],) * 2)
    # [batch, code] → squared distances between its values, (batch_size, batch_size)
    squares = np.square(batches[:, :, None] - batches[:, None]).transpose(0, 3, 1, 2).astype(np.float32)
    for batch in squares:
        for a, b in itertools.combinations(range(codes.shape[1]), 2):
            found[a, b] += _farthest(batch[a], batch[b])
    return (found + found.T) / len(batches)


def _farthest(first: np.ndarray, second: np.ndarray) -> float:
    """max over (u, v) of min over images i of first[u, i] + second[v, i]."""
    nearest = np.full(first.shape, np.inf, np.float32)
    reach = np.empty_like(nearest)
    for u, v in zip(first.T, second.T, strict=True):
        np.minimum(nearest, np.add.outer(u, v, out=reach), out=nearest)
    return float(nearest.max())
