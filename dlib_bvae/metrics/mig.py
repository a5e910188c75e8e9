"""Mutual information gap, MIG (Chen et al. 2018): takes codes of images with known factors, hands on a score in [0, 1]."""

from __future__ import annotations

import gin

from dlib_bvae.datasets.ground_truth import RandomState
from dlib_bvae.errors import check_integer
from dlib_bvae.metrics.engine.bounds import MOST_BINS
from dlib_bvae.metrics.engine.codes import Codes, MetricData
from dlib_bvae.metrics.engine.information import binned_tables, factor_entropies, gap_of_top_two, mutual_information
from dlib_bvae.metrics.engine.sampling import Sampler
from dlib_bvae.metrics.score_info import INFORMATION, ONE_TO_ONE, UNIT, About, Result, Sampling, Validity

SCORES = {"discrete_mig": UNIT}
MATRICES = INFORMATION
SAMPLING = Sampling(images=("num_train",))
ABOUT = {
    "mig": About(
        "lead of the best code over the second, in mutual information",
        ("discrete_mig",),
        ("num_bins",),
        "Chen et al. 2018",
        defects="A factor in two codes scores 0, and so does a rotation of perfect codes by 45°. A factor of more values "
        "than `num_bins` cannot reach 1: with 32 values and 20 bins 0.85 is the most. A code of two factors "
        "is not seen (`mig_sup` sees it).",
    )
}
VALIDITY = {
    "mig": Validity(
        {"discrete_mig": ONE_TO_ONE},
        "Where factors depend on each other it punishes codes that are the factors: aligned codes of redundant, "
        "causal and correlated factors score 0.63, 0.76 and 0.84. Duplicated and one-hot codes score 0.00 although"
        " no factor is lost, and squares that lost their sign up to 0.66.",
    ),
}


@gin.configurable(denylist=["data", "codes", "random_state"])
def mig(
    data: MetricData, codes: Codes, random_state: RandomState, *, num_train: int = 10_000, num_bins: int = 20
) -> Result:
    """For each factor, the lead of the most informative code over the second, as a share of the factor's entropy; mean.

    Mutual information is the plug-in estimate from num_train images, with codes in num_bins equal-width bins between
    their least and largest value, as in disentanglement_lib (Chen et al. 2018, section 4.1, integrate over q(z|x)
    instead). A code reaches 1 only if its bins separate the factor's values.

    data, codes, random_state: see dlib_bvae.metrics.score. Returns discrete_mig in [0, 1], mig_per_factor,
    mutual_information in nats (latents × factors) and factor_entropies in nats.
    Raises UserError for numbers out of range.
    """
    check_integer("mig.num_bins", num_bins, 2, MOST_BINS)
    sampler = Sampler("mig", data, codes, random_state)
    sample = sampler.draw_varied("num_train", num_train)
    information = mutual_information(binned_tables(sample.codes, num_bins, sample.factors, sampler.sizes))
    entropies = factor_entropies(sample.factors, sampler.sizes)
    gaps = gap_of_top_two(information) / entropies
    return {
        "discrete_mig": float(gaps.mean()),
        "mig_per_factor": sampler.by_factor(gaps),
        "mutual_information": information.tolist(),
        "factor_entropies": sampler.by_factor(entropies),
    }
