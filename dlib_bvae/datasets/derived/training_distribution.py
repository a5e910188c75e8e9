"""correlated, held_out: the same images and grid, but training shows some combinations of factors more often, or never."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import gin
import numpy as np

from dlib_bvae.datasets import DataLike, as_factor_dataset
from dlib_bvae.datasets.derived.base import DerivedGrid, factor_index, factor_values, no_split
from dlib_bvae.datasets.derived.subsets import Subset
from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.datasets.images import ImageData
from dlib_bvae.datasets.official.dsprites_full import DSpritesFull
from dlib_bvae.datasets.official.shapes3d import Shapes3D
from dlib_bvae.errors import UserError, unknown

SPLITS = ("in", "out")

Pairs = list[tuple[str, str]]


def _confounded(factor: str, factors: tuple[str, ...]) -> Pairs:
    """`factor` with every other one."""
    return [(factor, other) for other in factors if other != factor]


# The pairs of Roth et al. 2023 (Disentanglement of correlated factors via Hausdorff factorized support), as their code
# lists them; theirs is the usual σ too: 0.1, and 0.2 where one factor confounds all others. dSprites has no triple there.
CORRELATIONS: dict[str, tuple[Pairs, float]] = {
    "dsprites_single_1": ([("shape", "scale")], 0.1),
    "dsprites_single_2": ([("position_x", "position_y")], 0.1),
    "dsprites_single_3": ([("shape", "position_y")], 0.1),
    "dsprites_double_1": ([("shape", "position_x"), ("scale", "position_y")], 0.1),
    "dsprites_double_2": ([("shape", "scale"), ("position_x", "position_y")], 0.1),
    "dsprites_confounded_1": (_confounded("shape", DSpritesFull.factor_names), 0.2),
    "dsprites_confounded_2": (_confounded("position_x", DSpritesFull.factor_names), 0.2),
    "shapes3d_single_1": ([("floor_hue", "wall_hue")], 0.1),
    "shapes3d_single_2": ([("shape", "scale")], 0.1),
    "shapes3d_single_3": ([("shape", "wall_hue")], 0.1),
    "shapes3d_single_4": ([("shape", "object_hue")], 0.1),
    "shapes3d_double_1": ([("scale", "floor_hue"), ("shape", "wall_hue")], 0.1),
    "shapes3d_double_2": ([("scale", "shape"), ("floor_hue", "wall_hue")], 0.1),
    "shapes3d_double_3": ([("shape", "object_hue"), ("shape", "scale")], 0.1),
    "shapes3d_triple_1": ([("scale", "orientation"), ("shape", "wall_hue"), ("object_hue", "floor_hue")], 0.1),
    "shapes3d_triple_2": ([("object_hue", "orientation"), ("shape", "scale"), ("floor_hue", "wall_hue")], 0.1),
    "shapes3d_confounded_1": (_confounded("shape", Shapes3D.factor_names), 0.2),
    "shapes3d_confounded_2": (_confounded("wall_hue", Shapes3D.factor_names), 0.2),
}

_RIGHT = list(range(16, 32))  # position_x > 0.5
_HUES = list(range(5, 10))  # hue >= 0.5

# Montero et al. 2021: recombination to element (few images), recombination to range, extrapolation. Values as in their
# code, which reads factor values; here they are places in the grid.
HELD_OUT: dict[str, list[dict[str, list[int]]]] = {
    "dsprites_to_element": [
        {
            "shape": [1],
            "scale": [2, 3, 4, 5],
            "orientation": list(range(14, 26)),
            "position_x": list(range(21, 32)),
            "position_y": list(range(21, 32)),
        }
    ],
    "dsprites_to_range": [{"shape": [0], "position_x": _RIGHT}],
    "dsprites_extrapolation": [{"position_x": _RIGHT}],
    "shapes3d_to_element": [
        {
            "floor_hue": [8, 9],
            "wall_hue": [8, 9],
            "object_hue": [8, 9],
            "scale": [5, 6, 7],
            "shape": [1],
            "orientation": [12, 13, 14],
        }
    ],
    "shapes3d_to_range_1": [{"object_hue": [8, 9], "wall_hue": [0, 1, 2]}],
    "shapes3d_to_range_2": [{"shape": [3], "object_hue": _HUES}],
    "shapes3d_to_range_3": [{"shape": [3], "floor_hue": _HUES}],
    "shapes3d_extrapolation": [{"floor_hue": _HUES}],
}


@gin.configurable("correlated")
class Correlated(DerivedGrid):
    """The same images on the same grid; in training, pairs of factors have p(c1, c2) ∝ exp(-(c1 - c2)² / (2 σ²)).

    c is a factor's value scaled to [0, 1]: value / (size - 1). Several pairs, and the weights that `data` has,
    are multiplied. Codes and metrics are of the whole grid, uniform, as in Träuble et al. 2021, section 4.

    data: a name or a data set with factors. pairs: [(factor, factor), …]. sigma: > 0, one number, or one a pair; the
    smaller, the stronger. preset: instead of pairs, one of CORRELATIONS; sigma then
    replaces the preset's. Raises UserError for unknown factors or presets and numbers out of range.
    """

    def __init__(self, data: DataLike = gin.REQUIRED, pairs: Any = None, sigma: Any = None, preset: str | None = None):
        whole = as_factor_dataset(data, "correlated.data")
        if (pairs is None) == (preset is None):
            raise UserError("correlated needs either pairs, e.g. [('shape', 'scale')], or a preset; set one of the two")
        if preset is not None:
            if preset not in CORRELATIONS:
                raise unknown("preset of correlated", str(preset), CORRELATIONS)
            pairs, usual = CORRELATIONS[preset]
            sigma = usual if sigma is None else sigma
        self.pairs = _checked_pairs(whole, pairs)
        self.sigmas = _checked_sigmas(sigma, len(self.pairs))
        super().__init__(whole, "correlated", {"pairs": self.pairs, "sigmas": self.sigmas})

    def training_weights(self) -> np.ndarray:
        """float64 (images,), the weights of `data` times the density of every pair."""
        inner = self.data.training_weights()
        weights = np.ones(self.num_images) if inner is None else np.array(inner, np.float64)
        for (first, second), sigma in zip(self.pairs, self.sigmas, strict=True):
            scaled = [np.arange(size) / (size - 1) for size in (self.factor_sizes[first], self.factor_sizes[second])]
            density = np.exp(-((scaled[0][:, None] - scaled[1][None]) ** 2) / (2 * sigma**2))
            shape = [size if k in (first, second) else 1 for k, size in enumerate(self.factor_sizes)]
            weights *= self.by_image(np.broadcast_to(density.reshape(shape), self.factor_sizes).ravel())
        return weights


def _checked_pairs(data: GroundTruthData, pairs: Any) -> list[tuple[int, int]]:
    """Pairs of factor indices, each ascending: the density is symmetric."""
    if isinstance(pairs, str) or not isinstance(pairs, Sequence) or not pairs:
        raise UserError(f"correlated.pairs must list pairs of factors, e.g. [('shape', 'scale')]; got {pairs!r}")
    found = []
    for pair in pairs:
        if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
            raise UserError(f"a pair of correlated.pairs must be two factors, e.g. ('shape', 'scale'); got {pair!r}")
        indices = sorted(factor_index(data, name) for name in pair)
        if indices[0] == indices[1]:
            raise UserError(f"correlated.pairs cannot correlate {pair[0]!r} with itself; name two factors")
        if tuple(indices) in found:
            raise UserError(f"correlated.pairs names {tuple(pair)!r} twice; name each pair once")
        for k in indices:
            if data.factor_sizes[k] < 2:
                raise UserError(f"correlated cannot use {data.factor_names[k]!r}: it has one value only in {data.name}")
        found.append((indices[0], indices[1]))
    return found


def _checked_sigmas(sigma: Any, pairs: int) -> list[float]:
    sigmas = list(sigma) if isinstance(sigma, (list, tuple)) else [sigma] * pairs
    if len(sigmas) != pairs:
        raise UserError(f"correlated.sigma must be one number, or one for each of the {pairs} pairs; got {sigma!r}")
    for value in sigmas:
        if not isinstance(value, Real) or isinstance(value, bool) or math.isnan(value) or value <= 0:
            raise UserError(f"correlated.sigma must be > 0; got {value!r}")
    return [float(value) for value in sigmas]


@gin.configurable("held_out")
class HeldOut(DerivedGrid):
    """The same images on the same grid; those of the held-out combinations have training weight 0.

    Montero et al. 2021 (The role of disentanglement in generalisation) train so and test on what was left out.

    data: a name or a data set with factors. combinations: [{factor: values, …}, …]; an image is held out when every
    factor of one of them has one of its values. preset: instead, one of HELD_OUT.
    Raises UserError for unknown factors or presets, values out of range, and when no image is left.
    """

    def __init__(self, data: DataLike = gin.REQUIRED, combinations: Any = None, preset: str | None = None):
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
        held = self.by_image(out.ravel())
        return ~held, held

    def training_weights(self) -> np.ndarray:
        """float64 (images,): 0 for the held-out images, `data`'s weight, or 1, for the others."""
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


def split(data: ImageData, name: str) -> Subset:
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
