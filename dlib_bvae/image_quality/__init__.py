"""Distances between images by the features of a network, and what is compared under which protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dlib_bvae.runtime import prepare_tensorflow

if TYPE_CHECKING:
    import tensorflow as tf

prepare_tensorflow()


@dataclass(frozen=True)
class Extractor:
    """A network whose features images are compared by.

    name: in results. features: float32 images (n, size, size, 3), values 0 … 255 → float32 (n, num_features). size: pixels
    a side that it wants, None for any. weights: "sha256:…" or what else names them. is_inception_2015: whether a Fréchet
    distance of its features is what is called FID.
    """

    name: str
    features: Callable[[np.ndarray | tf.Tensor], Any]
    num_features: int
    size: int | None
    weights: str
    is_inception_2015: bool = False

    def label(self, distance: str) -> str:
        """The name of the "frechet" or "kernel" distance: fid and kid for the network of 2015 only."""
        if self.is_inception_2015:
            return {"frechet": "fid", "kernel": "kid"}[distance]
        return {"frechet": "fd_", "kernel": "kd_"}[distance] + self.name

    def __call__(self, images: np.ndarray | tf.Tensor) -> np.ndarray:
        return np.asarray(self.features(images), np.float32)
