"""preview.py: one row a factor from an image on which all show; images without factors; a place that cannot be written."""

import numpy as np
import pytest
from PIL import Image

from dlib_bvae import datasets
from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.datasets.images import ImageData
from dlib_bvae.errors import UserError
from dlib_bvae.visualize.preview import save_preview, start_of, walk

HEAD = 29


class Colours(ImageData):
    """Seven images of one colour each."""

    name, fingerprint, num_images, observation_shape = "colours", "0", 7, (64, 64, 3)

    def images_at(self, indices):
        colours = np.arange(21, dtype=np.uint8).reshape(7, 1, 1, 3) * 10
        return np.broadcast_to(colours[self.check_indices(indices)], (len(indices), 64, 64, 3))


class Hidden(GroundTruthData):
    """A square whose level is its value, seen unless a curtain is before it: `curtain` is open at its first two values only."""

    name, fingerprint, origin = "hidden", "0", "rendered"
    factor_names, factor_sizes = ("curtain", "level", "nothing", "one"), (9, 5, 3, 1)
    observation_shape, max_pixel = (8, 8, 1), 255

    def images_at(self, indices):
        curtain, level, _, _ = self.factors_at(self.check_indices(indices)).T
        images = np.zeros((len(curtain), 8, 8, 1), np.uint8)
        images[:, 2:6, 2:6] = np.where(curtain < 2, 50 * level, 250)[:, None, None, None]
        return images


def pixels_of(path, rows, columns):
    """The tiles of a preview, uint8 (rows, columns, 64, 64, 3)."""
    picture = np.asarray(Image.open(path))[HEAD + 2 :, -66 * columns :]
    return picture.reshape(rows, 66, columns, 66, 3)[:, :64, :, :64].transpose(0, 2, 1, 3, 4)


def test_each_row_walks_one_factor(tmp_path):
    data = datasets.load("dummy_data")
    save_preview(tmp_path / "bars.png", data)
    columns, start = max(data.factor_sizes), start_of(data)
    tiles = pixels_of(tmp_path / "bars.png", 4, columns)
    for row, size in enumerate(data.factor_sizes):
        for column in range(columns):
            factors = start.copy()
            factors[row] = column
            if column < size:
                image = data.images_at(data.index_of([factors]))[0].repeat(4, axis=0).repeat(4, axis=1) * 255
                np.testing.assert_array_equal(tiles[row, column], np.broadcast_to(image, (64, 64, 3)))
            else:
                assert (tiles[row, column] == 255).all()
    left = np.asarray(Image.open(tmp_path / "bars.png"))[:, : -66 * columns - 2]
    blocks = [left[:HEAD], *(left[HEAD + 66 * row : HEAD + 66 * (row + 1)] for row in range(4))]
    assert all((block < 128).any() for block in blocks), "a row or the picture has no text"


def test_the_start_is_an_image_on_which_every_factor_shows():
    data = Hidden()
    start = start_of(data)
    assert start[0] < 2  # the curtain is open; from the middle, nothing but the curtain would change
    np.testing.assert_array_equal(start, start_of(data))
    levels = data.images_at(data.index_of(walk(data.factor_sizes, start, 1, 5)))[:, 4, 4, 0]
    assert levels.tolist() == [0, 50, 100, 150, 200]


def test_a_walk_takes_evenly_spaced_values_from_the_first_to_the_last():
    found = walk((3, 40), np.array([1, 7]), 1, 10)
    assert found[:, 0].tolist() == [1] * 10
    assert found[:, 1].tolist() == [0, 4, 9, 13, 17, 22, 26, 30, 35, 39]


def test_images_without_factors_stand_in_a_grid(tmp_path):
    save_preview(tmp_path / "colours.png", Colours())
    picture = np.asarray(Image.open(tmp_path / "colours.png"))
    assert picture.shape == (HEAD + 68, 2 + 7 * 66, 3)
    shown = {tuple(picture[HEAD + 30, 30 + 66 * k]) for k in range(7)}
    assert shown == {(30 * k, 30 * k + 10, 30 * k + 20) for k in range(7)}


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(UserError, match="cannot write .*: No such file or directory; choose another --output"):
        save_preview(tmp_path / "no" / "bars.png", datasets.load("dummy_data"))
