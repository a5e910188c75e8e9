"""tiles.py: where every pixel of every tile lies, and what stands beside them."""

import io

import numpy as np
import pytest
from PIL import Image

from dlib_bvae.visualize.tiles import as_pixels, labelled, png, text_width, tile, zoom_of


def test_a_tile_s_pixels_are_enlarged_squares_between_grey_gaps():
    rng = np.random.default_rng(0)
    rows = [rng.integers(256, size=(count, 5, 4, 3), dtype=np.uint8) for count in (3, 1)]
    picture = tile(rows, zoom=3)
    assert picture.shape == (2 + 2 * 17, 2 + 3 * 14, 3)
    expected = np.full_like(picture, 255)
    expected[:19] = 128
    expected[17:, :16] = 128
    for row, images in enumerate(rows):
        for column, image in enumerate(images):
            for y, x in np.ndindex(5, 4):
                top, left = 2 + 17 * row + 3 * y, 2 + 14 * column + 3 * x
                expected[top : top + 3, left : left + 3] = image[y, x]
    np.testing.assert_array_equal(picture, expected)


@pytest.mark.parametrize(("height", "zoom"), [(1, 64), (8, 8), (16, 4), (28, 3), (64, 1), (200, 1)])
def test_small_images_are_enlarged_by_an_integer_factor(height, zoom):
    assert zoom_of(height) == zoom


def test_grey_images_get_three_equal_channels_and_values_outside_are_clipped():
    images = np.array([-0.5, 0.0, 0.5, 1.0, 7.0]).reshape(1, 1, 5, 1)
    np.testing.assert_array_equal(as_pixels(images)[0, 0], np.array([0, 0, 128, 255, 255])[:, None].repeat(3, axis=1))


def test_colours_stay_and_other_numbers_of_channels_stand_side_by_side():
    images = np.random.default_rng(0).integers(256, size=(2, 3, 5, 3)) / 255
    np.testing.assert_array_equal(as_pixels(images), np.rint(images * 255))
    four = np.concatenate([images, images[..., :1]], axis=3)
    pixels = as_pixels(four)
    assert pixels.shape == (2, 3, 20, 3)
    for channel in range(4):
        np.testing.assert_array_equal(pixels[:, :, 5 * channel : 5 * channel + 5, 1], np.rint(four[..., channel] * 255))


def test_labels_stand_beside_and_above_and_leave_the_tiles_whole():
    rows = [np.random.default_rng(k).uniform(size=(4, 16, 16, 1)) for k in range(2)]
    bare = labelled(rows)
    np.testing.assert_array_equal(bare, tile([as_pixels(row) for row in rows], 4))
    named = labelled(rows, ["z0\nlonger than the other", "z1"], ["−1", "", "", "1"])
    np.testing.assert_array_equal(named[-bare.shape[0] :, -bare.shape[1] :], bare)
    margin = named[:, : -bare.shape[1]]
    assert margin.shape[1] >= text_width("longer than the other") + 2
    assert (margin[:, [0, -1]] == 255).all(), "a label is clipped or runs into the tiles"
    for band in (margin[-bare.shape[0] : -66], margin[-66:]):
        assert (band < 128).any(), "a row has no label"
    above = named[: -bare.shape[0], -bare.shape[1] :]
    columns = [(above[:, 2 + 66 * k : 66 + 66 * k] < 128).any() for k in range(4)]
    assert columns == [True, False, False, True]


def test_texts_above_narrow_tiles_do_not_run_into_each_other():
    rows = [np.zeros((12, 64, 20, 1))]
    picture = labelled(rows, above=["−1.234"] * 12)
    dark = np.concatenate([[False], (picture[:20] < 200).any(axis=(0, 2)), [False]])
    gaps = np.diff(np.flatnonzero(~dark)) - 1  # widths of what is dark between two white columns
    assert gaps.max() < text_width("−1.234")
    assert picture[:20, :160].min() < 128
    assert picture[:20, -160:].min() < 128


def test_a_png_holds_the_picture():
    picture = np.random.default_rng(0).integers(256, size=(7, 9, 3), dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png(picture)))), picture)
