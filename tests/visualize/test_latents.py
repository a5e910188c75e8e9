"""latents.py: the order by KL, the KL itself, and which factor a latent tells of."""

import numpy as np
import pytest
import tensorflow_probability as tfp
from sklearn.decomposition import PCA

from dlib_bvae import datasets
from dlib_bvae.visualize.latents import Latents, explained_variance, kl_per_latent, latents_of, sampled, short

NONE = float("-inf")


@pytest.fixture(scope="module")
def data():
    return datasets.load("dummy_data")


@pytest.fixture(scope="module")
def codes(data):
    """Latent 0 is the row, 1 is constant, 2 the column; of all 512 images."""
    factors = data.factors_at(np.arange(512)).astype(np.float32)
    return np.stack([factors[:, 2], np.full(512, 0.5, np.float32), factors[:, 3] / 7], axis=1)


def known(kl, explained, information=None, factors=()):
    kl, explained = np.array(kl, float), np.array(explained, float)
    return Latents(kl, explained, explained, information, list(factors), np.ones(len(factors)), 0, "", 100)


def facts(codes, log_variances, data, num_codes=20_000, seed=0):
    """Facts of codes, and the log variances of their posteriors, of all images of `data`."""
    posterior = lambda rows: None if log_variances is None else log_variances[rows]
    explained = explained_variance(codes, [data.observations_at(np.arange(data.num_images))])
    return latents_of(codes, log_variances, explained, data, codes, posterior, num_codes, seed)


def test_the_kl_is_that_of_the_distributions():
    rng = np.random.default_rng(0)
    means, logs = rng.normal(size=(50, 3)).astype(np.float32), rng.normal(size=(50, 3)).astype(np.float32)
    normal = tfp.distributions.Normal
    expected = tfp.distributions.kl_divergence(normal(means, np.exp(0.5 * logs)), normal(0.0, 1.0)).numpy().mean(axis=0)
    np.testing.assert_allclose(kl_per_latent(means, logs), expected, rtol=1e-5)
    logs[:, 1] = NONE
    found = kl_per_latent(means, logs)
    np.testing.assert_allclose(found[[0, 2]], expected[[0, 2]], rtol=1e-5)
    assert np.isnan(found[1])
    assert np.isnan(kl_per_latent(means, None)).all()


def test_the_largest_kl_is_first():
    assert known([0.1, 3.0, 0.0, 1.0], [9, 1, 8, 1]).order().tolist() == [1, 3, 0, 2]


def test_latents_without_a_kl_follow_by_what_they_explain():
    latents = known([np.nan, 0.0, np.nan, 2.0], [0.1, 0.0, 0.5, 0.2])
    assert latents.order().tolist() == [3, 1, 2, 0]
    assert latents.with_variance.tolist() == [False, True, False, True]
    assert [latents.amount(k) for k in (3, 2)] == ["KL 2.00 nats", "explains 50.0 %"]
    assert known([np.nan] * 3, [0.1, 0.3, 0.2]).order().tolist() == [1, 2, 0]


def test_whitened_components_explain_what_scikit_learn_says(data):
    images = data.observations_at(np.arange(512))
    fitted = PCA(5, whiten=True).fit(images.reshape(512, -1))
    codes = fitted.transform(images.reshape(512, -1))[:, [3, 0, 4, 1, 2]]  # all of variance 1
    shares = explained_variance(codes, np.array_split(images, 7))
    np.testing.assert_allclose(shares, fitted.explained_variance_ratio_[[3, 0, 4, 1, 2]], rtol=1e-4)
    latents = facts(codes.astype(np.float32), None, data)
    assert latents.order().tolist() == [1, 3, 4, 0, 2]
    assert explained_variance(np.ones((512, 1)), [images]).tolist() == [0.0]


