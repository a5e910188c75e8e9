"""unsupervised.py: against closed forms, scipy and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from sklearn.metrics import mutual_info_score
from support.known_codes import GRID, LARGE, mixed

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.metrics.engine.sampling import Sampler
from dlib_bvae.metrics.unsupervised import (
    sampled_total_correlation,
    total_correlation,
    unsupervised,
    wasserstein_correlation,
)

KEYS = ("gaussian_total_correlation", "gaussian_wasserstein_correlation", "mutual_info_score")


def covariance(seed, size=4):
    root = np.random.default_rng(seed).normal(size=(size, size))
    return root @ root.T + 0.1 * np.eye(size)


@pytest.mark.parametrize("r", [0, 0.3, -0.9])
def test_two_codes_have_the_closed_forms(r):
    pair = np.array([[1, r], [r, 1]])
    assert total_correlation(pair) == pytest.approx(-0.5 * np.log(1 - r * r))
    assert wasserstein_correlation(pair) == pytest.approx(4 - 2 * (np.sqrt(1 - r) + np.sqrt(1 + r)))


@pytest.mark.parametrize("seed", range(4))
def test_they_are_the_formulas_of_any_covariance(seed):
    whole = covariance(seed)
    alone = np.diag(np.diag(whole))
    kl = 0.5 * (np.trace(np.linalg.solve(alone, whole)) - 4 + np.log(np.linalg.det(alone) / np.linalg.det(whole)))
    assert total_correlation(whole) == pytest.approx(kl)
    root = sqrtm(alone)
    between = np.trace(whole + alone - 2 * sqrtm(root @ whole @ root)).real
    assert wasserstein_correlation(whole) == pytest.approx(between)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.permutations(range(4)), st.lists(st.sampled_from([-10.0, -1, 0.1, 3]), min_size=4))
def test_total_correlation_does_not_see_order_sign_and_scale(seed, order, scale):
    whole = covariance(seed)
    changed = (whole * np.outer(scale[:4], scale[:4]))[np.ix_(order, order)]
    assert total_correlation(changed) == pytest.approx(total_correlation(whole), rel=1e-6)
    signs = np.sign(scale[:4])
    assert wasserstein_correlation(whole * np.outer(signs, signs)) == pytest.approx(wasserstein_correlation(whole))


def test_independent_codes_score_almost_0():
    result = unsupervised(LARGE, LARGE.noise(), 0)
    assert result["gaussian_total_correlation"] < 2e-3
    assert result["gaussian_wasserstein_correlation_norm"] < 1e-3
    assert result["mutual_info_score"] < 2 * 19 * 19 / (
        2 * 10_000
    )  # twice the bias of the estimate: many images are drawn twice


def test_constant_codes_add_nothing():
    codes = mixed(GRID)
    plain, padded = unsupervised(GRID, codes, 0), unsupervised(GRID, np.hstack([codes, np.ones((360, 2))]), 0)
    assert padded["gaussian_total_correlation"] == pytest.approx(plain["gaussian_total_correlation"])
    assert padded["gaussian_wasserstein_correlation"] == pytest.approx(plain["gaussian_wasserstein_correlation"])
    nothing = unsupervised(GRID, np.ones((360, 2)), 0)
    assert [nothing[key] for key in KEYS] == [0, 0, 0]


def test_a_code_twice_has_infinite_total_correlation_which_is_none():
    codes = mixed(GRID).astype(np.float32)
    result = unsupervised(GRID, np.hstack([codes, -2 * codes[:, :1]]), 0)
    assert result["gaussian_total_correlation"] is None
    assert "it is infinite" in result["missing_scores"]["gaussian_total_correlation"]
    assert result["gaussian_wasserstein_correlation"] > 0.1


def test_a_single_code_depends_on_nothing():
    result = unsupervised(GRID, mixed(GRID)[:, :1], 0)
    assert [result[key] for key in KEYS] == pytest.approx([0, 0, 0], abs=1e-12)


def test_scores_are_the_definition_s_on_the_images_drawn():
    codes = mixed(GRID)
    result = unsupervised(GRID, codes, 2, num_train=700)
    drawn = Sampler("unsupervised", GRID, codes, 2).draw("num_train", 700).codes
    bins = [np.digitize(code, np.histogram(code, 20)[1][:-1]) for code in drawn.T]
    pairs = [mutual_info_score(a, b) for i, a in enumerate(bins) for j, b in enumerate(bins) if i != j]
    assert result["mutual_info_score"] == pytest.approx(np.mean(pairs))
    whole = np.cov(drawn.T)
    assert result["gaussian_wasserstein_correlation_norm"] == pytest.approx(
        wasserstein_correlation(whole) / np.trace(whole)
    )


def correlated(observations):
    """Two codes per image, of variance 1 with the posterior's, whose means are correlated."""
    rng = np.random.default_rng(int(1e6 * observations.sum()))
    shared = rng.normal(size=(len(observations), 1))
    mean = np.sqrt([0.6, 0.6]) * shared + np.sqrt([0.3, 0.3]) * rng.normal(size=(len(observations), 2))
    return mean, np.full(mean.shape, np.log(0.1))


def test_total_correlation_of_sampled_codes_is_not_that_of_means():
    found = sampled_total_correlation(correlated, DummyData(), 0)
    assert found == pytest.approx(-0.5 * np.log(1 - 0.6**2), abs=0.02)  # 0.22; of means the correlation is 2/3
    assert found == sampled_total_correlation(correlated, DummyData(), 0)
