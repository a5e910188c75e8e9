"""dcimig.py: against a slow version of its definition and known answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score
from support.known_codes import BOTH, GRID, LARGE, mixed, slow_information

from dlib_bvae.errors import UserError
from dlib_bvae.metrics.dcimig import assigned_gaps, dcimig

IDENTITY = GRID.identity()


def value(codes, grid=GRID, seed=0, num=1200):
    return dcimig(grid, codes, seed, num_train=num)["dcimig"]


def test_a_code_for_each_factor_scores_almost_one():
    assert value(IDENTITY, num=20_000) > 0.99


def test_noise_has_a_gap_of_chance_size():
    assert value(LARGE.noise(), LARGE, num=10_000) < 0.005


def test_a_rotation_lowers_it_and_a_code_twice_does_not():
    assert value(GRID.rotated()) < value(IDENTITY) - 0.3
    assert value(np.repeat(IDENTITY, 2, axis=1), num=10_000) > 0.97


def test_of_a_code_of_two_factors_the_lead_of_the_larger_counts():
    gap = np.log(4) - np.log(3)
    expected = (gap + np.log(6) + np.log(5)) / np.log(3 * 4 * 6 * 5)
    result = dcimig(GRID, BOTH, 0, num_train=10_000)
    assert result["dcimig"] == pytest.approx(expected, abs=0.01)
    assert result["best_codes"] == {"factor_0": None, "factor_1": 0, "factor_2": 1, "factor_3": 2}
    assert result["dcimig_per_factor"]["factor_1"] == pytest.approx(gap / np.log(4), abs=0.01)


def test_dead_codes_do_not_count():
    codes = np.hstack([mixed(GRID), np.ones((360, 3))])
    assert value(codes) == pytest.approx(value(mixed(GRID)), abs=1e-9)


def test_it_agrees_with_a_slow_one_from_the_definition():
    codes = mixed(GRID)
    information, _, factors = slow_information(codes, 3, 1200)
    kept = np.zeros(4)
    for row in information:
        kept[row.argmax()] = max(kept[row.argmax()], max(row) - sorted(row)[-2])
    entropies = [mutual_info_score(f, f) for f in factors]
    result = dcimig(GRID, codes, 3, num_train=1200)
    assert result["dcimig"] == pytest.approx(kept.sum() / np.sum(entropies))
    assert list(result["dcimig_per_factor"].values()) == pytest.approx((kept / entropies).tolist())
    assert np.array(result["mutual_information"]) == pytest.approx(information)


def test_a_gap_goes_to_one_factor():
    gaps = assigned_gaps(np.array([[0.5, 0.2, 0.4], [0, 0, 0]]))
    assert gaps.tolist() == [[pytest.approx(0.1), 0, 0], [0, 0, 0]]
    best = dcimig(GRID, IDENTITY[:, :1], 0)["best_codes"]
    assert best == {"factor_0": 0, "factor_1": None, "factor_2": None, "factor_3": None}


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(5)), st.lists(st.sampled_from([-4.0, -1.0, 0.5, 8.0]), min_size=5, max_size=5))
def test_order_sign_and_scale_of_codes_do_not_matter(order, scale):
    codes = mixed(GRID)
    # A value on an edge of bins may change sides with the sign.
    assert value((codes * scale)[:, order]) == pytest.approx(value(codes), abs=1e-3)


@pytest.mark.parametrize("bad", [1, 2.0, None])
def test_bins_out_of_range_are_refused(bad):
    with pytest.raises(UserError, match=r"dcimig\.num_bins must be an integer >= 2; got"):
        dcimig(GRID, IDENTITY, 0, num_bins=bad)
    assert dcimig(GRID, IDENTITY, 0, num_train=100, num_bins=2)
