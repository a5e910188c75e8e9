"""held_out: combinations of factor values that training never shows, and the two splits they make."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import gin
import numpy as np

from dlib_bvae.datasets import as_factor_dataset
from dlib_bvae.datasets.derived.base import GridWrapper, no_split
from dlib_bvae.datasets.derived.factors import factor_values
from dlib_bvae.datasets.derived.presets import HELD_OUT
from dlib_bvae.datasets.derived.subset import Subset
from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.errors import UserError, unknown

SPLITS = ("in", "out")


@gin.configurable("held_out")
class HeldOut(GridWrapper):
    """The same images on the same grid; those of the held-out combinations have training weight 0.

    Montero et al. 2021 (The role of disentanglement in generalisation) train so and test on what was left out.

    data: a name or a data set with factors. combinations: [{factor: values, …}, …]; an image is held out when every
    factor of one of them has one of its values. preset: instead, one of dlib_bvae.datasets.derived.presets.HELD_OUT.
    Raises UserError for unknown factors or presets, values out of range, and when no image is left.
    """

    def __init__(self, data: Any = gin.REQUIRED, combinations: Any = None, preset: str | None = None):
        whole = as_factor_dataset(data, "held_out.data")
        if (combinations is None) == (preset is None):
            raise UserError(
                "held_out needs either combinations, e.g. [{'shape': [0], 'scale': [4, 5]}], or a preset; set one"
            )
        if preset is not None:
            if preset not in HELD_OUT:
                raise unknown("preset of held_out", str(preset), HELD_OUT)
            combinations = HELD_OUT[preset]
        if not isinstance(combinations, Sequence) or isinstance(combinations, str) or not combinations:
            raise UserError(f"held_out.combinations must list dictionaries {{factor: values}}; got {combinations!r}")
        self.combinations = [factor_values(whole, entry, "held_out.combinations") for entry in combinations]
        super().__init__(whole, "held_out", {"combinations": self.combinations})
        if not self.masks()[0].any():
            raise UserError("held_out.combinations leave no image to train on; hold fewer out")

    def masks(self) -> tuple[np.ndarray, np.ndarray]:
        """The images of training and the held-out ones: two masks bool (images,), each the other's complement."""
        out = np.zeros(self.factor_sizes, bool)
        for combination in self.combinations:
            kept = [combination.get(name, range(size)) for name, size in self._factors()]
            out[np.ix_(*kept)] = True
        held = np.repeat(out.ravel(), self.images_per_cell)
        return ~held, held

    def training_weights(self) -> np.ndarray:
        """float64 (images,): 0 for the held-out images, the wrapped set's weight, or 1, for the others."""
        inner = self.data.training_weights()
        return self.masks()[0] * (1.0 if inner is None else np.asarray(inner, np.float64))

    def split_values(self, split: str) -> dict[str, list[int]]:
        """The largest grid within the split "in" (never held out) or "out": {factor: values}."""
        _check_split(split)
        if split == "out":
            whole = {name: list(range(size)) for name, size in self._factors()}
            grids = [{**whole, **combination} for combination in self.combinations]
            return max(grids, key=_images)
        return largest_without(dict(self._factors()), self.combinations)

    def _factors(self) -> list[tuple[str, int]]:
        return list(zip(self.factor_names, self.factor_sizes, strict=True))


def split(data: GroundTruthData, name: str) -> Subset:
    """The split "in" or "out" of a data set with held-out combinations, as a grid; its .rows are indices of `data`.

    A metric needs a grid, as it compares images that share a factor; so a split is the largest grid that lies within it.
    "out" is the largest combination: with one combination, every held-out image. "in" is what is left when one factor of
    each combination loses its held-out values. HeldOut.masks() has every image of both.
    Raises UserError for another name and for a data set without held-out combinations.
    """
    _check_split(name)
    values = getattr(data, "split_values", None)
    if values is None:
        raise no_split(data.name)
    return Subset(data, values(name))


def largest_without(sizes: dict[str, int], combinations: Sequence[dict[str, list[int]]]) -> dict[str, list[int]]:
    """The largest grid {factor: values} that shares no image with any of `combinations`; of equal ones, the first."""
    best: dict[str, list[int]] = {}
    most = 0

    def search(grid: dict[str, list[int]]) -> None:
        nonlocal best, most
        if _images(grid) <= most:  # cutting makes it smaller still
            return
        met = next((c for c in combinations if all(set(grid[name]) & set(c[name]) for name in c)), None)
        if met is None:
            best, most = grid, _images(grid)
            return
        for name in met:
            search({**grid, name: [value for value in grid[name] if value not in met[name]]})

    search({name: list(range(size)) for name, size in sizes.items()})
    return best


def _images(grid: dict[str, list[int]]) -> int:
    return math.prod(len(values) for values in grid.values())


def _check_split(name: str) -> None:
    if name not in SPLITS:
        raise UserError(f"a split is one of {', '.join(SPLITS)}; got {name!r}")
