"""reconstruction_error against sums written out, and its refusals."""

import math

import numpy as np
import pytest

from dlib_bvae import datasets, metrics
from dlib_bvae.datasets import GroundTruthData, ImageData
from dlib_bvae.errors import UserError


@pytest.fixture
def bars():
    return datasets.load("dummy_data")


def test_it_is_the_mean_over_images_of_sums_over_pixels(bars):
    codes = np.arange(512.0)[:, None]
    decode = lambda latents: np.clip(0.5 * bars.observations_at(latents[:, 0].astype(int)) + 0.25, 0, 1)
    scores = metrics.score("reconstruction_error", bars, codes, decode=decode)
    assert scores["squared_error"] == pytest.approx(256 * 0.25**2)
    assert scores["bernoulli_error"] == pytest.approx(-256 * math.log(0.75))
    exact = metrics.score(
        "reconstruction_error", bars, codes, decode=lambda z: bars.observations_at(z[:, 0].astype(int))
    )
    assert exact["squared_error"] == 0
    assert exact["bernoulli_error"] == pytest.approx(0, abs=1e-3)


def test_it_draws_images_without_repetition_by_the_seed(bars):
    seen = []
    codes = np.arange(512.0)[:, None]

    def decode(latents):
        seen.extend(latents[:, 0])
        return np.zeros((len(latents), 16, 16, 1))

    first = metrics.score("reconstruction_error", bars, codes, 0, decode=decode, num_images=300)
    assert len(set(seen)) == len(seen) == 300
    assert metrics.score("reconstruction_error", bars, codes, 0, decode=decode, num_images=300) == first
    assert metrics.score("reconstruction_error", bars, codes, 1, decode=decode, num_images=300) != first
    assert first["squared_error"] == pytest.approx(bars.observations_at(np.array(seen[:300], int)).sum() / 300)


def test_codes_may_be_a_function_and_the_data_may_have_no_factors(bars):
    class Plain(ImageData):
        name, fingerprint, num_images, observation_shape, max_pixel = "plain", "plain", 512, (16, 16, 1), 1

        def images_at(self, indices):
            return bars.images_at(indices)

    encode = lambda observations: observations.reshape(len(observations), -1)
    decode = lambda latents: latents.reshape(-1, 16, 16, 1) * 0.5
    expected = bars.observations_at(np.arange(512)).sum() / 512 * 0.25
    for data in (bars, Plain()):
        scores = metrics.score("reconstruction_error", data, encode, decode=decode)
        assert scores["squared_error"] == pytest.approx(expected)


def test_images_of_one_cell_are_told_apart():
    class Cells(GroundTruthData):
        name, fingerprint, observation_shape = "cells", "cells", (1, 1, 1)
        factor_names, factor_sizes, images_per_cell = ("a",), (3,), 4

        def images_at(self, indices):
            return (20 * self.check_indices(indices)).astype(np.uint8).reshape(-1, 1, 1, 1)

    decode = lambda latents: latents.reshape(-1, 1, 1, 1) * 20 / 255
    scores = metrics.score("reconstruction_error", Cells(), np.arange(12.0)[:, None], decode=decode)
    assert scores["squared_error"] == pytest.approx(0, abs=1e-9)


def test_refusals(bars):
    codes = np.zeros((512, 2))
    with pytest.raises(UserError, match="codes must be numbers"):
        metrics.score("reconstruction_error", bars, codes[:5], decode=lambda z: z)
    with pytest.raises(UserError, match="NaN or infinite"):
        metrics.score("reconstruction_error", bars, np.full((512, 2), np.nan), decode=lambda z: z)
    with pytest.raises(UserError, match="needs the model's decoder"):
        metrics.score("reconstruction_error", bars, codes)
    with pytest.raises(UserError, match=r"decode must give images \(256, 16, 16, 1\)"):
        metrics.score("reconstruction_error", bars, codes, decode=lambda z: np.zeros((len(z), 16, 16, 3)))
    with pytest.raises(UserError, match="num_images must be an integer >= 1"):
        metrics.score("reconstruction_error", bars, codes, decode=lambda z: z, num_images=0)


def test_images_without_factors_cannot_be_scored():
    class Plain:
        name = "plain"

    with pytest.raises(UserError, match="needs known factors; plain has images only"):
        metrics.score("beta_vae", Plain(), np.zeros((5, 2)))
