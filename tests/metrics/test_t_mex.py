"""t_mex.py: against its definition, the authors' numbers and known answers, under correlated factors too."""

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LinearRegression
from support.known_codes import GRID, LARGE, mixed

from dlib_bvae import metrics
from dlib_bvae.datasets.ground_truth import LabelledImages
from dlib_bvae.errors import NotApplicable, UserError
from dlib_bvae.metrics.engine.sampling import Sampler
from dlib_bvae.metrics.t_mex import halves, p_of_independence, t_mex


class Correlated(LabelledImages):
    """Three factors of nine values, each a normal variable in steps; the first two are correlated by 0.9."""

    name, fingerprint, observation_shape, num_images = "correlated", "correlated", (1, 1, 1), 4_000
    factor_names, factor_sizes, factor_kinds = ("a", "b", "c"), (9, 9, 9), ("ordinal",) * 3

    def __init__(self):
        rng = np.random.default_rng(0)
        normal = rng.multivariate_normal(np.zeros(3), [[1, 0.9, 0], [0.9, 1, 0], [0, 0, 1]], 4_000)
        self.values = np.clip(np.rint(2 * normal) + 4, 0, 8).astype(int)
        self.noise = rng.normal(size=(4_000, 150))

    def images_at(self, indices):
        return np.zeros((len(indices), 1, 1, 1), np.uint8)

    def factors_at(self, indices):
        return self.values[indices]


CORRELATED = Correlated()


def by_definition(code, own, others, parts):
    """p of one code and one factor by regressions one at a time, with the sign that the measure has by its definition."""
    ones = np.zeros((len(code), 1))
    others = np.hstack([ones, *others])

    def fitted(x, y):
        return LinearRegression().fit(x, y)

    statistics = []
    for fit, test in parts:
        both = np.hstack([own, others])
        full = fitted(both[fit], code[fit])
        projected = fitted(others[fit], full.predict(both[fit]))
        own_part = full.predict(both) - projected.predict(others)
        sign = np.sign(np.mean((code - fitted(others[fit], code[fit]).predict(others))[fit] * own_part[fit]))
        predicted = sign * own_part[test]
        product = (code[test] - fitted(others[test], code[test]).predict(others[test])) * (
            predicted - fitted(others[test], predicted).predict(others[test])
        )
        statistics.append(np.sqrt(len(test)) * product.mean() / np.sqrt(np.mean(product**2) - product.mean() ** 2))
    return stats.norm.sf(np.mean(statistics))


def test_it_agrees_with_a_slow_one_from_the_definition():
    kinds = [None, "categorical", None, "cyclic"]
    codes = mixed(GRID, latents=3) * [1, 10, 1] + [0, 50, 0]
    factors = GRID.factors().astype(float)
    result = metrics.score(
        "t_mex",
        codes=codes,
        factors=factors,
        factor_kinds=kinds,
        random_state=5,
        num_train=200,
        repeats=3,
    )
    sampler = Sampler("t_mex", GRID, codes, 5)
    sample = sampler.draw("num_train", 200)
    columns = [
        np.eye(size)[values] if kind else values[:, None].astype(float)
        for kind, size, values in zip(kinds, GRID.factors_num_values, sample.factors.T, strict=True)
    ]
    parts = halves(200, 3, sampler.seed())
    expected = [
        [by_definition(code, columns[k], columns[:k] + columns[k + 1 :], parts) for k in range(4)]
        for code in sample.codes.T
    ]
    np.testing.assert_allclose(result["p_values"], expected, atol=1e-8)
    assert result["dependent"] == (np.array(expected) < 0.05).astype(int).tolist()
    assumed = np.array([[f"factor_{k}" in row for k in range(4)] for row in result["assumed"]])
    assert result["errors"] == (assumed != (np.array(expected) < 0.05)).sum()
    assert result["exclusivity"] == pytest.approx(1 - result["errors"] / 12)


