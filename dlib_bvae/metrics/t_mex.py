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
from dlib_bvae.metrics.score_info import COUNT, ONE_TO_ONE, UNIT, About, Matrix, Result, Sampling, Validity

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
        defects="Noise scores about 1 − 1/codes, 0.9 with ten codes: compare with noise of as many. Tests find weaker "
        "dependence in more images: compare scores of the same `num_train`. The regressions are linear.",
    )
}
VALIDITY = {
    "t_mex": Validity(
        {"exclusivity": ONE_TO_ONE},
        "Two codes for four factors score 1.00, as factors without a code cost nothing. Noise scores 0.75 to 0.81 "
        "and duplicated codes 0.88, so only the difference from its null tells them from aligned codes.",
    ),
}

_BLOCK = 256  # codes at once
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
    from threadpoolctl import threadpool_limits

    check_integer("t_mex.repeats", repeats, 1, MOST_FITS)
    alpha = check_number("t_mex.alpha", alpha, 0, 1)
    sampler = Sampler("t_mex", data, codes, random_state)
    sample = sampler.draw("num_train", num_train, 2)
    known = (sample.factors >= 0).all(axis=1)
    columns = [values[known] for values in _columns(sampler, sample)]
    _check_enough(sampler, num_train, int(known.sum()), sum(each.shape[1] for each in columns))
    scaled = standardised(sample._replace(codes=sample.codes[known]))[0].codes
    model = None if measures is None else _given(measures, scaled.shape[1], sampler.factor_names)
    with threadpool_limits(1):  # products as narrow as factors take longer with a second thread
        assumed = _assigned(partial_correlations(scaled, columns)) if model is None else model
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

    total = np.zeros((codes.shape[1], len(columns)))
    for fit, test in parts:
        solve = np.linalg.pinv(np.hstack([_centred(each[fit]) for each in columns]), rcond=_RANK)
        solves = np.split(solve, np.cumsum([each.shape[1] for each in columns])[:-1])
        bases = [_basis([each[test] for each in _others(columns, k)], len(test)) for k in range(len(columns))]
        own = [_left(each[test], basis) for each, basis in zip(columns, bases, strict=True)]
        for start in range(0, codes.shape[1], _BLOCK):
            block = slice(start, start + _BLOCK)
            fitted, tested = codes[fit, block], codes[test, block]
            for k, basis in enumerate(bases):
                # the sign that Lundborg et al. give the prediction is that of a sum of squares in a linear fit
                total[block, k] += _statistic(own[k] @ (solves[k] @ fitted), _left(tested, basis))
    return ndtr(-total / len(parts))


def _statistic(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """√images · mean over standard deviation of the product of both, (images, latents) each → (latents,); 0 where it is 0."""
    product = first * second
    mean = product.mean(axis=0)
    variance = np.einsum("ij,ij->j", product, product) / len(product) - mean**2
    error = np.sqrt(np.maximum(variance, np.square(_EXACT * mean)))
    return np.sqrt(len(product)) * mean / np.where(error > 0, error, 1)


def _others(columns: Sequence[np.ndarray], k: int) -> list[np.ndarray]:
    return [each for j, each in enumerate(columns) if j != k]


def _basis(columns: Sequence[np.ndarray], images: int) -> np.ndarray:
    """Orthonormal columns (images, rank) that span the centred ones."""
    if not columns:
        return np.zeros((images, 0))
    basis, sizes, _ = np.linalg.svd(_centred(np.hstack(columns)), full_matrices=False)
    return basis[:, sizes > _RANK * max(sizes[0], _RANK)]


def _left(values: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """What least squares leave of values (images, columns) given a basis; 0 where that is no more than rounding."""
    centred = _centred(values)
    left = centred - basis @ (basis.T @ centred)
    squares, before = (np.einsum("ij,ij->j", each, each) for each in (left, centred))
    left[:, squares <= _EXACT**2 * before] = 0
    return left


def partial_correlations(codes: np.ndarray, columns: Sequence[np.ndarray]) -> np.ndarray:
    """|Partial correlation| of codes and factors given the other factors, (latents, factors); multiple for several columns."""
    found = np.zeros((codes.shape[1], len(columns)))
    everything = _basis(columns, len(codes))
    bases = [_basis(_others(columns, k), len(codes)) for k in range(len(columns))]
    for start in range(0, codes.shape[1], _BLOCK):
        block = slice(start, start + _BLOCK)
        unexplained = _squares(codes[:, block], everything)
        for k, basis in enumerate(bases):
            left = _squares(codes[:, block], basis)
            found[block, k] = np.sqrt(np.clip(1 - unexplained / np.where(left > 0, left, np.inf), 0, 1)) * (left > 0)
    return found


def _squares(values: np.ndarray, basis: np.ndarray) -> np.ndarray:
    left = _left(values, basis)
    return np.einsum("ij,ij->j", left, left)


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
            f"t_mex.measures must be a list of {latents} lists, one per code, of the factors that it measures; got {measures!r}"
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
    least = 4 * (columns + 2)  # with fewer, what is left of a half is smaller than what it estimates
    if images < least:
        kind = UserError if num_train < sampler.source.images else NotApplicable
        raise kind(
            f"t_mex fits {columns} columns to a half of the images, so it needs at least {least} with a value of every factor; "
            f"got {images}; raise t_mex.num_train where there are more"
        )


def _centred(values: np.ndarray) -> np.ndarray:
    return values - values.mean(axis=0)
