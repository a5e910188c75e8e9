"""Interventional robustness score (Suter et al. 2019)."""

from __future__ import annotations

from typing import Any

import gin
import numpy as np

from dlib_bvae.datasets.ground_truth import RandomState
from dlib_bvae.errors import UserError, check_integer
from dlib_bvae.metrics.active import check_threshold
from dlib_bvae.metrics.engine.bounds import MOST_BINS
from dlib_bvae.metrics.engine.codes import Codes, MetricData
from dlib_bvae.metrics.engine.information import histogram_bins
from dlib_bvae.metrics.engine.sampling import Sample, Sampler
from dlib_bvae.metrics.engine.ties import leading
from dlib_bvae.metrics.score_info import COUNT, MODULAR, UNIT, About, Matrix, Result, Sampling, Validity

# Deviations within a value can exceed those from the overall mean; num_active_dims of irs_dlib is a sum of codes.
SCORES = {"IRS": UNIT._replace(low=None), "num_active_dims": COUNT._replace(low=None)}
MATRICES = {"irs_matrix": Matrix("active code", "factor", "1 − relative deviation", high=1.0)}
SAMPLING = Sampling(images=("num_train",))
ABOUT = {
    "irs": About(
        "how little codes move when other factors do",
        ("IRS",),
        ("diff_quantile",),
        "Suter et al. 2019",
        defects="Codes that know nothing score above 0, the more so the fewer images share a value.",
    ),
    "irs_dlib": About(
        "the same with binned factors",
        ("IRS",),
        ("num_bins",),
        "Locatello et al. 2019",
        defects="A factor with more values than bins is fixed only to a bin, which lowers its score, and "
        "`num_active_dims` means nothing. It is here for comparison with disentanglement_lib; use `irs`.",
    ),
}
VALIDITY = {
    "irs": Validity(
        {"IRS": MODULAR},
        "Two codes for four factors, and squares that lost their sign, score 1.00: it only asks whether a code "
        "follows one factor. Pairwise linear mixtures still score 0.54 to 0.62.",
    ),
    "irs_dlib": Validity(
        {"IRS": MODULAR},
        "Two codes for four factors, and squares that lost their sign, score 1.00: it only asks whether a code "
        "follows one factor. Pairwise linear mixtures still score 0.54 to 0.62.",
    ),
}


@gin.configurable(denylist=["data", "codes", "random_state"])
def irs(
    data: MetricData, codes: Codes, random_state: RandomState, *, num_train: int = 10_000, diff_quantile: float = 0.99
) -> Result:
    """How little each code moves, at most, when the factor that it follows is fixed and all others change.

    Suter et al. 2019, section 4. For a factor's value: the diff_quantile of |code − mean code| among images with that
    value (1.0: their largest, the paper's), averaged over values, over the code's largest deviation from its mean among
    all num_train images. 1 − that is the matrix; the score is each code's best factor, averaged with the largest
    deviations as weights, so that codes which hardly move hardly count. Constant codes are left out.

    data, codes, random_state: see dlib_bvae.metrics.score. Returns IRS, at most 1 (0 when no code moves),
    num_active_dims, active_codes, irs_matrix (active codes × factors) and parents (the name of each active code's factor).
    Raises UserError for numbers out of range.
    """
    sampler, sample = _sample("irs", data, codes, random_state, num_train, diff_quantile)
    return _scores(sampler, sample, diff_quantile)


@gin.configurable(denylist=["data", "codes", "random_state"])
def irs_dlib(
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    *,
    num_train: int = 10_000,
    diff_quantile: float = 0.99,
    num_bins: int = 20,
) -> Result:
    """irs as disentanglement_lib computes it: factor values go into num_bins bins too, and num_active_dims is wrong.

    A factor with more values than bins is fixed only to a bin, which lowers its score. num_active_dims is the sum of
    all values of the active codes, which means nothing. Parameters, returns and errors otherwise as in irs.
    """
    check_integer("irs_dlib.num_bins", num_bins, 2, MOST_BINS)
    sampler, sample = _sample("irs_dlib", data, codes, random_state, num_train, diff_quantile)
    missing = sample.factors < 0
    bins = histogram_bins(np.where(missing, sample.factors.max(axis=0), sample.factors), num_bins)
    scores = _scores(sampler, Sample(sample.codes, np.where(missing, -1, bins)), diff_quantile)
    return {**scores, "num_active_dims": float(sample.codes[:, scores["active_codes"]].sum())}


def interventional_matrix(codes: np.ndarray, factors: np.ndarray, quantile: float) -> np.ndarray:
    """Codes (n, latents), none constant, and factors int (n, factors) → 1 − relative deviation, (latents, factors).

    Of a factor, images that have none of its values (−1) do not count.
    """
    largest = np.abs(codes - codes.mean(axis=0)).max(axis=0)
    matrix = np.empty((codes.shape[1], factors.shape[1]))
    for k, column in enumerate(factors.T):
        order = np.argsort(column, kind="stable")[np.count_nonzero(column < 0) :]
        groups = np.split(codes[order], np.flatnonzero(np.diff(column[order])) + 1)
        moved = [np.quantile(np.abs(group - group.mean(axis=0)), quantile, axis=0) for group in groups]
        matrix[:, k] = 1 - np.mean(moved, axis=0) / largest
    return matrix


def _sample(
    name: str, data: MetricData, codes: Codes, random_state: RandomState, num_train: int, diff_quantile: float
) -> tuple[Sampler, Sample]:
    check_threshold(f"{name}.diff_quantile", diff_quantile)
    if diff_quantile > 1:
        raise UserError(f"{name}.diff_quantile must be in [0, 1]; got {diff_quantile!r}")
    sampler = Sampler(name, data, codes, random_state)
    return sampler, sampler.draw("num_train", num_train, 2)


def _scores(sampler: Sampler, sample: Sample, quantile: float) -> dict[str, Any]:
    active = np.flatnonzero(np.ptp(sample.codes, axis=0) > 0)
    moving = sample.codes[:, active]
    matrix = (
        interventional_matrix(moving, sample.factors, quantile) if len(active) else np.empty((0, len(sampler.kept)))
    )
    weights = np.abs(moving - moving.mean(axis=0)).max(axis=0)
    return {
        "IRS": float(np.average(matrix.max(axis=1), weights=weights)) if len(active) else 0.0,
        "num_active_dims": len(active),
        "active_codes": active.tolist(),
        "irs_matrix": matrix.tolist(),
        "parents": [sampler.factor_names[k] for k in leading(matrix, axis=1).argmax(axis=1)],
    }