def test_it_gives_the_numbers_of_the_authors_code():
    """Of comp_tmex as in shrutij01/identifiability-guard (linear regressions, 9 halves, no weights), generator 7 in each test."""
    rng = np.random.default_rng(0)
    factors = rng.standard_normal((201, 3))
    factors[:, 1] += 0.8 * factors[:, 0]
    codes = rng.standard_normal((201, 2))
    codes[:, 0] += 0.2 * factors[:, 0] + 0.5 * factors[:, 2]
    codes[:, 1] += 0.25 * factors[:, 1] - 0.1 * factors[:, 2]
    drawn = np.random.default_rng(7)
    fitted = [drawn.choice(201, replace=False, size=101) for _ in range(9)]
    parts = [(rows, np.setdiff1d(np.arange(201), rows)) for rows in fitted]
    found = p_of_independence(
        (codes - codes.mean(axis=0)) / codes.std(axis=0), [each[:, None] for each in factors.T], parts
    )
    authors = [
        [0.0950130409848351, 0.61435528156391, 1.3849702080959148e-05],
        [0.812693608387114, 0.004709352653222587, 0.742778119578894],
    ]
    np.testing.assert_allclose(found, authors, rtol=1e-9)


def test_a_code_for_each_factor_has_no_errors_in_any_order_and_scale():
    order = [2, 0, 3, 1]
    codes = GRID.identity()[:, order] * [1, -100, 0.01, 1] + [0, 5, 0, 100]
    for each in (codes, codes.astype(np.float32), codes + 0.1 * codes.std(axis=0) * GRID.noise()):
        result = t_mex(GRID, each, 0)
        assert (result["errors"], result["exclusivity"]) == (0, 1)
        assert result["dependent"] == np.eye(4, dtype=int)[order].tolist()
        assert result["assumed"] == [[f"factor_{k}"] for k in order]


def test_a_rotation_errs_wherever_a_code_has_another_s_factor():
    result = t_mex(GRID, GRID.rotated(), 0)
    assert (result["errors"], result["exclusivity"]) == (12, 0.25)
    every = [[f"factor_{k}" for k in range(4)]] * 4
    assert t_mex(GRID, GRID.rotated(), 0, measures=every)["exclusivity"] == 1
    assert t_mex(GRID, GRID.identity(), 0, measures=every)["errors"] == 12


def test_a_code_twice_errs_once_and_missing_codes_cost_nothing():
    assert t_mex(GRID, GRID.identity()[:, [0, 1, 1, 2, 3]], 0)["errors"] == 1
    assert t_mex(GRID, GRID.identity()[:, 1:], 0)["errors"] == 0


def test_noise_and_constants_err_where_something_is_assumed_of_them():
    result = t_mex(LARGE, np.hstack([LARGE.noise(), np.full((12_000, 2), 0.1)]), 0)
    found = np.sum(result["dependent"])
    assert found <= 2
    assert result["dependent"][4:] == [[0] * 4] * 2
    assert sum(map(len, result["assumed"])) == 4
    assert 4 - found <= result["errors"] <= 4 + found
    assert t_mex(LARGE, LARGE.noise(), 0, measures=[[]] * 4)["errors"] <= found


def test_correlated_factors_are_not_charged_to_their_codes():
    """Each code of a correlates with b by about 0.8; given a none depends on it."""
    codes = CORRELATED.values + CORRELATED.noise[:, :3]
    assert np.corrcoef(codes[:, 0], CORRELATED.values[:, 1])[0, 1] > 0.75
    result = t_mex(CORRELATED, codes, 0)
    assert (result["errors"], result["assumed"]) == (0, [["a"], ["b"], ["c"]])
    leaking = codes + 0.2 * CORRELATED.values[:, [1, 2, 0]]
    assert t_mex(CORRELATED, leaking, 0)["errors"] == 3


