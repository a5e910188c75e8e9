"""bounds.py: what no computer has the memory for is refused before it is taken."""

import numpy as np
import pytest
from support.known_codes import GRID

from dlib_bvae.errors import UserError
from dlib_bvae.metrics.engine.bounds import check_codes_fit, check_tables_fit
from dlib_bvae.metrics.engine.information import binned_tables
from dlib_bvae.metrics.engine.sampling import Sampler, sampled


def test_what_fits_is_taken():
    check_codes_fit(2**20, 2**10)
    check_tables_fit(10, 2**16, 500)


@pytest.mark.parametrize("function", [False, True])
def test_codes_that_do_not_fit_into_memory_are_refused_before_they_are_read(function):
    wide = np.broadcast_to(np.float32(0), (360, 20_000))
    asked = []
    codes = (
        (lambda seen: asked.append(len(seen)) or np.broadcast_to(wide[0], (len(seen), 20_000))) if function else wide
    )
    with sampled("with_replacement"):
        sampler = Sampler("m", GRID, codes, 0)
    with pytest.raises(
        UserError, match=r"60,000 codes of 20,000 numbers at once would take 9 GiB .*, more than 8; lower the"
    ):
        sampler.draw("num", 60_000)
    assert len(asked) <= 1


def test_tables_that_do_not_fit_into_memory_are_refused():
    codes = np.zeros((2, 100))
    with pytest.raises(
        UserError, match=r"100 codes × 65,536 bins × 100 values of factors would take 5 GiB .*; use fewer bins"
    ):
        binned_tables(codes, 2**16, np.zeros((2, 2), np.int64), [50, 50])
