"""active.py: codes that vary are counted."""

import numpy as np
import pytest
from support.known_codes import GRID

from dlib_bvae.errors import UserError
from dlib_bvae.metrics.active import active_codes, active_units
from dlib_bvae.metrics.engine.sampling import Sampler


def test_codes_above_the_threshold_are_active():
    codes = np.hstack([GRID.noise(3), 0.05 * GRID.noise(2), np.ones((360, 1))])
    result = active_units(GRID, codes, 0)
    assert result["active_units"] == 3
    assert result["active_fraction"] == 0.5
    assert result["active_codes"] == [0, 1, 2]
    assert result["variances"][5] == 0
    assert active_units(GRID, codes, 0, threshold=0.001)["active_units"] == 5


def test_variances_are_those_of_the_codes():
    codes = GRID.rotated()
    assert active_units(GRID, codes, 0)["variances"] == pytest.approx(codes.var(axis=0), rel=0.05)
    assert active_codes(np.array([[0.0, 1], [0, 2]]), 0.4).tolist() == [1]


def test_a_bad_threshold_is_refused():
    with pytest.raises(UserError, match=r"active_units\.threshold must be a number >= 0; got None"):
        active_units(GRID, GRID.identity(), 0, threshold=None)


def test_variances_are_unbiased_and_decide_what_is_active():
    codes = GRID.noise(2)
    drawn = Sampler("active_units", GRID, codes, 3).draw("num_train", 5).codes
    result = active_units(GRID, codes, 3, num_train=5)
    expected = ((drawn - drawn.mean(axis=0)) ** 2).sum(axis=0) / 4
    assert result["variances"] == pytest.approx(expected)
    # Of one value below and one above the threshold 0.5: (1 - 0)² / 2 is 0.5, which is not above.
    assert active_codes(np.array([[0.0, 0.0], [1.0, 1.001]]), 0.5).tolist() == [1]
