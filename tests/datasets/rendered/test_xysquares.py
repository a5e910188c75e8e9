"""xysquares.py: squares stand where their factors say; whether distances between images know the order of places."""

import numpy as np
import pytest

from dlib_bvae import datasets
from dlib_bvae.datasets.rendered.xysquares import XYSquares
from dlib_bvae.errors import UserError

DATA = XYSquares()


def test_the_grid_is_that_of_the_paper():
    assert DATA.num_images == 262_144
    assert DATA.factor_sizes == (8,) * 6
    assert DATA.factor_names == ("red_x", "red_y", "green_x", "green_y", "blue_x", "blue_y")
    assert isinstance(datasets.load("xysquares"), XYSquares)


def test_each_square_is_in_its_channel_and_place():
    factors = np.random.default_rng(0).integers(8, size=(50, 6))
    for image, row in zip(DATA.images_at(DATA.index_of(factors)), factors, strict=True):
        expected = np.zeros((64, 64, 3), np.uint8)
        for channel in range(3):
            x, y = 8 * row[2 * channel], 8 * row[2 * channel + 1]
            expected[y : y + 8, x : x + 8, channel] = 1
        np.testing.assert_array_equal(image, expected)


def test_packed_is_packbits_of_the_images():
    rows = np.random.default_rng(1).integers(DATA.num_images, size=100)
    bits = DATA.packed()
    assert bits.shape == (262_144, 1536)
    np.testing.assert_array_equal(bits[rows], np.packbits(DATA.images_at(rows).reshape(100, -1), axis=1))
    assert XYSquares(5).packed() is None


def distances(data, axis):
    """Pixels that differ between the first place along an axis and each of the places."""
    factors = np.zeros((data.places, 6), int)
    factors[:, axis] = np.arange(data.places)
    images = data.images_at(data.index_of(factors)).reshape(data.places, -1).astype(int)
    return abs(images - images[0]).sum(axis=1)


def test_distances_do_not_know_the_order_of_places_unless_squares_overlap():
    for axis in range(6):
        assert distances(DATA, axis).tolist() == [0] + [128] * 7
        assert distances(XYSquares(2), axis)[:6].tolist() == [0, 32, 64, 96, 128, 128]


def test_places_that_do_not_fill_the_image_stand_in_its_middle():
    data = XYSquares(spacing=9)
    assert data.places == 7
    first, last = data.images_at([0, data.num_images - 1])[..., 0]
    assert np.nonzero(first)[0].min() == 1
    assert np.nonzero(last)[0].max() == 62
    assert XYSquares(56).places == 2


def test_the_spacing_is_in_the_fingerprint_and_in_range():
    assert len({XYSquares(spacing).fingerprint for spacing in (1, 7, 8)}) == 3
    assert XYSquares(1).num_images == 57**6
    for spacing in (0, 57, 2.5):
        with pytest.raises(UserError, match=r"xysquares\.spacing must be an integer"):
            XYSquares(spacing)
