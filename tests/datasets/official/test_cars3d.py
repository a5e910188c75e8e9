"""cars3d.py: the archive's cars in the order of its list."""

import numpy as np
import pytest
from support import writers

from dlib_bvae import datasets
from dlib_bvae.errors import UserError


def test_cars_come_in_the_order_of_the_list(tmp_path):
    names = ["car_002_mesh", "car_000_mesh", "car_001_mesh"]
    data, images = writers.tiny_cars3d(tmp_path, names=names)
    grid = images.reshape(2, 3, 3, 64, 64, 3)[:, :, [2, 0, 1]]
    got = data.images_at(np.arange(18)).reshape(grid.shape)
    np.testing.assert_array_equal(got, grid)
    np.testing.assert_array_equal(np.concatenate(list(data.read(tmp_path, 7))), grid.reshape(-1, 64, 64, 3)[7:])


def test_factors_are_elevation_azimuth_and_car():
    data = datasets.load("cars3d")
    assert (data.num_images, data.factor_sizes) == (17_568, (4, 24, 183))
    assert data.factor_names == ("elevation", "azimuth", "object_type")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"names": ["car_000_mesh"]}, "its list.txt names 1 cars instead of 3"),
        ({"names": ["car_000_mesh", "car_000_mesh", "car_001_mesh"]}, "names 2 cars instead of 3"),
        ({"names": ["car_000_mesh", "car_001_mesh", "../../x"]}, r"it has no \.\./\.\./x\.mat"),
        ({"key": "other"}, "`im` of a car is missing"),
        (
            {"images": np.zeros((3, 128, 128, 3, 2, 3), np.uint8)},
            r"`im` of a car is uint8 \(128, 128, 3, 2, 3\) instead",
        ),
        ({"images": np.zeros((3, 128, 128, 3, 3, 2))}, "`im` of a car is float64"),
    ],
)
def test_another_archive_is_refused(options, words, tmp_path):
    data, _ = writers.tiny_cars3d(tmp_path, **options)
    with pytest.raises(UserError, match=words):
        data.images_at([0])
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]
