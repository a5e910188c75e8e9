"""What wrappers share: the same images index by index, or rows of another set put on a new grid."""

from __future__ import annotations

import abc
import functools
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.datasets.images import ImageData
from dlib_bvae.errors import UserError

PixelFunction = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Wrapper(ImageData):
    """The images of `data`, index by index; `kind` and `parameters` tell in name and fingerprint what was done to them."""

    def __init__(self, data: ImageData, kind: str, parameters: Mapping[str, Any]):
        self.data = data
        self.name = f"{kind}({data.name})"
        self.observation_shape, self.max_pixel = data.observation_shape, data.max_pixel
        self._identity = f"{kind} {json.dumps(dict(parameters), sort_keys=True)}"

    @property
    def fingerprint(self) -> str:
        """Changes with the wrapped set's and with every parameter."""
        return combined(self._identity, self.data.fingerprint)

    @property
    def num_images(self) -> int:
        """Number of images."""
        return self.data.num_images

    def images_at(self, indices: Any) -> np.ndarray:
        """Indices (n,) → images uint8 (n, height, width, channels)."""
        return self.data.images_at(self.check_indices(indices))

    def packed(self) -> np.ndarray | None:
        """As the wrapped set's."""
        return self.data.packed()

    def training_weights(self) -> np.ndarray | None:
        """As the wrapped set's."""
        return self.data.training_weights()

    def labels(self) -> np.ndarray | None:
        """As the wrapped set's."""
        return self.data.labels()


class GridWrapper(Wrapper, GroundTruthData):
    """A wrapper that keeps the grid of factors."""

    data: GroundTruthData

    def __init__(self, data: GroundTruthData, kind: str, parameters: Mapping[str, Any]):
        super().__init__(data, kind, parameters)
        self.factor_names, self.factor_sizes = data.factor_names, data.factor_sizes
        self.images_per_cell = data.images_per_cell

    def split_values(self, split: str) -> dict[str, list[int]]:
        """As the wrapped set's: see dlib_bvae.datasets.derived.held_out."""
        inner = getattr(self.data, "split_values", None)
        if inner is None:
            raise no_split(self.data.name)
        return inner(split)


class PixelMap(Wrapper):
    """A wrapper that changes the pixels: function(images uint8, indices) → images uint8 of `shape`, 0 … 255."""

    def __init__(
        self,
        data: Any,
        kind: str,
        parameters: Mapping[str, Any],
        shape: tuple[int, int, int],
        function: PixelFunction,
    ):
        super().__init__(data, kind, parameters)
        self.observation_shape, self.max_pixel, self._function = shape, 255, function

    def images_at(self, indices: Any) -> np.ndarray:
        """Indices (n,) → images uint8 (n, height, width, channels), values 0 … 255."""
        rows = self.check_indices(indices)
        if not len(rows):
            return np.zeros((0, *self.observation_shape), np.uint8)
        return self._function(self.data.images_at(rows), rows)

    def packed(self) -> np.ndarray | None:
        """None: the pixels are not binary."""
        return None


class GridPixelMap(PixelMap, GridWrapper):
    """A PixelMap that keeps the grid of factors."""


def mapped(
    data: ImageData, kind: str, parameters: Mapping[str, Any], shape: tuple[int, int, int], function: PixelFunction
) -> PixelMap:
    """The PixelMap of `data`, with a grid where `data` has one."""
    make = GridPixelMap if isinstance(data, GroundTruthData) else PixelMap
    return make(data, kind, parameters, shape, function)


class Regridded(GroundTruthData):
    """Some images of `data` on another grid; subclasses say which: cells_of(new cells) → cells of `data`'s grid."""

    def __init__(
        self,
        data: GroundTruthData,
        kind: str,
        parameters: Mapping[str, Any],
        factor_names: Sequence[str],
        factor_sizes: Sequence[int],
    ):
        self.data = data
        self.name = f"{kind}({data.name})"
        self.factor_names, self.factor_sizes = tuple(factor_names), tuple(factor_sizes)
        self.observation_shape, self.max_pixel = data.observation_shape, data.max_pixel
        self.images_per_cell = data.images_per_cell
        self._identity = f"{kind} {json.dumps(dict(parameters), sort_keys=True)}"

    @abc.abstractmethod
    def cells_of(self, cells: np.ndarray) -> np.ndarray:
        """Cells int64 (n,) of this grid → cells int64 (n,) of the wrapped set's."""

    def rows_of(self, indices: np.ndarray) -> np.ndarray:
        """Indices int64 (n,) of this set → indices int64 (n,) of the wrapped one."""
        cells, images = np.divmod(indices, self.images_per_cell)
        return self.cells_of(cells) * self.images_per_cell + images

    @functools.cached_property
    def rows(self) -> np.ndarray:
        """The whole grid's indices in the wrapped set, int64 (images,)."""
        return self.rows_of(np.arange(self.num_images))

    @property
    def fingerprint(self) -> str:
        """Changes with the wrapped set's and with every parameter."""
        return combined(self._identity, self.data.fingerprint)

    def images_at(self, indices: Any) -> np.ndarray:
        """Grid indices (n,) → images uint8 (n, height, width, channels)."""
        return self.data.images_at(self.rows_of(self.check_indices(indices)))

    def packed(self) -> np.ndarray | None:
        """The wrapped set's bits of these images, copied; None where it has none."""
        bits = self.data.packed()
        return None if bits is None else bits[self.rows]

    def training_weights(self) -> np.ndarray | None:
        """The wrapped set's weights of these images."""
        weights = self.data.training_weights()
        return None if weights is None else weights[self.rows]


def combined(*parts: str) -> str:
    """A fingerprint of several texts."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def no_split(name: str) -> UserError:
    """The error for a data set without held-out combinations."""
    return UserError(
        f"{name} holds no combinations out, so it has no splits; train on held_out, or leave evaluation.split at 'all'"
    )
