"""PCA and ICA as networks: held against scikit-learn's own transforms."""

import json

import numpy as np
import pytest
import tensorflow as tf
from sklearn.decomposition import PCA, FastICA
from support.drawn_spots import Spots

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.datasets.images import ImageData, drawn_sample
from dlib_bvae.errors import UserError
from dlib_bvae.models.baselines.linear import fast_ica, pca, sample

DATA = DummyData()


class Pixels(ImageData):
    """Images of given uint8 pixels, (n, H, W, C)."""

    name = "pixels"
    fingerprint = "none"

    def __init__(self, images, weights=None):
        self.images, self.weights, self.asked = images, weights, 0
        self.observation_shape = images.shape[1:]

    @property
    def num_images(self):
        return len(self.images)

    def images_at(self, indices):
        self.asked = max(self.asked, len(indices))
        return self.images[self.check_indices(indices)]

    def training_weights(self):
        return self.weights


def noise(count, shape=(2, 2, 3), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def sources(count=2000):
    """Two uniform sources, mixed into four pixels of which the first never changes; and the sources."""
    made = np.random.default_rng(0).uniform(size=(count, 2))
    pixels = np.concatenate([np.full((count, 1), 9), made @ [[150, 40, 60], [30, 90, 120]]], axis=1)
    return Pixels(pixels.astype(np.uint8).reshape(count, 2, 2, 1)), made


def test_pca_gives_the_codes_and_images_of_scikit_learn():
    network, told = pca(num_latent=4, num_samples=300).fit(DATA, 7)
    images = sample(DATA, 300, 7)
    reference = PCA(4, whiten=True, random_state=7).fit(images)
    observations = DATA.observations_at(np.arange(64))
    codes, log_variance = network.encode(tf.constant(observations))
    expected = reference.transform(observations.reshape(64, -1))
    np.testing.assert_allclose(codes, expected, atol=1e-4)
    assert (np.exp(log_variance) == 0).all()
    made = np.clip(reference.inverse_transform(expected), 0, 1).reshape(observations.shape)
    np.testing.assert_allclose(network.reconstruct(tf.constant(observations)), made, atol=1e-4)
    np.testing.assert_allclose(
        network.encode(tf.constant(images.reshape(-1, 16, 16, 1)))[0].numpy().std(0, ddof=1), 1, rtol=1e-3
    )
    assert told["num_samples"] == 300
    assert told["explained_variance"] == pytest.approx(reference.explained_variance_ratio_.sum(), rel=1e-5)


def test_ica_finds_the_sources_as_scikit_learn_does_and_more_where_the_first_pixel_is_constant():
    data, made = sources()
    network, told = fast_ica(num_latent=2).fit(data, 0)
    codes = network.encode(tf.constant(data.observations_at(np.arange(2000))))[0].numpy()
    found = np.abs(np.corrcoef(codes.T, made.T)[:2, 2:])
    assert sorted(found.argmax(axis=1)) == [0, 1]
    assert (found.max(axis=1) > 0.99).all()
    np.testing.assert_allclose(codes.std(axis=0), 1, rtol=1e-3)
    assert told["converged"] is True
    without_first = data.images.reshape(2000, 4)[:, 1:].astype(float)
    theirs = FastICA(2, whiten="unit-variance", random_state=0).fit_transform(without_first)
    assert (np.abs(np.corrcoef(codes.T, theirs.T)[:2, 2:]).max(axis=1) > 0.999).all()
    again = network.decode(tf.constant(codes)).numpy()
    np.testing.assert_allclose(again, data.observations_at(np.arange(2000)), atol=0.01)


def test_an_iteration_that_did_not_converge_is_told(capsys):
    _, told = fast_ica(num_latent=6, num_samples=100, max_iter=1).fit(DATA, 0)
    assert told["converged"] is False
    assert told["iterations"] == 1
    assert "has not converged in 1 iterations" in capsys.readouterr().err
    json.dumps(told)


def test_numbers_that_overflow_are_told(monkeypatch):
    def overflown(*_):
        raise ValueError("array must not contain infs or NaNs")

    monkeypatch.setattr(FastICA, "fit_transform", overflown)
    with pytest.raises(UserError, match="NaN or infinite numbers with fast_ica.fun = 'cube'; choose another fun"):
        fast_ica(num_latent=2, num_samples=50, fun="cube").fit(DATA, 0)


@pytest.mark.parametrize("method", [pca, fast_ica])
def test_the_seed_chooses_the_sample_and_fixes_the_result(method):
    first, same, other = (method(num_latent=3, num_samples=50).fit(DATA, seed)[0].encoder.numpy() for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert not np.allclose(np.abs(first), np.abs(other), atol=1e-3)


def test_decoded_images_stay_in_range():
    network, _ = pca(num_latent=3).fit(DATA, 0)
    images = network.decode(tf.constant(100 * np.random.default_rng(0).normal(size=(5, 3)), tf.float32)).numpy()
    assert images.min() == 0
    assert images.max() == 1


@pytest.mark.parametrize(
    ("method", "channels", "expected"), [(pca, 1, 25_000), (pca, 3, 3_500), (fast_ica, 1, 2_500), (fast_ica, 3, 1_000)]
)
def test_samples_are_as_large_as_the_report_s(method, channels, expected):
    data = Pixels(noise(26_000, (2, 2, channels)))
    assert method(num_latent=2).fit(data, 0)[1]["num_samples"] == expected
    assert data.asked <= 1024


def test_a_sample_shows_what_training_shows():
    images = np.arange(100, dtype=np.uint8).reshape(100, 1, 1, 1)
    held_out = Pixels(images, np.repeat([0.0, 1.0], 50))
    drawn = np.sort(255 * sample(held_out, 1000, 0)[:, 0])
    np.testing.assert_allclose(drawn, np.arange(50, 100), rtol=1e-6)
    weighted = Pixels(images, np.repeat([1.0, 3.0], 50))
    drawn = 255 * sample(weighted, 20_000, 0)[:, 0]
    assert np.mean(drawn > 49.5) == pytest.approx(0.75, abs=0.02)
    assert sample(Pixels(images), 30, 0).dtype == np.float32
    assert len(np.unique(sample(Pixels(images), 30, 0))) == 30


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: pca(num_latent=10**9), "pca.num_latent must be an integer <= 20000; got 1000000000"),
        (lambda: pca(num_latent=0), "pca.num_latent must be an integer >= 1; got 0"),
        (lambda: fast_ica(num_samples=1), "fast_ica.num_samples must be an integer >= 2; got 1"),
        (lambda: fast_ica(fun="tanh"), "fast_ica.fun must be one of logcosh, exp, cube; got 'tanh'"),
        (lambda: fast_ica(tol=0.0), "fast_ica.tol must be a finite number > 0"),
        (
            lambda: pca(num_latent=20).fit(Pixels(noise(100)), 0),
            "at most 12, the smaller of 100 images and 12 numbers per image; got 20",
        ),
        (
            lambda: fast_ica(num_latent=3).fit(Pixels(noise(50, (1, 2, 1)).repeat(2, axis=1)), 0),
            "vary in 2 directions, so fast_ica.num_latent",
        ),
        (lambda: pca(num_latent=3).fit(Pixels(np.full((9, 2, 2, 1), 7, np.uint8)), 0), "vary in 0 directions"),
    ],
)
def test_what_cannot_be_fitted_is_refused(make, told):
    with pytest.raises(UserError, match=told):
        make()


def test_a_set_that_draws_its_images_is_fitted_to_none_of_those_that_are_scored(tmp_path):
    data = Spots(images=30, cache_dir=tmp_path)
    expected = data.observations_at(drawn_sample(data, 20, 3)).reshape(20, -1)
    np.testing.assert_array_equal(sample(data, 20, 3), expected)
    assert not data.cache_path.exists()
