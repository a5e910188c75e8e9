"""Codes at the door of a metric: an array of the whole grid, or a function of observations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dlib_bvae.errors import UserError

_OBSERVATION_BYTES = 2**25  # of the observations that a function encodes at once


class CodeSource:
    """Codes by grid index, checked.

    data: disentanglement_lib's duck type. codes: array (images, latents), one row an image in index order (the first
    factor varies slowest; never copied whole), or a function observations float32 (n, H, W, C) → (n, latents).
    Raises UserError for data without factors, and when the array has another length or dimension or holds no numbers.
    """

    def __init__(self, data: Any, codes: Any):
        if not hasattr(data, "factors_num_values"):
            raise UserError(f"a metric needs known factors; {getattr(data, 'name', data)} has images only")
        self.data = data
        self.sizes = tuple(int(size) for size in data.factors_num_values)
        self.num_images = math.prod(self.sizes)
        self._per_cell = int(getattr(data, "images_per_cell", 1))
        self._encode = codes if callable(codes) else None
        self._codes = None if callable(codes) else self._checked(codes)

    def at(self, indices: np.ndarray, random_state: np.random.RandomState) -> np.ndarray:
        """Grid indices (n,) → codes float64 (n, latents), of one image drawn where a cell of the grid has several.

        Raises UserError for NaN or infinite codes.
        """
        if self._encode is None:
            if self._per_cell > 1:
                indices = indices * self._per_cell + random_state.randint(self._per_cell, size=len(indices))
            rows = np.asarray(self._codes[indices], np.float64)  # type: ignore[index]
        else:
            step = max(1, _OBSERVATION_BYTES // (4 * math.prod(self.data.observation_shape)))
            starts = range(0, len(indices), step)
            rows = np.concatenate([self._encoded(indices[start : start + step], random_state) for start in starts])
        if not np.isfinite(rows).all():
            bad = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
            raise UserError(f"the code of image {indices[bad]} is NaN or infinite; encode the data set again")
        return rows

    def _encoded(self, indices: np.ndarray, random_state: np.random.RandomState) -> np.ndarray:
        factors = np.stack(np.unravel_index(indices, self.sizes), axis=1)
        rows = _numbers(self._encode(self.data.sample_observations_from_factors(factors, random_state)))  # type: ignore[misc]
        if rows.ndim != 2 or len(rows) != len(indices) or rows.shape[1] < 1 or rows.dtype.kind not in "fiu":
            raise UserError(
                f"the function must give codes ({len(indices)}, latents), one row an observation; "
                f"got {rows.dtype} {rows.shape}"
            )
        return rows.astype(np.float64)

    def _checked(self, codes: Any) -> np.ndarray:
        array = codes if isinstance(codes, np.ndarray) else _numbers(codes)
        images = self.num_images * self._per_cell
        if array.ndim != 2 or len(array) != images or array.shape[1] < 1 or array.dtype.kind not in "fiu":
            raise UserError(
                f"codes must be numbers ({images}, latents), one row an image of the grid; "
                f"got {array.dtype} {array.shape}"
            )
        return array


def _numbers(values: Any) -> np.ndarray:
    """`values` as an array; ragged lists become an array of objects, which no caller takes for numbers."""
    try:
        return np.asarray(values)
    except ValueError:
        return np.empty(len(values), object)
