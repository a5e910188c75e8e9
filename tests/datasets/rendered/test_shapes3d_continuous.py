"""shapes3d_continuous.py: nearly the pixels of the grid where it has the same factors; hues are a circle."""

import numpy as np
import pytest

from dlib_bvae import datasets
from dlib_bvae.datasets.rendered import shapes3d
from dlib_bvae.datasets.rendered.shapes3d import LAYERS
from dlib_bvae.datasets.rendered.shapes3d_continuous import Shapes3DContinuous
from dlib_bvae.datasets.rendered.shapes3d_scene import ORIENTATIONS, SCALES


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return Shapes3DContinuous(images=4, cache_dir=tmp_path_factory.mktemp("cache"))


@pytest.mark.parametrize("factors", [(0, 3, 7, 0, 0, 0), (9, 5, 2, 7, 1, 14), (4, 8, 1, 3, 2, 7), (6, 0, 9, 5, 3, 4)])
def test_at_the_values_of_the_grid_the_pixels_are_nearly_those_of_the_grid(data, painted, factors):
    *hues, scale, shape, orientation = factors
    layers = painted(scale, shape, orientation).reshape(1, LAYERS, -1)
    expected = shapes3d.compose(layers, np.zeros(1, np.int64), np.array([hues]))[0].astype(int)
    values = [[*(hue / 10 for hue in hues), SCALES[scale], shape, np.rad2deg(ORIENTATIONS[orientation])]]
    away = abs(data.images_of(values)[0].astype(int) - expected)
    assert away.mean() < 0.7
    assert np.mean(away > 8) < 0.02


def test_a_hue_of_one_is_a_hue_of_nought_and_one_between_is_between(data):
    values = np.tile([0.0, 0.0, 0.0, 1.0, 2, 0.0], (4, 1))
    values[:, 0] = [0.0, 1.0, 0.05, 0.1]
    red, again, between, orange = data.images_of(values).astype(int)
    np.testing.assert_array_equal(red, again)
    floor = red[-1, 32], between[-1, 32], orange[-1, 32]
    assert floor[0][1] < floor[1][1] < floor[2][1]
    assert abs(2 * floor[1][1] - floor[0][1] - floor[2][1]) <= 2


def test_the_sample_is_written_and_read(data):
    np.testing.assert_array_equal(data.images_at(np.arange(4)), data.images_of(data.values_at(np.arange(4))))


def test_it_is_registered():
    data = datasets.load("shapes3d_continuous")
    assert (data.num_images, data.drawn, data.origin) == (20_000, True, "rendered")
    assert data.factor_names == datasets.DATASETS.get("shapes3d_rendered").factor_names
    assert data.factor_kinds == ("cyclic", "cyclic", "cyclic", "continuous", "categorical", "continuous")
    assert len({data.fingerprint, Shapes3DContinuous(images=4).fingerprint}) == 2
