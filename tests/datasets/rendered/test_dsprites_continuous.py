"""dsprites_continuous.py: the pixels of the grid where it has the same factors, and positions between its pixels."""

import numpy as np
import pytest

from dlib_bvae import datasets
from dlib_bvae.datasets.rendered.dsprites import ORIENTATIONS, POSITIONS, SCALES
from dlib_bvae.datasets.rendered.dsprites_continuous import DSpritesContinuous


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return DSpritesContinuous(images=500, cache_dir=tmp_path_factory.mktemp("cache"))


def test_at_the_values_of_the_grid_the_pixels_are_those_of_the_grid(data, dsprites):
    factors = dsprites.sample_factors(3000, 0)
    shape, scale, orientation, x, y = factors.T
    values = np.stack([shape, SCALES[scale], ORIENTATIONS[orientation], POSITIONS[x], POSITIONS[y]], axis=1)
    np.testing.assert_array_equal(data.images_of(values), dsprites.images_at(dsprites.index_of(factors)))


def test_a_square_of_known_pixels(data):
    image = data.images_of([[0, 1.0, 0.0, 20.5, 40.25]])[0, ..., 0]
    rows, columns = np.nonzero(image)  # 19.2 pixels wide: from 10.9 to 30.1 across, from 30.65 to 49.85 down
    assert (columns.min(), columns.max()) == (11, 29)
    assert (rows.min(), rows.max()) == (31, 49)
    assert image.sum() == 19 * 19


def test_half_a_step_of_the_grid_moves_the_figure_by_half_a_step(data):
    values = np.tile([1.0, 0.8, 0.7, 0.0, 31.3], (65, 1))
    values[:, 3] = np.linspace(16, 48, 65)
    middles = [np.nonzero(image[..., 0])[1].mean() + 0.5 for image in data.images_of(values)]
    np.testing.assert_allclose(middles, values[:, 3], atol=0.25)


def test_it_is_registered_and_its_sample_is_as_ever():
    data = datasets.load("dsprites_continuous")
    assert (data.num_images, data.drawn, data.origin) == (20_000, True, "rendered")
    assert data.factor_names == ("shape", "scale", "orientation", "position_x", "position_y")
    assert data.factor_kinds == ("categorical", "continuous", "cyclic", "continuous", "continuous")
    expected = [[1, 0.850606, 2.432373, 37.005239, 41.213711]]
    np.testing.assert_allclose(data.values_at([0]), expected, atol=1e-6)


def test_gaussian_positions_and_pairs_keep_the_other_factors(tmp_path):
    fixed = {"shape": 0, "scale": 1.0, "orientation": 0.0}
    data = DSpritesContinuous(images=20, distribution="gaussian", fixed=fixed, rho=0.9, cache_dir=tmp_path)
    assert data.factor_sizes == (1, 1, 1, 20, 20)
    values = data.values_at(np.arange(20, 4020))
    assert (values[:, :3] == [0, 1, 0]).all()
    np.testing.assert_allclose(values[:, 3:].std(axis=0), 16 / 3 * 0.987, atol=0.2)
    assert data.images_at([0]).sum() in range(342, 401)
