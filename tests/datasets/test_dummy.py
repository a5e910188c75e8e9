"""dummy.py: bars of known places, and a fingerprint that stays."""

import numpy as np

from dlib_bvae.datasets.dummy import DummyData


def test_a_bar_lies_where_its_factors_say():
    data = DummyData()
    assert data.images_at([0]).shape == (1, *data.observation_shape)
    # orientation, length, row, column: a horizontal bar of 3 pixels, a vertical one of 9, both 2 thick
    images = data.images_at(data.index_of([[0, 0, 5, 2], [1, 3, 7, 7]]))[..., 0]
    for image, rows, columns in zip(images, ((5, 7), (7, 16)), ((2, 5), (7, 9)), strict=True):
        expected = np.zeros((16, 16), np.uint8)
        expected[slice(*rows), slice(*columns)] = 1
        assert np.array_equal(image, expected)


def test_all_images_differ_and_are_as_they_were():
    data = DummyData()
    assert data.num_images == 512
    assert len(np.unique(data.images_at(np.arange(512)).reshape(512, -1), axis=0)) == 512
    assert data.fingerprint == "e27b07a6ef11b5fd"
