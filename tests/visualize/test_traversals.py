"""traversals.py: where the values lie, and that only one latent moves."""

import numpy as np
from scipy.stats import norm

from dlib_bvae.visualize.traversals import (
    around,
    code_extremes,
    code_quantiles,
    normal_quantiles,
    traverse,
)


def test_quantiles_of_the_prior_are_as_probable_as_each_other():
    values = normal_quantiles(5, 0.95)
    np.testing.assert_allclose(values[[0, 2, 4]], [-1.959964, 0.0, 1.959964], atol=1e-6)
    np.testing.assert_allclose(np.diff(norm.cdf(values)), 0.95 / 4)


def test_quantiles_of_codes_are_the_codes_own():
    codes = np.stack([np.arange(101.0), np.arange(101.0) ** 2, np.full(101, 3.0)], axis=1).astype(np.float32)
    values = code_quantiles(codes, 3, 0.9)
    np.testing.assert_allclose(values, [[5.0, 50.0, 95.0], [25.0, 2500.0, 9025.0], [3.0, 3.0, 3.0]])


def test_extremes_reach_from_the_least_code_to_the_largest():
    codes = np.array([[0.0, 5.0], [4.0, -1.0], [1.0, 2.0]], np.float32)
    np.testing.assert_allclose(code_extremes(codes, 3), [[0.0, 2.0, 4.0], [-1.0, 2.0, 5.0]])


def test_deviations_lie_evenly_around_the_start():
    values = around(np.array([1.0, -2.0]), np.array([0.5, 2.0]), 5)
    np.testing.assert_allclose(values, [[0.0, 0.5, 1.0, 1.5, 2.0], [-6.0, -4.0, -2.0, 0.0, 2.0]])


def test_a_traversal_changes_one_latent_a_row():
    start, latents = np.arange(4.0), np.array([3, 1])
    values = np.array([[7.0, 8.0, 9.0], [-1.0, -2.0, -3.0]])
    codes = traverse(start, latents, values)
    assert codes.dtype == np.float32
    assert codes.tolist() == [
        [[0, 1, 2, 7], [0, 1, 2, 8], [0, 1, 2, 9]],
        [[0, -1, 2, 3], [0, -2, 2, 3], [0, -3, 2, 3]],
    ]
    np.testing.assert_array_equal(start, np.arange(4.0))
