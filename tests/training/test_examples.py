"""examples.py: different images, the same every time; KL per latent and active units against sums written out."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.training import examples
from dlib_bvae.training.examples import RECONSTRUCTED, examples_of, latents

DATA = DummyData()


def test_they_are_different_images_and_the_same_every_time(monkeypatch):
    seen = []
    data = SimpleNamespace(num_images=300, observation_shape=(2, 2, 1), observations_at=seen.append)
    examples_of(data)
    examples_of(data)
    np.testing.assert_array_equal(*seen)
    assert len(set(seen[0])) == len(seen[0]) == 256
    assert (seen[0] >= 0).all()
    assert (seen[0] < 300).all()
    small = SimpleNamespace(num_images=5, observation_shape=(2, 2, 1), observations_at=seen.append)
    examples_of(small)
    assert sorted(seen[2]) == [0, 1, 2, 3, 4]
    monkeypatch.setattr(examples, "_MOST_NUMBERS", 4 * 20)
    examples_of(data)
    assert len(set(seen[3])) == len(seen[3]) == 20
    monkeypatch.setattr(examples, "_MOST_NUMBERS", 4)
    examples_of(data)
    np.testing.assert_array_equal(seen[4], seen[0][:RECONSTRUCTED])


def test_they_are_observations():
    found = examples_of(DATA)
    assert found.shape == (256, 16, 16, 1)
    assert found.dtype == np.float32
    assert found.max() <= 1


class Known:
    """Latents whose KL is known: the brightness with variance ½, the prior, one without variance, a constant far away."""

    def encode(self, observations):
        bright = tf.reduce_mean(observations, axis=[1, 2, 3])
        zero = tf.zeros_like(bright)
        means = tf.stack([10.0 * bright, zero, bright, zero + 3.0], axis=1)
        log_variances = tf.stack([zero + np.log(0.5), zero, zero - np.inf, zero], axis=1)
        return means, log_variances


def test_each_latent_has_its_mean_kl_and_those_whose_mean_varies_are_active():
    images = np.concatenate([np.full((3, 4, 4, 1), 0.1, np.float32), np.full((2, 4, 4, 1), 0.6, np.float32)])
    kl, active = latents(Known(), images, batch_size=2)
    brightness = np.array([0.1, 0.1, 0.1, 0.6, 0.6])
    first = 0.5 * (np.mean((10 * brightness) ** 2) + 0.5 - np.log(0.5) - 1)
    assert kl == pytest.approx([first, 0, np.nan, 4.5], nan_ok=True, rel=1e-6)
    assert active == 2  # the variance of the third, 0.06, counts, too
    whole = latents(Known(), images, batch_size=64)
    np.testing.assert_allclose(whole[0], kl)
