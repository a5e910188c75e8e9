"""intervals.py: trimmed means and comparisons as scipy and hand have them, bootstrap intervals as the definition says."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dlib_bvae.analysis import performance_profile, pooled, probability_of_improvement, ranks
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


def test_what_an_interval_refuses():
    with pytest.raises(UserError, match="no statistic is called 'mode'; "):
        intervals(np.ones((1, 2)), "mode")
    with pytest.raises(UserError, match="level must be a finite number >= 0 and <= 1"):
        intervals(np.ones((1, 2)), level=2)
    with pytest.raises(UserError, match="at least one value"):
        trimmed([])


TASKS = [np.array([0.0, 0.2, 0.4, 0.6]), np.array([0.5, 1.5])]


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [("mean", 0.65), ("median", 0.65), ("iqm", (0.2 + 0.4 + 0.5 + 0.6) / 4), ("optimality_gap", 1 - (0.3 + 0.75) / 2)],
)
def test_pooled_statistics_are_those_worked_out_by_hand(statistic, expected):
    point, low, high = pooled(TASKS, statistic, reps=300)
    assert point == pytest.approx(expected)
    assert low <= point <= high


def test_runs_are_resampled_within_their_task():
    tasks = [np.zeros(5), np.ones(5)]  # resampled across tasks the mean would vary
    assert pooled(tasks, "mean", reps=300) == (0.5, 0.5, 0.5)


def test_the_stratified_interval_is_the_normal_one_for_many_runs():
    rng = np.random.default_rng(0)
    tasks = [rng.normal(size=300), rng.normal(3, 2, size=300)]
    point, low, high = pooled(tasks, "mean", seed=1, reps=4_000)
    half = 1.96 * np.sqrt(sum(task.var() / 300 for task in tasks)) / 2
    assert (point - low, high - point) == (pytest.approx(half, rel=0.1), pytest.approx(half, rel=0.1))


def test_the_probability_of_improvement_is_mann_whitney_s_statistic():
    rng = np.random.default_rng(0)
    x = [rng.integers(5, size=6).astype(float), rng.integers(5, size=3).astype(float)]
    y = [rng.integers(5, size=4).astype(float), rng.integers(5, size=7).astype(float)]
    expected = np.mean([stats.mannwhitneyu(a, b).statistic / (len(a) * len(b)) for a, b in zip(x, y, strict=True)])
    point, low, high = probability_of_improvement(x, y, reps=500)
    assert point == pytest.approx(expected)
    assert 0 <= low < point < high <= 1
    assert probability_of_improvement(y, x, reps=500)[0] == pytest.approx(1 - expected)


def test_who_always_wins_improves_surely():
    assert probability_of_improvement([[2.0, 3.0]], [[0.0, 1.0]], reps=50) == (1.0, 1.0, 1.0)
    assert probability_of_improvement([[1.0, 1.0]], [[1.0, 1.0]], reps=50) == (0.5, 0.5, 0.5)


def test_the_bootstrap_of_improvement_is_that_of_its_definition():
    x, y = np.array([0.1, 0.5, 0.9]), np.array([0.2, 0.6])
    rng = np.random.default_rng(0)
    every = []
    for _ in range(4_000):
        a, b = rng.choice(x, 3), rng.choice(y, 2)
        every.append(((a[:, None] > b) + 0.5 * (a[:, None] == b)).mean())
    found = probability_of_improvement([x], [y], reps=4_000)[1:]
    np.testing.assert_allclose(found, np.quantile(every, [0.025, 0.975]), atol=0.02)


def test_a_profile_is_the_share_of_runs_above():
    share, low, high = performance_profile(TASKS, np.array([-1.0, 0.2, 0.5, 2.0]), reps=300)
    np.testing.assert_allclose(share, [1, (2 / 4 + 1) / 2, (1 / 4 + 1 / 2) / 2, 0])
    assert (low <= share).all()
    assert (share <= high).all()
    assert (low[0], high[-1]) == (1, 0)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=10))
def test_a_profile_falls(values):
    thresholds = np.linspace(-0.1, 1.1, 7)
    for curve in performance_profile([np.array(values)], thresholds, reps=50):
        assert (np.diff(curve) <= 1e-12).all()


def test_ranks_tie_where_intervals_overlap():
    low, high = np.array([0.8, 0.7, 0.3, 0.1]), np.array([0.9, 0.85, 0.75, 0.2])
    assert ranks(low, high, True).tolist() == [1, 1, 2, 4]  # the third overlaps the second, and the first beats it
    assert ranks(low, high, False).tolist() == [3, 2, 2, 1]


def test_a_row_without_interval_has_no_rank_and_counts_against_nobody():
    found = ranks(np.array([0.1, np.nan, 0.5]), np.array([0.2, np.nan, 0.6]), True)
    np.testing.assert_array_equal(found, [2, np.nan, 1])


INTERVALS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4)), min_size=1, max_size=8)


@given(INTERVALS, st.booleans())
def test_a_rank_counts_the_rows_that_are_surely_better(rows, higher):
    low = np.array([a for a, _ in rows], float)
    high = low + [b for _, b in rows]
    expected = [1 + sum((low > high[i]) if higher else (high < low[i])) for i in range(len(rows))]
    assert ranks(low, high, higher).tolist() == expected


def test_what_a_comparison_refuses():
    with pytest.raises(UserError, match="both methods need scores of the same tasks; got 2 and 1 tasks"):
        probability_of_improvement(TASKS, TASKS[:1])
    with pytest.raises(UserError, match="some are missing"):
        pooled([np.array([])])
    with pytest.raises(UserError, match="no statistic over tasks is called 'mod'"):
        pooled(TASKS, "mod")
