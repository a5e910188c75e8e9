"""LabelledImages: images whose factors are known, without a full grid of them."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np

from dlib_bvae.datasets.images import ImageData


class LabelledImages(ImageData):
    """Images with factor values, of which some combinations may be missing and others occur several times.

    It lacks disentanglement_lib's duck type, which promises every combination. Metrics that draw images are scored on it
    as on a grid, uniformly over its images; those that need images with chosen factors refuse.

    factor_names, factor_sizes: one entry a factor; its values are 0 … size - 1, and some may not occur.
    """

    factor_names: tuple[str, ...]
    factor_sizes: tuple[int, ...]

    @abc.abstractmethod
    def factors_at(self, indices: Any) -> np.ndarray:
        """Indices (n,) → factor values int64 (n, factors)."""
