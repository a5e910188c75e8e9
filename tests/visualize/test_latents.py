"""latents.py: the order by KL, the KL itself, and which factor a latent tells of."""

import numpy as np
import pytest
import tensorflow_probability as tfp

from dlib_bvae import datasets
from dlib_bvae.visualize.latents import Latents, kl_per_latent, latents_of, short

NONE = float("-inf")


@pytest.fixture(scope="module")
def data():
    return datasets.load("dummy_data")


@pytest.fixture(scope="module")
def codes(data):
    """Latent 0 is the row, 1 is constant, 2 the column; of all 512 images."""
    factors = data.factors_at(np.arange(512)).astype(np.float32)
    return np.stack([factors[:, 2], np.full(512, 0.5, np.float32), factors[:, 3] / 7], axis=1)


def known(kl, variance, information=None, factors=()):
    return Latents(np.array(kl, float), np.array(variance, float), information, list(factors), 0, "", 100)


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


def test_latents_without_a_kl_follow_by_variance():
    latents = known([np.nan, 0.0, np.nan, 2.0], [0.1, 0.0, 5.0, 0.2])
    assert latents.order().tolist() == [3, 1, 2, 0]
    assert latents.with_variance.tolist() == [False, True, False, True]
    assert [latents.amount(k) for k in (3, 2)] == ["KL 2.00 nats", "variance 5"]
    assert known([np.nan] * 3, [1, 3, 2]).order().tolist() == [1, 2, 0]


def test_a_latent_is_labelled_with_its_most_informative_factor(data, codes):
    latents = latents_of(codes, np.zeros_like(codes), data, codes, 20_000, seed=0)
    assert latents.factors == ["orientation", "length", "row", "column"]
    assert latents.num_codes == 512  # each image once
    name, nats = latents.best(0)
    assert name == "row"
    assert nats == pytest.approx(np.log(8), abs=0.01)
    assert latents.best(1) is None
    assert latents.best(2)[0] == "column"
    assert latents.label(0).splitlines()[1] == "row 2.08 nats"
    assert latents.label(1) == "z1  KL 0.12 nats\ntells of no factor"
    assert latents.information[0, 3] < 0.01


def test_the_same_seed_gives_the_same_information(data, codes):
    noisy = codes + np.random.default_rng(0).normal(size=codes.shape).astype(np.float32)
    first, second, other = (latents_of(noisy, None, data, noisy, 500, seed).information for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_names_are_shortened_to_one_line():
    assert short("a\nname") == "a name"
    assert short("x" * 30) == "x" * 23 + "…"
    assert short("x" * 24) == "x" * 24
