"""ties.py: what is equal but for rounding is equal, and what decides then."""

import numpy as np
import pytest

from dlib_bvae.metrics.engine.ties import best_codes, leading, less_ties, shares
from dlib_bvae.metrics.snc import match

ROUNDING = 3e-16


def test_scores_within_rounding_share():
    scores = np.array([[1.0, 0.2], [1.0 + ROUNDING, 0.3], [0.5, 0.3 - 2e-9]])
    assert leading(scores).tolist() == [[True, False], [True, True], [False, False]]
    assert shares(scores).tolist() == [[0.5, 0], [0.5, 1], [0, 0]]
    assert shares(scores, axis=1).tolist() == [[1, 0], [1, 0], [1, 0]]
    assert shares(np.zeros((2, 4)), axis=1).tolist() == [[0.25] * 4] * 2


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_of_codes_that_inform_alike_the_one_with_the_least_joint_entropy_is_best(order):
    information = np.array([[0.7 + ROUNDING, 0.1], [0.7, 0.1 + 2e-9], [0.6, 0.1]])[order]
    joint = np.array([[2.0, 3.0], [1.0, 3.0], [0.5, 1.0]])[order]
    assert [order[j] for j in best_codes(information, joint)] == [1, 1]
    assert best_codes(np.zeros((3, 1)), np.ones((3, 1))).tolist() == [0]


def test_an_assignment_with_equal_gains_is_the_one_of_least_cost():
    gain = np.array([[1.0, 0.4], [1.0 + ROUNDING, 0.4], [0.2, 0.4 - 2e-9]])
    cost = np.array([[5.0, 1.0], [2.0, 1.0], [0.0, 0.0]])
    for order in ([0, 1, 2], [1, 0, 2], [2, 1, 0]):
        assert [order[j] for j in match(less_ties(gain[order], cost[order]))] == [1, 0]
    assert match(less_ties(np.zeros((2, 2)), np.zeros((2, 2)))) == [0, 1]
