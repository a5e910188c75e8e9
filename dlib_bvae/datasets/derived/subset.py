"""subset: some values of some factors, a smaller grid."""

from __future__ import annotations

from typing import Any

import gin
import numpy as np

from dlib_bvae.datasets import as_factor_dataset
from dlib_bvae.datasets.derived.base import Regridded
from dlib_bvae.datasets.derived.factors import factor_values


@gin.configurable("subset")
class Subset(Regridded):
    """The images whose factors have the listed values; a factor that is not listed keeps all of its values.

    data: a name or a data set with factors. values: {factor name: values, each in 0 … size - 1}; their order in the grid
    is kept, so that listing them in another order is the same set. A factor of which one value is left stays, with size
    1. Raises UserError for unknown factors and for values that are none of them.
    """

    def __init__(self, data: Any = gin.REQUIRED, values: Any = gin.REQUIRED):
        whole = as_factor_dataset(data, "subset.data")
        chosen = factor_values(whole, values, "subset.values")
        pairs = zip(whole.factor_names, whole.factor_sizes, strict=True)
        self.values = [np.asarray(chosen.get(name, range(size))) for name, size in pairs]
        super().__init__(whole, "subset", chosen, whole.factor_names, [len(kept) for kept in self.values])
        self._sizes = whole.factor_sizes

    def cells_of(self, cells: np.ndarray) -> np.ndarray:
        """Cells of this grid → cells of the whole one."""
        factors = np.unravel_index(cells, self.factor_sizes)
        kept = tuple(values[column] for values, column in zip(self.values, factors, strict=True))
        return np.ravel_multi_index(kept, self._sizes).astype(np.int64)
