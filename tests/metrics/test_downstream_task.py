"""downstream_task.py: accuracies that are known, few labels."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from support.known_codes import GRID, LARGE, ONE_HOT, Grid

from dlib_bvae import metrics
from dlib_bvae.errors import NotApplicable, UnknownName, UserError
from dlib_bvae.metrics.downstream_task import downstream_task
from dlib_bvae.metrics.engine.sampling import Sampler


@pytest.mark.parametrize("predictor", ["logistic_regression", "gradient_boosting_classifier"])
def test_clear_codes_are_learnt(predictor):
    result = downstream_task(GRID, ONE_HOT, 0, num_train=[200], num_test=100, predictor=predictor)
    assert result["200:mean_test_accuracy"] == result["200:min_train_accuracy"] == 1


def test_more_labels_teach_more_and_the_keys_are_the_reference_s():
    result = downstream_task(GRID, GRID.rotated(), 0, num_train=[10, 200], num_test=160)
    assert result["10:mean_test_accuracy"] < result["200:mean_test_accuracy"]
    for part in ("train", "test"):
        observed = [result[f"200:{part}_accuracy_factor_{k}"] for k in range(4)]
        assert result[f"200:mean_{part}_accuracy"] == pytest.approx(np.mean(observed))
        assert result[f"200:min_{part}_accuracy"] == min(observed)
        assert result[f"{part}_accuracy"][1] == observed
    assert result["num_train"] == [10, 200]
    assert len(result) == 2 * 2 * (2 + 4) + 3


def test_noise_teaches_nothing():
    result = downstream_task(LARGE, LARGE.noise(2), 0, num_train=[300], num_test=2000)
    guess = np.mean([1 / size for size in LARGE.factors_num_values])
    assert result["300:mean_test_accuracy"] == pytest.approx(guess, abs=0.03)


def test_a_factor_that_the_labels_show_one_value_of_is_predicted_so():
    result = downstream_task(GRID, ONE_HOT, 0, num_train=[1], num_test=3000)
    assert result["1:mean_train_accuracy"] == 1
    assert result["1:mean_test_accuracy"] == pytest.approx(np.mean([1 / 3, 1 / 4, 1 / 6, 1 / 5]), abs=0.03)


def test_it_agrees_with_scikit_learn_on_the_images_drawn():
    codes = GRID.rotated()
    result = downstream_task(GRID, codes, 6, num_train=[100], num_test=400)
    sampler = Sampler("downstream_task", GRID, codes, 6)
    train, test = sampler.train_and_test(100, 400)
    mean, deviation = train.codes.mean(axis=0), train.codes.std(axis=0)
    for k in range(4):
        model = LogisticRegression(max_iter=5000).fit((train.codes - mean) / deviation, train.factors[:, k])
        expected = model.score((test.codes - mean) / deviation, test.factors[:, k])
        assert result[f"100:test_accuracy_factor_{k}"] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("sizes", [[], "10", 10, None])
def test_what_is_no_list_of_sizes_is_refused(sizes):
    with pytest.raises(UserError, match=r"downstream_task\.num_train must be a list of integers; got"):
        downstream_task(GRID, ONE_HOT, 0, num_train=sizes)


def test_a_size_twice_and_an_unknown_predictor_are_refused():
    with pytest.raises(UserError, match=r"downstream_task\.num_train has an entry twice: \[10, 10\]"):
        downstream_task(GRID, ONE_HOT, 0, num_train=[10, 10])
    with pytest.raises(UnknownName, match="no classifier is called 'gradient_boosting'; did you mean"):
        downstream_task(GRID, ONE_HOT, 0, predictor="gradient_boosting")


def test_a_size_that_there_are_not_images_for_is_left_out(capsys):
    grid = Grid(3, 8, 8)
    result = metrics.score("downstream_task", grid, grid.noise(10), num_train=[10, 120, 300], num_test=5_000)
    assert result["num_train"] == [10, 120]
    assert not any(key.startswith("300:") for key in result)
    assert result["images_drawn"] == {"num_test": 64}
    assert result["120:mean_test_accuracy"] == pytest.approx(np.mean([1 / 3, 1 / 8, 1 / 8]), abs=0.1)
    assert (
        "downstream_task: left out num_train = 300; there are 128 different images to train on"
        in capsys.readouterr().err
    )
    with pytest.raises(
        NotApplicable, match="finds no 300 different images to train on; give a num_train of at most 128"
    ):
        downstream_task(grid, grid.noise(10), 0, num_train=[300])
