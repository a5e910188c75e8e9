"""intervals.py: trimmed means and comparisons as scipy and hand have them, bootstrap intervals as the definition says."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dlib_bvae.analysis import improvement, mean_intervals, performance_profile, pooled, probability_of_improvement
from dlib_bvae.analysis.intervals import BCA, RANGE, T, counts, percentiles, trim, trimmed
from dlib_bvae.errors import UserError

module = importlib.import_module("dlib_bvae.analysis.intervals")

VALUES = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=30)


@given(VALUES)
def test_trimmed_means_are_those_of_scipy_and_numpy(values):
    assert trimmed(values) == pytest.approx(stats.trim_mean(values, 0.25), abs=1e-9)
    assert trimmed(values, "mean") == pytest.approx(np.mean(values), abs=1e-9)
    assert trimmed(values, "median") == pytest.approx(np.median(values), abs=1e-9)


def test_the_interquartile_mean_leaves_a_quarter_out_at_each_end():
    assert trimmed([100.0, 1.0, 2.0, -50.0]) == 1.5
    assert trimmed([1.0, 2.0, 9.0]) == 4.0  # of fewer than four it is the mean


@pytest.mark.parametrize("n", [3, 5, 9])
def test_few_seeds_have_student_s_interval(n):
    values = np.random.default_rng(n).normal(size=(4, n))
    found, kinds = mean_intervals(values)
    expected = [stats.ttest_1samp(row, 0).confidence_interval(0.95) for row in values]
    np.testing.assert_allclose(found, expected)
    assert kinds.tolist() == [T] * 4


def test_ten_seeds_have_scipy_s_bca_interval_expanded_for_few_values():
    values = np.random.default_rng(0).gamma(1, size=(3, 10))
    expanded = 1 - 2 * stats.norm.cdf(-np.sqrt(10 / 9) * stats.t.ppf(0.975, 9))
    found, kinds = mean_intervals(values, seed=3, reps=20_000)
    assert kinds.tolist() == [BCA] * 3
    for row, interval in zip(values, found, strict=True):
        expected = stats.bootstrap(
            (row,), np.mean, n_resamples=20_000, method="BCa", confidence_level=expanded, rng=1
        ).confidence_interval
        np.testing.assert_allclose(interval, expected, atol=0.06 * np.ptp(interval))


def test_an_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    for n, trials, least, most in ((3, 6_000, 0.942, 0.958), (5, 6_000, 0.942, 0.958), (10, 700, 0.925, 0.965)):
        found = np.concatenate([mean_intervals(rng.normal(size=(100, n)), s, 1_000)[0] for s in range(trials // 100)])
        assert least < ((found[:, 0] <= 0) & (found[:, 1] >= 0)).mean() < most


def test_two_seeds_have_a_range_which_is_no_interval():
    found, kinds = mean_intervals(np.array([[0.4, 0.1], [0.3, 0.3]]))
    assert found.tolist() == [[0.1, 0.4], [0.3, 0.3]]
    assert kinds.tolist() == [RANGE] * 2
    found, kinds = mean_intervals(np.array([[0.4]]))
    assert np.isnan(found).all()
    assert kinds.tolist() == [""]


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=12), st.integers(0, 3))
def test_an_interval_holds_the_mean_and_does_not_depend_on_the_order(values, seed):
    row = np.array(values)
    (found,), _ = mean_intervals(row[None], seed, reps=200)
    assert found[0] - 1e-12 <= row.mean() <= found[1] + 1e-12
    np.testing.assert_array_equal(mean_intervals(row[::-1][None], seed, reps=200)[0], found[None])


@pytest.mark.parametrize("n", [2, 3, 9, 10, 25])
def test_equal_values_have_an_interval_of_no_width(n):
    values = np.stack([np.full(n, 0.1), np.linspace(0, 1, n), np.full(n, 1.0), np.append(np.zeros(n - 1), 5e-324)])
    found, _ = mean_intervals(values, reps=300)
    assert found[0].tolist() == [0.1, 0.1]
    assert found[2].tolist() == [1, 1]
    assert found[1, 0] < 0.5 < found[1, 1]
    assert np.isfinite(found).all()


@pytest.mark.parametrize("n", [4, 12])
def test_rows_are_independent_and_seeds_give_the_same_twice(n, monkeypatch):
    values = np.random.default_rng(0).random((5, n))
    together, _ = mean_intervals(values, seed=4, reps=1_200)
    np.testing.assert_array_equal(together, mean_intervals(values, seed=4, reps=1_200)[0])
    monkeypatch.setattr(module, "_BLOCK_VALUES", 1)  # one row at a time
    np.testing.assert_allclose(together, mean_intervals(values, seed=4, reps=1_200)[0])
    assert (together != mean_intervals(values, seed=5, reps=1_200)[0]).any() == (n == 12)


def test_what_an_interval_refuses():
    with pytest.raises(UserError, match="no statistic is called 'mode'; "):
        trimmed([1.0], "mode")
    with pytest.raises(UserError, match="at least one value"):
        trimmed([])


TASKS = [np.array([0.0, 0.2, 0.4, 0.6]), np.array([0.5, 1.0, 1.5])]


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [
        ("mean", 0.65),
        ("median", 0.65),
        ("iqm", (0.2 + 0.4 + 0.5 + 0.6 + 1) / 5),
        ("optimality_gap", 1 - (0.3 + 2.5 / 3) / 2),
    ],
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
    assert np.mean([improvement(*pair) for pair in zip(x, y, strict=True)]) == pytest.approx(expected)


def test_who_always_wins_improves_surely():
    assert probability_of_improvement([[2.0, 3.0, 4.0]], [[0.0, 1.0, 1.0]], reps=50) == (1.0, 1.0, 1.0)
    assert probability_of_improvement([[1.0] * 3], [[1.0] * 3], reps=50) == (0.5, 0.5, 0.5)


def test_the_bootstrap_of_improvement_is_that_of_its_definition():
    x, y = np.array([0.1, 0.5, 0.9]), np.array([0.2, 0.6, 0.8])
    rng = np.random.default_rng(0)
    every = []
    for _ in range(4_000):
        a, b = rng.choice(x, 3), rng.choice(y, 3)
        every.append(((a[:, None] > b) + 0.5 * (a[:, None] == b)).mean())
    found = probability_of_improvement([x], [y], reps=4_000)[1:]
    np.testing.assert_allclose(found, np.quantile(every, [0.025, 0.975]), atol=0.02)


def test_a_profile_is_the_share_of_runs_above():
    share, low, high = performance_profile(TASKS, np.array([-1.0, 0.2, 0.5, 2.0]), reps=300)
    np.testing.assert_allclose(share, [1, (2 / 4 + 1) / 2, (1 / 4 + 2 / 3) / 2, 0])
    assert (low <= share).all()
    assert (share <= high).all()
    assert (low[0], high[-1]) == (1, 0)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=3, max_size=10))
def test_a_profile_falls(values):
    thresholds = np.linspace(-0.1, 1.1, 7)
    for curve in performance_profile([np.array(values)], thresholds, reps=50):
        assert (np.diff(curve) <= 1e-12).all()


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
        pooled(TASKS, **wrong)
    for name in wrong.keys() - {"level"}:
        with pytest.raises(UserError, match=f"{name} must be"):
            mean_intervals(np.ones((1, 3)), **wrong)


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


def test_pooled_resamples_in_blocks_alike_in_distribution(monkeypatch):
    expected = pooled(TASKS, "mean", reps=3_000)
    monkeypatch.setattr(module, "_BLOCK", 7)
    found = pooled(TASKS, "mean", reps=3_000)
    assert found == pytest.approx(expected, abs=0.03)
    assert pooled(TASKS, "mean", seed=0, reps=20) != pooled(TASKS, "mean", seed=1, reps=20)


def test_two_runs_of_a_task_have_a_value_and_no_interval():
    few, many = [[0.25, 0.5], [0.75, 0.5, 0.25]], [[0.25, 0.5, 0.5], [0.75, 0.5, 0.25]]
    for found in (
        pooled(few, "mean"),
        *(probability_of_improvement(*each, reps=10) for each in ((few, many), (many, few))),
    ):
        assert np.isnan(found[1:]).all()
    assert pooled(few, "mean")[0] == 0.4375
    assert not np.isnan(pooled(many, "mean", reps=10)[1:]).any()
    assert not np.isnan(probability_of_improvement(many, many, reps=10)[1:]).any()
    share, low, high = performance_profile(few, [0.5], reps=10)
    assert share.tolist() == [1 / 6]
    assert np.isnan([low, high]).all()
    assert not np.isnan(performance_profile(many, [0.5], reps=10)[1]).any()


def test_a_profile_s_band_is_that_of_the_binomial_distribution():
    task = np.array([0.0, 0.0, 1.0, 1.0])
    share, low, high = performance_profile([task], [0.5], reps=4_000, level=0.4)
    assert (share[0], low[0], high[0]) == (0.5, 0.25, 0.75)
    share, low, high = performance_profile([task], [0.5], reps=4_000, level=0.9)
    assert (low[0], high[0]) == (0.0, 1.0)  # one of sixteen at each end
    both = performance_profile([task, np.zeros(3)], [0.5], reps=4_000, level=0.9)
    assert [each[0] for each in both] == [0.25, 0.0, 0.5]  # tasks weigh the same


def test_tasks_weigh_the_same_in_an_improvement():
    point, low, high = probability_of_improvement([[1.0] * 3, [0.0] * 9], [[0.0] * 3, [1.0] * 9], reps=50)
    assert (point, low, high) == (0.5, 0.5, 0.5)
