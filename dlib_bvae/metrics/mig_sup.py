"""MIG-sup: the mutual information gap among factors (Li et al. 2020)."""

from __future__ import annotations

import gin

from dlib_bvae.datasets.ground_truth import RandomState
from dlib_bvae.errors import check_integer
from dlib_bvae.metrics.active import active_codes, check_threshold
from dlib_bvae.metrics.engine.bounds import MOST_BINS
from dlib_bvae.metrics.engine.codes import Codes, MetricData
from dlib_bvae.metrics.engine.information import binned_tables, factor_entropies, gap_of_top_two, mutual_information
from dlib_bvae.metrics.engine.sampling import Sampler
from dlib_bvae.metrics.score_info import COUNT, MODULAR, UNIT, About, Matrix, Result, Sampling, Validity

SCORES = {"mig_sup": UNIT, "mig_sup_active": UNIT, "num_active_codes": COUNT}
MATRICES = {"normalised_information": Matrix("code", "factor", "share of the factor's entropy", high=1.0)}
SAMPLING = Sampling(images=("num_train",))
ABOUT = {
    "mig_sup": About(
        "the same lead for every code over the factors",
        ("mig_sup",),
        ("num_bins", "active_threshold"),
        "Li et al. 2020",
        defects="Every dead code lowers `mig_sup` (`mig_sup_active` leaves them out). A factor in two codes is not "
        "seen (`mig` sees it).",
    )
}
VALIDITY = {
    "mig_sup": Validity(
        {"mig_sup": MODULAR, "mig_sup_active": MODULAR},
        "It does not see missing factors: two codes for four independent factors score 1.00, and two dead codes "
        "next to them lower mig_sup (0.50) but not mig_sup_active (1.00). One-hot codes score 0.27 although each "
        "is of one factor, and aligned codes of dependent factors 0.63 to 0.83.",
    ),
}


@gin.configurable(denylist=["data", "codes", "random_state"])
def mig_sup(
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    *,
    num_train: int = 10_000,
    num_bins: int = 20,
    active_threshold: float = 0.01,
) -> Result:
    """For each code, the lead of the factor that it informs of most over the second; mean over codes.

    Li et al. 2020, "Progressive learning and disentanglement of hierarchical representations", section 4: mutual
    information as a share of the factor's entropy. It is low for a code of two factors, which mig does not see, and
    does not see a factor in two codes, for which mig is low. Dead codes have no lead, so the mean over all codes falls
    with every latent too many; mig_sup_active is over those with a variance above active_threshold.

    data, codes, random_state: see dlib_bvae.metrics.score. Codes are in num_bins equal-width bins. Returns mig_sup and
    mig_sup_active in [0, 1] (the latter 0 without active codes), num_active_codes, active_codes, mig_sup_per_code and
    normalised_information (latents × factors). Raises UserError for numbers out of range and fewer than two factors.
    """
    check_integer("mig_sup.num_bins", num_bins, 2, MOST_BINS)
    check_threshold("mig_sup.active_threshold", active_threshold)
    sampler = Sampler("mig_sup", data, codes, random_state, least_factors=2)
    sample = sampler.draw_varied("num_train", num_train)
    information = mutual_information(binned_tables(sample.codes, num_bins, sample.factors, sampler.sizes))
    share = information / factor_entropies(sample.factors, sampler.sizes)
    gaps = gap_of_top_two(share.T)
    active = active_codes(sample.codes, active_threshold)
    return {
        "mig_sup": float(gaps.mean()),
        "mig_sup_active": float(gaps[active].mean()) if len(active) else 0.0,
        "num_active_codes": len(active),
        "active_codes": active.tolist(),
        "mig_sup_per_code": gaps.tolist(),
        "normalised_information": share.tolist(),
    }
