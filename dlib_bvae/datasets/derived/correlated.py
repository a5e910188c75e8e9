"""correlated: pairs of factors that go together in training (Träuble et al. 2021, Roth et al. 2023)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import gin
import numpy as np

from dlib_bvae.datasets import as_factor_dataset
from dlib_bvae.datasets.derived.base import GridWrapper
from dlib_bvae.datasets.derived.factors import factor_index
from dlib_bvae.datasets.derived.presets import CORRELATIONS
from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.errors import UserError, unknown


@gin.configurable("correlated")
class Correlated(GridWrapper):
    """The same images on the same grid; in training, pairs of factors have p(c1, c2) ∝ exp(-(c1 - c2)² / (2 σ²)).

    c is a factor's value scaled to [0, 1]: value / (size - 1). Several pairs, and the weights that the wrapped set has,
    are multiplied. Codes and metrics are of the whole grid, uniform, as in Träuble et al. 2021, section 4.

    data: a name or a data set with factors. pairs: [(factor, factor), …]. sigma: > 0, one number, or one a pair; the
    smaller, the stronger. preset: instead of pairs, one of dlib_bvae.datasets.derived.presets.CORRELATIONS; sigma then
    replaces the preset's. Raises UserError for unknown factors or presets and numbers out of range.
    """

    def __init__(self, data: Any = gin.REQUIRED, pairs: Any = None, sigma: Any = None, preset: str | None = None):
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
        """float64 (images,), the wrapped set's times the law of every pair."""
        inner = self.data.training_weights()
        weights = np.ones(self.num_images) if inner is None else np.array(inner, np.float64)
        grid = weights.reshape(*self.factor_sizes, self.images_per_cell)
        for (first, second), sigma in zip(self.pairs, self.sigmas, strict=True):
            scaled = [np.arange(size) / (size - 1) for size in (self.factor_sizes[first], self.factor_sizes[second])]
            law = np.exp(-((scaled[0][:, None] - scaled[1][None]) ** 2) / (2 * sigma**2))
            shape = [size if k in (first, second) else 1 for k, size in enumerate((*self.factor_sizes, 1))]
            grid *= law.reshape(shape)
        return weights


def _checked_pairs(data: GroundTruthData, pairs: Any) -> list[tuple[int, int]]:
    """Pairs of factor indices, each ascending: the law is symmetric."""
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
