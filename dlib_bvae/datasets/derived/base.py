"""What derived data sets share: the same images index by index, or images of another set on a new grid; checked factor names."""

from __future__ import annotations

import abc
import functools
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dlib_bvae.datasets.ground_truth import GroundTruthData, LabelledImages
from dlib_bvae.datasets.images import ImageData
from dlib_bvae.errors import UserError, unknown

PixelFunction = Callable[[np.ndarray, np.ndarray], np.ndarray]


class DerivedImages(ImageData):
    """The images of `data`, index by index; `kind` and `parameters`, in name and fingerprint, say what was done to them."""

    def __init__(self, data: ImageData, kind: str, parameters: Mapping[str, Any]):
        self.data = data
        self.name = f"{kind}({data.name})"
        self.observation_shape, self.max_pixel = data.observation_shape, data.max_pixel
        self._identity = f"{kind} {json.dumps(dict(parameters), sort_keys=True)}"

    @property
    def fingerprint(self) -> str:
        """Changes with the fingerprint of `data` and with every parameter."""
        return combined(self._identity, self.data.fingerprint)

    @property
    def origin(self) -> str:
        """That of `data`."""
        return self.data.origin

    @property
    def num_images(self) -> int:
        """Number of images."""
        return self.data.num_images

    def images_at(self, indices: ArrayLike) -> np.ndarray:
        """Indices (n,) → images uint8 (n, height, width, channels)."""
        return self.data.images_at(self.check_indices(indices))

    def packed(self) -> np.ndarray | None:
        """As those of `data`."""
        return self.data.packed()

    def training_weights(self) -> np.ndarray | None:
        """As those of `data`."""
        return self.data.training_weights()

    def labels(self) -> np.ndarray | None:
        """As those of `data`."""
        return self.data.labels()


class DerivedGrid(DerivedImages, GroundTruthData):
    """Derived images that keep the grid of factors."""

    data: GroundTruthData

    def __init__(self, data: GroundTruthData, kind: str, parameters: Mapping[str, Any]):
        super().__init__(data, kind, parameters)
        self.factor_names, self.factor_sizes = data.factor_names, data.factor_sizes
        self.factor_kinds, self.factor_values = data.factor_kinds, data.factor_values
        self.images_per_cell, self.moves = data.images_per_cell, data.moves

    @property
    def image_of_cell(self) -> np.ndarray | None:
        """As that of `data`."""
        return self.data.image_of_cell

    def split_values(self, split: str) -> dict[str, list[int]]:
        """As those of `data`: see held_out (training_distribution.py)."""
        inner = getattr(self.data, "split_values", None)
        if inner is None:
            raise no_split(self.data.name)
        return inner(split)


class PixelMap(DerivedImages):
    """The images with other pixels: function(images uint8, indices) → images uint8 of `shape`, 0 … 255."""

    def __init__(
        self,
        data: ImageData,
        kind: str,
        parameters: Mapping[str, Any],
        shape: tuple[int, int, int],
        function: PixelFunction,
    ):
        super().__init__(data, kind, parameters)
        self.observation_shape, self.max_pixel, self._function = shape, 255, function

    def images_at(self, indices: ArrayLike) -> np.ndarray:
        """Indices (n,) → images uint8 (n, height, width, channels), values 0 … 255."""
        rows = self.check_indices(indices)
        if not len(rows):
            return np.zeros((0, *self.observation_shape), np.uint8)
        return self._function(self.data.images_at(rows), rows)

    def packed(self) -> np.ndarray | None:
        """None: the pixels are not binary."""
        return None


class GridPixelMap(PixelMap, DerivedGrid):
    """A PixelMap that keeps the grid of factors."""


class LabelledPixelMap(PixelMap, LabelledImages):
    """A PixelMap that keeps labels in any combination, and the images that training draws."""

    data: LabelledImages

    def __init__(self, data: LabelledImages, *rest: Any):
        super().__init__(data, *rest)
        self.factor_names, self.factor_sizes = data.factor_names, data.factor_sizes
        self.factor_kinds, self.factor_values = data.factor_kinds, data.factor_values
        self.drawn = data.drawn

    def check_indices(self, indices: ArrayLike) -> np.ndarray:
        """As that of `data`."""
        return self.data.check_indices(indices)

    def factors_at(self, indices: ArrayLike) -> np.ndarray:
        """Indices (n,) → factor values int64 (n, factors), as those of `data`."""
        return self.data.factors_at(indices)


def mapped(
    data: ImageData, kind: str, parameters: Mapping[str, Any], shape: tuple[int, int, int], function: PixelFunction
) -> PixelMap:
    """The PixelMap of `data`, with the factors that `data` has."""
    if isinstance(data, LabelledImages):
        return LabelledPixelMap(data, kind, parameters, shape, function)
    make = GridPixelMap if isinstance(data, GroundTruthData) else PixelMap
    return make(data, kind, parameters, shape, function)


