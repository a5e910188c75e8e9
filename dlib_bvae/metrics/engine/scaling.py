"""Takes codes or factors as numbers; hands them on centred and scaled."""

from __future__ import annotations

import numpy as np

_CONSTANT = 1e-12  # spread, as a share of the largest value, that is rounding alone


def deviations(values: np.ndarray) -> np.ndarray:
    """Standard deviation of each column of (n, columns), float64; exactly 0 where a column is constant but for rounding."""
    std = values.std(axis=0)
    return np.where(std > _CONSTANT * np.abs(values).max(axis=0), std, 0.0)


def standardised(values: np.ndarray) -> np.ndarray:
    """Columns of (n, columns) → float64 of mean 0 and standard deviation 1; constant columns become 0."""
    values = np.asarray(values, np.float64)
    std = deviations(values)
    return np.where(std > 0, (values - values.mean(axis=0)) / np.where(std > 0, std, 1), 0.0)
