"""fairness.py, strong_downstream_task.py, reduced_downstream_task.py: known answers and the reference's keys."""

import numpy as np
import pytest
from support.known_codes import GRID, Grid

from dlib_bvae.errors import UnknownName, UserError
from dlib_bvae.metrics.engine.sampling import Sampler
from dlib_bvae.metrics.fairness import fairness, unfairness
from dlib_bvae.metrics.reduced_downstream_task import reduced_downstream_task
from dlib_bvae.metrics.strong_downstream_task import _shifted, strong_downstream_task

HOT = np.hstack([np.eye(size)[column] for size, column in zip([3, 4, 6, 5], GRID.factors().T, strict=True)])
PAIR = Grid(2, 2, 30)  # the third is as good as noise
FEW = {"num_train": [500], "num_test": 1000}


def test_unfairness_is_the_distance_from_the_mean_prediction():
    assert unfairness(np.array([[10, 10], [30, 30]])) == (0, 0)
    assert unfairness(np.array([[20, 0], [0, 20]])) == (0.5, 0.5)
    counts = np.array([[6, 2], [2, 2], [0, 4]])
    overall = np.array([8, 4, 4]) / 16
    each = [0.5 * abs(counts[:, c] / 8 - overall).sum() for c in (0, 1)]
    assert unfairness(counts) == pytest.approx((np.mean(each), max(each)))


def test_predictions_of_clear_codes_are_fair():
    result = fairness(GRID, HOT, 0, num_train=400, num_test_points_per_class=10)
    matrices = [result.pop(key) for key in ("mean_fairness", "max_fairness")]
    assert matrices == [np.zeros((4, 4)).tolist()] * 2
    assert set(result.values()) == {0}
    assert len(result) == 2 * (4 * 3 + 4 * 4 + 8)


def test_a_prediction_that_is_the_sensitive_factor_is_as_unfair_as_can_be():
    """The code of one binary factor is the other's: what is predicted for it follows the other's value alone."""
    factors = PAIR.factors()
    codes = np.where(np.random.default_rng(0).random(60 * 2) < 0.4, factors[:, 1], factors[:, 0])
    codes = np.stack([codes + 10.0 * factors[:, 1], 0.0 * codes], axis=1)
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
    result = fairness(PAIR, mixed, 0, num_train=800)
    # The sum 1 is called 0 or 1 always: of one sensitive value all predictions are the same, of the other half.
    assert result["mean_fairness:pred0:sens1"] == pytest.approx(0.25, abs=0.05)


def test_the_shift_holds_one_value_and_then_shows_all_others():
    sampler = Sampler("m", GRID, HOT, 0)
    rows = sampler.draw_rows("num", 4000), sampler.draw_rows("num", 4000)
    for target in range(4):
        train, test = (sampler.at(each).factors for each in _shifted(sampler, *rows, target))
        held = np.flatnonzero((train == train[0]).all(axis=0))
        assert len(held) == 1
        assert held[0] != target
        size = sampler.sizes[held[0]]
        assert set(test[:, held[0]]) == set(range(size)) - {train[0, held[0]]}
        assert (np.bincount(test[:, held[0]]).max() < 1.2 * 4000 / (size - 1)).all()


def test_codes_of_their_own_are_learnt_in_spite_of_a_shift():
    result = strong_downstream_task(GRID, HOT, 0, **FEW, n_experiment=3)
    assert result["500:mean_test_accuracy"] == result["500:mean_strong_test_accuracy"] == 1
    assert result["500:strong_generalization_gap"] == 0


def test_codes_that_move_with_another_factor_are_not():
    factors = GRID.factors()
    codes = np.cumsum(factors / (np.array([3, 4, 6, 5]) - 1), axis=1)  # each is shifted by all before it
    codes = np.stack([codes[:, 3], codes[:, 2]], axis=1)
    result = strong_downstream_task(GRID, codes, 0, **FEW, n_experiment=5)
    assert result["500:mean_strong_test_accuracy"] < result["500:mean_test_accuracy"]
    gap = 1 - result["500:mean_strong_test_accuracy"] / result["500:mean_test_accuracy"]
    assert result["500:strong_generalization_gap"] == pytest.approx(gap)
    assert gap > 0.05
    assert result["num_train"] == [500]
    by_factor = np.array(result["strong_test_accuracy"])
    assert by_factor.shape == (1, 4)
    assert by_factor.mean() == pytest.approx(result["500:mean_strong_test_accuracy"])
    assert by_factor[0].argmax() == 3  # the last: the difference of the two codes, whatever the others are


@pytest.mark.parametrize("importance", ["mutual_information", "gradient_boosting_classifier"])
def test_without_its_code_a_factor_is_guessed_and_the_others_are_as_before(importance):
    small = Grid(2, 2, 2)
    result = reduced_downstream_task(small, small.identity(), 0, **FEW, importance=importance)
    assert result["500:mean_test_accuracy_other_factors"] == 1
    assert result["500:mean_test_accuracy_reduced_factor"] == pytest.approx(1 / 2, abs=0.05)
    assert result["500:reduced_factor_1:mean_test_accuracy_factor_1"] == pytest.approx(1 / 2, abs=0.08)
    assert result["500:reduced_factor_1:mean_test_accuracy_factor_2"] == 1
    assert result["500:reduced_factor_1:mean_test_accuracy_non_reduced_factor"] == 1
    table = [[result[f"500:reduced_factor_{k}:mean_test_accuracy_factor_{i}"] for i in range(3)] for k in range(3)]
    assert result["test_accuracy"] == table
    assert len(result) == 2 * (2 + 3 * (3 + 2)) + 2


def test_a_code_twice_needs_two_removals():
    small = Grid(2, 3, 4)
    codes = np.repeat(small.identity(), 2, axis=1)
    once, both = (
        reduced_downstream_task(small, codes, 0, **FEW, num_factors_to_remove=num)[
            "500:mean_test_accuracy_reduced_factor"
        ]
        for num in (1, 2)
    )
    assert once > 0.8
    assert both < 0.5


def test_what_cannot_be_removed_or_is_unknown_is_refused():
    with pytest.raises(UserError, match="num_factors_to_remove = 4 leaves none of 4 codes; remove fewer"):
        reduced_downstream_task(GRID, GRID.identity(), 0, **FEW, num_factors_to_remove=4)
    with pytest.raises(UnknownName, match="did you mean mutual_information"):
        reduced_downstream_task(GRID, GRID.identity(), 0, importance="mutual_info")
