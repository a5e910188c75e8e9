"""T-MEX (Yao et al. 2025): does a code depend, given all other factors, on the factors that it is assumed to measure only?"""

from __future__ import annotations

from collections.abc import Sequence

import gin
import numpy as np

from dlib_bvae.datasets.ground_truth import CATEGORICAL, CYCLIC, RandomState
from dlib_bvae.errors import NotApplicable, UserError, check_integer, check_number, unknown
from dlib_bvae.metrics.engine.bounds import MOST_FITS
from dlib_bvae.metrics.engine.codes import Codes, MetricData
from dlib_bvae.metrics.engine.probes import standardised
from dlib_bvae.metrics.engine.sampling import Sample, Sampler
from dlib_bvae.metrics.score_info import COUNT, UNIT, About, Matrix, Result, Sampling

# Noise is found to depend on nothing: its errors are the entries that were assumed, so no score has a chance level for any data.
SCORES = {"exclusivity": UNIT, "errors": COUNT._replace(higher_is_better=False)}
MATRICES = {
    "dependent": Matrix("code", "factor", "depends, given the other factors", high=1.0),
    "p_values": Matrix("code", "factor", "p of independence given the other factors", high=1.0),
}
SAMPLING = Sampling(images=("num_train",), fits=("repeats",))
ABOUT = {
    "t_mex": About(
        "whether codes depend, given the other factors, on the assumed factors only",
        ("exclusivity", "errors"),
        ("alpha", "repeats", "measures"),
        "Yao et al. 2025",
    )
}

_BLOCK = 512  # codes at once
_EXACT = 1e-6  # of a standard deviation: what is left of codes in float32 that others determine
_RANK = 1e-9  # of the largest singular value

Halves = Sequence[tuple[np.ndarray, np.ndarray]]  # images to fit to and to test on, int64 each
Measures = Sequence[Sequence[str]]


@gin.configurable(denylist=["data", "codes", "random_state"])
def t_mex(
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    *,
    num_train: int = 10_000,
    repeats: int = 9,
    alpha: float = 0.05,
    measures: Measures | None = None,
) -> Result:
    """Test-based measurement exclusivity: entries in which codes depend on other factors than a measurement model says.

    Yao et al. 2025, "The third pillar of causal analysis?" (arXiv 2505.17708). For each code and factor: is the code independent
    of the factor given all other factors? The test is the projected covariance measure of Lundborg et al. 2024 with linear
    regressions and without weights: on one half of the images the code is regressed on all factors; on the other half what of
    that prediction comes from the factor, and the code, are regressed on the other factors, and the covariance of what is left
    of both is compared with its standard error, one-sided. The statistic is averaged over `repeats` random halves; its p is
    that of a standard normal, too large rather than too small. errors counts the entries of (codes × factors) where "p < alpha"
    and the model differ, exclusivity is 1 − errors/(codes · factors). As dependence between factors is conditioned on, codes
    of correlated factors are not charged with it. More images find weaker dependence.

    Continuous and ordinal factors, and those of no declared kind, are numbers; categorical and cyclic ones, also where they
    are conditioned on, one column a value. What is not linear in these numbers is not seen, and not taken out. A code that
    other factors determine, or a factor that they determine, counts as independent given them. Images that lack a value of
    a factor are left out.

    data, codes, random_state: see dlib_bvae.metrics.score. measures: for each code the names of the factors that it is assumed
    to measure; None: one code a factor, the assignment with the largest sum of |partial correlation| given the other factors.
    A code without a factor is to depend on none; a factor without a code costs nothing. Noise thus has about as many errors as
    factors. Returns exclusivity in [0, 1], errors, and for each code dependent (0 or 1), p_values (each codes × factors) and
    assumed (names). Raises UserError for numbers out of range and unknown factors, NotApplicable for too few images.
    """
    check_integer("t_mex.repeats", repeats, 1, MOST_FITS)
    alpha = check_number("t_mex.alpha", alpha, 0, 1)
    sampler = Sampler("t_mex", data, codes, random_state)
    sample = sampler.draw("num_train", num_train, 2)
    known = (sample.factors >= 0).all(axis=1)
    columns = [values[known] for values in _columns(sampler, sample)]
    _check_enough(sampler, num_train, int(known.sum()), sum(each.shape[1] for each in columns))
    scaled = standardised(sample._replace(codes=sample.codes[known]))[0].codes
    assumed = (
        _assigned(partial_correlations(scaled, columns))
        if measures is None
        else _given(measures, scaled.shape[1], sampler.factor_names)
    )
    p_values = p_of_independence(scaled, columns, halves(len(scaled), repeats, sampler.seed()))
    dependent = p_values < alpha
    errors = int((dependent != assumed).sum())
    return {
        "exclusivity": 1 - errors / assumed.size,
        "errors": errors,
        "dependent": dependent.astype(int).tolist(),
        "p_values": p_values.tolist(),
        "assumed": [[sampler.factor_names[k] for k in np.flatnonzero(row)] for row in assumed],
    }


