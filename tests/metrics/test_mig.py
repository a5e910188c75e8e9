"""mig.py: against its definition and known answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score
from support.known_codes import GRID, LARGE, mixed

from dlib_bvae.errors import UserError
from dlib_bvae.metrics.engine.sampling import Sampler
from dlib_bvae.metrics.mig import mig


def value(codes, grid=GRID, **parameters):
    return mig(grid, codes, 0, **{"num_train": 3000, **parameters})["discrete_mig"]


def test_a_code_for_each_factor_has_all_of_its_information():
    # What is left of the gap is the chance agreement of the second code, (bins - 1) (values - 1) / 2n nats at most.
    result = mig(GRID, GRID.identity(), 0, num_train=20_000)
    assert result["discrete_mig"] > 0.999
    assert list(result["mig_per_factor"]) == [f"factor_{k}" for k in range(4)]


def test_a_code_with_too_few_bins_has_its_share():
    # 6 values in 3 bins: log 3 of log 6.
    result = mig(GRID, GRID.identity(), 0, num_train=20_000, num_bins=3)
    assert result["mig_per_factor"]["factor_2"] == pytest.approx(np.log(3) / np.log(6), abs=2e-3)


def test_a_code_twice_leaves_no_gap():
    assert value(np.repeat(GRID.identity(), 2, axis=1)) == 0


def test_a_rotation_loses_most_of_it():
    assert value(LARGE.rotated(), LARGE) < 0.3


def test_noise_has_a_gap_of_chance_size():
    assert value(LARGE.noise(), LARGE, num_train=10_000) < 0.01


def test_dead_codes_do_not_count():
    codes = mixed(GRID)
    assert value(np.hstack([codes, np.full((360, 3), 2.0)])) == pytest.approx(value(codes), abs=1e-12)


def test_one_code_leads_over_nothing():
    result = mig(GRID, GRID.identity()[:, 2:3], 0, num_train=3000)
    assert result["mig_per_factor"]["factor_2"] == pytest.approx(1)


def test_one_code_for_two_factors_tells_both_in_part():
    """A code of the 3 · 4 values of two factors has their full entropies, and the gap is as wide as if they were two."""
    factors = GRID.factors()
    both = (factors[:, 0] * 4 + factors[:, 1]).astype(float)[:, None]
    shares = mig(GRID, both, 0, num_train=3000)["mig_per_factor"]
    assert [shares[f"factor_{k}"] for k in (0, 1)] == pytest.approx([1, 1])
    assert max(shares[f"factor_{k}"] for k in (2, 3)) < 0.05


def test_it_agrees_with_a_slow_one_from_the_definition():
    codes = mixed(GRID)
    sample = Sampler("mig", GRID, codes, 4).draw("num_train", 1000)
    gaps = []
    for factor in sample.factors.T:
        observed = []
        for code in sample.codes.T:
            edges = np.histogram(code, 20)[1]
            observed.append(mutual_info_score(factor, np.digitize(code, edges[:-1])))
        first, second = sorted(observed, reverse=True)[:2]
        gaps.append((first - second) / mutual_info_score(factor, factor))
    result = mig(GRID, codes, 4, num_train=1000)
    assert result["discrete_mig"] == pytest.approx(np.mean(gaps))
    assert list(result["mig_per_factor"].values()) == pytest.approx(gaps)


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(5)), st.lists(st.sampled_from([-4.0, -1.0, 0.5, 8.0]), min_size=5, max_size=5))
def test_order_sign_and_scale_of_codes_do_not_matter(order, scale):
    codes = mixed(GRID)
    # A value on an edge of bins may change sides with the sign.
    assert value((codes * scale)[:, order]) == pytest.approx(value(codes), abs=1e-3)


@pytest.mark.parametrize("bad", [1, 0, 2.0, None])
def test_bins_out_of_range_are_refused(bad):
    with pytest.raises(UserError, match=r"mig\.num_bins must be an integer >= 2; got"):
        value(GRID.identity(), num_bins=bad)
