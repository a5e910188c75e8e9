"""JEMMIG: a gap that also counts what else a code informs of (Do & Tran 2020)."""

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
from dlib_bvae.metrics.engine.ties import best_codes
from dlib_bvae.metrics.score_info import INFORMATION, ONE_TO_ONE, UNIT, About, Result, Sampling, Validity

SCORES = {"jemmig": UNIT}
MATRICES = INFORMATION
VERSIONS = {
    "jemmig": {
        2: "2026-11-30: of codes that inform of a factor alike but for rounding, the one with the least joint "
        "entropy is its code",
    },
}
SAMPLING = Sampling(images=("num_train",))
ABOUT = {
    "jemmig": About(
        "the lead, less what else the code informs of",
        ("jemmig",),
        ("num_bins",),
        "Do & Tran 2020",
        defects="A constant code scores 0.5 to 0.6, more than noise: read it with `mig` or the mutual information.",
    )
}
VALIDITY = {
    "jemmig": Validity(
        {"jemmig": ONE_TO_ONE},
        "Squares that lost their sign score 0.88 of independent factors, more than aligned codes of redundant ones"
        " (0.86). Duplicated and one-hot codes score 0.64 although no factor is lost, and one-hot codes that have "
        "nothing to do with the factors 0.54.",
    ),
}


@gin.configurable(denylist=["data", "codes", "random_state"])
def jemmig(
    data: MetricData, codes: Codes, random_state: RandomState, *, num_train: int = 10_000, num_bins: int = 20
) -> Result:
    """For each factor: 1 − (H(factor, best code) − gap) / (H(factor) + log num_bins); mean over factors.

    Do & Tran 2020, section 4.3: the joint entropy of a factor with the code that informs of it most, less the lead in
    mutual information over the second, is 0 (score 1) only where code and factor are one another's function and no other
    code informs of it; a code of two factors has the entropy of both. Of several codes that inform of the factor alike,
    within 1e-9 nats, the one with the least joint entropy counts. A code that is constant does not score 0: it has no
    entropy to be charged with, so a factor scores log num_bins / (H(factor) + log num_bins), 0.5 to 0.6 for 10 to 20 values and
    20 bins, more than noise, which fills the bins. Read it with the mutual information, or with mig, which is 0 there.

    data, codes, random_state: see dlib_bvae.metrics.score. Codes are in num_bins equal-width bins. Returns jemmig in
    [0, 1], jemmig_per_factor, jemmig_nats_per_factor (the entropy less the gap) and mutual_information in nats
    (latents × factors). Raises UserError for numbers out of range.
    """
    check_integer("jemmig.num_bins", num_bins, 2, MOST_BINS)
    sampler = Sampler("jemmig", data, codes, random_state)
    sample = sampler.draw_varied("num_train", num_train)
    tables = binned_tables(sample.codes, num_bins, sample.factors, sampler.sizes)
    joint = joint_entropy(tables)
    information = mutual_information(tables, joint)
    best = best_codes(information, joint)
    nats = joint[best, np.arange(len(best))] - gap_of_top_two(information)
    scores = 1 - nats / (factor_entropies(sample.factors, sampler.sizes) + np.log(num_bins))
    return {
        "jemmig": float(scores.mean()),
        "jemmig_per_factor": sampler.by_factor(scores),
        "jemmig_nats_per_factor": sampler.by_factor(nats),
        "mutual_information": information.tolist(),
    }
