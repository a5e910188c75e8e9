"""preview.py: one row of images a factor."""

import numpy as np
import pytest
from PIL import Image

from dlib_bvae import datasets
from dlib_bvae.datasets.images import ImageData
from dlib_bvae.errors import UserError
from dlib_bvae.visualize.preview import save_preview


class Colours(ImageData):
    """Seven images of one colour each."""

    name, fingerprint, num_images, observation_shape = "colours", "0", 7, (64, 64, 3)

    def images_at(self, indices):
        colours = np.arange(21, dtype=np.uint8).reshape(7, 1, 1, 3) * 10
        return np.broadcast_to(colours[self.check_indices(indices)], (len(indices), 64, 64, 3))


def test_each_row_walks_one_factor(tmp_path):
    data = datasets.load("dummy_data")
    save_preview(tmp_path / "bars.png", data)
    picture = np.asarray(Image.open(tmp_path / "bars.png"))
    right, bottom = picture[2:, -660:].astype(int), 4 * 66
    assert picture.shape[0] == 2 + bottom
    tiles = right.reshape(4, 66, 10, 66, 3)[:, :64, :, :64].transpose(0, 2, 1, 3, 4)
    for row, size in enumerate(data.factor_sizes):
        for column in range(10):
            factors = [s // 2 for s in data.factor_sizes]
            factors[row] = column
            if column < size:
                image = data.images_at(data.index_of([factors]))[0].repeat(4, axis=0).repeat(4, axis=1) * 255
                np.testing.assert_array_equal(tiles[row, column], np.broadcast_to(image, (64, 64, 3)))
            else:
                assert (tiles[row, column] == 128).all()
    assert (picture[:, :50] == 255).any(), "the factor has no name"


def test_images_without_factors_stand_in_a_grid(tmp_path):
    save_preview(tmp_path / "colours.png", Colours())
    picture = np.asarray(Image.open(tmp_path / "colours.png"))
    assert picture.shape == (68, 662, 3)
    shown = {tuple(picture[30, 30 + 66 * k]) for k in range(7)}
    assert shown == {(30 * k, 30 * k + 10, 30 * k + 20) for k in range(7)}


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(UserError, match="cannot write .*: No such file or directory; choose another --output"):
        save_preview(tmp_path / "no" / "bars.png", datasets.load("dummy_data"))
