"""correlated: the law of a pair, its symmetry, its limits, and that nothing else changes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlib_bvae import datasets
from dlib_bvae.datasets.derived.training_distribution import CORRELATIONS, Correlated
from dlib_bvae.errors import UserError


def law(data, axes):
    """The probabilities of the factors `axes`, in their order."""
    weights = data.training_weights().reshape(data.factor_sizes)
    others = tuple(k for k in range(data.num_factors) if k not in axes)
    table = weights.sum(axis=others) / weights.sum()
    return table if axes == sorted(axes) else table.T


def test_the_law_is_the_papers_one_image_at_a_time(bars):
    data = Correlated(bars, [("length", "row")], 0.3)
    weights = data.training_weights()
    for index in (0, 17, 200, 511):
        _, length, row, _ = bars.factors_at([index])[0]
        assert weights[index] == pytest.approx(math.exp(-((length / 3 - row / 7) ** 2) / (2 * 0.3**2)))


sizes = st.lists(st.integers(2, 6), min_size=2, max_size=4)
sigmas = st.floats(0.05, 5.0)


@given(sizes, sigmas, st.data())
def test_the_order_of_a_pair_does_not_matter_and_others_stay_uniform_and_independent(make_grid, grid, sigma, draw):
    first, second = draw.draw(st.permutations(range(len(grid))))[:2]
    whole = make_grid(grid)
    data = Correlated(whole, [(f"f{first}", f"f{second}")], sigma)
    swapped = Correlated(whole, [(f"f{second}", f"f{first}")], sigma)
    assert np.array_equal(data.training_weights(), swapped.training_weights())
    assert data.fingerprint == swapped.fingerprint
    pair = law(data, [first, second])
    c1, c2 = np.arange(grid[first]) / (grid[first] - 1), np.arange(grid[second]) / (grid[second] - 1)
    expected = np.exp(-((c1[:, None] - c2) ** 2) / (2 * sigma**2))
    np.testing.assert_allclose(pair, expected / expected.sum(), atol=1e-12)
    for other in set(range(len(grid))) - {first, second}:
        axes = sorted([first, other])
        joint = law(data, axes)
        np.testing.assert_allclose(
            joint, np.outer(law(data, [axes[0]]), law(data, [axes[1]])), atol=1e-12, err_msg="not independent"
        )
        np.testing.assert_allclose(law(data, [other]), 1 / grid[other])


@given(st.integers(2, 8), sigmas)
def test_factors_of_one_size_have_a_symmetric_law_and_equal_marginal_laws(make_grid, size, sigma):
    pair = law(Correlated(make_grid([size, size]), [("f0", "f1")], sigma), [0, 1])
    np.testing.assert_allclose(pair, pair.T)
    np.testing.assert_allclose(pair, pair[::-1, ::-1])
    np.testing.assert_allclose(pair.sum(axis=0), pair.sum(axis=1))


@given(sizes)
def test_a_wide_sigma_is_uniform_and_a_narrow_one_the_diagonal(make_grid, grid):
    pairs = [("f0", "f1")]
    assert np.ptp(Correlated(make_grid(grid), pairs, math.inf).training_weights()) == 0
    np.testing.assert_allclose(Correlated(make_grid(grid), pairs, 1e4).training_weights(), 1, atol=1e-7)
    square = law(Correlated(make_grid([grid[0]] * 2), pairs, 1e-3), [0, 1])
    np.testing.assert_allclose(square, np.eye(grid[0]) / grid[0], atol=1e-12)


def test_pairs_and_the_base_s_weights_are_multiplied(bars):
    one = Correlated(bars, [("length", "row")], 0.2)
    other = Correlated(bars, [("row", "column")], 0.5)
    both = Correlated(bars, [("length", "row"), ("row", "column")], [0.2, 0.5])
    product = one.training_weights() * other.training_weights()
    np.testing.assert_allclose(both.training_weights(), product)
    np.testing.assert_allclose(Correlated(one, [("row", "column")], 0.5).training_weights(), product)


def test_the_grid_and_the_images_stay(bars):
    data = Correlated("dummy_data", [("length", "row")], 0.2)
    assert data.factor_sizes == bars.factor_sizes
    assert np.array_equal(data.images_at(np.arange(512)), bars.images_at(np.arange(512)))
    assert data.name == "correlated(dummy_data)"
    assert data.max_pixel == 1
    with pytest.raises(ValueError, match="0 … 511"):
        data.images_at([512])


def test_the_fingerprint_changes_with_parameters_and_base(bars):
    made = [
        Correlated(bars, [("length", "row")], 0.2),
        Correlated(bars, [("length", "row")], 0.3),
        Correlated(bars, [("length", "column")], 0.2),
        Correlated(bars, [("length", "row"), ("row", "column")], 0.2),
        Correlated(Correlated(bars, [("length", "row")], 0.2), [("length", "row")], 0.2),
    ]
    assert len({data.fingerprint for data in made} | {bars.fingerprint}) == 6


@pytest.mark.parametrize("name", sorted(CORRELATIONS))
def test_presets_fit_their_data_set(name, like):
    grid = like(name)
    data = Correlated(grid, preset=name)
    kind = name.split("_")[1]
    expected = {"single": 1, "double": 2, "triple": 3, "confounded": grid.num_factors - 1}[kind]
    assert len(data.pairs) == expected
    assert data.sigmas == [0.2 if kind == "confounded" else 0.1] * expected
    assert Correlated(grid, preset=name, sigma=0.4).sigmas == [0.4] * expected


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"pairs": [("lenght", "row")], "sigma": 0.2}, "factor of dummy_data.*did you mean length"),
        ({"pairs": [("row", "row")], "sigma": 0.2}, "with itself"),
        ({"pairs": [("row", "column"), ("column", "row")], "sigma": 0.2}, "twice"),
        ({"pairs": ["row", "column"], "sigma": 0.2}, "must be two factors.*'row'"),
        ({"pairs": [], "sigma": 0.2}, "must list pairs"),
        ({"pairs": [("row", "column")], "sigma": 0}, "sigma must be > 0; got 0"),
        ({"pairs": [("row", "column")], "sigma": float("nan")}, "sigma must be > 0"),
        ({"pairs": [("row", "column")], "sigma": [0.1, 0.2]}, "each of the 1 pairs"),
        ({"pairs": [("row", "column")]}, "sigma must be > 0; got None"),
        ({"preset": "dsprite_single_1"}, "did you mean dsprites_single_1"),
        ({"preset": "dsprites_single_1"}, "no factor of dummy_data is called 'shape'"),
        ({}, "needs either pairs"),
        ({"pairs": [("row", "column")], "preset": "dsprites_single_1"}, "one of the two"),
    ],
)
def test_bad_parameters_are_one_sentence(bars, parameters, message):
    with pytest.raises(UserError, match=message):
        Correlated(bars, **parameters)


def test_what_is_no_grid_or_has_one_value_is_refused(bars):
    with pytest.raises(UserError, match="correlated.data must be a data set: .*got 3"):
        Correlated(3, [("row", "column")], 0.2)
    single = datasets.DATASETS.get("subset")(bars, {"row": [2]})
    with pytest.raises(UserError, match="'row': it has one value only"):
        Correlated(single, [("row", "column")], 0.2)
