"""Spots: a tiny data set whose images are drawn without end."""

import numpy as np

from dlib_bvae.datasets.drawn import DrawnImages
from dlib_bvae.datasets.factor_distribution import Factor
from dlib_bvae.datasets.ground_truth import CATEGORICAL, CONTINUOUS


class Spots(DrawnImages):
    """A bright column of 8×8 pixels; in which colour channel, where, and how bright."""

    name, observation_shape = "spots", (8, 8, 2)
    factors = (
        Factor("channel", CATEGORICAL, 0, 1),
        Factor("column", CONTINUOUS, 0, 7),
        Factor("light", CONTINUOUS, 0, 255),
    )
    renderer = "spots 1"

    def images_of(self, values):
        """Factor values (n, 3) → images uint8 (n, 8, 8, 2)."""
        channel, column, light = self.check_values(values).T
        near = np.maximum(1 - abs(np.arange(8) - column[:, None]), 0) * light[:, None]
        images = near[:, None, :, None] * (np.arange(2) == channel[:, None, None, None])
        return np.rint(np.broadcast_to(images, (len(column), 8, 8, 2))).astype(np.uint8)
