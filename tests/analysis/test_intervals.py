"""intervals.py: trimmed means and comparisons as scipy and hand have them, bootstrap intervals as the definition says."""

from __future__ import annotations

import importlib
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dlib_bvae.analysis import performance_profile, pooled, probability_of_improvement, ranks
from dlib_bvae.analysis.intervals import counts, intervals, percentiles, trim, trimmed
from dlib_bvae.errors import UserError

module = importlib.import_module("dlib_bvae.analysis.intervals")  # the package has a function of this name

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


@pytest.mark.parametrize(
    ("n", "iqm", "median"), [(1, 0, 0), (2, 0, 0), (3, 0, 1), (4, 1, 1), (5, 1, 2), (7, 1, 3), (8, 2, 3), (9, 2, 4)]
)
def test_how_many_values_are_left_out_at_each_end(n, iqm, median):
    assert (trim("mean", n), trim("iqm", n), trim("median", n)) == (0, iqm, median)


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"reps": 0}, {"level": -0.1}, {"level": 1.1}])
def test_numbers_of_a_bootstrap_out_of_range(wrong):
    with pytest.raises(UserError, match=f"{next(iter(wrong))} must be"):
        intervals(np.ones((1, 3)), **wrong)
    with pytest.raises(UserError, match=f"{next(iter(wrong))} must be"):
        pooled(TASKS, **wrong)
    intervals(np.ones((1, 3)), seed=0, reps=1, level=0)
    intervals(np.ones((1, 3)), level=1)


def test_the_middle_of_resampled_statistics():
    resampled = np.arange(101.0)[::-1]
    assert percentiles(resampled, 0.9).tolist() == pytest.approx([5, 95])
    assert percentiles(np.stack([resampled, 2 * resampled]), 0.5).tolist() == [[25, 75], [50, 150]]
    assert percentiles(resampled, 1).tolist() == [0, 100]
    assert percentiles(resampled, 0).tolist() == [50, 50]


def test_a_resample_has_as_many_values_as_there_are():
    found = counts(5, 200, np.random.default_rng(0))
    assert (found.shape, found.dtype) == ((200, 5), np.float64)
    assert (found.sum(axis=1) == 5).all()
    assert found.mean(axis=0) == pytest.approx(np.ones(5), abs=0.25)


def test_many_rows_are_resampled_in_blocks_alike(monkeypatch):
    values = np.random.default_rng(0).random((7, 5))
    whole = intervals(values, reps=64)
    monkeypatch.setattr(module, "_BLOCK_VALUES", 128)  # two rows at a time
    np.testing.assert_allclose(intervals(values, reps=64), whole)
    monkeypatch.setattr(module, "_BLOCK_VALUES", 1)
    np.testing.assert_allclose(intervals(values, reps=64), whole)


def test_pooled_resamples_in_blocks_alike_in_distribution(monkeypatch):
    expected = pooled(TASKS, "mean", reps=3_000)
    monkeypatch.setattr(module, "_BLOCK", 7)
    found = pooled(TASKS, "mean", reps=3_000)
    assert found == pytest.approx(expected, abs=0.03)
    assert pooled(TASKS, "mean", seed=0, reps=20) != pooled(TASKS, "mean", seed=1, reps=20)


def test_one_run_a_task_has_a_value_and_no_interval():
    for found in (pooled([[0.25], [0.75]], "mean"), probability_of_improvement([[0.5]], [[0.25]], reps=10)):
        assert np.isnan(found[1:]).all()
    assert pooled([[0.25], [0.75]], "mean")[0] == 0.5
    assert probability_of_improvement([[0.5]], [[0.25]], reps=10)[0] == 1
    assert not np.isnan(pooled([[0.25], [0.5, 0.75]], "mean", reps=10)[1:]).any()
    assert not np.isnan(probability_of_improvement([[0.5, 0.1]], [[0.25]], reps=10)[1:]).any()
    share, low, high = performance_profile([[0.25], [0.75]], [0.5], reps=10)
    assert share.tolist() == [0.5]
    assert np.isnan([low, high]).all()
    assert not np.isnan(performance_profile([[0.25], [0.75, 0.5]], [0.5], reps=10)[1]).any()


def test_a_profile_s_band_is_that_of_the_binomial_distribution():
    task = np.array([0.0, 1.0])
    share, low, high = performance_profile([task], [0.5], reps=4_000, level=0.4)
    assert (share[0], low[0], high[0]) == (0.5, 0.5, 0.5)  # half of the resamples are even
    share, low, high = performance_profile([task], [0.5], reps=4_000, level=0.9)
    assert (low[0], high[0]) == (0.0, 1.0)  # a quarter at each end
    both = performance_profile([task, np.zeros(2)], [0.5], reps=4_000, level=0.9)
    assert [each[0] for each in both] == [0.25, 0.0, 0.5]  # tasks weigh the same


def test_tasks_weigh_the_same_in_an_improvement():
    point, low, high = probability_of_improvement([[1.0], [0.0] * 9], [[0.0], [1.0] * 9], reps=50)
    assert (point, low, high) == (0.5, 0.5, 0.5)
