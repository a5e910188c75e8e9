"""mcc.py: known answers, a slow version from the definition, and identifiability-guard's numbers."""

import itertools

import numpy as np
import pytest
from scipy import stats
from support.known_codes import GRID, LARGE, mixed

from dlib_bvae import metrics
from dlib_bvae.errors import NotApplicable, UserError
from dlib_bvae.metrics.constructed import bent
from dlib_bvae.metrics.engine.sampling import Sampler
from dlib_bvae.metrics.mcc import correlations, cross_fitted, mcc

IDENTITY = GRID.identity()
STANDARD = IDENTITY / IDENTITY.std(axis=0)
ALL = {"num_train": 360}
SCORES = ("matched", "coverage", "cross_fitted")
TURN = np.array([[1, 1], [-1, 1]]) / np.sqrt(2)


def scores(codes, data=GRID, **parameters):
    found = mcc(data, codes, 0, **{**ALL, **parameters})
    return [found[key] for key in SCORES]


def of_arrays(factors, codes, kinds=None, **parameters):
    return metrics.score("mcc", factors=factors, codes=codes, factor_kinds=kinds, **parameters)


# Known answers ------------------------------------------------------------------------------------------------------------


def test_a_code_for_each_factor_in_any_order_sign_and_scale_scores_one():
    codes = IDENTITY[:, [2, 0, 3, 1]] * [3, -0.01, 1e6, -2] + [0, 5, 1e7, 0]
    assert scores(codes) == pytest.approx([1, 1, 1], abs=1e-9)
    found = mcc(GRID, codes, 0, **ALL)
    assert found["codes"] == {"factor_0": 1, "factor_1": 3, "factor_2": 0, "factor_3": 2}
    assert np.sign(found["correlations"])[[1, 3, 0, 2], range(4)].tolist() == [-1, -1, 1, 1]


def test_mixtures_of_two_and_of_four_factors_have_the_correlation_of_their_weight():
    assert scores(STANDARD @ np.kron(np.eye(2), TURN))[:2] == pytest.approx([2**-0.5] * 2, abs=1e-9)
    assert scores(STANDARD @ np.kron(TURN, TURN))[:2] == pytest.approx([0.5] * 2, abs=1e-9)


def test_a_missing_code_lowers_coverage_alone_and_codes_too_many_lower_nothing():
    assert scores(IDENTITY[:, :3]) == pytest.approx([1, 0.75, 1], abs=1e-9)
    found = mcc(GRID, IDENTITY[:, :3], 0, **ALL)
    assert (found["codes"]["factor_3"], found["mcc_per_factor"]["factor_3"]) == (None, 0)
    assert scores(np.hstack([GRID.noise(9), np.ones((360, 2)), IDENTITY, IDENTITY])) == pytest.approx(
        [1, 1, 1], abs=1e-9
    )


def test_ranks_do_not_see_a_monotone_bend_and_neither_sees_a_square_of_what_has_both_signs():
    codes = bent(GRID, 8, None)
    assert scores(codes, correlation="spearman") == pytest.approx([1, 1, 1], abs=1e-9)
    assert mcc(GRID, codes, 0, **ALL)["matched"] < 0.97
    for correlation in ("pearson", "spearman"):
        assert mcc(GRID, np.round(IDENTITY**2, 9), 0, **ALL, correlation=correlation)["matched"] == pytest.approx(
            0, abs=1e-9
        )


def test_constant_codes_score_zero():
    assert scores(np.full((360, 5), 0.1)) == pytest.approx([0, 0, 0], abs=1e-9)


@pytest.mark.parametrize("correlation", ["pearson", "spearman"])
def test_many_codes_of_noise_correlate_unless_they_are_cross_fitted(correlation):
    codes = LARGE.noise(1_000)
    found = mcc(LARGE, codes, 0, num_train=100, correlation=correlation)
    assert found["matched"] == found["coverage"] > 0.3
    assert abs(found["cross_fitted"]) < 0.15  # a standard deviation is 1 / sqrt(4 · 100) = 0.05
    assert np.mean([cross_fitted(*noise(seed), 5, correlation) for seed in range(40)]) == pytest.approx(0, abs=0.03)


def noise(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(60, 8)), rng.normal(size=(60, 3))


# A slow version, and the authors' numbers ---------------------------------------------------------------------------------

OF = {"pearson": stats.pearsonr, "spearman": stats.spearmanr}


def slow_matrix(codes, factors, correlation):
    return np.array([[OF[correlation](code, factor)[0] for factor in factors.T] for code in codes.T])


def slow_assignment(matrix):
    """The best of all assignments of codes to all factors."""
    count = matrix.shape[1]
    return max(itertools.permutations(range(len(matrix)), count), key=lambda each: matrix[each, range(count)].sum())


