"""factor_distribution.py: marginals, correlations and steps have the stated distribution."""

import numpy as np
import pytest
from scipy import stats

from dlib_bvae.datasets.factor_distribution import Factor, FactorDistribution
from dlib_bvae.datasets.ground_truth import CATEGORICAL, CONTINUOUS
from dlib_bvae.datasets.images import ALL_FACTORS
from dlib_bvae.errors import UserError

FACTORS = (Factor("kind", CATEGORICAL, 0, 2), Factor("x", CONTINUOUS, 16, 48), Factor("y", CONTINUOUS, -1, 1))
NUMBERS = np.arange(20_000)
TRUNCATED = stats.truncnorm(-3, 3)
LEAST_P = 1e-4


def made(distribution="uniform", std=1 / 3, correlation=0.0, fixed=None, rho=0.0, seed=0):
    return FactorDistribution("it", FACTORS, seed, distribution, std, correlation, fixed, rho)


def same(found, cdf):
    return stats.kstest(found, cdf).pvalue > LEAST_P


def test_uniform_factors_are_uniform_and_categories_equally_likely():
    it = made()
    kind, x, y = it.values_of(it.scores(NUMBERS)).T
    assert stats.chisquare(np.bincount(kind.astype(int), minlength=3)).pvalue > LEAST_P
    assert same((x - 16) / 32, "uniform")
    assert same((y + 1) / 2, "uniform")
    assert abs(stats.spearmanr(x, y)[0]) < 0.03


def test_gaussian_factors_are_normal_and_truncated_to_the_range():
    it = made("gaussian")
    kind, x, y = it.values_of(it.scores(NUMBERS)).T
    assert same((x - 32) / (16 / 3), TRUNCATED.cdf)
    assert same(3 * y, TRUNCATED.cdf)
    assert stats.chisquare(np.bincount(kind.astype(int), minlength=3)).pvalue > LEAST_P
    wide = made("gaussian", std=1.0)
    assert same(wide.values_of(wide.scores(NUMBERS))[:, 2], stats.truncnorm(-1, 1).cdf)


@pytest.mark.parametrize("correlation", [0.6, [("y", "x", 0.6)]])
def test_scores_are_correlated_as_asked_for_and_categories_are_not(correlation):
    it = made(correlation=correlation)
    scores = it.scores(NUMBERS)
    np.testing.assert_allclose(np.corrcoef(scores.T), [[1, 0, 0], [0, 1, 0.6], [0, 0.6, 1]], atol=0.03)
    assert same((it.values_of(scores)[:, 1] - 16) / 32, "uniform")


def test_a_draw_is_a_function_of_seed_and_number():
    it = made()
    np.testing.assert_array_equal(it.scores(NUMBERS[::-1][:50])[::-1], it.scores(NUMBERS[-50:]))
    assert (it.scores(NUMBERS[:50]) != made(seed=1).scores(NUMBERS[:50])).all()


@pytest.mark.parametrize("rho", [0.0, 0.9])
@pytest.mark.parametrize("correlation", [0.0, 0.7])
@pytest.mark.parametrize("changed", [1, 2, -1, ALL_FACTORS])
def test_a_step_leaves_the_distribution_as_it_is(rho, correlation, changed):
    it = made(rho=rho, correlation=correlation)
    chosen = None if changed == ALL_FACTORS else it.chosen(NUMBERS, changed)
    before = it.scores(NUMBERS)
    after = it.moved(before, NUMBERS, chosen)
    for k in range(3):
        assert same(after[:, k], "norm")
    np.testing.assert_allclose(np.corrcoef(after.T)[1, 2], correlation, atol=0.02)
    np.testing.assert_array_equal(it.moved(before, NUMBERS, chosen), after)
    if chosen is not None:
        assert ((it.values_of(before) != it.values_of(after)) == chosen).all()


