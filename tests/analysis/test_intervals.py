"""intervals.py: trimmed means as scipy has them, bootstrap intervals as the definition says."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dlib_bvae.analysis.intervals import intervals, trimmed
from dlib_bvae.errors import UserError

VALUES = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=30)


@given(VALUES)
def test_trimmed_means_are_those_of_scipy_and_numpy(values):
    assert trimmed(values) == pytest.approx(stats.trim_mean(values, 0.25), abs=1e-9)
    assert trimmed(values, "mean") == pytest.approx(np.mean(values), abs=1e-9)
    assert trimmed(values, "median") == pytest.approx(np.median(values), abs=1e-9)


def test_the_interquartile_mean_leaves_a_quarter_out_at_each_end():
    assert trimmed([100.0, 1.0, 2.0, -50.0]) == 1.5
    assert trimmed([1.0, 2.0, 9.0]) == 4.0  # of fewer than four it is the mean


@pytest.mark.parametrize("statistic", ["mean", "iqm", "median"])
def test_an_interval_is_that_of_all_resamples(statistic):
    values = np.array([0.1, 0.4, 0.5, 0.9])
    every = [trimmed(np.array(resample), statistic) for resample in itertools.product(values, repeat=4)]
    exact = np.quantile(every, [0.025, 0.975])
    np.testing.assert_allclose(intervals(values[None], statistic, reps=100_000)[0], exact, atol=0.03)


def test_a_large_sample_s_interval_is_that_of_the_normal_distribution():
    values = np.random.default_rng(0).normal(5.0, 2.0, size=400)
    low, high = intervals(values[None], "mean", seed=1)[0]
    half = 1.96 * values.std() / 20
    assert (low, high) == (pytest.approx(values.mean() - half, abs=0.02), pytest.approx(values.mean() + half, abs=0.02))


def test_scipy_s_percentile_bootstrap_agrees():
    values = np.random.default_rng(3).random(12)
    found = stats.bootstrap((values,), lambda x, axis: trimmed(x), method="percentile", n_resamples=20_000, rng=0)
    np.testing.assert_allclose(intervals(values[None], reps=20_000)[0], found.confidence_interval, atol=0.01)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=12), st.sampled_from(["mean", "iqm", "median"]))
def test_an_interval_lies_among_the_values_and_does_not_depend_on_their_order(values, statistic):
    row = np.array(values)
    low, high = intervals(row[None], statistic, reps=200)[0]
    assert row.min() <= low <= high <= row.max()
    np.testing.assert_array_equal(intervals(row[::-1][None], statistic, reps=200)[0], [low, high])


def test_rows_are_independent_and_seeds_give_the_same_twice():
    values = np.random.default_rng(0).random((5, 8))
    together = intervals(values, seed=4, reps=500)
    np.testing.assert_allclose(together, [intervals(row[None], seed=4, reps=500)[0] for row in values])
    np.testing.assert_array_equal(together, intervals(values, seed=4, reps=500))
    assert (together != intervals(values, seed=5, reps=500)).any()


def test_one_value_has_no_interval_and_equal_values_have_one_of_no_width():
    assert np.isnan(intervals(np.array([[0.3]]))).all()
    np.testing.assert_array_equal(intervals(np.full((2, 3), 0.1)), np.full((2, 2), 0.1))


def test_what_is_refused():
    with pytest.raises(UserError, match="no statistic is called 'mode'; "):
        intervals(np.ones((1, 2)), "mode")
    with pytest.raises(UserError, match="level must be a finite number >= 0 and <= 1"):
        intervals(np.ones((1, 2)), level=2)
    with pytest.raises(UserError, match="at least one value"):
        trimmed([])
