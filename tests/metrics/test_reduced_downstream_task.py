"""reduced_downstream_task.py: known answers and the reference's keys."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mutual_info_score
from support.known_codes import GRID, Grid, mixed

from dlib_bvae.errors import UnknownName, UserError
from dlib_bvae.metrics.engine.sampling import Sampler, sampled
from dlib_bvae.metrics.reduced_downstream_task import reduced_downstream_task

FEW = {"num_train": [500], "num_test": 1000}


@pytest.mark.parametrize("importance", ["mutual_information", "gradient_boosting_classifier"])
def test_without_its_code_a_factor_is_guessed_and_the_others_are_as_before(importance):
    small = Grid(2, 2, 2)
    with sampled("with_replacement"):  # more than there are
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
    with sampled("with_replacement"):  # more than there are
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
        reduced_downstream_task(GRID, GRID.identity(), 0, num_train=[50], num_factors_to_remove=4)
    with pytest.raises(UnknownName, match="did you mean mutual_information"):
        reduced_downstream_task(GRID, GRID.identity(), 0, importance="mutual_info")


def test_it_agrees_with_scikit_learn_on_the_images_drawn():
    codes = mixed(GRID)
    result = reduced_downstream_task(GRID, codes, 4, num_train=[150], num_test=300)
    sampler = Sampler("reduced_downstream_task", GRID, codes, 4)
    train, test = sampler.train_and_test(150, 300)
    mean, std = train.codes.mean(axis=0), train.codes.std(axis=0)
    bins = [np.digitize(code, np.histogram(code, 20)[1][:-1]) for code in train.codes.T]
    tables = {"train": np.zeros((4, 4)), "test": np.zeros((4, 4))}
    for gone in range(4):
        information = [mutual_info_score(b, train.factors[:, gone]) for b in bins]
        kept = [j for j in range(5) if j != np.argmax(information)]
        for k in range(4):
            model = LogisticRegression(max_iter=5000)
            model.fit(((train.codes - mean) / std)[:, kept], train.factors[:, k])
            for part, sample in (("train", train), ("test", test)):
                tables[part][gone, k] = model.score(((sample.codes - mean) / std)[:, kept], sample.factors[:, k])
    for part, table in tables.items():
        assert np.array(result[f"{part}_accuracy"]) == pytest.approx(table)
        others = (table.sum(axis=1) - np.diag(table)) / 3
        assert result[f"150:mean_{part}_accuracy_reduced_factor"] == pytest.approx(np.mean(np.diag(table)))
        assert result[f"150:mean_{part}_accuracy_other_factors"] == pytest.approx(np.mean(others))
        assert result[f"150:reduced_factor_2:mean_{part}_accuracy_non_reduced_factor"] == pytest.approx(others[2])
        assert result[f"150:reduced_factor_2:mean_{part}_accuracy_reduced_factor"] == pytest.approx(table[2, 2])


def test_no_code_to_remove_is_refused():
    with pytest.raises(UserError, match=r"num_factors_to_remove must be an integer >= 1; got 0"):
        reduced_downstream_task(GRID, GRID.identity(), 0, **FEW, num_factors_to_remove=0)