def test_an_ornstein_uhlenbeck_step_keeps_rho_of_every_score():
    it = made("gaussian", rho=0.9, correlation=0.5)
    before = it.scores(NUMBERS)
    after = it.moved(before, NUMBERS, None)
    across = np.corrcoef(before.T, after.T)[:3, 3:]
    np.testing.assert_allclose(across, 0.9 * np.array([[1, 0, 0], [0, 1, 0.5], [0, 0.5, 1]]), atol=0.02)
    noise = (after - 0.9 * before) / np.sqrt(1 - 0.9**2)
    for k in range(3):
        assert same(noise[:, k], "norm")
        assert abs(np.corrcoef(noise[:, k], before[:, k])[0, 1]) < 0.03


def test_one_factor_that_drifts_moves_within_its_distribution_given_the_others():
    it = made(rho=0.8, correlation=0.6)
    before = it.scores(NUMBERS)
    after = it.moved(before, NUMBERS, np.tile([False, True, False], (len(NUMBERS), 1)))
    np.testing.assert_array_equal(before[:, [0, 2]], after[:, [0, 2]])
    old, new = (scores[:, 1] - 0.6 * scores[:, 2] for scores in (before, after))
    assert np.corrcoef(old, new)[0, 1] == pytest.approx(0.8, abs=0.02)
    assert new.var() == pytest.approx(1 - 0.6**2, abs=0.02)


def test_a_category_becomes_any_other_one_equally_likely():
    it = made(rho=0.9)
    before = it.scores(NUMBERS)
    after = it.moved(before, NUMBERS, np.tile([True, False, False], (len(NUMBERS), 1)))
    old, new = (it.values_of(scores)[:, 0].astype(int) for scores in (before, after))
    counts = np.zeros((3, 3), int)
    np.add.at(counts, (old, new), 1)
    assert (np.diag(counts) == 0).all()
    assert stats.chisquare(counts[~np.eye(3, dtype=bool)]).pvalue > LEAST_P


def test_as_many_factors_are_chosen_as_asked_for_each_as_often():
    it = made(fixed={"kind": 1})
    one, both = it.chosen(NUMBERS, 1), it.chosen(NUMBERS, 2)
    np.testing.assert_allclose(one.mean(axis=0), [0, 0.5, 0.5], atol=0.02)
    assert (one.sum(axis=1) == 1).all()
    assert (both == [False, True, True]).all()
    any_number = made().chosen(NUMBERS, -1).sum(axis=1)
    np.testing.assert_allclose(np.bincount(any_number, minlength=4) / len(NUMBERS), [0, 0.5, 0.5, 0], atol=0.02)


def test_a_fixed_factor_is_its_value():
    it = made(fixed={"y": 0.25, "kind": 2}, correlation=0.5)
    assert it.correlation == {}
    values = it.values_of(it.moved(it.scores(NUMBERS), NUMBERS, None))
    assert (values[:, [0, 2]] == [2, 0.25]).all()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"distribution": "normal"}, "no distribution of it is called 'normal'; did you mean uniform"),
        ({"std": 2}, r"it\.std must be a finite number >= 0\.001 and <= 1; got 2"),
        ({"rho": 1}, r"it\.rho must be less than 1"),
        ({"rho": -0.1}, r"it\.rho must be a finite number >= 0"),
        ({"seed": -1}, r"it\.seed must be an integer >= 0"),
        ({"fixed": {"z": 0}}, "no factor of it is called 'z'"),
        ({"fixed": {"x": 50}}, r"it\.fixed\['x'\] must be a finite number >= 16 and <= 48; got 50"),
        ({"fixed": {"kind": 0.5}}, r"it\.fixed\['kind'\] must be an integer"),
        ({"fixed": {"x": 20, "y": 0, "kind": 1}}, "leaves no factor that varies"),
        ({"fixed": ["x"]}, "must name factors and their values"),
        ({"correlation": -1}, "not positive definite"),
        ({"correlation": [("x", "kind", 0.5)]}, "no factor of it that is a number and varies is called 'kind'"),
        ({"correlation": [("x", "y", 0.5), ("y", "x", 0.5)]}, "each pair of two different factors once"),
        ({"correlation": [("x", 0.5)]}, r"or list \(factor, factor, number\)"),
    ],
)
def test_what_is_out_of_range_is_one_sentence(given, words):
    with pytest.raises(UserError, match=words):
        made(**given)
