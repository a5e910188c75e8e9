"""snc.py: against its definition and known answers."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.known_codes import GRID, LARGE, mixed

from dlib_bvae.errors import UserError
from dlib_bvae.metrics.snc import interval_edges, match, snc

FEW = {"num_train": 2000, "num_test": 1000}


@pytest.mark.parametrize("bend", [lambda x: x, np.exp, lambda x: -x])
def test_a_monotone_code_for_each_factor_scores_one(bend):
    result = snc(GRID, bend(GRID.identity())[:, ::-1], 0, **FEW)
    assert result["snc"] == result["snc_accuracy"] == 1
    assert result["codes"] == {"factor_0": 3, "factor_1": 2, "factor_2": 1, "factor_3": 0}
    assert np.argmax(result["mutual_information"], axis=0).tolist() == [3, 2, 1, 0]


def test_noise_scores_0():
    result = snc(LARGE, LARGE.noise(), 0, num_train=5000, num_test=3000)
    assert result["snc"] == pytest.approx(0, abs=0.03)


def test_a_code_for_two_factors_serves_one_of_them():
    """What the metric is for: mig and dci take such a code for two good ones."""
    factors = GRID.factors()
    both = np.stack([factors[:, 0] * 4 + factors[:, 1], factors[:, 2], factors[:, 3]], axis=1)
    result = snc(GRID, both, 0, **FEW)
    served = sorted(result["snc_per_factor"].values())
    assert served[0] == 0
    assert list(result["codes"].values()).count(None) == 1
    assert served[2:] == [1, 1]


def test_a_code_twice_does_no_harm_a_rotation_does():
    assert snc(GRID, np.repeat(GRID.identity(), 2, axis=1), 0, **FEW)["snc"] == 1
    assert snc(GRID, GRID.rotated(), 0, **FEW)["snc"] < 0.6


def test_dead_codes_do_no_harm():
    assert snc(GRID, np.hstack([np.zeros((360, 2)), GRID.identity()]), 0, **FEW)["snc"] == 1
    assert snc(GRID, np.zeros((360, 4)), 0, **FEW)["snc"] == pytest.approx(0, abs=0.03)


def test_the_known_accuracy_of_a_code_with_errors():
    codes = GRID.identity()
    wrong = np.random.default_rng(0).random(codes.shape) < 0.3
    codes[wrong] = np.random.default_rng(1).permuted(codes, axis=0)[wrong]
    assert snc(GRID, codes, 0, num_train=5000, num_test=3000)["snc"] == pytest.approx(0.7, abs=0.06)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31 - 1), st.integers(1, 5), st.integers(1, 4))
def test_the_match_is_the_best_of_all(seed, rows, columns):
    gain = np.random.default_rng(seed).uniform(size=(rows, columns))
    found = match(gain)
    taken = [j for j in found if j is not None]
    assert len(taken) == len(set(taken)) == min(rows, columns)
    some = itertools.permutations(list(range(rows)) + [None] * columns, columns)
    best = max(sum(gain[j, k] for k, j in enumerate(each) if j is not None) for each in some)
    assert sum(gain[j, k] for k, j in enumerate(found) if j is not None) == pytest.approx(best)


def test_edges_cut_into_equal_parts_but_never_through_equal_values():
    assert interval_edges(np.arange(8.0), 4).tolist() == [1.5, 3.5, 5.5]
    # 40 zeros of 100: the second part begins after them, though a third would end within.
    assert interval_edges(np.repeat([0.0, 1, 2], [40, 35, 25]), 3).tolist() == [0.5, 1.5]
    assert interval_edges(np.repeat([0.0, 1], [90, 10]), 3).tolist() == [0.5]
    assert interval_edges(np.ones(5), 3).tolist() == []


def test_order_sign_and_scale_of_codes_do_not_matter():
    codes = mixed(LARGE)
    plain, moved = (snc(LARGE, each, 0, **FEW)["snc"] for each in (codes, (-3 * codes)[:, ::-1]))
    assert moved == pytest.approx(plain, abs=0.02)


def test_bins_out_of_range_are_refused():
    with pytest.raises(UserError, match=r"snc\.num_bins must be an integer >= 2; got 1"):
        snc(GRID, GRID.identity(), 0, num_bins=1)