def halves(images: int, repeats: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """`repeats` random halves of 0 … images - 1: those to fit to, int64 (images // 2,), and those to test on."""
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(images) for _ in range(repeats)]
    return [(order[: images // 2], order[images // 2 :]) for order in orders]


def p_of_independence(codes: np.ndarray, columns: Sequence[np.ndarray], parts: Halves) -> np.ndarray:
    """p of codes (images, latents), standardised, and factors (images, columns) each, given the others: (latents, factors)."""
    from scipy.special import ndtr

    blocks = [codes[:, start : start + _BLOCK] for start in range(0, codes.shape[1], _BLOCK)]
    return ndtr(-np.concatenate([_statistics(block, columns, parts) for block in blocks]))


def _statistics(codes: np.ndarray, columns: Sequence[np.ndarray], parts: Halves) -> np.ndarray:
    """The mean over halves of the projected covariance measure, float64 (latents, factors); 0 where nothing is left to test."""
    ends = np.cumsum([each.shape[1] for each in columns])[:-1]
    total = np.zeros((codes.shape[1], len(columns)))
    for fit, test in parts:
        everything = np.hstack([_centred(each[fit]) for each in columns])
        slopes = np.split(np.linalg.lstsq(everything, _centred(codes[fit]), rcond=_RANK)[0], ends)
        for k, own in enumerate(columns):
            others = [each[test] for j, each in enumerate(columns) if j != k]
            left = without(np.hstack([own[test], codes[test]]), others)
            # the sign that Lundborg et al. give it is that of a sum of squares in a linear fit
            predicted = left[:, : own.shape[1]] @ slopes[k]
            product = predicted * left[:, own.shape[1] :]
            error = np.maximum(product.std(axis=0), _RANK * np.abs(product).mean(axis=0))
            total[:, k] += np.sqrt(len(test)) * product.mean(axis=0) / np.where(error > 0, error, 1)
    return total / len(parts)


def without(values: np.ndarray, others: Sequence[np.ndarray]) -> np.ndarray:
    """What least squares leave of values (images, columns) given others; 0 where that is no more than rounding."""
    centred = _centred(values)
    left = centred
    if others:
        basis, sizes, _ = np.linalg.svd(_centred(np.hstack(others)), full_matrices=False)
        basis = basis[:, sizes > _RANK * max(sizes[0], _RANK)]
        left = centred - basis @ (basis.T @ centred)
    return np.where(left.std(axis=0) > _EXACT * centred.std(axis=0), left, 0.0)


def partial_correlations(codes: np.ndarray, columns: Sequence[np.ndarray]) -> np.ndarray:
    """|Partial correlation| of codes and factors given the other factors, (latents, factors); multiple for several columns."""
    unexplained = np.square(without(codes, columns)).sum(axis=0)
    found = np.zeros((codes.shape[1], len(columns)))
    for k in range(len(columns)):
        left = np.square(without(codes, [each for j, each in enumerate(columns) if j != k])).sum(axis=0)
        found[:, k] = np.sqrt(np.clip(1 - unexplained / np.where(left > 0, left, np.inf), 0, 1)) * (left > 0)
    return found


def _assigned(gain: np.ndarray) -> np.ndarray:
    """bool (latents, factors): at most one factor a code and one code a factor, with the largest sum of gains."""
    from scipy.optimize import linear_sum_assignment

    assumed = np.zeros(gain.shape, bool)
    assumed[linear_sum_assignment(gain, maximize=True)] = True
    return assumed


def _given(measures: Measures, latents: int, names: list[str]) -> np.ndarray:
    lists = isinstance(measures, Sequence) and all(isinstance(m, Sequence) and not isinstance(m, str) for m in measures)
    if not lists or len(measures) != latents:
        raise UserError(
            f"t_mex.measures must be a list of {latents} lists, one a code, of the factors that it measures; got {measures!r}"
        )
    for name in (name for each in measures for name in each):
        if name not in names:
            raise unknown("factor that varies", str(name), names)
    return np.array([[name in each for name in names] for each in measures])


def _columns(sampler: Sampler, sample: Sample) -> list[np.ndarray]:
    """Each factor as what regressions take, float64 (images, columns): its numbers, or a column a value but the first."""
    found = []
    for k, kind in enumerate(sampler.factors.kinds):
        if kind in (CATEGORICAL, CYCLIC):
            values = np.unique(sample.factors[:, k])
            found.append((sample.factors[:, k, None] == values[values >= 0][1:]).astype(np.float64))
        else:
            numbers = sample.factors if sample.numbers is None else sample.numbers
            found.append(numbers[:, k, None].astype(np.float64))
    return found


def _check_enough(sampler: Sampler, num_train: int, images: int, columns: int) -> None:
    least = 2 * (columns + 2)
    if images < least:
        kind = UserError if num_train < sampler.source.images else NotApplicable
        raise kind(
            f"t_mex fits {columns} columns to a half of the images, so it needs at least {least} with a value of every factor; "
            f"got {images}; raise t_mex.num_train where there are more"
        )


def _centred(values: np.ndarray) -> np.ndarray:
    return values - values.mean(axis=0)
