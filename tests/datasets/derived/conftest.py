"""Small grids for the tests of derived sets."""

import numpy as np
import pytest

from dlib_bvae import datasets
from dlib_bvae.datasets.ground_truth import GroundTruthData

NAMES = {
    "dsprites": ("shape", "scale", "orientation", "position_x", "position_y"),
    "shapes3d": ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation"),
}
SIZES = {"dsprites": (3, 6, 40, 32, 32), "shapes3d": (10, 10, 10, 8, 4, 15)}


class Grid(GroundTruthData):
    """Black pixels on any grid."""

    name, observation_shape, fingerprint = "grid", (1, 1, 1), "grid"

    def __init__(self, sizes, names=None):
        self.factor_sizes = tuple(sizes)
        self.factor_names = names or tuple(f"f{k}" for k in range(len(sizes)))

    def images_at(self, indices):
        return np.zeros((len(self.check_indices(indices)), 1, 1, 1), np.uint8)


@pytest.fixture
def bars():
    """dummy_data: orientation 2, length 4, row 8, column 8; 16×16 pixels, 0/1."""
    return datasets.load("dummy_data")


@pytest.fixture(scope="session")
def make_grid():
    """make_grid(sizes, names): factors f0, f1, … without names."""
    return Grid


@pytest.fixture(scope="session")
def like():
    """like("dsprites_…"): black pixels on the grid of that data set."""
    return lambda name: Grid(SIZES[name.split("_")[0]], NAMES[name.split("_")[0]])
