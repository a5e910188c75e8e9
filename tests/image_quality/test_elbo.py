"""Bounds of a linear Gaussian model, whose marginal likelihood is known."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from dlib_bvae.datasets import ImageData
from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.image_quality.elbo import elbo
from dlib_bvae.metrics.score_info import info_of
from dlib_bvae.models.signatures import SavedModel

DATA = DummyData()
PIXELS = 256
RANDOM = np.random.RandomState(0)
LOADINGS = 0.3 * RANDOM.randn(2, PIXELS)
OFFSET, DEVIATION = 0.1, 0.5


def linear_model(tightness=1.0):
    """p(x|z) = N(z L + o, σ²); q is the exact posterior but for a variance `tightness` times as large."""
    covariance = np.linalg.inv(np.eye(2) + LOADINGS @ LOADINGS.T / DEVIATION**2)
    # The latents are turned so that the posterior's covariance is diagonal.
    values, turn = np.linalg.eigh(covariance)
    loadings = turn.T @ LOADINGS

    def encode(x):
        mean = (x.reshape(len(x), -1) - OFFSET) @ loadings.T / DEVIATION**2 * values
        return mean, np.tile(np.log(tightness * values), (len(x), 1))

    def log_likelihood(x, z):
        away = (x.reshape(len(x), -1) - z @ loadings - OFFSET) / DEVIATION
        return -0.5 * (away**2).sum(axis=1) - PIXELS * np.log(DEVIATION * np.sqrt(2 * np.pi))

    return SavedModel(encode, lambda z: (z @ loadings + OFFSET).reshape(-1, 16, 16, 1), log_likelihood)


def marginal():
    x = DATA.observations_at(np.arange(DATA.num_images)).reshape(DATA.num_images, -1)
    law = multivariate_normal(np.full(PIXELS, OFFSET), LOADINGS.T @ LOADINGS + DEVIATION**2 * np.eye(PIXELS))
    return law.logpdf(x).mean()


def test_with_the_exact_posterior_both_bounds_are_the_marginal_likelihood():
    scores = elbo(DATA, None, 0, model=linear_model(), num_images=10_000, num_samples=200)
    assert scores["importance_bound"] == pytest.approx(marginal(), abs=2e-3)
    assert scores["elbo"] == pytest.approx(marginal(), abs=0.05)
    assert scores["elbo"] == pytest.approx(-scores["reconstruction"] - scores["kl"], abs=1e-9)


def test_with_another_posterior_the_importance_bound_is_the_tighter():
    few, many = (elbo(DATA, None, 0, model=linear_model(3.0), num_images=512, num_samples=k) for k in (2, 64))
    assert few["elbo"] < few["importance_bound"] < many["importance_bound"] < marginal() + 0.02
    assert marginal() - many["importance_bound"] < 0.2 * (marginal() - many["elbo"])


def test_the_kl_is_told_for_each_latent():
    scores = elbo(DATA, None, 0, model=linear_model(), num_samples=1)
    assert sum(scores["kl_per_latent"]) == pytest.approx(scores["kl"])
    assert len(scores["kl_per_latent"]) == 2


def test_errors_of_images_that_are_met():
    model = SavedModel(
        lambda x: (x.reshape(len(x), -1), np.zeros((len(x), PIXELS))),
        lambda z: z.reshape(-1, 16, 16, 1),
        lambda x, z: np.zeros(len(x)),
    )
    scores = elbo(DATA, None, 0, model=model, num_images=30, num_samples=1)
    assert scores["squared_error"] == 0
    assert scores["ssim"] == pytest.approx(1)
    assert scores["psnr"] == pytest.approx(20 * np.log10(2 * 255))
    half = elbo(DATA, None, 0, model=model._replace(decode=lambda z: 0 * z.reshape(-1, 16, 16, 1) + 0.5), num_samples=1)
    assert half["squared_error"] == pytest.approx(64)
    assert half["psnr"] == pytest.approx(10 * np.log10(4))


def test_the_same_seed_gives_the_same_numbers():
    first, again, other = (elbo(DATA, None, seed, model=linear_model(), num_images=20) for seed in (1, 1, 2))
    assert first == again != other


def test_every_score_has_its_facts():
    from dlib_bvae.image_quality.elbo import SCORES

    scores = elbo(DATA, None, 0, model=linear_model(), num_images=5)
    assert all(info_of(SCORES, key) for key, value in scores.items() if isinstance(value, float))
    assert (SCORES["ssim"], SCORES["kl"]) == ((-1, 1, True, None, None), (0, None, None, None, None))
    assert SCORES["squared_error"] == (0, None, False, None, None)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (None, "likelihood"),
        (linear_model()._replace(log_likelihood=None), "likelihood"),
        (linear_model(0.0), "finite variance"),
    ],
)
def test_models_without_bounds_are_refused(model, message):
    with np.errstate(divide="ignore"), pytest.raises(UserError, match=message):
        elbo(DATA, None, 0, model=model)


class Pictures(ImageData):
    """Noise of `side` pixels a side."""

    name, fingerprint, num_images = "pictures", "pictures", 4

    def __init__(self, side):
        self.observation_shape = (side, 12, 1)

    def images_at(self, indices):
        return np.random.RandomState(0).randint(256, size=(4, *self.observation_shape)).astype(np.uint8)[indices]


@pytest.mark.parametrize("side", [10, 11])
def test_structural_similarity_needs_eleven_pixels_a_side(side):
    identity = SavedModel(
        lambda x: (x.reshape(len(x), -1), np.zeros((len(x), side * 12))),
        lambda z: z.reshape(-1, side, 12, 1),
        lambda x, z: np.zeros(len(x)),
    )
    scores = elbo(Pictures(side), None, 0, model=identity, num_images=1, num_samples=1)
    assert ("ssim" in scores) == (side == 11)


def test_numbers_out_of_range_are_refused():
    for parameter in ("num_images", "num_samples"):
        with pytest.raises(UserError, match=rf"elbo\.{parameter} must be an integer >= 1; got 0"):
            elbo(DATA, None, 0, model=linear_model(), **{parameter: 0})


def test_figures_are_means_over_the_images_drawn_however_many_come_at_once(monkeypatch):
    plain = elbo(DATA, None, 0, model=linear_model(), num_images=9, num_samples=1)
    rows = np.sort(np.random.RandomState(int(np.random.default_rng(0).integers(2**31))).permutation(512)[:9])
    mean, log_variance = linear_model().encode(DATA.observations_at(rows))
    kl = 0.5 * (mean**2 + np.exp(log_variance) - log_variance - 1)
    assert plain["kl_per_latent"] == pytest.approx(kl.mean(axis=0).tolist())
    assert plain["kl"] == pytest.approx(kl.sum(axis=1).mean())
    decoded = linear_model().decode(mean)
    errors = ((DATA.observations_at(rows) - decoded) ** 2).reshape(9, -1)
    assert plain["squared_error"] == pytest.approx(errors.sum(axis=1).mean(), rel=1e-5)
    assert plain["psnr"] == pytest.approx(np.mean(-10 * np.log10(errors.mean(axis=1))), rel=1e-5)
