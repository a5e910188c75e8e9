"""mig_sup.py: against a slow version of its definition and known answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score
from support.known_codes import BOTH, GRID, LARGE, mixed, slow_information

from dlib_bvae.errors import UserError
from dlib_bvae.metrics.mig_sup import mig_sup

IDENTITY = GRID.identity()


def value(codes, grid=GRID, seed=0, num=1200):
    return mig_sup(grid, codes, seed, num_train=num)["mig_sup"]


def test_a_code_for_each_factor_scores_almost_one():
    # What chance tells of the second factor is left: (bins - 1) (values - 1) / 2n nats at most.
    assert value(IDENTITY, num=20_000) > 0.99


def test_noise_has_a_gap_of_chance_size():
    assert value(LARGE.noise(), LARGE, num=10_000) < 0.005


def test_a_rotation_lowers_it_and_a_code_twice_does_not():
    assert value(GRID.rotated()) < value(IDENTITY) - 0.3
    assert value(np.repeat(IDENTITY, 2, axis=1), num=10_000) > 0.97


def test_a_code_of_two_factors_leads_by_nothing():
    assert value(BOTH, num=10_000) == pytest.approx(2 / 3, abs=0.01)


def test_dead_codes_count_in_the_mean_over_all_and_not_in_that_over_active_ones():
    dead = np.hstack([mixed(GRID), np.ones((360, 3))])
    plain, padded = (mig_sup(GRID, each, 0, num_train=1200) for each in (mixed(GRID), dead))
    assert plain["mig_sup_active"] == plain["mig_sup"] == pytest.approx(padded["mig_sup_active"])
    assert padded["mig_sup"] == pytest.approx(plain["mig_sup"] * 5 / 8)
    assert padded["active_codes"] == [0, 1, 2, 3, 4]
    assert padded["num_active_codes"] == 5
    nothing = mig_sup(GRID, np.ones((360, 2)), 0, num_train=300)
    assert (nothing["mig_sup"], nothing["mig_sup_active"], nothing["num_active_codes"]) == (0, 0, 0)


def test_codes_below_the_threshold_are_not_active():
    codes = np.hstack([IDENTITY, 0.1 * IDENTITY])
    assert mig_sup(GRID, codes, 0, num_train=500)["active_codes"] == [0, 1, 2, 3]
    assert mig_sup(GRID, codes, 0, num_train=500, active_threshold=0.001)["num_active_codes"] == 8
    with pytest.raises(UserError, match=r"mig_sup\.active_threshold must be a number >= 0; got -1"):
        mig_sup(GRID, codes, 0, active_threshold=-1)


def test_it_agrees_with_a_slow_one_from_the_definition():
    codes = mixed(GRID)
    information, _, factors = slow_information(codes, 3, 1200)
    share = information / [mutual_info_score(f, f) for f in factors]
    gaps = [max(row) - sorted(row)[-2] for row in share]
    result = mig_sup(GRID, codes, 3, num_train=1200)
    assert result["mig_sup_per_code"] == pytest.approx(gaps)
    assert result["mig_sup"] == pytest.approx(np.mean(gaps))
    assert np.array(result["normalised_information"]) == pytest.approx(share)


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(5)), st.lists(st.sampled_from([-4.0, -1.0, 0.5, 8.0]), min_size=5, max_size=5))
def test_order_sign_and_scale_of_codes_do_not_matter(order, scale):
    codes = mixed(GRID)
    # A value on an edge of bins may change sides with the sign.
    assert value((codes * scale)[:, order]) == pytest.approx(value(codes), abs=1e-3)


@pytest.mark.parametrize("bad", [1, 2.0, None])
def test_bins_out_of_range_are_refused(bad):
    with pytest.raises(UserError, match=r"mig_sup\.num_bins must be an integer >= 2; got"):
        mig_sup(GRID, IDENTITY, 0, num_bins=bad)
    assert mig_sup(GRID, IDENTITY, 0, num_train=100, num_bins=2)
