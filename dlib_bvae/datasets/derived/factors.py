"""Factors as the user names them: checked names and values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.errors import UserError, unknown


def factor_index(data: GroundTruthData, name: Any) -> int:
    """Which factor is called `name`. Raises UnknownName, which names the near ones."""
    if name not in data.factor_names:
        raise unknown(f"factor of {data.name}", str(name), data.factor_names)
    return data.factor_names.index(name)


def factor_values(data: GroundTruthData, values: Any, parameter: str) -> dict[str, list[int]]:
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
