"""Data sets of every kind that users bring, with codes that are noise or aligned with the factors."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dlib_bvae import metrics
from dlib_bvae.datasets.external.from_file import from_file
from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.metrics.constructed import FactorGrid

_GRID = (4, 6, 5, 8)
_MANY = (3, 5, 4)
LATENTS = 6


class ConformanceSet(NamedTuple):
    """Factors of images and how their codes are scored.

    name: of the set. values: the place of each factor's value, int (images, factors), −1 where missing. aligned: codes of
    which one follows each factor. score: (metric, codes, seed, **parameters) → result, as metrics.score. grid: whether every
    combination of factors has an image. rounded: what is done to the codes. plain: the name of the set of the same factors
    whose images are in the order of a grid and whose codes are as they are.
    """

    name: str
    values: np.ndarray
    aligned: np.ndarray
    score: Callable[..., dict[str, Any]]
    grid: bool = True
    rounded: Callable[[np.ndarray], np.ndarray] = np.asarray
    plain: str = ""

    @property
    def continuous(self) -> bool:
        """Whether the factors are continuous; values are then bins of a tenth."""
        return self.name == "continuous"

    @property
    def images(self) -> int:
        """How many there are."""
        return len(self.values)

    @property
    def sizes(self) -> list[int]:
        """Values of each factor."""
        return [int(column.max()) + 1 for column in self.values.T]

    def shares(self) -> list[np.ndarray]:
        """How frequent each value of each factor is, among the images that have one."""
        return [np.bincount(column[column >= 0]) / np.sum(column >= 0) for column in self.values.T]

    def noise(self, seed: int) -> np.ndarray:
        """Normal codes that know nothing, (images, 6)."""
        return np.random.default_rng(seed).normal(size=(self.images, LATENTS))


def bfloat16(codes: np.ndarray) -> np.ndarray:
    """Codes plus 30 as they come out of a model of bfloat16, float32: rounded to eight bits, so that many are equal."""
    bits = np.asarray(codes + 30, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


class _Several(GroundTruthData):
    """A grid with four images a cell."""

    name, fingerprint, observation_shape, max_pixel, origin = "several", "several", (1, 1, 1), 1, "rendered"
    factor_names, factor_sizes, images_per_cell = ("a", "b", "c"), _MANY, 4

    def images_at(self, indices):
        return np.zeros((len(indices), 1, 1, 1), np.uint8)


def _of_grid(name: str, grid: FactorGrid, rounded: Callable[[np.ndarray], np.ndarray] = np.asarray) -> ConformanceSet:
    def score(metric, codes, seed, **parameters):
        return metrics.score(metric, grid, codes, seed, **parameters)

    return ConformanceSet(name, grid.factors(), grid.identity(), score, rounded=rounded)


def _of_data(name: str, data: Any, values: np.ndarray, grid: bool) -> ConformanceSet:
    def score(metric, codes, seed, **parameters):
        return metrics.score(metric, data, codes, seed, **parameters)

    return ConformanceSet(name, values, values / np.maximum(values.max(axis=0), 1), score, grid)


def _of_file(folder: Path, name: str, values: np.ndarray, numbers: np.ndarray, full_grid: bool) -> ConformanceSet:
    """A file with as many (black) images, whose labels are `numbers`, NaN where missing."""
    path = folder / f"{name.replace(' ', '_')}.npz"
    np.savez(path, images=np.zeros((len(values), 8, 8), np.uint8) + 9, labels=numbers)
    data = from_file(str(path), labels="labels", full_grid=full_grid)
    known = _of_data(name, data, values, full_grid)
    return known._replace(values=np.where(np.isnan(numbers), -1, values))


def _of_arrays(name: str, values: np.ndarray, factors: np.ndarray, grid: bool, kinds: Any = None) -> ConformanceSet:
    def score(metric, codes, seed, **parameters):
        return metrics.score(metric, codes=codes, factors=factors, factor_kinds=kinds, random_state=seed, **parameters)

    spread = np.ptp(factors, axis=0)
    return ConformanceSet(name, values, (factors - factors.min(axis=0)) / spread, score, grid)


def _permuted(folder: Path) -> ConformanceSet:
    values = np.random.default_rng(1).permutation(FactorGrid(*_GRID).factors())
    return _of_file(folder, "permuted file order", values, 10.0 * values - 3, True)


def _missing(folder: Path) -> ConformanceSet:
    rng = np.random.default_rng(2)
    values = rng.permutation(FactorGrid(*_GRID).factors())[:600]
    return _of_file(
        folder, "missing combinations", values, np.where(rng.random(values.shape) < 0.05, np.nan, values), False
    )


def _continuous(folder: Path) -> ConformanceSet:
    del folder
    rng = np.random.default_rng(3)
    order = np.stack([rng.permutation(2000) for _ in range(3)], axis=1)  # uniform numbers, none of them twice
    return _of_arrays("continuous", order // 200, order / 1999, False, ["continuous"] * 3)


_PLAIN = "grid"
SETS: dict[str, Callable[[Path], ConformanceSet]] = {
    "tiny grid": lambda folder: _of_grid("tiny grid", FactorGrid(3, 8, 8)),
    "Cars3D's size": lambda folder: _of_grid("Cars3D's size", FactorGrid(4, 24, 183)),
    _PLAIN: lambda folder: _of_grid(_PLAIN, FactorGrid(*_GRID)),
    "missing combinations": _missing,
    "continuous": _continuous,
    "bfloat16 codes": lambda folder: _of_grid("bfloat16 codes", FactorGrid(*_GRID), bfloat16),
    "permuted file order": _permuted,
    "arrays alone": lambda folder: _of_arrays(
        "arrays alone", FactorGrid(*_GRID).factors(), FactorGrid(*_GRID).factors() * 0.5 + 2, True
    ),
    "several images a cell": lambda folder: _of_data(
        "several images a cell", _Several(), np.repeat(FactorGrid(*_MANY).factors(), 4, axis=0), True
    ),
}


@functools.cache
def conformance_set(name: str, folder: Path) -> ConformanceSet:
    """The set of that name; its file, where it has one, is written to `folder`."""
    found = SETS[name](folder)
    return found._replace(plain=_PLAIN if sorted(found.sizes) == sorted(_GRID) and found.grid else name)
