"""The tests of the verdicts against scipy's, against what is drawn at random, and where they say nothing."""

import numpy as np
import pytest
from scipy import stats

from dlib_bvae.re_beta_vae import welch

FIRST, SECOND = [60.0, 72.0, 65.0, 70.0], [50.0, 66.0, 58.0]


def test_two_samples_are_scipys_welch_test_and_one_is_students():
    found = welch.contrast([(1, FIRST), (-1, SECOND)])
    assert found.estimate == pytest.approx(66.75 - 58)
    for side, alternative in ((found.above, "greater"), (found.below, "less")):
        assert side == pytest.approx(stats.ttest_ind(FIRST, SECOND, equal_var=False, alternative=alternative).pvalue)
    found = welch.contrast([(1, FIRST)], 70)
    for side, alternative in ((found.above, "greater"), (found.below, "less")):
        assert side == pytest.approx(stats.ttest_1samp(FIRST, 70, alternative=alternative).pvalue)


def test_a_contrast_of_three_has_satterthwaites_degrees_of_freedom():
    third = [55.0, 57.0, 51.0, 58.0, 52.0]
    found = welch.contrast([(1, FIRST), (-0.5, SECOND), (-0.5, third)], 1.0)
    shares = [np.var(FIRST, ddof=1) / 4, np.var(SECOND, ddof=1) / 12, np.var(third, ddof=1) / 20]
    freedom = sum(shares) ** 2 / (shares[0] ** 2 / 3 + shares[1] ** 2 / 2 + shares[2] ** 2 / 4)
    distance = (66.75 - 29 - 27.3 - 1) / np.sqrt(sum(shares))
    assert found.above == pytest.approx(stats.t.sf(distance, freedom))
    assert found.above + found.below == pytest.approx(1)


def test_fewer_than_three_values_are_refused():
    for values in ([], [1.0], [1.0, 2.0]):
        with pytest.raises(ValueError, match=f"needs 3 values; got {len(values)}"):
            welch.contrast([(1, FIRST), (-1, values)])
        with pytest.raises(ValueError, match="needs 3 values"):
            welch.better_half(values, 98)


def test_without_spread_nothing_is_significant():
    assert welch.contrast([(1, [90.0] * 3), (-1, [20.0] * 3)]) == (70.0, 1.0, 1.0)
    assert welch.contrast([(1, [0.1 + 0.2, 0.3, 0.3])], -1.0)[1:] == (1.0, 1.0)  # apart by rounding only
    assert welch.better_half([50.0] * 4, 98.0) == (50.0, 1.0, 1.0)
    assert welch.contrast([(1, FIRST), (-1, [20.0] * 3)]).above < 0.01  # one sample's spread is enough


@pytest.mark.parametrize(("n", "expected"), [(2, 0.5642), (3, 0.4231), (4, 0.6631), (5, 0.5527)])
def test_the_better_half_of_normal_values(n, expected):
    """Of known order statistics: 0.5642; (0.8463 + 0) / 2; (1.0294 + 0.2970) / 2; (1.1630 + 0.4950 + 0) / 3."""
    assert welch._expected_of_half(n) == pytest.approx(expected, abs=2e-4)


def test_the_test_of_the_better_half_rejects_a_true_bound_as_often_as_it_says():
    rng = np.random.default_rng(0)
    bound = welch._expected_of_half(4)
    found = [welch.better_half(values, bound) for values in rng.standard_normal((500, 4))]
    for side in ("above", "below"):
        share = np.mean([getattr(each, side) < 0.05 for each in found])
        assert 0.02 < share < 0.08  # 3 standard errors


def test_all_and_some():
    assert welch.every([0.01, 0.04, 0.02]) == 0.04
    assert welch.some([0.01, 0.04, 0.02]) == pytest.approx(0.03)
    assert welch.some([0.5, 0.9]) == 1.0
