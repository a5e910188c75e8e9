"""ranks.py: scipy's studentized range, Tukey's test and Welch's, and what must hold of every range of ranks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dlib_bvae.analysis.ranks import (
    ALPHA,
    Spread,
    critical,
    difference,
    ranges,
    students,
    tail,
    tukey_kramer,
    welch_freedom,
)
from dlib_bvae.errors import UserError


@pytest.mark.parametrize(("rows", "df"), [(2, 1), (3, 20), (9, 24), (60, 300), (1_000, 5_000)])
def test_the_tail_is_that_of_scipy(rows, df):
    q = np.array([0.0, 1.5, 3.9, 7.0])
    np.testing.assert_allclose(tail(q, rows, df), stats.studentized_range.sf(q, rows, df), atol=1e-7)
    assert tail(np.array([np.inf]), rows, df).tolist() == [0]


@pytest.mark.parametrize(("rows", "df"), [(2, 20), (9, 24), (60, 300)])
def test_the_critical_value_is_that_of_scipy(rows, df):
    assert critical(rows, df) == pytest.approx(stats.studentized_range.ppf(1 - ALPHA, rows, df), abs=1e-6)


def pooled(groups):
    freedom = sum(len(group) - 1 for group in groups)
    return Spread(np.sqrt(sum(np.var(group, ddof=1) * (len(group) - 1) for group in groups) / freedom), freedom)


@pytest.mark.parametrize("sizes", [(6, 6, 6, 6, 6), (3, 9, 4, 12, 5)], ids=["equal", "unequal"])
def test_differences_are_those_of_scipy_s_tukey_hsd(sizes):
    rng = np.random.default_rng(1)
    groups = [rng.normal(0.3 * place, 0.4, size) for place, size in enumerate(sizes)]
    expected, spread = stats.tukey_hsd(*groups), pooled(groups)
    interval = expected.confidence_interval(0.95)
    for i, j in itertools.permutations(range(len(groups)), 2):
        found = difference(groups[i], groups[j], *spread, rows=len(groups))
        assert found.difference == pytest.approx(expected.statistic[i, j])
        assert found.p == pytest.approx(expected.pvalue[i, j], abs=1e-6)
        assert [found.low, found.high] == pytest.approx([interval.low[i, j], interval.high[i, j]], abs=1e-5)
    means, counts = np.array([group.mean() for group in groups]), np.array(sizes)
    low, high, tied = ranges(means, counts, spread, higher_is_better=True)
    significant = expected.pvalue < ALPHA
    order = np.argsort(-means)
    for i in range(len(groups)):
        assert low[i] == 1 + sum(significant[i, j] and means[j] > means[i] for j in range(len(groups)))
        not_worse = [place for place, j in enumerate(order, 1) if not (significant[i, j] and means[j] < means[i])]
        assert high[i] == not_worse[-1]
        assert tied[i] == (i == order[0] or not significant[i, order[0]])
    assert significant.any()


def test_of_two_rows_the_test_is_student_s():
    x, y = np.array([0.1, 0.4, 0.3]), np.array([0.9, 0.6, 0.7, 0.8])
    expected = stats.ttest_ind(x, y)
    found = difference(x, y, *pooled([x, y]))
    assert found.p == pytest.approx(expected.pvalue, abs=1e-7)
    assert [found.low, found.high] == pytest.approx(list(expected.confidence_interval(0.95)), abs=1e-6)


def test_a_row_against_one_that_is_not_ranked_is_welch_s_test_with_sidak_s_adjustment():
    x, y = np.array([0.1, 0.4, 0.3]), np.array([0.9, 0.6, 0.7, 0.8])
    expected = stats.ttest_ind(x, y, equal_var=False)
    errors = [np.array(each.var(ddof=1) / len(each)) for each in (x, y)]
    freedom = welch_freedom(errors[0], np.array(2), errors[1], np.array(3))
    assert freedom == pytest.approx(expected.df)
    half, p = students(np.array(x.mean() - y.mean()), np.sqrt(sum(errors)), freedom, np.array(1))
    assert p == pytest.approx(expected.pvalue)
    assert half == pytest.approx((expected.confidence_interval(0.95).high - expected.confidence_interval(0.95).low) / 2)
    wider, larger = students(np.array(x.mean() - y.mean()), np.sqrt(sum(errors)), freedom, np.array(5))
    assert larger == pytest.approx(1 - (1 - p) ** 5)
    assert wider == pytest.approx(stats.t.isf((1 - 0.95 ** (1 / 5)) / 2, freedom) * np.sqrt(sum(errors)))


def test_a_value_without_spread_is_a_test_of_one_sample():
    x = np.array([0.1, 0.4, 0.3, 0.35])
    error, none = np.array(x.var(ddof=1) / 4), np.array(0.0)
    freedom = welch_freedom(error, np.array(3), none, np.array(9))
    p = students(np.array(x.mean() - 0.1), np.sqrt(error), freedom, np.array(1))[1]
    assert p == pytest.approx(stats.ttest_1samp(x, 0.1).pvalue)


def test_without_any_spread_equal_is_equal_and_all_else_differs():
    zero = np.zeros(2)
    for found in (
        tukey_kramer(np.array([0.0, 1e-3]), zero, 3, 20),
        students(np.array([0.0, 1e-3]), zero, zero + 20, zero + 3),
    ):
        assert found[0].tolist() == [0, 0]
        assert found[1].tolist() == [1, 0]
    low, high, tied = ranges(np.array([0.3, 0.1 + 0.2, 0.1]), np.full(3, 5), Spread(0.0, 20), True)
    assert (low.tolist(), high.tolist(), tied.tolist()) == ([1, 1, 3], [2, 2, 3], [True, True, False])


def test_all_equal_means_are_called_different_in_one_of_twenty_boards():
    rng = np.random.default_rng(0)
    groups = rng.normal(size=(1_000, 6, 5))
    wrong = 0
    for board in groups:
        low, _, _ = ranges(board.mean(axis=1), np.full(6, 5), pooled(list(board)), True)
        wrong += (low > 1).any()
    assert 0.03 < wrong / len(groups) < 0.07


ROWS = st.lists(st.tuples(st.integers(0, 20), st.integers(3, 12)), min_size=1, max_size=9)


@settings(deadline=None, max_examples=60)
@given(ROWS, st.floats(0, 5), st.booleans(), st.randoms(use_true_random=False))
def test_ranges_hold_the_place_and_do_not_depend_on_the_order(rows, sd, higher, random):
    means, seeds = (np.array(each, float) for each in zip(*rows, strict=True))
    spread = Spread(sd, 30)
    low, high, tied = ranges(means, seeds, spread, higher)
    worth = means if higher else -means
    assert (low >= 1).all()
    assert (high <= len(rows)).all()
    for i, each in enumerate(worth):
        assert low[i] <= 1 + (worth > each).sum() <= (worth >= each).sum() <= high[i]
    best = worth == worth.max()
    assert (low[best] == 1).all()
    assert tied[best].all()
    assert (low[tied] == 1).all() or len(set(seeds)) > 1
    order = list(range(len(rows)))
    random.shuffle(order)
    for one, other in zip((low, high, tied), ranges(means[order], seeds[order], spread, higher), strict=True):
        assert one[order].tolist() == other.tolist()


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 20), min_size=2, max_size=9), st.floats(0, 5))
def test_with_as_many_seeds_ranks_never_stand_against_the_estimates(means, sd):
    low, high, tied = ranges(np.array(means, float), np.full(len(means), 4), Spread(sd, 30), True)
    for i, j in itertools.permutations(range(len(means)), 2):
        if means[i] > means[j]:
            assert low[i] <= low[j]
            assert high[i] <= high[j]
            assert tied[i] >= tied[j]


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        (([], [1.0], 1, 20), "at least one value"),
        (([1.0], [1.0], -1, 20), "sd must be"),
        (([1.0], [1.0], 1, 0), "df must be"),
        (([1.0], [1.0], 1, 20, 1), "rows must be"),
    ],
)
def test_what_a_difference_refuses(given_, said):
    with pytest.raises(UserError, match=said):
        difference(*given_)
