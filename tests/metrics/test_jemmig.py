"""jemmig.py: against a slow version of its definition and known answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score
from support.known_codes import BOTH, GRID, LARGE, Grid, mixed, slow_information

from dlib_bvae import metrics
from dlib_bvae.errors import UserError
from dlib_bvae.metrics.jemmig import jemmig

IDENTITY = GRID.identity()
BINS = np.log(20)


def value(codes, grid=GRID, seed=0, num=1200):
    return jemmig(grid, codes, seed, num_train=num)["jemmig"]


def test_a_code_for_each_factor_scores_almost_one():
    result = jemmig(GRID, IDENTITY, 0, num_train=20_000)
    assert result["jemmig"] > 0.999
    assert max(result["jemmig_nats_per_factor"].values()) < 0.01


def test_noise_that_fills_the_bins_evenly_scores_0_and_other_noise_what_it_leaves_empty():
    uniform = np.random.default_rng(0).uniform(size=(len(LARGE.factors()), 4))
    assert value(uniform, LARGE, num=10_000) == pytest.approx(0, abs=0.01)
    assert 0.05 < value(LARGE.noise(), LARGE, num=10_000) < 0.2


def test_a_rotation_lowers_it():
    assert value(GRID.rotated()) < value(IDENTITY) - 0.3


def test_a_code_twice_has_no_gap():
    expected = np.mean([1 - np.log(k) / (np.log(k) + BINS) for k in (3, 4, 6, 5)])
    assert value(np.repeat(IDENTITY, 2, axis=1), num=10_000) == pytest.approx(expected, abs=0.01)


def test_a_code_of_two_factors_has_the_entropy_of_both():
    expected = [1 - np.log(4) / (np.log(3) + BINS), 1 - np.log(3) / (np.log(4) + BINS), 1, 1]
    result = jemmig(GRID, BOTH, 0, num_train=10_000)
    assert list(result["jemmig_per_factor"].values()) == pytest.approx(expected, abs=0.01)
    assert result["jemmig"] == pytest.approx(np.mean(expected), abs=0.01)


def test_a_constant_code_scores_more_than_noise_as_it_has_no_entropy():
    expected = np.mean([BINS / (np.log(k) + BINS) for k in (5, 15, 20, 8)])
    assert value(np.ones((12_000, 2)), LARGE, num=10_000) == pytest.approx(expected, abs=2e-3)
    assert expected > value(LARGE.noise(), LARGE, num=10_000) + 0.3


def test_dead_codes_do_not_count():
    codes = np.hstack([mixed(GRID), np.ones((360, 3))])
    assert value(codes) == pytest.approx(value(mixed(GRID)), abs=1e-9)


def test_it_agrees_with_a_slow_one_from_the_definition():
    codes = mixed(GRID)
    information, bins, factors = slow_information(codes, 3, 1200)
    nats, scores = [], []
    for k, factor in enumerate(factors):
        order = np.argsort(information[:, k])
        joint = [f"{a} {b}" for a, b in zip(factor, bins[order[-1]], strict=True)]
        nats.append(mutual_info_score(joint, joint) - information[order[-1], k] + information[order[-2], k])
        scores.append(1 - nats[-1] / (mutual_info_score(factor, factor) + BINS))
    result = jemmig(GRID, codes, 3, num_train=1200)
    assert result["jemmig"] == pytest.approx(np.mean(scores))
    assert list(result["jemmig_nats_per_factor"].values()) == pytest.approx(nats)
    assert np.array(result["mutual_information"]) == pytest.approx(information)


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(5)), st.lists(st.sampled_from([-4.0, -1.0, 0.5, 8.0]), min_size=5, max_size=5))
def test_order_sign_and_scale_of_codes_do_not_matter(order, scale):
    codes = mixed(GRID)
    # A value on an edge of bins may change sides with the sign.
    assert value((codes * scale)[:, order]) == pytest.approx(value(codes), abs=1e-3)


@pytest.mark.parametrize("bad", [1, 2.0, None])
def test_bins_out_of_range_are_refused(bad):
    with pytest.raises(UserError, match=r"jemmig\.num_bins must be an integer >= 2; got"):
        jemmig(GRID, IDENTITY, 0, num_bins=bad)
    assert jemmig(GRID, IDENTITY, 0, num_train=100, num_bins=2)


@pytest.mark.parametrize("sampling", ["disjoint", "with_replacement"])
def test_of_codes_that_inform_alike_the_one_that_informs_of_less_else_counts(sampling):
    grid = Grid(3, 6)
    first, second = grid.factors().T
    codes = np.stack([first, 6.0 * first + second], axis=1)  # both say all of the first factor
    both = [metrics.score("jemmig", grid, each, 1, sampling=sampling)["jemmig"] for each in (codes, codes[:, ::-1])]
    expected = [1 - np.log(3) / (np.log(3) + BINS), 1 - (np.log(18) - np.log(6)) / (np.log(6) + BINS)]
    assert both[0] == pytest.approx(both[1], abs=1e-9)
    assert both[0] == pytest.approx(np.mean(expected), abs=0 if sampling == "disjoint" else 0.01, rel=1e-9)
