"""Takes codes as they come to a metric, an array of all images or a function of observations; hands on checked codes by index."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias, cast, get_args

import numpy as np

from dlib_bvae.datasets import ImageData, LabelledImages
from dlib_bvae.datasets.ground_truth import CONTINUOUS, DlibData, FactorDataset
from dlib_bvae.errors import NotApplicable, UserError
from dlib_bvae.metrics.engine.bounds import check_codes_fit
from dlib_bvae.representations.codes import check_width
from dlib_bvae.representations.on_demand import CodesOnDemand

# A grid or labelled images, or disentanglement_lib's duck type; where a metric needs no factors, also images without them.
MetricData: TypeAlias = FactorDataset | DlibData | ImageData
# An array (images, latents) in index order, or a function observations float32 (n, H, W, C) → (n, latents).
Codes: TypeAlias = np.ndarray | Callable[[np.ndarray], np.ndarray]

_LARGEST = np.float64(1e15)  # squares of what is larger do not fit into float32, which some metrics compute in
_CODE_BYTES = 2**28  # of the codes that are compared at once
_NARROW = 512  # codes of as many latents are read in one go
_CACHED_BYTES = 2**22  # of wider ones that are worked on at once, so that they stay in the processor's cache
_OBSERVATION_BYTES = 2**25  # of the observations that a function encodes at once


class ReorderedCodes:
    """Codes (images, latents) in another order, or some of them, as an array of which only what is asked for is copied.

    order: int (images,), the row of `codes` that each image has. CodeReader takes it as it is, numpy as an array.
    """

    def __init__(self, codes: IndexedCodes, order: np.ndarray):
        self._codes, self._order = codes, order
        self.shape: tuple[int, ...] = (len(order), codes.shape[1])
        self.dtype: np.dtype = codes.dtype

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, places: np.ndarray | tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """Codes of images, or of images and columns that broadcast."""
        if isinstance(places, tuple):
            return self._codes[self._order[places[0]], places[1]]
        return self._codes[self._order[places]]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self._codes[self._order], dtype)


class NotedCodes:
    """`codes` as they are, which notes the images whose codes are read: `rows`, bool (images,)."""

    def __init__(self, codes: IndexedCodes):
        self._codes = codes
        self.shape: tuple[int, ...] = codes.shape
        self.dtype: np.dtype = codes.dtype
        self.rows = np.zeros(len(codes), bool)

    def __len__(self) -> int:
        return len(self._codes)

    def __getitem__(self, places: np.ndarray | tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """Codes of images, or of images and columns that broadcast."""
        self.rows[places[0] if isinstance(places, tuple) else places] = True
        return self._codes[places]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[np.arange(len(self))], dtype)


# What CodeReader reads by index.
IndexedCodes: TypeAlias = np.ndarray | ReorderedCodes | NotedCodes | CodesOnDemand


class CodeReader:
    """Codes by grid index, checked.

    data: disentanglement_lib's duck type, or LabelledImages; where no factors are needed also an ImageData without them.
    codes: array (images, latents), one row per image in index order, the data's order of images (never copied whole),
    or a function observations float32 (n, H, W, C) → (n, latents).
    sizes: values of each factor; empty without factors. num_images: cells of the grid, or images without one. images: all
    of them, images_per_cell of each cell that are neighbours. columns: the codes that are handed on, int64; None for all.
    Raises NotApplicable for data without factors where they are needed, and UserError as check_codes.
    """

    def __init__(self, data: MetricData, codes: Codes, needs_factors: bool = True):
        self.data = cast(Any, data)  # which of the three it is decides what is read of it
        self.sizes = factor_sizes(data)
        self.full_grid = bool(self.sizes) and not isinstance(data, LabelledImages)
        if not self.sizes and (needs_factors or not isinstance(data, ImageData)):
            raise NotApplicable(f"a metric needs known factors; {getattr(data, 'name', data)} has images only")
        self.num_images: int = math.prod(self.sizes) if self.full_grid else self.data.num_images
        self.images_per_cell = int(getattr(data, "images_per_cell", 1)) if self.full_grid else 1
        self.images: int = self.num_images * self.images_per_cell
        self._image_of_cell = getattr(data, "image_of_cell", None)
        self._encode = codes if callable(codes) else None
        self.latents: int | None = None  # unknown of a function
        self.columns: np.ndarray | None = None
        self._codes = None if callable(codes) else check_codes(codes, self.images)
        if self._codes is not None:
            self.latents = self._codes.shape[1]

    def at(self, indices: np.ndarray, random_state: np.random.RandomState) -> np.ndarray:
        """Grid indices (n,) → codes float64 (n, latents), of one image drawn where a cell of the grid has several.

        Raises UserError for NaN or infinite codes, beyond ±1e15, and more than 8 GiB of them.
        """
        if self._encode is None and self.images_per_cell > 1:
            drawn = random_state.randint(self.images_per_cell, size=len(indices))
            return self.of_images(indices * self.images_per_cell + drawn, random_state)
        return self._read(indices, lambda part: self._observed(part, random_state))

    def of_images(self, images: np.ndarray, random_state: np.random.RandomState) -> np.ndarray:
        """Indices of images (n,) → codes float64 (n, latents). Raises UserError as at()."""
        if self.images_per_cell == 1:
            return self._read(images, lambda part: self._observed(part, random_state))
        return self._read(images, self.data.observations_at)

    def width(self) -> int:
        """How many codes an image has; a function that does not say so by `num_latent` encodes one image."""
        if isinstance(declared := getattr(self._encode, "num_latent", None), int):
            return declared
        if self.latents is None:
            self.latents = self.of_images(np.arange(1), np.random.RandomState(0)).shape[1]
        return self.latents

    def _read(self, indices: np.ndarray, observe: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        columns = self.columns
        check_codes_fit(len(indices), (self.latents or 1) if columns is None else len(columns))
        if self._codes is not None:
            if self._image_of_cell is not None:
                indices = self._image_of_cell[indices]
            found = self._codes[indices] if columns is None else self._codes[indices[:, None], columns]
            rows = np.asarray(found, np.float64)
        else:
            step = max(1, _OBSERVATION_BYTES // (4 * math.prod(self.data.observation_shape)))
            parts: list[np.ndarray] = []
            for start in range(0, len(indices), step):
                part = indices[start : start + step]
                encoded = self._encoded(observe(part), len(part))
                parts.append(encoded if columns is None else encoded[:, columns])
                check_codes_fit(len(indices), parts[0].shape[1])
            rows = np.concatenate(parts)
        if bad := unusable(rows):
            raise UserError(f"the code of image {indices[bad[0]]} is {bad[1]}")
        return rows

    def batches_at(self, rows: np.ndarray, random_state: np.random.RandomState) -> Iterator[np.ndarray]:
        """Grid indices (points, batch) → codes float64 (some points, batch, latents) of all points in turn.

        Raises UserError as at().
        """
        step = len(rows)
        if self.latents is not None and self.latents > _NARROW:
            step = max(1, _CACHED_BYTES // (8 * self.latents * rows.shape[1]))
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            yield self.at(part.ravel(), random_state).reshape(*part.shape, -1)

    def factors_at(self, indices: np.ndarray) -> np.ndarray:
        """Grid indices (n,) → factor values (n, factors)."""
        if not self.full_grid:
            return self.data.factors_at(indices)
        return np.stack(np.unravel_index(indices, self.sizes), axis=1)

    def check_full_grid(self, name: str) -> None:
        """Raises NotApplicable where some combinations of factors have no image; `name` is the metric's."""
        if not self.full_grid:
            continuous = CONTINUOUS in (getattr(self.data, "factor_kinds", None) or ())
            has = (
                "continuous factors, and no grid"
                if continuous
                else f"{self.num_images} images for {math.prod(self.sizes)}"
            )
            raise NotApplicable(
                f"{name} compares images with chosen factors, so it needs one of every combination; {self.data.name} has "
                f"{has}"
            )

    def at_once(self, images: int) -> int:
        """At most `images`, fewer where the codes of as many would fill the memory; a function's width is not known."""
        return min(images, _CODE_BYTES // (8 * (self.latents or 1)))

    def _observed(self, indices: np.ndarray, random_state: np.random.RandomState) -> np.ndarray:
        """The observations at grid indices, of one image drawn where a cell has several."""
        if self.full_grid:
            return self.data.sample_observations_from_factors(self.factors_at(indices), random_state)
        return self.data.observations_at(indices)

    def _encoded(self, observations: np.ndarray, num: int) -> np.ndarray:
        rows = _numbers(self._encode(observations))  # type: ignore[misc]
        if rows.ndim != 2 or len(rows) != num or rows.shape[1] < 1 or rows.dtype.kind not in "fiu":
            raise UserError(
                f"the function must give codes ({num}, latents), one row an observation; got {rows.dtype} {rows.shape}"
            )
        check_width(rows.shape[1])
        check_codes_fit(len(rows), rows.shape[1])
        return rows.astype(np.float64)


def factor_sizes(data: MetricData) -> tuple[int, ...]:
    """The number of values of each factor; empty for images without factors."""
    sizes = data.factor_sizes if isinstance(data, LabelledImages) else getattr(data, "factors_num_values", ())
    return tuple(int(size) for size in sizes)


def check_codes(codes: Any, num_images: int) -> np.ndarray:
    """`codes` as an array (num_images, latents), float or int, at most 20,000 latents; IndexedCodes as they are.

    Raises UserError as check_codes_shape.
    """
    array: Any = codes if isinstance(codes, get_args(IndexedCodes)) else _numbers(codes)
    check_codes_shape(array.shape, array.dtype, num_images)
    return array


def check_codes_shape(shape: tuple[int, ...], dtype: np.dtype, num_images: int) -> None:
    """Raises UserError unless they are those of numbers (num_images, latents), with at most 20,000 latents."""
    if len(shape) != 2 or shape[0] != num_images or shape[1] < 1 or dtype.kind not in "fiu":
        raise UserError(
            f"codes must be numbers ({num_images}, latents), one row per image in index order; got {dtype} {shape}"
        )
    check_width(shape[1])


def unusable(rows: np.ndarray) -> tuple[int, str] | None:
    """The first of the codes (n, latents) that no metric can use, and what it is with what to do; None when all are fine."""
    # NaN is the largest and the least of what it is among, and no number is above it.
    if not rows.size or (rows.max() <= _LARGEST and rows.min() >= -_LARGEST):
        return None
    fine = (np.abs(rows) <= _LARGEST).all(axis=1)
    row = int(fine.argmin())
    if np.isfinite(rows[row]).all():
        return row, f"beyond ±{_LARGEST:g}; scale the codes"
    return row, "NaN or infinite; encode the data set again"


def _numbers(values: Any) -> np.ndarray:
    """`values` as an array; ragged lists become an array of objects, which no caller takes for numbers."""
    try:
        return np.asarray(values)
    except ValueError:
        return np.empty(len(values), object)
