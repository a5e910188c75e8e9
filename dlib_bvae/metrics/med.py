"""Mutual information based entropy disentanglement, MED (Cao et al. 2022)."""

from __future__ import annotations

import gin
import numpy as np

from dlib_bvae.datasets.ground_truth import RandomState
from dlib_bvae.errors import check_integer
from dlib_bvae.metrics.dci import check_two_codes, disentanglement, disentanglement_per_code
from dlib_bvae.metrics.engine.bounds import MOST_BINS
from dlib_bvae.metrics.engine.codes import Codes, MetricData
from dlib_bvae.metrics.engine.information import binned_tables, mutual_information
from dlib_bvae.metrics.engine.sampling import Sampler
from dlib_bvae.metrics.engine.ties import TIE, leading
from dlib_bvae.metrics.score_info import MODULAR, ONE_TO_ONE, UNIT, About, Matrix, Result, Sampling, Validity

SCORES = {
    "disentanglement": UNIT,
    "completeness": UNIT,
    "top_k_disentanglement": UNIT,
    "top_k_completeness": UNIT,
}
MATRICES = {"importance": Matrix("code", "factor", "share of the factor's information", high=1.0)}
VERSIONS = {"med": {2: "2026-11-30: scores that differ by rounding are ties, whatever the order of the codes"}}
SAMPLING = Sampling(images=("num_train",))
ABOUT = {
    "med": About(
        "`dci` of shares of mutual information",
        ("disentanglement", "completeness"),
        ("num_bins", "top_k"),
        "Cao et al. 2022",
    )
}
VALIDITY = {
    "med": Validity(
        {"disentanglement": MODULAR, "completeness": ONE_TO_ONE},
        "Aligned codes of causal and correlated factors score 0.29 and 0.30, where those of independent ones score"
        " 1.00: it punishes dependence of the factors. Two codes for four independent factors, and squares that "
        "lost their sign, score 1.00 in disentanglement and in completeness.",
    ),
}


@gin.configurable(denylist=["data", "codes", "random_state"])
def med(
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    *,
    num_train: int = 10_000,
    num_bins: int = 20,
    top_k: int = 2,
) -> Result:
    """DCI's disentanglement and completeness with shares of mutual information for importances.

    Cao et al. 2022, "An empirical study on disentanglement of negative-free contrastive learning", section 3: R is the
    mutual information of codes (in num_bins equal-width bins) with factors, divided by the factor's sum over codes. For
    representations of many dimensions the top-k scores keep, of the codes that inform of a factor most, the top_k most
    disentangled ones. The paper's logistic informativeness is downstream_task's.

    data, codes, random_state: see dlib_bvae.metrics.score. Returns disentanglement, completeness, top_k_disentanglement
    and top_k_completeness in [0, 1], top_k_codes, disentanglement_per_code, completeness_per_factor and importance
    (latents × factors). Raises UserError for numbers out of range and fewer than two factors or codes.
    """
    check_integer("med.num_bins", num_bins, 2, MOST_BINS)
    check_integer("med.top_k", top_k, 1)
    sampler = Sampler("med", data, codes, random_state, least_factors=2)
    sample = sampler.draw_varied("num_train", num_train)
    check_two_codes("med", sample.codes)
    information = mutual_information(binned_tables(sample.codes, num_bins, sample.factors, sampler.sizes))
    total = information.sum(axis=0)
    importance = information / np.where(total > 0, total, 1)
    kept = most_disentangled(importance, top_k)
    return {
        "disentanglement": disentanglement(importance),
        "completeness": disentanglement(importance.T),
        "top_k_disentanglement": disentanglement(importance[kept]),
        # One code kept in all: every factor's information is in it.
        "top_k_completeness": disentanglement(importance[kept].T) if len(kept) > 1 else 1.0,
        "top_k_codes": kept.tolist(),
        "disentanglement_per_code": disentanglement_per_code(importance).tolist(),
        "completeness_per_factor": sampler.by_factor(disentanglement_per_code(importance.T)),
        "importance": importance.tolist(),
    }


def most_disentangled(importance: np.ndarray, top_k: int) -> np.ndarray:
    """Of the codes that inform of each factor most, the indices of the `top_k` most disentangled; sorted.

    A code that informs of two factors alike is among those of both, one of no information among none unless all are so.
    Of codes that are disentangled alike the more important come first.
    """
    most = leading(importance, axis=1) & ((importance > 0) | (importance.max() <= 0))
    alike = np.round(disentanglement_per_code(importance) / TIE)
    kept: set[int] = set()
    for column, candidates in zip(importance.T, most.T, strict=True):
        order = np.lexsort((-np.round(column / TIE), -alike))
        kept.update(order[candidates[order]][:top_k].tolist())
    return np.array(sorted(kept))
