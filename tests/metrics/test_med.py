"""med.py: against a slow version of its definition and known answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from support.known_codes import BOTH, GRID, LARGE, mixed, slow_information

from dlib_bvae.errors import UserError
from dlib_bvae.metrics.med import med, most_disentangled

IDENTITY = GRID.identity()


def value(codes, grid=GRID, seed=0, num=1200):
    result = med(grid, codes, seed, num_train=num)
    return [result["disentanglement"], result["completeness"]]


def test_a_code_for_each_factor_scores_almost_one():
    assert min(value(IDENTITY, num=20_000)) > 0.99


def test_noise_shares_its_chance_information_evenly():
    assert max(value(LARGE.noise(), LARGE, num=10_000)) < 0.01


def test_a_rotation_lowers_both():
    assert max(value(GRID.rotated())) < min(value(IDENTITY)) - 0.3


def test_a_code_twice_is_less_complete_only():
    disentangled, complete = value(np.repeat(IDENTITY, 2, axis=1), num=10_000)
    assert disentangled > 0.97
    assert complete == pytest.approx(1 - np.log(2) / np.log(8), abs=0.03)


def test_a_code_of_two_factors_is_less_disentangled_only():
    disentangled, complete = value(BOTH, num=10_000)
    assert complete > 0.97
    shares = np.array([2 * (1 - np.log(2) / np.log(4)), 1, 1]) / 4
    assert disentangled == pytest.approx(shares.sum(), abs=0.02)


def test_dead_codes_change_only_the_base_of_completeness():
    codes = np.hstack([mixed(GRID), np.ones((360, 3))])
    plain, padded = value(mixed(GRID)), value(codes)
    assert padded[0] == pytest.approx(plain[0], abs=1e-6)
    assert 1 - padded[1] == pytest.approx((1 - plain[1]) * np.log(5) / np.log(8), abs=1e-6)


def test_without_any_information_there_is_no_importance():
    result = med(GRID, np.ones((360, 3)), 0, num_train=300)
    assert not np.any(result["importance"])
    assert [result["disentanglement"], result["completeness"]] == pytest.approx([0, 0], abs=1e-9)


def test_it_agrees_with_a_slow_one_from_the_definition():
    codes = mixed(GRID)
    information, _, _ = slow_information(codes, 3, 1200)
    shares = information / information.sum(axis=0)
    rows = np.array([1 - entropy(row, base=4) for row in shares])
    columns = np.array([1 - entropy(column, base=5) for column in shares.T])
    result = med(GRID, codes, 3, num_train=1200)
    assert np.array(result["importance"]) == pytest.approx(shares)
    assert result["disentanglement"] == pytest.approx(np.sum(rows * shares.sum(axis=1)) / 4)
    assert result["completeness"] == pytest.approx(np.mean(columns))
    assert result["disentanglement_per_code"] == pytest.approx(rows)
    assert list(result["completeness_per_factor"].values()) == pytest.approx(columns.tolist())


def test_the_most_disentangled_codes_of_each_factor_are_kept():
    importance = np.array([[0.9, 0.1], [0.5, 0.4], [0.8, 0.0], [0.1, 0.2]])
    assert most_disentangled(importance, 1).tolist() == [2, 3]
    assert most_disentangled(importance, 2).tolist() == [0, 2, 3]
    many = np.hstack([GRID.rotated(), IDENTITY])
    result = med(GRID, many, 0, top_k=1)
    assert result["top_k_codes"] == [4, 5, 6, 7]
    assert result["top_k_disentanglement"] > 0.98 > result["disentanglement"]
    assert result["top_k_completeness"] > 0.9 > result["completeness"]


def test_a_single_code_that_is_kept_is_complete():
    """Codes without information stand for the same factor: one of them is kept."""
    result = med(GRID, np.ones((360, 2)), 0, num_train=300, top_k=1)
    assert len(result["top_k_codes"]) == 1
    assert result["top_k_completeness"] == 1


def test_one_code_and_no_code_to_keep_are_refused():
    with pytest.raises(UserError, match="med compares codes and needs at least two of them; got one"):
        med(GRID, IDENTITY[:, :1], 0)
    with pytest.raises(UserError, match=r"med\.top_k must be an integer >= 1; got 0"):
        med(GRID, IDENTITY, 0, top_k=0)


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(5)), st.lists(st.sampled_from([-4.0, -1.0, 0.5, 8.0]), min_size=5, max_size=5))
def test_order_sign_and_scale_of_codes_do_not_matter(order, scale):
    codes = mixed(GRID)
    # A value on an edge of bins may change sides with the sign.
    assert value((codes * scale)[:, order]) == pytest.approx(value(codes), abs=1e-3)


@pytest.mark.parametrize("bad", [1, 2.0, None])
def test_bins_out_of_range_are_refused(bad):
    with pytest.raises(UserError, match=r"med\.num_bins must be an integer >= 2; got"):
        med(GRID, IDENTITY, 0, num_bins=bad)
    assert med(GRID, IDENTITY, 0, num_train=100, num_bins=2)