def test_a_latent_is_labelled_with_its_most_informative_factor(data, codes):
    narrow = np.full_like(codes, 2 * np.log(1e-3))
    latents = facts(codes, np.where(np.arange(3) == 1, 0, narrow).astype(np.float32), data)
    assert latents.factors == ["orientation", "length", "row", "column"]
    np.testing.assert_allclose(latents.entropies, np.log([2, 4, 8, 8]))
    assert latents.num_codes == 20_480  # 40 of each image
    name, nats = latents.best(0)
    assert name == "row"
    assert nats == pytest.approx(np.log(8), abs=0.01)
    assert latents.best(1) is None
    assert latents.best(2)[0] == "column"
    assert latents.label(0).splitlines()[1] == "row 2.08 nats"
    assert latents.label(1) == "z1  KL 0.12 nats\nno factor ≥ 0.1 nats"
    assert latents.information[0, 3] < 0.01


def test_noise_has_no_information_and_a_latent_no_more_than_its_kl(data):
    rng = np.random.default_rng(0)
    row = data.factors_at(np.arange(512))[:, 2] - 3.5
    # Codes that hardly move against the width of their posterior, as of a latent that has collapsed; and one of noise alone.
    means = np.stack([0.09 * row, 0.6 * row, rng.normal(size=512) * 1e-3], axis=1).astype(np.float32)
    logs = np.zeros((512, 3), np.float32)
    latents = facts(means, logs, data)
    np.testing.assert_allclose(latents.kl, [0.0081 * 5.25 / 2, 0.36 * 5.25 / 2, 0], atol=1e-4)
    assert (latents.information.max(axis=1) <= latents.kl + 0.004).all()
    assert latents.information[1, 2] > 0.4
    assert latents.information[2].max() < 0.004
    assert [latents.is_active(k) for k in range(3)] == [False, True, False]
    assert latents.best(0) is None
    assert latents.label(0) == "z0  KL 0.02 nats\ninactive"
    assert latents.active(np.array([2, 1, 0])).tolist() == [1]
    assert latents.counted() == "1 of 3 active"


def test_sampled_information_is_that_of_a_noisy_channel(data):
    """A bit, ± 1 with Gaussian noise of deviation 1: 0.3369 nats by numerical integration."""
    from scipy.integrate import quad
    from scipy.stats import norm

    density = lambda z: (norm.pdf(z, 1) + norm.pdf(z, -1)) / 2
    channel = quad(lambda z: -density(z) * np.log(density(z)), -9, 9)[0] - 0.5 * np.log(2 * np.pi * np.e)
    bit = 2.0 * data.factors_at(np.arange(512))[:, :1] - 1
    latents = facts(bit.astype(np.float32), np.zeros((512, 1), np.float32), data, num_codes=100_000)
    assert latents.information[0, 0] == pytest.approx(channel, abs=0.01)
    assert latents.information[0, 1:].max() < 0.002


def test_codes_are_drawn_from_their_posteriors():
    means, logs = np.array([[1.0, 5.0], [3.0, 7.0]]), np.array([[0.0, NONE], [np.log(4.0), NONE]])
    drawn = sampled(means, logs, 20_000, 0).reshape(20_000, 2, 2)
    np.testing.assert_allclose(drawn[:, :, 0].mean(axis=0), [1, 3], atol=0.05)
    np.testing.assert_allclose(drawn[:, :, 0].std(axis=0), [1, 2], atol=0.05)
    assert (drawn[:, :, 1] == [5, 7]).all()
    assert sampled(means, None, 5, 0).tolist() == means.tolist()
    assert sampled(means, np.full((2, 2), NONE), 5, 0).tolist() == means.tolist()


def test_without_a_kl_a_latent_is_active_by_its_information():
    latents = known([np.nan, np.nan], [0.2, 0.1], np.array([[0.02], [0.3]]), ["shape"])
    assert [latents.is_active(k) for k in (0, 1)] == [False, True]
    assert latents.counted() == "2"
    assert latents.carried(0) == "no factor ≥ 0.1 nats"
    assert known([np.nan], [0.2]).is_active(0)
    assert known([np.nan], [0.2]).label(0) == "z0  explains 20.0 %"


def test_the_same_seed_gives_the_same_information(data, codes):
    noisy = codes + np.random.default_rng(0).normal(size=codes.shape).astype(np.float32)
    logs = np.zeros_like(noisy)
    first, second, other = (facts(noisy, logs, data, 500, seed).information for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_names_are_shortened_to_one_line():
    assert short("a\nname") == "a name"
    assert short("x" * 30) == "x" * 23 + "…"
    assert short("x" * 24) == "x" * 24
