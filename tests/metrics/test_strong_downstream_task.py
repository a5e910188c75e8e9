"""strong_downstream_task.py: the shift is what it says, and known answers."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from support.known_codes import GRID, ONE_HOT, Grid, mixed

from dlib_bvae.errors import NotApplicable, UserError
from dlib_bvae.metrics.engine.sampling import Sampler, sampled
from dlib_bvae.metrics.strong_downstream_task import _others, _shifted, strong_downstream_task

FEW = {"num_train": [60], "num_test": 300}


def test_the_shift_holds_one_value_and_then_shows_all_others():
    sampler = Sampler("m_dlib", GRID, ONE_HOT, 0)
    rows = sampler.draw_rows("num", 4000), sampler.draw_rows("num", 4000)
    for target in range(4):
        train, test = (each.factors for each in _shifted(sampler, *rows, target))
        held = np.flatnonzero((train == train[0]).all(axis=0))
        assert len(held) == 1
        assert held[0] != target
        size = sampler.sizes[held[0]]
        assert set(test[:, held[0]]) == set(range(size)) - {train[0, held[0]]}
        assert (np.bincount(test[:, held[0]]).max() < 1.2 * 4000 / (size - 1)).all()


def test_images_of_a_shift_are_different_ones():
    sampler = Sampler("m", GRID, np.arange(360.0)[:, None], 0)
    for target in range(4):
        train, test = _others(sampler, 60, 200, target)
        images = [set(each.codes[:, 0]) for each in (train, test)]
        assert [len(each) for each in images] == [60, 200]
        assert not images[0] & images[1]
        fixed = [k for k in range(4) if (train.factors[:, k] == train.factors[0, k]).all()]
        assert len(fixed) == 1
        assert fixed[0] != target
        values = set(test.factors[:, fixed[0]])
        assert values == set(range(sampler.sizes[fixed[0]])) - {train.factors[0, fixed[0]]}
    with pytest.raises(NotApplicable, match="give a num_train of at most 60"):
        strong_downstream_task(GRID, ONE_HOT, 0, num_train=[61])


def test_codes_of_their_own_are_learnt_in_spite_of_a_shift():
    result = strong_downstream_task(GRID, ONE_HOT, 0, **FEW, n_experiment=3)
    assert result["60:mean_test_accuracy"] == result["60:mean_strong_test_accuracy"] == 1
    assert result["60:strong_generalization_gap"] == 0


def test_codes_that_move_with_another_factor_are_not():
    factors = GRID.factors()
    codes = np.cumsum(factors / (np.array([3, 4, 6, 5]) - 1), axis=1)  # each is shifted by all before it
    codes = np.stack([codes[:, 3], codes[:, 2]], axis=1)
    with sampled("with_replacement"):  # more than there are
        result = strong_downstream_task(GRID, codes, 0, num_train=[500], num_test=1000, n_experiment=5)
    assert result["500:mean_strong_test_accuracy"] < result["500:mean_test_accuracy"]
    gap = 1 - result["500:mean_strong_test_accuracy"] / result["500:mean_test_accuracy"]
    assert result["500:strong_generalization_gap"] == pytest.approx(gap)
    assert gap > 0.05
    assert result["num_train"] == [500]
    by_factor = np.array(result["strong_test_accuracy"])
    assert by_factor.shape == (1, 4)
    assert by_factor.mean() == pytest.approx(result["500:mean_strong_test_accuracy"])
    assert by_factor[0].argmax() == 3  # the last: the difference of the two codes, whatever the others are


def accuracies_slowly(sampler, train, test, factors):
    """Accuracies on training and on test images of a logistic regression of each factor, (factors, 2)."""
    sampler.seed()
    mean, std = train.codes.mean(axis=0), train.codes.std(axis=0)
    found = []
    for k in factors:
        model = LogisticRegression(max_iter=5000).fit((train.codes - mean) / std, train.factors[:, k])
        found.append([model.score((each.codes - mean) / std, each.factors[:, k]) for each in (train, test)])
    return np.array(found)


def test_it_agrees_with_scikit_learn_on_the_images_drawn():
    codes = mixed(GRID)
    few = {"num_train": [80, 150], "num_test": 300, "n_experiment": 2}
    with sampled("with_replacement"):
        result = strong_downstream_task(GRID, codes, 4, **few)
        sampler = Sampler("strong_downstream_task", GRID, codes, 4)
    for i, size in enumerate([80, 150]):
        rows = sampler.draw_rows("num_train", size), sampler.draw_rows("num_test", 300)
        plain = accuracies_slowly(sampler, *map(sampler.at, rows), range(4)).mean(axis=0)
        strong = [
            [accuracies_slowly(sampler, *_shifted(sampler, *rows, target), [target])[0] for _ in range(2)]
            for target in range(4)
        ]
        expected = [*plain, *np.mean(strong, axis=(0, 1))]
        names = ("train_accuracy", "test_accuracy", "strong_train_accuracy", "strong_test_accuracy")
        assert [result[f"{size}:mean_{name}"] for name in names] == pytest.approx(expected, abs=1e-9)
        assert result[f"{size}:strong_generalization_gap"] == pytest.approx(1 - expected[3] / expected[1])
        assert result["strong_test_accuracy"][i] == pytest.approx(np.mean(strong, axis=1)[:, 1])


def test_one_experiment_a_factor_is_the_least():
    with pytest.raises(UserError, match=r"strong_downstream_task\.n_experiment must be an integer >= 1; got 0"):
        strong_downstream_task(GRID, ONE_HOT, 0, n_experiment=0)
    result = strong_downstream_task(Grid(2, 30), Grid(2, 30).factors(), 0, num_train=[2], num_test=40, n_experiment=1)
    assert np.array(result["strong_test_accuracy"]).shape == (1, 2)


def test_a_code_that_training_holds_still_moves_no_prediction():
    # its deviation there is rounding's alone, which the codes under the shift are not to be divided by
    codes = GRID.identity()
    accuracy = lambda z: strong_downstream_task(GRID, z, 0, **FEW)["60:mean_strong_test_accuracy"]
    assert accuracy(codes / 3 + 0.1) == pytest.approx(accuracy(codes), abs=0.02)
