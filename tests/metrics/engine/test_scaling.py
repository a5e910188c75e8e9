"""scaling.py: columns are scaled by their spread, and rounding is none."""

import numpy as np
import pytest

from dlib_bvae.metrics.engine.scaling import deviations, standardised


def test_columns_have_mean_zero_and_deviation_one():
    found = standardised(np.array([[1, 1e9 + 3], [3, 1e9 + 1]]))
    assert found.tolist() == [[-1, 1], [1, -1]]
    assert deviations(np.array([[1e-9, 5], [3e-9, -5]])) == pytest.approx([1e-9, 5])


def test_a_constant_column_has_no_spread_though_its_mean_is_rounded():
    constant = np.full((1_003, 2), [0.1, 1e15 / 3])
    assert constant.std(axis=0).max() > 0
    assert deviations(constant).tolist() == [0, 0]
    assert not standardised(constant).any()
