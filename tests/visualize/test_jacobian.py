"""jacobian.py: the overlap of a linear decoder's columns is exact; that of a curved one is its derivative's."""

import numpy as np
import pytest

from dlib_bvae.visualize.jacobian import jacobian_overlap

WEIGHTS = np.random.default_rng(0).normal(size=(4, 5 * 3))


def linear(codes):
    return (0.5 + codes @ WEIGHTS / 50).reshape(-1, 5, 3, 1)


def test_a_linear_decoder_has_the_gram_matrix_of_its_columns():
    deviations, shown = np.array([1.0, 0.5, 3.0]), np.array([3, 0, 2])
    found = jacobian_overlap(linear, np.random.default_rng(1).normal(size=(6, 4)), shown, deviations)
    columns = WEIGHTS[shown] / 50 * deviations[:, None]
    gram = columns @ columns.T
    squared = np.diag(gram)
    expected = gram**2 / np.outer(squared, squared)
    np.fill_diagonal(expected, np.nan)
    np.testing.assert_allclose(found.pairs, expected, rtol=1e-4)
    np.testing.assert_allclose(found.lengths, np.sqrt(squared), rtol=1e-4)
    assert found.off_diagonal == pytest.approx(1 - np.sum(squared**2) / np.sum(gram**2), rel=1e-4)


def test_separate_pixels_do_not_overlap_and_equal_changes_do():
    apart = jacobian_overlap(lambda codes: codes.reshape(-1, 1, 3, 1), np.zeros((2, 3)), np.arange(3), np.ones(3))
    assert apart.off_diagonal == pytest.approx(0, abs=1e-9)
    assert apart.pairs[0, 1] == pytest.approx(0, abs=1e-9)
    same = jacobian_overlap(
        lambda codes: codes.sum(axis=1).reshape(-1, 1, 1, 1), np.zeros((2, 2)), np.arange(2), np.ones(2)
    )
    assert same.pairs[0, 1] == pytest.approx(1)
    assert same.off_diagonal == pytest.approx(0.5)


def test_a_curved_decoder_is_differentiated_where_the_codes_are():
    decode = lambda codes: np.stack([np.sin(codes[:, 0]), codes[:, 0] * codes[:, 1]], axis=1).reshape(-1, 1, 2, 1)
    codes = np.array([[0.3, 2.0], [-1.0, 0.5]])
    gram = np.array([[[np.cos(a) ** 2 + b * b, a * b], [a * b, a * a]] for a, b in codes])
    found = jacobian_overlap(decode, codes, np.arange(2), np.array([1.0, 1.0]))
    expected = np.mean(gram[:, 0, 1] ** 2 / (gram[:, 0, 0] * gram[:, 1, 1]))
    assert found.pairs[0, 1] == pytest.approx(expected, rel=1e-3)


def test_a_latent_that_changes_nothing_has_no_overlap_and_a_decoder_of_steps_none_at_all():
    still = jacobian_overlap(
        lambda codes: codes[:, :2].reshape(-1, 1, 2, 1), np.zeros((2, 3)), np.arange(3), np.ones(3)
    )
    assert np.isnan(still.pairs[2]).all()
    assert np.isfinite(still.pairs[0, 1])
    steps = lambda codes: np.rint(codes).reshape(-1, 1, 3, 1)
    assert jacobian_overlap(steps, np.zeros((2, 3)), np.arange(3), np.ones(3)) is None
