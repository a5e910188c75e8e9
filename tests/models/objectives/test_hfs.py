"""The Hausdorff distance of supports against slow loops."""

import numpy as np
import pytest
import tensorflow as tf
from support.gradients import check_terms
from support.methods import defaults

from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives.base import stream
from dlib_bvae.models.objectives.hfs import draw_pairs, hfs, support_distance


def full_distance(codes, pairs):
    """The definition, differentiable, with batch³ numbers."""
    total = 0.0
    for a, b in pairs:
        first, second = (tf.square(codes[:, c, None] - codes[None, :, c]) for c in (a, b))
        total += tf.reduce_max(tf.reduce_min(first[:, None] + second[None], axis=2))
    return total


def test_value_and_gradient_are_those_of_the_definition():
    codes = tf.constant(np.random.default_rng(0).normal(size=(9, 4)), tf.float32)
    pairs = [(0, 1), (0, 3), (2, 3)]
    results = []
    for distance in (lambda z: support_distance(z, tf.constant(pairs)), lambda z: full_distance(z, pairs)):
        with tf.GradientTape() as tape:
            tape.watch(codes)
            value = distance(codes)
        results.append((value, tape.gradient(value, codes)))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-5)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-4, atol=1e-6)


def test_a_grid_is_its_own_product_and_a_diagonal_is_not():
    grid = tf.constant(np.stack(np.meshgrid(np.arange(3.0), np.arange(4.0)), -1).reshape(-1, 2), tf.float32)
    assert float(support_distance(grid, tf.constant([[0, 1]]))) == 0.0
    diagonal = tf.constant([[0.0, 0.0], [1.0, 1.0]])
    assert float(support_distance(diagonal, tf.constant([[0, 1]]))) == 1.0


def test_pairs_are_different_and_follow_from_the_key():
    pairs, again, other = (draw_pairs(10, 25, tf.constant([0, key])).numpy() for key in (1, 1, 2))
    assert len({tuple(pair) for pair in pairs}) == 25
    assert (pairs[:, 0] < pairs[:, 1]).all()
    np.testing.assert_array_equal(pairs, again)
    assert (pairs != other).any()
    assert draw_pairs(3, 25, tf.constant([0, 1])).shape == (3, 2)


def test_the_terms_are_weighted(make_batch):
    batch = make_batch()
    terms = hfs(gamma=2.0, beta=3.0).terms(batch)
    expected = float(full_distance(batch.mean, [(0, 1), (0, 2), (1, 2)]))
    assert float(terms["weighted_support_distance"]) == pytest.approx(2 * expected, rel=1e-5)
    assert float(terms["weighted_kl"]) == pytest.approx(3 * np.mean(batch.kl), rel=1e-5)


def test_one_latent_is_refused(make_batch):
    with pytest.raises(UserError, match="at least 2 latents"):
        hfs().terms(make_batch(latents=1))


def test_its_defaults():
    assert defaults(hfs) == {"gamma": 1.0, "beta": 1.0, "pairs": 25}
    hfs(pairs=1)
    with pytest.raises(UserError, match="hfs.pairs must be an integer >= 1"):
        hfs(pairs=0)


def test_it_logs_the_distance_and_draws_its_pairs_from_the_batch_s_key(make_batch):
    batch, other = make_batch(8, 6), make_batch(8, 6, key=tf.constant([0, 2], tf.int64))
    terms = hfs(pairs=3).terms(batch)
    assert float(terms["reconstruction"]) == pytest.approx(np.mean(batch.reconstruction), rel=1e-5)
    expected = support_distance(batch.mean, draw_pairs(6, 3, stream(batch.key, 1)))
    assert float(batch.measured["support_distance"]) == pytest.approx(float(expected))
    assert float(hfs(pairs=3).terms(other)["weighted_support_distance"]) != float(expected)


def test_value_and_gradient_are_those_of_the_formula(make_batch):
    def formula(b):
        distance = 0.0
        for one, other in [(0, 1), (0, 2), (1, 2)]:
            first, second = ((b.mean[:, c, None] - b.mean[None, :, c]) ** 2 for c in (one, other))
            distance += (first[:, None] + second[None]).min(axis=2).max()
        weighted = {"weighted_kl": 0.6 * b.kl.mean(), "weighted_support_distance": 3.7 * distance}
        return {"reconstruction": b.reconstruction.mean(), **weighted}

    check_terms(hfs(gamma=3.7, beta=0.6), formula, make_batch(4))
