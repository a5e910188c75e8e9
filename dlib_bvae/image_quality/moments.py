"""Mean and covariance of features that come in batches, in float64 and in one pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from dlib_bvae.errors import UserError


class Moments:
    """Mean and scatter of `count` rows of features, updated a batch at a time (Chan, Golub & LeVeque 1983).

    The memory is that of one matrix (features, features), whatever the number of rows.
    """

    def __init__(self, num_features: int):
        self.count = 0
        self.mean = np.zeros(num_features)
        self._scatter = np.zeros((num_features, num_features))

    @classmethod
    def of(cls, features: Any) -> Moments:
        """The moments of features (n, features)."""
        features = np.asarray(features)
        moments = cls(features.shape[1])
        moments.add(features)
        return moments

    def add(self, features: Any) -> None:
        """Takes a batch (n, features) in. Raises UserError for NaN or infinite features."""
        rows = np.asarray(features, np.float64)
        if rows.ndim != 2 or rows.shape[1] != len(self.mean):
            raise ValueError(f"features must be (n, {len(self.mean)}), not {rows.shape}")
        if not np.isfinite(rows).all():
            raise UserError("features of images are NaN or infinite; look at the images that the model gives")
        if not len(rows):
            return
        mean = rows.mean(axis=0)
        centred = rows - mean
        self._merge(len(rows), mean, centred.T @ centred)

    def merge(self, other: Moments) -> None:
        """Takes the rows of `other` in."""
        if other.count:
            self._merge(other.count, other.mean, other._scatter)

    def _merge(self, count: int, mean: np.ndarray, scatter: np.ndarray) -> None:
        total = self.count + count
        away = mean - self.mean
        self._scatter += scatter + np.outer(away, away) * (self.count * count / total)
        self.mean = self.mean + away * (count / total)
        self.count = total

    @property
    def covariance(self) -> np.ndarray:
        """The unbiased covariance (features, features). Raises UserError for fewer than two rows."""
        if self.count < 2:
            raise UserError(f"a covariance needs at least two images; got {self.count}")
        return self._scatter / (self.count - 1)

    def arrays(self) -> dict[str, np.ndarray]:
        """All there is to write to a file."""
        return {"count": np.array(self.count), "mean": self.mean, "scatter": self._scatter}

    @classmethod
    def from_arrays(cls, count: np.ndarray, mean: np.ndarray, scatter: np.ndarray) -> Moments:
        """What `arrays` gave."""
        moments = cls(len(mean))
        moments.count, moments.mean, moments._scatter = int(count), mean, scatter
        return moments