class Regridded(GroundTruthData):
    """Some images of `data` on another grid; subclasses say which: cells_of(new cells) → cells of `data`'s grid.

    They are in the order of the cells; of a file in another order, in the order of the file.
    """

    def __init__(
        self,
        data: GroundTruthData,
        kind: str,
        parameters: Mapping[str, Any],
        factor_names: Sequence[str],
        factor_sizes: Sequence[int],
    ):
        if data.moves is not None:
            raise UserError(
                f"{kind} makes another grid than that on which {data.name} moves; derive sequences from {kind} instead"
            )
        self.data = data
        self.name = f"{kind}({data.name})"
        self.factor_names, self.factor_sizes = tuple(factor_names), tuple(factor_sizes)
        self.observation_shape, self.max_pixel = data.observation_shape, data.max_pixel
        self.images_per_cell = data.images_per_cell
        self._identity = f"{kind} {json.dumps(dict(parameters), sort_keys=True)}"

    @abc.abstractmethod
    def cells_of(self, cells: np.ndarray) -> np.ndarray:
        """Cells int64 (n,) of this grid → cells int64 (n,) of `data`'s."""

    def rows_of(self, indices: np.ndarray) -> np.ndarray:
        """Indices int64 (n,) of this set → indices int64 (n,) of `data`."""
        if self.image_of_cell is not None:
            return self.rows[indices]
        cells, images = np.divmod(indices, self.images_per_cell)
        return self.cells_of(cells) * self.images_per_cell + images

    @property
    def origin(self) -> str:
        """That of `data`."""
        return self.data.origin

    @functools.cached_property
    def rows(self) -> np.ndarray:
        """The indices of all images in `data`, int64 (images,)."""
        if (in_data := self._in_data) is not None:
            return np.sort(in_data)
        return self.rows_of(np.arange(self.num_images))

    @functools.cached_property
    def _in_data(self) -> np.ndarray | None:
        """The index in `data` of each cell's image where `data` has another order than its cells."""
        table = self.data.image_of_cell
        return None if table is None else table[self.cells_of(np.arange(self.num_images))]

    @functools.cached_property
    def image_of_cell(self) -> np.ndarray | None:
        """The images in the order of `data`, where that is not the order of its cells."""
        return None if self._in_data is None else np.argsort(np.argsort(self._in_data))

    @property
    def fingerprint(self) -> str:
        """Changes with the fingerprint of `data` and with every parameter."""
        return combined(self._identity, self.data.fingerprint)

    def images_at(self, indices: ArrayLike) -> np.ndarray:
        """Indices (n,) → images uint8 (n, height, width, channels)."""
        return self.data.images_at(self.rows_of(self.check_indices(indices)))

    def packed(self) -> np.ndarray | None:
        """The bits that `data` has of these images, copied; None where it has none."""
        bits = self.data.packed()
        return None if bits is None else bits[self.rows]

    def training_weights(self) -> np.ndarray | None:
        """The weights that `data` gives these images."""
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


def factor_index(data: GroundTruthData, name: object) -> int:
    """Which factor is called `name`. Raises UnknownName, which names the near ones."""
    if name not in data.factor_names:
        raise unknown(f"factor of {data.name}", str(name), data.factor_names)
    return data.factor_names.index(name)


def factor_values(data: GroundTruthData, values: object, parameter: str) -> dict[str, list[int]]:
    """Checks {factor name: [values]} and returns it with factors in grid order and ascending values.

    Raises UserError for other forms, values that are none of the factor's 0 … size - 1, and values given twice.
    """
    if not isinstance(values, Mapping) or not values:
        raise UserError(f"{parameter} must name factors and their values, e.g. {{'shape': [0, 2]}}; got {values!r}")
    order = sorted(values, key=lambda name: factor_index(data, name))
    return {name: _checked(data, name, values[name], parameter) for name in order}


def _checked(data: GroundTruthData, name: str, values: Any, parameter: str) -> list[int]:
    size = data.factor_sizes[factor_index(data, name)]
    if not isinstance(values, (Sequence, np.ndarray, range)) or isinstance(values, str) or not len(values):
        raise UserError(f"{parameter} must give {name!r} a list of values in 0 … {size - 1}; got {values!r}")
    for value in values:
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or not 0 <= value < size:
            raise UserError(
                f"{parameter} gives {name!r} the value {value!r}; {data.name} has the values 0 … {size - 1}"
            )
    listed = sorted(int(value) for value in values)
    if len(set(listed)) < len(listed):
        raise UserError(f"{parameter} gives {name!r} a value twice: {listed}; list each once")
    return listed
