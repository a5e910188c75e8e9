"""ground_truth.py: the grid of factors and the duck type, on rendered bars."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlib_bvae import datasets
from dlib_bvae.datasets.ground_truth import GroundTruthData, as_rng, draw, grid_strides


class Grid(GroundTruthData):
    """Images of one pixel whose value is the grid index, modulo 256."""

    name = "grid"
    observation_shape = (1, 1, 1)
    fingerprint = "0"

    def __init__(self, sizes):
        self.factor_sizes = tuple(sizes)
        self.factor_names = tuple(f"f{k}" for k in range(len(sizes)))

    def images_at(self, indices):
        return self.check_indices(indices).astype(np.uint8).reshape(-1, 1, 1, 1)


@pytest.fixture
def bars():
    return datasets.load("dummy_data")


sizes = st.lists(st.integers(1, 7), min_size=1, max_size=5)


@given(sizes, st.data())
def test_index_to_factors_and_back(grid_sizes, data):
    grid = Grid(grid_sizes)
    rows = data.draw(st.lists(st.integers(0, grid.num_images - 1), max_size=8))
    factors = grid.factors_at(rows)
    assert factors.shape == (len(rows), len(grid_sizes))
    assert factors.dtype == np.int64
    assert (factors >= 0).all()
    assert (factors < grid_sizes).all()
    assert grid.index_of(factors).tolist() == rows
    assert (factors @ grid_strides(grid.factor_sizes)).tolist() == rows


@given(sizes)
def test_the_first_factor_varies_slowest(grid_sizes):
    grid = Grid(grid_sizes)
    assert grid.num_images == math.prod(grid_sizes)
    assert grid.factors_at(np.arange(grid.num_images)).tolist() == [list(each) for each in np.ndindex(*grid_sizes)]


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ([-1], "0 … 511 for dummy_data; got -1"),
        ([0, 512], "0 … 511 for dummy_data; got 512"),
        ([0.5], "dtype float64"),
        ([True], "dtype bool"),
        (["a"], "integers"),
        ([[1]], r"shape \(1, 1\)"),
        (3, r"shape \(\)"),
    ],
)
@pytest.mark.parametrize("method", ["check_indices", "factors_at", "images_at"])
def test_indices_off_the_grid_are_refused(bars, method, indices, message):
    with pytest.raises(ValueError, match=message):
        getattr(bars, method)(indices)


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ([[0, 0, 0, 8]], r"0 … size - 1 with sizes \(2, 4, 8, 8\)"),
        ([[0, -1, 0, 0]], "0 … size - 1"),
        ([[0, 0, 0]], r"\(n, 4\).* shape \(1, 3\)"),
        ([0, 0, 0, 0], r"shape \(4,\)"),
        ([[0.0, 0, 0, 0]], "dtype float64"),
    ],
)
def test_factors_off_the_grid_are_refused(bars, factors, message):
    with pytest.raises(ValueError, match=message):
        bars.index_of(factors)


def test_no_indices_give_no_images(bars):
    assert bars.images_at([]).shape == (0, 16, 16, 1)
    assert bars.factors_at([]).shape == (0, 4)


def test_unsigned_and_repeated_indices_are_read(bars):
    images = bars.images_at(np.array([5, 5, 0], np.uint16))
    assert np.array_equal(images[0], images[1])
    assert np.array_equal(images[2], bars.images_at([0])[0])


def test_bars_show_their_factors(bars):
    images = bars.images_at(np.arange(bars.num_images))
    assert images.shape == (512, 16, 16, 1)
    assert images.dtype == np.uint8
    assert set(np.unique(images)) == {0, 1}
    for image, (orientation, length, row, column) in zip(images[..., 0], bars.factors_at(np.arange(512)), strict=True):
        height, width = (2, 3 + 2 * length) if orientation == 0 else (3 + 2 * length, 2)
        assert image[row : row + height, column : column + width].all()
        assert image.sum() == height * width
    assert len(np.unique(images.reshape(512, -1), axis=0)) == 512


def test_the_duck_type_of_disentanglement_lib(bars):
    assert bars.num_factors == 4
    assert bars.factors_num_values == [2, 4, 8, 8]
    assert bars.observation_shape == (16, 16, 1)
    factors, observations = bars.sample(7, np.random.RandomState(0))
    assert factors.shape == (7, 4)
    assert factors.dtype == np.int64
    assert observations.shape == (7, 16, 16, 1)
    assert observations.dtype == np.float32
    assert np.array_equal(observations, bars.images_at(bars.index_of(factors)))
    again = bars.sample_observations_from_factors(factors, np.random.RandomState(1))
    assert np.array_equal(again, observations)
    assert bars.sample_observations(3, 0).shape == (3, 16, 16, 1)


def test_observations_are_pixels_over_the_largest():
    grid = Grid([256])
    observations = grid.sample_observations_from_factors([[0], [51], [255]])
    assert observations.ravel().tolist() == [0.0, np.float32(51) / np.float32(255), 1.0]


@pytest.mark.parametrize("make", [lambda: 3, lambda: np.random.default_rng(3), lambda: np.random.RandomState(3)])
def test_the_same_random_state_gives_the_same_factors(bars, make):
    assert np.array_equal(bars.sample_factors(50, make()), bars.sample_factors(50, make()))


def test_a_random_state_moves_on(bars):
    for rng in (np.random.default_rng(0), np.random.RandomState(0)):
        assert not np.array_equal(bars.sample_factors(50, rng), bars.sample_factors(50, rng))


@pytest.mark.parametrize("rng", [np.random.default_rng(0), np.random.RandomState(0)])
def test_factors_are_uniform_and_reach_both_ends(bars, rng):
    factors = bars.sample_factors(8000, rng)
    for column, size in zip(factors.T, bars.factor_sizes, strict=True):
        counts = np.bincount(column, minlength=size)
        assert len(counts) == size
        assert (abs(counts - 8000 / size) < 5 * np.sqrt(8000 / size)).all()


@pytest.mark.parametrize("state", [-1, 0.5, None, True, "0", np.random])
def test_what_is_no_random_state_is_refused(state):
    with pytest.raises(ValueError, match="random_state must be an int >= 0"):
        as_rng(state)


@pytest.mark.parametrize("rng", [np.random.default_rng(0), np.random.RandomState(0)])
def test_draws_are_int64_below_their_bounds(rng):
    assert draw(rng, 1, (2, 3)).tolist() == [[0, 0, 0], [0, 0, 0]]
    numbers = draw(rng, np.array([1, 2, 3]), (100, 3))
    assert numbers.dtype == np.int64
    assert numbers.max(axis=0).tolist() == [0, 1, 2]
