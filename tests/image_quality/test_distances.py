"""Known distances, invariances, and independent slow versions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg

from dlib_bvae.errors import UserError
from dlib_bvae.image_quality.distances import (
    Moments,
    bias_warning,
    expected_bias,
    frechet_distance,
    frechet_infinity,
    kernel_distance,
    manifold_scores,
)


def moments(mean, covariance, count=1000):
    found = Moments(len(mean))
    found.count, found.mean = count, np.asarray(mean, float)
    found._scatter = np.asarray(covariance, float) * (count - 1)
    return found


def symmetric(one, two):
    """The distance by eigenvalues of Σ₁^½ Σ₂ Σ₁^½."""
    values, vectors = linalg.eigh(one.covariance)
    root = vectors * np.sqrt(np.clip(values, 0, None)) @ vectors.T
    roots = np.sqrt(np.clip(linalg.eigvalsh(root @ two.covariance @ root), 0, None)).sum()
    away = one.mean - two.mean
    return away @ away + np.trace(one.covariance) + np.trace(two.covariance) - 2 * roots


def test_moments_of_batches_are_those_of_all_rows():
    rows = np.random.RandomState(0).normal(100, 1, (57, 5)).astype(np.float32)
    parts = Moments(5)
    for batch in np.split(rows, [1, 20, 57]):
        parts.add(batch)
    parts.add(rows[:0])
    assert parts.count == 57
    exact = rows.astype(float)
    np.testing.assert_allclose(parts.mean, exact.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(parts.covariance, np.cov(exact, rowvar=False), rtol=1e-9)


def test_shifted_unit_gaussians():
    assert frechet_distance(moments(np.zeros(64), np.eye(64)), moments(np.ones(64), np.eye(64))) == pytest.approx(
        64, abs=1e-9
    )


def test_commuting_diagonals():
    a = np.arange(1.0, 9)
    distance = frechet_distance(moments(np.zeros(8), np.diag(a)), moments(np.zeros(8), np.diag(a[::-1])))
    assert distance == pytest.approx(10.860555385444016, abs=1e-9)


def test_rank_deficient_covariances_are_finite():
    random = np.random.RandomState(1)
    one, two = Moments.of(random.randn(4, 4)), Moments.of(random.randn(4, 4))
    assert frechet_distance(one, two) == pytest.approx(4.753837597, abs=1e-6)
    assert frechet_distance(one, two) == pytest.approx(symmetric(one, two), abs=1e-6)


@pytest.mark.parametrize("size", [1e-12, 1e-6, 1e6])
def test_nearly_singular_and_tiny_features_equal_the_eigenvalue_form(size):
    random = np.random.RandomState(2)
    spread = np.logspace(0, -7, 12)
    one, two = (Moments.of(random.randn(40, 12) * spread * size + random.randn(12) * size) for _ in range(2))
    assert frechet_distance(one, two) == pytest.approx(symmetric(one, two), rel=1e-8)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999), shift=st.floats(-3, 3))
def test_the_distance_is_symmetric_and_follows_a_turn_and_a_shift(seed, shift):
    random = np.random.RandomState(seed)
    one, two = random.randn(30, 6) @ random.randn(6, 6), random.randn(25, 6)
    turn = linalg.qr(random.randn(6, 6))[0]
    distance = frechet_distance(Moments.of(one), Moments.of(two))
    assert frechet_distance(Moments.of(two), Moments.of(one)) == pytest.approx(distance, rel=1e-7)
    assert frechet_distance(Moments.of(one @ turn), Moments.of(two @ turn)) == pytest.approx(distance, rel=1e-7)
    assert frechet_distance(Moments.of(one), Moments.of(one)) == pytest.approx(0, abs=1e-5)
    assert frechet_distance(Moments.of(one), Moments.of(one + shift)) == pytest.approx(6 * shift**2, abs=1e-5)


def test_the_bias_of_few_images_is_what_the_formula_says():
    random = np.random.RandomState(3)
    pairs = [(Moments.of(random.randn(1500, 24)), Moments.of(random.randn(1000, 24))) for _ in range(40)]
    assert np.mean([frechet_distance(*pair) for pair in pairs]) == pytest.approx(
        expected_bias(24, 1500, 1000), rel=0.05
    )


def test_the_distance_at_infinity_has_less_bias():
    random = np.random.RandomState(4)
    features, reference = random.randn(3000, 16), moments(np.zeros(16), np.eye(16))
    infinity = frechet_infinity(reference, features, np.random.RandomState(0), 300, 15)
    assert abs(infinity.distance) < 0.4 * frechet_distance(reference, Moments.of(features))
    assert infinity == frechet_infinity(reference, features, np.random.RandomState(0), 300, 15)


def slow_kernel(one, two):
    kernel = lambda a, b: (a @ b.T / a.shape[1] + 1) ** 3
    off = lambda k: (k.sum() - np.trace(k)) / (len(k) * (len(k) - 1))
    return off(kernel(one, one)) + off(kernel(two, two)) - 2 * kernel(one, two).mean()


def test_the_kernel_distance_agrees_with_its_definition():
    random = np.random.RandomState(5)
    one, two = random.randn(40, 7), random.randn(40, 7) + 0.3
    found = kernel_distance(one, two, np.random.RandomState(0), subsets=3, size=100)
    assert found.distance == pytest.approx(slow_kernel(one, two), rel=1e-9)
    assert (found.std, found.subset_size) == (None, 40), "every subset is the whole, so their spread would be rounding"
    assert kernel_distance(one, two, np.random.RandomState(0), subsets=3, size=39).std > 0
    assert kernel_distance(one, two, np.random.RandomState(0), subsets=1, size=39).std is None


def test_an_image_and_its_reconstruction_are_never_on_both_sides():
    """Of a perfect model, pairs make the distance low by 2/n of what the kernel of a pair has above that of strangers."""
    features = np.random.RandomState(0).randn(60, 6)
    crossed = kernel_distance(features, features, np.random.RandomState(1), subsets=60, size=30, paired=True)
    assert abs(crossed.distance) < 3 * crossed.std / np.sqrt(60)
    kernel = (features @ features.T / 6 + 1) ** 3
    strangers = (kernel.sum() - np.trace(kernel)) / (60 * 59)
    own = kernel_distance(features, features, np.random.RandomState(1), subsets=1, size=60)
    assert own.distance == pytest.approx(-2 / 60 * (np.trace(kernel) / 60 - strangers))
    assert own.distance < -4 * crossed.std / np.sqrt(60)


def test_the_sides_of_pairs_are_those_of_the_permutation():
    random = np.random.RandomState(10)
    one, two = random.randn(9, 3), random.randn(9, 3)
    found = kernel_distance(one, two, np.random.RandomState(3), subsets=1, size=9, paired=True)
    order = np.random.RandomState(3).permutation(9)
    assert found.distance == pytest.approx(slow_kernel(one[order[:4]], two[order[4:8]]))
    with pytest.raises(UserError, match="at least four images, half of them for each side; got 3 and 3"):
        kernel_distance(one[:3], two[:3], random, 1, 1000, paired=True)


def test_the_kernel_distance_is_unbiased_and_not_clipped():
    random = np.random.RandomState(6)
    values = [
        kernel_distance(random.randn(30, 4), random.randn(30, 4), random, subsets=1, size=30).distance
        for _ in range(30)
    ]
    assert min(values) < 0
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(len(values))


def test_subsets_take_a_seed():
    random = np.random.RandomState(7)
    one, two = random.randn(50, 3), random.randn(60, 3)
    first, again = (kernel_distance(one, two, np.random.RandomState(1), subsets=4, size=20) for _ in range(2))
    assert first == again
    assert first.std > 0


def slow_manifold(real, made, k):
    distance = lambda a, b: np.linalg.norm(a[:, None] - b[None], axis=2)
    radius = lambda x: np.sort(distance(x, x), axis=1)[:, k]
    across = distance(real, made)
    return {
        "precision": np.mean([(across[:, j] < radius(real)).any() for j in range(len(made))]),
        "recall": np.mean([(across[i] < radius(made)).any() for i in range(len(real))]),
        "density": (across < radius(real)[:, None]).sum() / k / len(made),
        "coverage": np.mean([(across[i] < radius(real)[i]).any() for i in range(len(real))]),
    }


def test_manifold_scores_agree_with_their_definitions():
    random = np.random.RandomState(8)
    real, made = random.randn(40, 3), 0.5 * random.randn(30, 3) + 0.2
    assert manifold_scores(real, made, 3) == pytest.approx(slow_manifold(real, made, 3))


def test_a_collapsed_generator_is_precise_and_recalls_nothing():
    random = np.random.RandomState(9)
    real = random.randn(200, 4)
    scores = manifold_scores(real, 1e-3 * random.randn(200, 4), 5)
    assert scores["precision"] == 1
    assert scores["recall"] < 0.05


def test_bad_features_are_refused():
    with pytest.raises(UserError, match="NaN"):
        Moments.of([[0.0, np.nan]])
    with pytest.raises(UserError, match="two images"):
        frechet_distance(Moments.of(np.ones((1, 2))), Moments.of(np.ones((5, 2))))
    with pytest.raises(UserError, match="two images"):
        kernel_distance(np.ones((1, 2)), np.ones((5, 2)), np.random.RandomState(0), 1, 1000)
    with pytest.raises(UserError, match="neighbours"):
        manifold_scores(np.ones((5, 2)), np.ones((50, 2)), 5)


def test_features_without_variance_are_as_far_apart_as_their_means():
    one, two = Moments.of(np.ones((5, 3))), Moments.of(np.full((4, 3), 3.0))
    assert frechet_distance(one, two) == pytest.approx(12)
    varied = np.arange(12.0).reshape(4, 3)
    expected = np.sum((varied.mean(axis=0) - 1) ** 2) + np.trace(np.cov(varied, rowvar=False))
    assert frechet_distance(one, Moments.of(varied)) == pytest.approx(expected)


def test_images_that_are_no_more_than_the_features_are_warned_of_with_the_bias():
    assert bias_warning(8, 9) is None
    # (1/8 + 1/8) (8 + 8 · 9 / 4) and (1/64 + 1/64) (600 + 600 · 601 / 4)
    assert "8 images per side are no more than the 8 features" in bias_warning(8, 8)
    assert "would be 6.5 instead of 0" in bias_warning(8, 8)
    assert "would be 2,836 instead of 0" in bias_warning(600, 64)
    assert expected_bias(3, 2, 4) == pytest.approx((1 / 2 + 1 / 4) * (3 + 3))


@pytest.mark.parametrize("smallest", [1, 20, 21])
def test_the_line_to_infinity_needs_sizes_between_two_and_all(smallest):
    features = np.random.RandomState(0).randn(20, 2)
    with pytest.raises(UserError, match=rf"the smallest size must be in 2 … 19; got {smallest}"):
        frechet_infinity(Moments.of(features), features, np.random.RandomState(0), smallest, 3)
    found = frechet_infinity(Moments.of(features), features, np.random.RandomState(0), 2, 3)
    assert found.sizes == [2, 11, 20]


def test_a_kernel_distance_of_two_images_a_side_is_one():
    one, two = np.array([[1.0, 0], [0, 1]]), np.array([[2.0, 0], [0, 2]])
    found = kernel_distance(one, two, np.random.RandomState(0), subsets=2, size=1000)
    assert found.distance == pytest.approx(slow_kernel(one, two))
    assert found.subset_size == 2


def test_as_many_images_as_neighbours_and_one_more_are_enough():
    rows = np.arange(6.0)[:, None]
    assert manifold_scores(rows, rows, 5)["precision"] == 1
    with pytest.raises(UserError, match="6 neighbours need more than 6 images on each side; got 6 and 6"):
        manifold_scores(rows, rows, 6)


def test_moments_refuse_features_of_another_width():
    with pytest.raises(ValueError, match=r"features must be \(n, 3\), not \(4, 2\)"):
        Moments(3).add(np.ones((4, 2)))
    with pytest.raises(ValueError, match=r"features must be \(n, 3\)"):
        Moments(3).add(np.ones(3))
    with pytest.raises(UserError, match="a covariance needs at least two images; got 1"):
        _ = Moments.of(np.ones((1, 3))).covariance