def test_independence_is_rejected_at_most_as_often_as_alpha_says():
    codes = CORRELATED.values[:, :1] + CORRELATED.noise
    p_values = np.array(t_mex(CORRELATED, codes, 0, num_train=1_000)["p_values"])
    assert (p_values[:, 0] < 1e-6).all()
    once = np.array(t_mex(CORRELATED, codes, 0, num_train=1_000, repeats=1)["p_values"])
    # 300 entries: the averages of halves are rejected less often than each half
    assert np.mean(p_values[:, 1:] < 0.05) < np.mean(once[:, 1:] < 0.05) < 0.09
    assert np.mean(once[:, 1:] < 0.5) == pytest.approx(0.5, abs=0.1)


def test_categorical_and_cyclic_factors_are_not_taken_for_numbers():
    factors = GRID.factors()
    bent = np.array([0.0, 1, 0, 1, 0, 1])[factors[:, 2]] - np.array([0, 1.0, 0])[factors[:, 0]]
    found = {
        kind: metrics.score(
            "t_mex",
            codes=bent[:, None] + 0.3 * GRID.noise(1),
            factors=factors.astype(float),
            factor_kinds=["ordinal", None, kind, None],
        )
        for kind in ("categorical", "cyclic", "ordinal")
    }
    assert [found[kind]["p_values"][0][2] < 1e-6 for kind in found] == [True, True, False]
    assert all(each["p_values"][0][0] > 1e-3 for each in found.values())
    # What depends on the values of a categorical factor does not depend on another factor given it, a number would hide it.
    rng = np.random.default_rng(0)
    named = rng.integers(0, 3, 1_000)
    other = (named == 1) * 2.0 + rng.integers(0, 3, 1_000)
    code = ((named == 1) + 0.3 * rng.normal(size=1_000))[:, None]
    p = {
        kind: metrics.score(
            "t_mex", codes=code, factors=np.stack([named, other], axis=1), factor_kinds=[kind, "ordinal"]
        )["p_values"][0][1]
        for kind in ("categorical", "ordinal")
    }
    assert p["categorical"] > 0.05 > 1e-6 > p["ordinal"]


def test_a_factor_that_another_determines_is_not_found():
    """Nothing is left of either given the other."""
    factors = np.random.default_rng(0).integers(0, 5, (500, 2))
    twice = np.stack([factors[:, 0], 2 * factors[:, 0] + 1, factors[:, 1]], axis=1).astype(float)
    result = metrics.score("t_mex", codes=factors + 0.0, factors=twice)
    assert result["dependent"] == [[0, 0, 0], [0, 0, 1]]


def test_a_product_that_does_not_vary_is_certain():
    """A factor of two values and a code that is one with it: what is left of both is ±1 throughout."""
    values = np.array([1.0, -1.0] * 20)[:, None]
    parts = [(np.arange(20), np.arange(20, 40))]
    assert p_of_independence(values, [values], parts).tolist() == [[0.0]]


def test_images_that_lack_a_value_are_left_out():
    factors = np.random.default_rng(0).integers(0, 5, (600, 2)).astype(float)
    codes = factors.copy()
    factors[:300, 1] = np.nan
    codes[:300] = np.random.default_rng(1).normal(size=(300, 2))
    assert metrics.score("t_mex", codes=codes, factors=factors)["errors"] == 0
    factors[:595, 0] = np.nan
    with pytest.raises(NotApplicable, match="needs at least 16 with a value of every factor; got 5"):
        metrics.score("t_mex", codes=codes, factors=factors)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"alpha": 2}, r"t_mex\.alpha must be a finite number >= 0 and <= 1"),
        ({"repeats": 0}, r"t_mex\.repeats must be an integer >= 1"),
        ({"num_train": 23}, "needs at least 24 with a value of every factor; got 23"),
        ({"measures": [["factor_0"]]}, r"t_mex\.measures must be a list of 4 lists"),
        ({"measures": ["factor_0"] * 4}, r"t_mex\.measures must be a list of 4 lists"),
        ({"measures": 5}, r"t_mex\.measures must be a list of 4 lists"),
        ({"measures": [["shape"], [], [], []]}, "no factor that varies is called 'shape'"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters, message):
    with pytest.raises(UserError, match=message):
        t_mex(GRID, GRID.identity(), 0, **parameters)
