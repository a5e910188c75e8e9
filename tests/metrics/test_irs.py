"""irs.py: against its definition and known answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.known_codes import GRID, LARGE, mixed

from dlib_bvae.errors import UserError
from dlib_bvae.metrics.engine.sampling import Sampler
from dlib_bvae.metrics.irs import irs, irs_dlib


def test_a_code_for_each_factor_scores_one():
    result = irs(GRID, GRID.identity(), 0)
    assert result["IRS"] == pytest.approx(1)
    assert result["parents"] == [f"factor_{k}" for k in range(4)]
    assert result["num_active_dims"] == 4


def test_noise_scores_almost_0():
    assert irs(LARGE, LARGE.noise(), 0, diff_quantile=1.0)["IRS"] < 0.3  # the largest move among few images is less
    uniform = np.random.default_rng(0).uniform(size=(len(LARGE.factors()), 3))
    assert irs(LARGE, uniform, 0)["IRS"] < 0.05


def test_a_code_twice_is_as_robust_a_rotation_is_not():
    assert irs(GRID, np.repeat(GRID.identity(), 2, axis=1), 0)["IRS"] == pytest.approx(1)
    assert irs(GRID, GRID.rotated(), 0)["IRS"] < 0.5


def test_constant_codes_are_left_out():
    codes = np.hstack([np.ones((360, 1)), GRID.identity()])
    result = irs(GRID, codes, 0)
    assert result["IRS"] == pytest.approx(1)
    assert result["active_codes"] == [1, 2, 3, 4]
    nothing = irs(GRID, np.ones((360, 2)), 0)
    assert (nothing["IRS"], nothing["num_active_dims"], nothing["irs_matrix"]) == (0.0, 0, [])


def test_codes_count_by_how_far_they_move():
    codes = np.stack([GRID.identity()[:, 0], 1e-4 * GRID.noise()[:, 0]], axis=1)
    assert irs(GRID, codes, 0)["IRS"] > 0.999


def test_one_code_for_two_factors_follows_the_one_that_moves_it_more():
    factors = GRID.factors()
    result = irs(GRID, factors[:, :1] * 4 + factors[:, 1:2], 0, num_train=20_000)
    # Of -5.5 … 5.5, holding the first factor leaves -1.5 … 1.5.
    assert result["IRS"] == pytest.approx(1 - 1.5 / 5.5, abs=0.01)
    assert result["parents"] == ["factor_0"]


@pytest.mark.parametrize("quantile", [0.9, 0.99, 1.0])
def test_it_agrees_with_a_slow_one_from_the_definition(quantile):
    codes = mixed(GRID)
    result = irs(GRID, codes, 5, num_train=800, diff_quantile=quantile)
    sample = Sampler("irs", GRID, codes, 5).draw("num_train", 800)
    scores, weights = [], []
    for code in sample.codes.T:
        largest = max(abs(code - code.mean()))
        best = 0
        for k, size in enumerate(GRID.factors_num_values):
            moves = []
            for value in range(size):
                here = code[sample.factors[:, k] == value]
                moves.append(np.percentile(abs(here - here.mean()), 100 * quantile))
            best = max(best, 1 - np.mean(moves) / largest)
        scores.append(best)
        weights.append(largest)
    assert result["IRS"] == pytest.approx(np.sum(np.multiply(scores, weights)) / np.sum(weights))


def test_the_reference_puts_many_values_into_20_bins_and_sums_codes():
    codes = np.zeros((len(LARGE.factors()), 2))
    codes[:, 0] = LARGE.factors()[:, 1] % 2  # 15 values: each in a bin of its own
    assert irs_dlib(LARGE, codes, 0)["IRS"] == irs(LARGE, codes, 0)["IRS"] == pytest.approx(1)
    assert irs_dlib(LARGE, codes, 0, num_bins=5)["IRS"] < 0.5
    sample = Sampler("irs_dlib", LARGE, codes, 0).draw("num_train", 10_000)
    assert irs_dlib(LARGE, codes, 0)["num_active_dims"] == pytest.approx(sample.codes.sum())
    assert irs(LARGE, codes, 0)["num_active_dims"] == 1


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(5)), st.sampled_from([-1.0, 1.0]), st.floats(0.01, 100), st.floats(-10, 10))
def test_order_sign_scale_and_offset_do_not_matter(order, sign, scale, offset):
    codes = mixed(GRID)
    plain, moved = (
        irs(GRID, each, 0, num_train=500)["IRS"] for each in (codes, (sign * scale * codes + offset)[:, order])
    )
    assert moved == pytest.approx(plain)


@pytest.mark.parametrize("bad", [-0.1, 1.5, "a", None, np.nan])
def test_a_quantile_out_of_range_is_refused(bad):
    with pytest.raises(UserError, match=r"irs\.diff_quantile must be"):
        irs(GRID, GRID.identity(), 0, diff_quantile=bad)
