"""dci.py: against the definition, scikit-learn and known answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn.ensemble import GradientBoostingClassifier
from support.known_codes import GRID, LARGE, Grid, mixed

from dlib_bvae.errors import UserError
from dlib_bvae.metrics.dci import dci, dci_lasso, dci_random_forest, disentanglement, disentanglement_per_code
from dlib_bvae.metrics.engine import boosting
from dlib_bvae.metrics.engine.boosting import boosted_trees
from dlib_bvae.metrics.engine.probes import fixed_order
from dlib_bvae.metrics.engine.sampling import Sampler, sampled

FEW = {"num_train": 500, "num_test": 300}
TREES = {**FEW, "n_estimators": 5}
EVERY = pytest.mark.parametrize(
    ("metric", "few"), [(dci, TREES), (dci_random_forest, {**FEW, "n_estimators": 10}), (dci_lasso, FEW)]
)


@EVERY
def test_a_code_for_each_factor_scores_one(metric, few):
    result = metric(GRID, GRID.identity(), 0, **few)
    for key in ("disentanglement", "completeness", "informativeness_train", "informativeness_test"):
        assert result[key] > 0.95


@EVERY
def test_a_rotation_is_less_disentangled(metric, few):
    result = metric(GRID, GRID.rotated(), 0, **few)
    assert result["disentanglement"] < 0.7
    assert result["completeness"] < 0.7


@EVERY
def test_dead_codes_do_not_count(metric, few):
    codes = np.hstack([GRID.identity(), np.zeros((360, 3))])
    result = metric(GRID, codes, 0, **few)
    assert result["disentanglement"] > 0.9
    assert not np.array(result["importance"])[4:].any()


@pytest.mark.parametrize("metric", [dci, dci_random_forest])
def test_a_code_twice_is_disentangled_and_less_complete(metric):
    result = metric(GRID, np.repeat(GRID.identity(), 2, axis=1), 0, **FEW, n_estimators=20)
    assert result["disentanglement"] > 0.9
    assert result["completeness"] == pytest.approx(1 - np.log(2) / np.log(8), abs=0.07)


def test_one_code_for_two_factors_is_complete_and_less_disentangled():
    factors = GRID.factors()
    codes = np.stack([factors[:, 0] * 4 + factors[:, 1], factors[:, 2] * 5 + factors[:, 3]], axis=1)
    result = dci(GRID, codes, 0, **FEW, n_estimators=20)
    assert result["completeness"] > 0.9
    assert result["disentanglement"] == pytest.approx(1 - np.log(2) / np.log(4), abs=0.06)
    assert result["informativeness_test"] > 0.95


@pytest.mark.parametrize("metric", [dci, dci_random_forest])
def test_noise_informs_of_nothing(metric):
    result = metric(LARGE, LARGE.noise(), 0, **TREES)
    guess = np.mean([1 / size for size in LARGE.factors_num_values])
    assert result["informativeness_test"] == pytest.approx(guess, abs=0.04)
    assert result["disentanglement"] < 0.1


@pytest.mark.parametrize("seed", range(4))
def test_lasso_explains_nothing_of_noise_and_gives_it_no_importance(seed):
    result = dci_lasso(LARGE, LARGE.noise(10, seed), seed, num_train=3000, num_test=1000)
    assert result["informativeness_test"] < 0.02
    assert not np.any(result["importance"])
    assert [result[key] for key in ("disentanglement", "completeness", "completeness_weighted")] == [0, 0, 0]


def test_a_factor_that_lasso_does_not_explain_has_no_importance_and_the_others_keep_theirs():
    codes = np.hstack([LARGE.identity()[:, :2], LARGE.noise(3)])
    result = dci_lasso(LARGE, codes, 0, num_train=1000, num_test=500, alpha=1e-3)
    importance = np.array(result["importance"])
    assert importance[:, 2:].sum() == 0
    assert (importance[[0, 1], [0, 1]] > 0.9).all()
    assert result["disentanglement"] > 0.9
    assert result["completeness_weighted"] > 0.9
    assert result["completeness"] == pytest.approx(result["completeness_weighted"] / 2, abs=0.02)  # two of four factors


def test_lasso_s_completeness_is_the_plain_mean_and_the_weighted_one_that_of_disentanglement_lib():
    result = dci_lasso(GRID, mixed(GRID), 3, **FEW)
    importance = np.array(result["importance"])
    columns = np.array([1 - entropy(column + 1e-11, base=5) for column in importance.T])
    assert result["completeness"] == pytest.approx(columns.mean())
    assert result["completeness_weighted"] == pytest.approx(np.average(columns, weights=importance.sum(axis=0)))
    assert abs(result["completeness"] - result["completeness_weighted"]) > 1e-3
    of_trees = dci(GRID, mixed(GRID), 3, **TREES)  # importances of trees sum to 1: the forms are one
    assert np.array(of_trees["importance"]).sum(axis=0) == pytest.approx(np.ones(4))
    assert of_trees["completeness"] == pytest.approx(np.mean(list(of_trees["completeness_per_factor"].values())))


def test_disentanglement_is_the_weighted_mean_of_entropies():
    importance = np.random.default_rng(0).gamma(0.3, size=(6, 4))
    importance[2] = 0
    rows = [1 - entropy(row + 1e-11, base=4) for row in importance]  # the reference suite's smoothing
    assert disentanglement_per_code(importance) == pytest.approx(np.array(rows))
    weights = importance.sum(axis=1) / importance.sum()
    assert disentanglement(importance) == pytest.approx(np.sum(rows * weights))
    assert disentanglement(np.zeros((3, 4))) == pytest.approx(0, abs=1e-12)
    assert disentanglement(np.eye(4)) == pytest.approx(1)
    assert disentanglement(np.ones((4, 4))) == pytest.approx(0, abs=1e-12)


def test_importances_are_those_of_scikit_learn_s_boosted_trees():
    codes = mixed(GRID)
    result = dci(GRID, codes, 3, **TREES)
    sampler = Sampler("dci", GRID, codes, 3)
    train, test = sampler.train_and_test(500, 300)
    seeds = np.random.default_rng(sampler.seed()).integers(2**31 - 1, size=4)  # they choose among equally good splits
    order, seeds = fixed_order(train.codes), seeds[np.argsort(fixed_order(train.factors))]
    sorted_codes = train.codes[:, order]
    ours = [boosted_trees(5, int(seed)).fit(sorted_codes, y) for seed, y in zip(seeds, train.factors.T, strict=True)]
    assert np.array_equal(
        np.array(result["importance"])[order], np.stack([m.feature_importances_ for m in ours], axis=1)
    )
    right = [np.mean(m.predict(test.codes[:, order]) == y) for m, y in zip(ours, test.factors.T, strict=True)]
    assert list(result["informativeness_per_factor"].values()) == pytest.approx(right)
    models = [GradientBoostingClassifier(n_estimators=5, random_state=0).fit(train.codes, y) for y in train.factors.T]
    theirs = np.stack([m.feature_importances_ for m in models], axis=1)
    assert np.array(result["importance"]) == pytest.approx(theirs, abs=0.02)  # both draw among equally good splits
    observed = [np.mean(m.predict(test.codes) == y) for m, y in zip(models, test.factors.T, strict=True)]
    assert list(result["informativeness_per_factor"].values()) == pytest.approx(observed, abs=0.01)


def test_with_scikit_learn_s_public_class_the_result_is_that_class_s(monkeypatch):
    monkeypatch.setattr(boosting, "misfit", lambda: "as if")
    codes = mixed(GRID)
    result = dci(GRID, codes, 3, **TREES)
    sampler = Sampler("dci", GRID, codes, 3)
    train, _ = sampler.train_and_test(500, 300)
    seeds = np.random.default_rng(sampler.seed()).integers(2**31 - 1, size=4)
    order, seeds = fixed_order(train.codes), seeds[np.argsort(fixed_order(train.factors))]
    models = [
        GradientBoostingClassifier(n_estimators=5, random_state=int(seed)).fit(train.codes[:, order], y)
        for seed, y in zip(seeds, train.factors.T, strict=True)
    ]
    found = np.array(result["importance"])[order]
    assert np.array_equal(found, np.stack([m.feature_importances_ for m in models], axis=1))


def test_the_number_of_cores_does_not_matter(monkeypatch):
    results = []
    for cores in ("1", "2"):
        monkeypatch.setenv("LOKY_MAX_CPU_COUNT", cores)
        results.append(dci(GRID, mixed(GRID), 1, **TREES))
    assert results[0] == results[1]


def test_lasso_weights_are_the_minimum_of_the_penalised_squares():
    """By proximal gradient descent, on the images that the metric drew."""
    codes, alpha = mixed(GRID), 0.05
    result = dci_lasso(GRID, codes, 3, **FEW, alpha=alpha)
    sampler = Sampler("dci_lasso", GRID, codes, 3)
    train, test = sampler.train_and_test(500, 300)
    mean, deviation = train.codes.mean(axis=0), train.codes.std(axis=0)
    x, fresh = (train.codes - mean) / deviation, (test.codes - mean) / deviation
    centre, scale = train.factors.mean(axis=0), train.factors.std(axis=0)
    y, truth = (train.factors - centre) / scale, (test.factors - centre) / scale
    weights, rate = np.zeros((5, 4)), 1 / np.linalg.eigvalsh(x.T @ x / len(x))[-1]
    for _ in range(3000):
        moved = weights - rate * x.T @ (x @ weights - y) / len(x)
        weights = np.sign(moved) * np.maximum(np.abs(moved) - rate * alpha, 0)
    assert np.array(result["importance"]) == pytest.approx(np.abs(weights), abs=1e-3)
    left = ((truth - fresh @ weights) ** 2).sum(axis=0) / ((truth - truth.mean(axis=0)) ** 2).sum(axis=0)
    assert list(result["informativeness_per_factor"].values()) == pytest.approx(np.maximum(1 - left, 0), abs=1e-3)
    rows = [1 - entropy(row + 1e-11, base=4) for row in np.abs(weights)]
    expected = np.average(rows, weights=np.abs(weights).sum(axis=1))
    assert result["disentanglement"] == pytest.approx(expected, abs=2e-3)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31 - 1), st.permutations(range(5)), st.permutations(range(4)))
def test_order_and_scale_of_importances_do_not_matter(seed, codes, factors):
    importance = np.random.default_rng(seed).gamma(0.5, size=(5, 4))
    moved = 7 * importance[codes][:, factors]
    assert disentanglement(moved) == pytest.approx(disentanglement(importance), abs=1e-6)
    assert disentanglement(moved.T) == pytest.approx(disentanglement(importance.T), abs=1e-6)


@EVERY
def test_order_sign_and_scale_of_codes_do_not_matter(metric, few):
    codes = mixed(GRID)
    plain, moved = (metric(GRID, each, 0, **few) for each in (codes, (-4 * codes)[:, ::-1]))
    allowed = 0.03  # equally good splits are found in another order
    for key in ("disentanglement", "completeness", "informativeness_train"):
        assert moved[key] == pytest.approx(plain[key], abs=allowed)


@EVERY
def test_one_code_is_refused(metric, few):
    with pytest.raises(UserError, match="compares codes and needs at least two of them; got one"):
        metric(GRID, GRID.identity()[:, :1], 0, **few)


def test_numbers_out_of_range_are_refused():
    with pytest.raises(UserError, match=r"dci_lasso\.alpha must be a number >= 0; got -1"):
        dci_lasso(GRID, GRID.identity(), 0, alpha=-1)
    with pytest.raises(UserError, match=r"dci_random_forest\.n_estimators"):
        dci_random_forest(GRID, GRID.identity(), 0, n_estimators=0)


def test_codes_of_a_small_grid_that_know_nothing_predict_by_chance():
    grid = Grid(3, 8, 8)
    found = [dci(grid, grid.noise(10, seed), seed, n_estimators=10) for seed in range(5)]
    assert np.mean([each["informativeness_test"] for each in found]) == pytest.approx(
        np.mean([1 / 3, 1 / 8, 1 / 8]), abs=0.05
    )
    assert min(each["informativeness_train"] for each in found) > 0.8
    with sampled("with_replacement"):
        assert dci(grid, grid.noise(10), 0, n_estimators=10)["informativeness_test"] > 0.8
