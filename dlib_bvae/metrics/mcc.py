"""Mean correlation coefficient of factors and the codes assigned to them (Hyvärinen and Morioka 2016)."""

from __future__ import annotations

from collections.abc import Sequence

import gin
import numpy as np

from dlib_bvae.datasets.ground_truth import RandomState
from dlib_bvae.errors import check_integer, unknown
from dlib_bvae.metrics.engine.codes import Codes, MetricData
from dlib_bvae.metrics.engine.sampling import Sampler
from dlib_bvae.metrics.engine.scaling import standardised
from dlib_bvae.metrics.score_info import ONE_TO_ONE, UNIT, About, Matrix, Result, Sampling, Score, Validity
from dlib_bvae.metrics.snc import match

SCORES = {"matched": UNIT, "coverage": UNIT, "cross_fitted": Score(-1.0, 1.0, True, 0.0)}
MATRICES = {"correlations": Matrix("code", "factors", "correlation", low=-1.0, high=1.0)}
SAMPLING = Sampling(images=("num_train",))
ABOUT = {
    "mcc": About(
        "correlation of each factor with one code, no code twice",
        ("matched", "coverage", "cross_fitted"),
        ("correlation", "folds", "leave_out"),
        "Hyvärinen and Morioka 2016",
        defects="`matched` and `coverage` are above 0 for noise, the more so the more codes there are; `cross_fitted` "
        "is not. The grids of this package declare no kinds of factors: name those that are no numbers, "
        '`mcc.leave_out = ["shape", "orientation"]` on dSprites.',
    )
}
VALIDITY = {
    "mcc": Validity(
        {"matched": ONE_TO_ONE, "coverage": ONE_TO_ONE, "cross_fitted": ONE_TO_ONE},
        "Pairwise linear mixtures score 0.86 to 0.96, and eight random mixtures of correlated factors 0.91, so a "
        "value near 1 is no evidence of a code a factor. Two codes for four factors score 1.00 in matched and "
        "cross_fitted (0.50 in coverage), and duplicated codes 1.00 in all three.",
    ),
}

PEARSON, SPEARMAN = CORRELATIONS = ("pearson", "spearman")
_MOST_FOLDS = 100
_LEAST_IN_FOLD = 3  # images: two always correlate by ±1
_BLOCK_BYTES = 2**26  # of the codes that are ranked and scaled at once


@gin.configurable(denylist=["data", "codes", "random_state"])
def mcc(
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    *,
    num_train: int = 10_000,
    correlation: str = "pearson",
    folds: int = 5,
    leave_out: Sequence[str] = (),
) -> Result:
    """The absolute correlation of factors with codes, one code a factor and one factor a code, so that its sum is largest.

    matched is the mean over the assigned pairs, of which there are as many as codes or factors, whichever are fewer; coverage
    is the sum over the number of factors, so that a factor without a code counts as 0. Where there are no more factors than
    codes, both are equal. Both are above 0 for codes that know nothing, the more so the more codes there are: with 10,000 of
    them the best of each factor correlates by 0.4 on 100 images and by 0.04 on 10,000. cross_fitted has no such excess:
    assignment and signs are those of all folds of the images but one, and the mean correlation, with those signs, is of that
    one. The mean over folds is 0 in expectation for noise.

    Factors are taken for numbers, so cyclic ones and categorical ones of more than two values are left out, as declared by
    the data set, and those of the names in leave_out; a factor of no declared kind is taken for ordinal.

    data, codes, random_state: see dlib_bvae.metrics.score. correlation: "pearson", or "spearman" of ranks, which does not change
    when codes are bent monotonically. folds: 2 … 100. An image counts for the factors that it has. Returns matched, coverage in
    [0, 1], cross_fitted in [−1, 1], mcc_per_factor, codes ({factor: code or None}), correlations (latents × factors, signed),
    factors (their names), left_out ({factor: why}). Raises UserError for numbers out of range and unknown names, NotApplicable
    where no factor is a number.
    """
    if correlation not in CORRELATIONS:
        raise unknown("correlation", str(correlation), CORRELATIONS)
    check_integer("mcc.folds", folds, 2, _MOST_FOLDS)
    sampler = Sampler("mcc", data, codes, random_state)
    columns, left_out = sampler.factors.numeric("mcc", leave_out)
    sample = sampler.draw_varied("num_train", num_train, _LEAST_IN_FOLD * folds)
    numbers = sample.numbers_in(columns)
    names = [sampler.factor_names[k] for k in columns]
    signed = correlations(sample.codes, numbers, correlation)
    assigned = match(np.abs(signed))
    found = _of_pairs(np.abs(signed), assigned)
    return {
        "matched": float(found.sum() / min(signed.shape)),
        "coverage": float(found.mean()),
        "cross_fitted": cross_fitted(sample.codes, numbers, folds, correlation),
        "mcc_per_factor": dict(zip(names, found.tolist(), strict=True)),
        "codes": dict(zip(names, assigned, strict=True)),
        "correlations": signed.tolist(),
        "factors": names,
        "left_out": left_out,
    }


def cross_fitted(codes: np.ndarray, factors: np.ndarray, folds: int, correlation: str) -> float:
    """Mean correlation in [−1, 1] of the images of each fold, by the assignment and the signs of the others; mean over images.

    codes (n, latents), factors float (n, factors) with NaN where missing. Fold k has the rows k, k + folds, …: they come in
    random order. The mean of a fold is over the assigned pairs, as in matched.
    """
    fold = np.arange(len(codes)) % folds
    total = 0.0
    for k in range(folds):
        fitted, held_out = (correlations(codes[rows], factors[rows], correlation) for rows in (fold != k, fold == k))
        pairs = _of_pairs(np.sign(fitted) * held_out, match(np.abs(fitted)))
        total += float(pairs.sum()) / min(fitted.shape) * int((fold == k).sum())
    return total / len(codes)


def correlations(codes: np.ndarray, factors: np.ndarray, correlation: str) -> np.ndarray:
    """Correlation in [−1, 1] of each code with each factor, float64 (latents, factors); 0 where one is constant.

    codes (n, latents), factors float (n, factors) with NaN where missing: such an image does not count for that factor.
    """
    found = np.zeros((codes.shape[1], factors.shape[1]))
    known = ~np.isnan(factors)
    alike = {column.tobytes(): column for column in known.T}
    for rows in alike.values():  # factors of the same images are correlated at once
        if rows.any():
            columns = np.flatnonzero((known == rows[:, None]).all(axis=0))
            found[:, columns] = _complete(codes, factors[np.ix_(rows, columns)], rows, correlation)
    return np.clip(found, -1, 1)


def _complete(codes: np.ndarray, factors: np.ndarray, rows: np.ndarray, correlation: str) -> np.ndarray:
    """The same of the images `rows`, bool (n,), which have all of the factors."""
    numbers = _scaled(factors, correlation) / len(factors)
    step = max(1, _BLOCK_BYTES // (8 * len(factors)))
    blocks = range(0, codes.shape[1], step)
    return np.concatenate([_scaled(codes[rows, start : start + step], correlation).T @ numbers for start in blocks])


def _scaled(values: np.ndarray, correlation: str) -> np.ndarray:
    if correlation == SPEARMAN:
        from scipy.stats import rankdata

        values = rankdata(values, axis=0)
    return standardised(values)


def _of_pairs(matrix: np.ndarray, assigned: Sequence[int | None]) -> np.ndarray:
    """The entries of (codes, factors) of each factor and its code, (factors,); 0 for a factor without one."""
    return np.array([0.0 if code is None else matrix[code, k] for k, code in enumerate(assigned)])
