"""What a network is given."""

import numpy as np
import pytest

from dlib_bvae.errors import UserError
from dlib_bvae.image_quality.features import _RESIZE, to_network
from dlib_bvae.image_quality.scores import RESIZES


def test_the_names_of_the_resizings_are_known_without_tensorflow():
    assert sorted(RESIZES) == sorted(_RESIZE)


def test_four_pixels_become_six_as_tensorflow_1_and_2_do_it():
    row = np.tile(np.arange(4, dtype=np.float32)[None, None, :, None] / 255, (1, 4, 1, 3))
    first = to_network(row, 6, "tf1_bilinear", quantise=False)[0, 0, :, 0]
    np.testing.assert_allclose(first, [0, 2 / 3, 4 / 3, 2, 8 / 3, 3], atol=1e-5)
    second = to_network(row, 6, "bilinear", quantise=False)[0, 0, :, 0]
    np.testing.assert_allclose(second, [0, 0.5, 7 / 6, 11 / 6, 2.5, 3], atol=1e-5)


def test_bicubic_is_clipped():
    step = np.zeros((1, 8, 8, 3), np.float32)
    step[:, :, 4:] = 1
    made = to_network(step, 16, "bicubic", quantise=True).numpy()
    assert made.min() == 0
    assert made.max() == 255


def test_grey_is_repeated_and_quantised_only_when_asked():
    grey = np.full((2, 4, 4, 1), 0.5)
    assert (to_network(grey, None, "bicubic", quantise=True).numpy() == 128).all()
    made = to_network(grey, 4, "bicubic", quantise=False).numpy()
    assert made.shape == (2, 4, 4, 3)
    assert (made == 127.5).all()


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.full((1, 4, 4, 3), np.nan), "NaN"),
        (np.full((1, 4, 4, 3), 255.0), r"in \[0, 1\]"),
        (np.zeros((1, 4, 4, 2)), "1 or 3"),
        (np.zeros((4, 4, 3)), "1 or 3"),
    ],
)
def test_what_is_no_picture_is_refused(images, message):
    with pytest.raises(UserError, match=message):
        to_network(images, None, "bicubic", quantise=True)
