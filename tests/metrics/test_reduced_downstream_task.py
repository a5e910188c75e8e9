"""reduced_downstream_task.py: known answers and the reference's keys."""

import numpy as np
import pytest
from support.known_codes import GRID, Grid

from dlib_bvae.errors import UnknownName, UserError
from dlib_bvae.metrics.reduced_downstream_task import reduced_downstream_task

FEW = {"num_train": [500], "num_test": 1000}


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
