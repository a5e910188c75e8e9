"""sequences: the same images and grid, of which pairs and sequences move a factor to near values instead of to any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gin
import numpy as np
from numpy.typing import ArrayLike

from dlib_bvae.datasets import DataLike, as_factor_dataset
from dlib_bvae.datasets.derived.base import DerivedGrid, factor_index
from dlib_bvae.datasets.ground_truth import CATEGORICAL, CYCLIC, RandomState, as_rng, draw
from dlib_bvae.errors import UserError, check_integer


@gin.configurable("sequences")
class Sequences(DerivedGrid):
    """The same images and grid; where one factor changes, it drifts: to a value at most `reach` steps away, all others are held.

    Methods that train on pairs (`ada_gvae`, `ada_ml_vae`) see two neighbouring frames, which differ in as many factors as they
    ask for; sequences_at gives longer sequences. The first frame is any image of the grid. The next value is uniform among those
    at most `reach` away, of which there are fewer at the ends of a factor.

    data: a name or a data set with factors. reach: steps, >= 1, for all factors, or {factor: steps}, the others 1; with size − 1
    a factor moves to any other value, as the categories of a data set that declares them always do. cyclic: factors whose last
    value is next to the first, besides those that the data set declares.
    Raises UserError for unknown factors and for numbers out of range.
    """

    def __init__(self, data: DataLike = gin.REQUIRED, reach: int | Mapping[str, int] = 1, cyclic: Sequence[str] = ()):
        whole = as_factor_dataset(data, "sequences.data")
        if isinstance(cyclic, str) or not isinstance(cyclic, Sequence):
            raise UserError(f"sequences.cyclic must be a list of factors; got {cyclic!r}")
        kinds = whole.factor_kinds or (None,) * whole.num_factors
        around = {factor_index(whole, name) for name in cyclic}
        around |= {k for k, kind in enumerate(kinds) if kind == CYCLIC}
        given: dict[Any, Any] = dict(reach) if isinstance(reach, Mapping) else dict.fromkeys(whole.factor_names, reach)
        steps = [1] * whole.num_factors
        for name, value in given.items():
            k = factor_index(whole, name)
            check_integer(f"sequences.reach[{name!r}]" if isinstance(reach, Mapping) else "sequences.reach", value, 1)
            steps[k] = int(value)
        sizes = whole.factor_sizes
        self.reach = [
            sizes[k] - 1 if kinds[k] == CATEGORICAL else min(step, sizes[k] - 1) for k, step in enumerate(steps)
        ]
        self.cyclic = sorted(around)
        super().__init__(whole, "sequences", {"reach": self.reach, "cyclic": self.cyclic})
        self.moves = self._table = self._targets()

    def _targets(self) -> tuple[np.ndarray, np.ndarray]:
        """Where each value of each factor may go: int64 (factors, largest size, most targets), padded with 0; and how many there
        are, int64 (factors, largest size)."""
        lists = [[self._near(k, value) for value in range(size)] for k, size in enumerate(self.factor_sizes)]
        most, largest = max(len(near) for each in lists for near in each), max(self.factor_sizes)
        targets = np.zeros((len(lists), largest, max(most, 1)), np.int64)
        counts = np.zeros((len(lists), largest), np.int64)
        for k, each in enumerate(lists):
            for value, near in enumerate(each):
                targets[k, value, : len(near)], counts[k, value] = near, len(near)
        return targets, counts

    def _near(self, k: int, value: int) -> list[int]:
        size = self.factor_sizes[k]
        away = np.abs(np.arange(size) - value)
        if k in self.cyclic:
            away = np.minimum(away, size - away)
        return np.flatnonzero((away >= 1) & (away <= self.reach[k])).tolist()

    def sequences_at(self, indices: ArrayLike, length: int, random_state: RandomState) -> np.ndarray:
        """Indices (n,) of first frames → indices int64 (n, length) of the frames.

        In each sequence one factor drifts, uniform among those of more than one value; it may turn back. Raises UserError where
        no factor has, and for a length < 1.
        """
        rows = self.check_indices(indices)
        check_integer("length", length, 1)
        free = np.flatnonzero(np.array(self.factor_sizes) > 1)
        if not len(free):
            raise UserError(f"sequences need a factor of more than one value; {self.name} has none")
        rng, (targets, counts) = as_rng(random_state), self._table
        factor = free[draw(rng, len(free), len(rows))]
        values, places = self.factors_at(rows), np.arange(len(rows))
        frames = [rows]
        for _ in range(length - 1):
            old = values[places, factor]
            values[places, factor] = targets[factor, old, draw(rng, counts[factor, old], len(rows))]
            frames.append(self.index_of(values))
        return np.stack(frames, axis=1)