@pytest.mark.parametrize("correlation", ["pearson", "spearman"])
def test_it_agrees_with_a_slow_one_from_the_definition(correlation):
    codes = mixed(GRID)
    sample = Sampler("any", GRID, codes, 3).draw("num_train", 200)
    matrix = slow_matrix(sample.codes, sample.factors, correlation)
    held_out = []
    for k in range(4):
        inside = np.arange(200) % 4 == k
        fitted = slow_matrix(sample.codes[~inside], sample.factors[~inside], correlation)
        best = slow_assignment(abs(fitted))
        signed = slow_matrix(sample.codes[inside], sample.factors[inside], correlation) * np.sign(fitted)
        held_out.append(signed[best, range(4)].mean())
    found = mcc(GRID, codes, 3, num_train=200, folds=4, correlation=correlation)
    assert np.array(found["correlations"]) == pytest.approx(matrix)
    best = slow_assignment(abs(matrix))
    assert found["matched"] == found["coverage"] == pytest.approx(abs(matrix)[best, range(4)].mean())
    assert list(found["codes"].values()) == list(best)
    assert found["cross_fitted"] == pytest.approx(np.mean(held_out))


# Of identifiability-guard, on its independent normal factors (D1, seed 42) and as many codes, linearly mixed with the condition
# number 10 (E3) or normal (E9). matched: tests/test_metrics.py, of the 200 test images. cross_fitted: its function on
# all 1,000 images, with the folds k, k + 5, ….
GUARD = [
    ("E3", "pearson", 0.6506353829768304, 0.6303381832036711),
    ("E3", "spearman", 0.626043051076277, 0.6115674491862299),
    ("E9", "pearson", 0.12266604955661498, 0.006548929749390258),
    ("E9", "spearman", 0.12211955298882474, 0.016789259731493283),
]


@pytest.mark.parametrize(("encoder", "correlation", "matched", "held_out"), GUARD)
def test_it_gives_the_numbers_of_identifiability_guard(encoder, correlation, matched, held_out):
    factors = np.random.default_rng(42).standard_normal((1_000, 5))
    rng = np.random.default_rng(1_000_042)
    codes = rng.standard_normal((1_000, 5))
    if encoder == "E3":
        left, _, right = np.linalg.svd(np.random.default_rng(1_000_042).standard_normal((5, 5)))
        codes = factors @ (left @ np.diag(np.linspace(1, 0.1, 5)) @ right).T
    test = np.random.RandomState(42).permutation(1_000)[800:]
    found = of_arrays(factors[test], codes[test], ["continuous"] * 5, correlation=correlation)
    assert (found["matched"], found["images_drawn"]) == (pytest.approx(matched, abs=1e-12), {"num_train": 200})
    assert cross_fitted(codes, factors, 5, correlation) == pytest.approx(held_out, abs=1e-12)


# Factors ------------------------------------------------------------------------------------------------------------------


def test_factors_that_are_no_numbers_are_left_out_and_listed():
    kinds = ["categorical", "cyclic", "ordinal", None]
    found = of_arrays(GRID.factors(), IDENTITY[:, :3], kinds, num_train=360)
    assert found["left_out"] == {"factor_0": "categorical", "factor_1": "cyclic"}
    assert (found["factors"], list(found["mcc_per_factor"])) == (["factor_2", "factor_3"],) * 2
    assert np.array(found["correlations"]).shape == (3, 2)
    assert [found[key] for key in SCORES[:2]] == pytest.approx([0.5, 0.5])
    named = mcc(GRID, IDENTITY, 0, leave_out=["factor_1"])
    assert (named["left_out"], len(named["factors"])) == ({"factor_1": "named in leave_out"}, 3)
    two = of_arrays(GRID.factors() > 1, IDENTITY, ["categorical"] * 4, num_train=360)
    assert len(two["factors"]) == 4
    with pytest.raises(
        NotApplicable, match=r"mcc takes factors for numbers, and none of \['factor_0', .* is left as one; take"
    ):
        of_arrays(GRID.factors(), IDENTITY, ["cyclic"] * 4)


def test_an_image_counts_for_the_factors_that_it_has():
    codes, factors = mixed(GRID), GRID.factors().astype(float)
    factors[np.random.default_rng(0).random(factors.shape) < 0.3] = np.nan
    expected = [
        [stats.pearsonr(code[known], factor[known])[0] for factor in factors.T for known in [~np.isnan(factor)]]
        for code in codes.T
    ]
    assert correlations(codes, factors, "pearson") == pytest.approx(np.array(expected))
    found = of_arrays(factors, codes, num_train=360)
    assert np.array(found["correlations"]) == pytest.approx(np.array(expected))
    assert correlations(codes, np.full((360, 2), np.nan), "pearson").tolist() == [[0, 0]] * 5


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"correlation": "kendall"}, "no correlation is called 'kendall'"),
        ({"folds": 1}, r"mcc\.folds must be an integer >= 2; got 1"),
        ({"folds": 101}, r"mcc\.folds must be an integer <= 100; got 101"),
        ({"num_train": 14}, r"mcc\.num_train must be an integer >= 15; got 14"),
        ({"leave_out": "factor_1"}, r"mcc\.leave_out must be a list of factor names; got 'factor_1'"),
        ({"leave_out": ["factor_4"]}, "no factor that varies is called 'factor_4'; did you mean"),
    ],
)
def test_bad_parameters_are_refused(parameters, message):
    with pytest.raises(UserError, match=message):
        mcc(GRID, IDENTITY, 0, **parameters)
