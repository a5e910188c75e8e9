"""fairness.py: known answers and the reference's keys."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from support.known_codes import GRID, ONE_HOT, Grid, mixed

from dlib_bvae.metrics.engine.sampling import Sampler, sampled
from dlib_bvae.metrics.fairness import fairness, unfairness

PAIR = Grid(2, 2, 30)  # the third is as good as noise


def test_unfairness_is_the_distance_from_the_mean_prediction():
    assert unfairness(np.array([[10, 10], [30, 30]])) == (0, 0)
    assert unfairness(np.array([[20, 0], [0, 20]])) == (0.5, 0.5)
    counts = np.array([[6, 2], [2, 2], [0, 4]])
    overall = np.array([8, 4, 4]) / 16
    each = [0.5 * abs(counts[:, c] / 8 - overall).sum() for c in (0, 1)]
    assert unfairness(counts) == pytest.approx((np.mean(each), max(each)))


def test_predictions_of_clear_codes_are_fair():
    result = fairness(GRID, ONE_HOT, 0, num_train=240, num_test_points_per_class=10)
    matrices = [result.pop(key) for key in ("mean_fairness", "max_fairness")]
    assert matrices == [np.zeros((4, 4)).tolist()] * 2
    assert set(result.values()) == {0}
    assert len(result) == 2 * (4 * 3 + 4 * 4 + 8)


def test_a_prediction_that_is_the_sensitive_factor_is_as_unfair_as_can_be():
    """The code of one binary factor is the other's: what is predicted for it follows the other's value alone."""
    factors = PAIR.factors()
    codes = np.where(np.random.default_rng(0).random(60 * 2) < 0.4, factors[:, 1], factors[:, 0])
    codes = np.stack([codes + 10.0 * factors[:, 1], 0.0 * codes], axis=1)
    with sampled("with_replacement"):  # more than there are
        result = fairness(PAIR, codes, 0, num_train=800)
    assert result["mean_fairness:pred1:sens0"] < 0.1
    rows = [result[f"mean_fairness:pred1:sens{k}"] for k in (0, 2)]
    assert result["mean_fairness:pred1:mean_sens"] == pytest.approx(np.mean(rows))
    assert result["mean_fairness:pred1:max_sens"] == max(rows)
    columns = [result[f"mean_fairness:pred{k}:sens0"] for k in (1, 2)]
    assert result["mean_fairness:sens0:mean_pred"] == pytest.approx(np.mean(columns))
    means = [result[f"mean_fairness:pred{k}:mean_sens"] for k in range(3)]
    assert result["mean_fairness:mean_pred:mean_sens"] == pytest.approx(np.mean(means))
    assert result["mean_fairness:max_pred:mean_sens"] == max(means)
    for prefix in ("mean_fairness", "max_fairness"):
        for predicted, row in enumerate(result[prefix]):
            named = [result.get(f"{prefix}:pred{predicted}:sens{k}", 0) for k in range(3)]
            assert row == named


def test_a_code_that_mixes_two_factors_is_unfair():
    factors = PAIR.factors()
    mixed = (factors[:, 0] + factors[:, 1]).astype(float)[:, None]
    with sampled("with_replacement"):  # more than there are
        result = fairness(PAIR, mixed, 0, num_train=800)
    # The sum 1 is called 0 or 1 always: of one sensitive value all predictions are the same, of the other half.
    assert result["mean_fairness:pred0:sens1"] == pytest.approx(0.25, abs=0.05)


def test_it_agrees_with_scikit_learn_on_the_images_drawn():
    codes = mixed(GRID)
    with sampled("with_replacement"):
        result = fairness(GRID, codes, 4, num_train=150, num_test_points_per_class=30)
        sampler = Sampler("fairness", GRID, codes, 4)
    train = sampler.draw("num_train", 150)
    sampler.seed()
    mean, std = train.codes.mean(axis=0), train.codes.std(axis=0)
    for target in range(4):
        model = LogisticRegression(max_iter=5000).fit((train.codes - mean) / std, train.factors[:, target])
        for sensitive in {0, 1, 2, 3} - {target}:
            factors = sampler.at(sampler.draw_rows("num_test_points_per_class", 30)).factors
            rates = []
            for value in range(GRID.factors_num_values[sensitive]):
                factors[:, sensitive] = value
                seen = codes[np.ravel_multi_index(factors.T, GRID.factors_num_values)]
                named = model.predict((seen - mean) / std)
                rates.append(np.bincount(named, minlength=GRID.factors_num_values[target]) / 30)
            distances = np.abs(np.array(rates) - np.mean(rates, axis=0)).sum(axis=1) / 2
            key = f"pred{target}:sens{sensitive}"
            assert result[f"mean_fairness:{key}"] == pytest.approx(distances.mean())
            assert result[f"max_fairness:{key}"] == pytest.approx(distances.max())


def test_what_is_scored_was_not_fitted_to(monkeypatch):
    seen = []
    at = Sampler.at
    monkeypatch.setattr(Sampler, "at", lambda self, rows: seen.append(np.asarray(rows)) or at(self, rows))
    with sampled("disjoint") as drawn:
        fairness(GRID, ONE_HOT, 0, num_train=300, num_test_points_per_class=4)
    train, *moved = seen
    assert len(moved) == 4 * 3
    assert not np.isin(np.concatenate(moved), train).any()
    assert len(set(train)) == len(train) == drawn.numbers["num_train"] >= 240
    assert "num_test_points_per_class" not in drawn.numbers
    for rows in moved:
        assert len(set(rows)) == len(rows)
