"""DCIMIG: one gap for compactness and modularity (Sepliarskaia et al. 2020)."""

from __future__ import annotations

import gin
import numpy as np

from dlib_bvae.datasets.ground_truth import RandomState
from dlib_bvae.errors import check_integer
from dlib_bvae.metrics.engine.bounds import MOST_BINS
from dlib_bvae.metrics.engine.codes import Codes, MetricData
from dlib_bvae.metrics.engine.information import (
    binned_tables,
    factor_entropies,
    gap_of_top_two,
    joint_entropy,
    mutual_information,
)
from dlib_bvae.metrics.engine.sampling import Sampler
from dlib_bvae.metrics.engine.ties import TIE, best_codes
from dlib_bvae.metrics.score_info import INFORMATION, ONE_TO_ONE, UNIT, About, Result, Sampling, Validity

SCORES = {"dcimig": UNIT}
MATRICES = INFORMATION
SAMPLING = Sampling(images=("num_train",))
ABOUT = {
    "dcimig": About(
        "the lead of codes, each for the factor that it informs of most",
        ("dcimig",),
        ("num_bins",),
        "Sepliarskaia et al. 2020",
        defects="A factor in two codes costs nothing.",
    )
}
VALIDITY = {
    "dcimig": Validity(
        {"dcimig": ONE_TO_ONE},
        "Duplicated codes of independent factors score 1.00 and sine-cosine pairs 0.95, so it does not see that a "
        "factor has several codes. Aligned codes of dependent factors score only 0.61 to 0.84.",
    ),
}


@gin.configurable(denylist=["data", "codes", "random_state"])
def dcimig(
    data: MetricData, codes: Codes, random_state: RandomState, *, num_train: int = 10_000, num_bins: int = 20
) -> Result:
    """How much of the factors' entropy is in codes that inform of one factor each.

    Sepliarskaia, Kiseleva & de Rijke 2020, "How to not measure disentanglement": each code's gap between the factor it
    informs of most and the second, in nats, goes to that factor; a factor keeps the largest gap that it got; the score is
    their sum over the sum of the factors' entropies. A code twice does no harm, a code for two factors does.

    data, codes, random_state: see dlib_bvae.metrics.score. Codes are in num_bins equal-width bins. Returns dcimig in
    [0, 1], dcimig_per_factor (shares of the factor's entropy), best_codes (by factor, the code whose gap it got; None
    where it got none) and mutual_information in nats (latents × factors).
    Raises UserError for numbers out of range and fewer than two factors.
    """
    check_integer("dcimig.num_bins", num_bins, 2, MOST_BINS)
    sampler = Sampler("dcimig", data, codes, random_state, least_factors=2)
    sample = sampler.draw_varied("num_train", num_train)
    tables = binned_tables(sample.codes, num_bins, sample.factors, sampler.sizes)
    joint = joint_entropy(tables)
    information = mutual_information(tables, joint)
    gaps = assigned_gaps(information)
    entropies = factor_entropies(sample.factors, sampler.sizes)
    best = [int(j) if gaps[j, k] > TIE else None for k, j in enumerate(best_codes(gaps, joint))]
    return {
        "dcimig": float(gaps.max(axis=0).sum() / entropies.sum()),
        "dcimig_per_factor": sampler.by_factor(gaps.max(axis=0) / entropies),
        "best_codes": dict(zip(sampler.factor_names, best, strict=True)),
        "mutual_information": information.tolist(),
    }


def assigned_gaps(information: np.ndarray) -> np.ndarray:
    """(latents, factors) → the same shape: each code's gap of its top two factors, at its first; 0 elsewhere."""
    gaps = np.zeros_like(information)
    gaps[np.arange(len(gaps)), information.argmax(axis=1)] = gap_of_top_two(information.T)
    return gaps
