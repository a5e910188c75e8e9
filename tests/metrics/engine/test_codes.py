"""codes.py of the metrics: codes as an array or as a function, checked at the door."""

import tracemalloc

import numpy as np
import pytest
from support.known_codes import GRID, PICTURE_SIZES, Pictures, encode, mixed

from dlib_bvae import datasets
from dlib_bvae.datasets import GroundTruthData
from dlib_bvae.errors import UserError
from dlib_bvae.metrics.beta_vae import beta_vae
from dlib_bvae.metrics.engine import codes as page
from dlib_bvae.metrics.engine.codes import CodeReader
from dlib_bvae.metrics.factor_vae_score import factor_vae_score

RNG = np.random.RandomState(0)


@pytest.fixture
def bars():
    return datasets.load("dummy_data")


def test_an_array_is_read_by_index(bars):
    codes = np.arange(1024, dtype=np.float32).reshape(512, 2)
    rows = CodeReader(bars, codes).at(np.array([511, 0]), RNG)
    assert rows.tolist() == [[1022, 1023], [0, 1]]
    assert rows.dtype == np.float64


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int8, np.uint16])
def test_codes_may_be_of_any_real_type(bars, dtype):
    assert CodeReader(bars, np.ones((512, 1), dtype)).at(np.array([3]), RNG).tolist() == [[1.0]]


def test_nested_lists_are_codes(bars):
    assert CodeReader(bars, [[float(i)] for i in range(512)]).at(np.array([7]), RNG).tolist() == [[7.0]]


def test_a_function_sees_the_observations_of_the_indices(bars):
    seen = []

    def encode(observations):
        seen.append(observations)
        return observations.sum(axis=(1, 2))

    indices = np.array([3, 400])
    codes = CodeReader(bars, encode).at(indices, RNG)
    assert seen[0].dtype == np.float32
    assert np.array_equal(seen[0], bars.images_at(indices))
    assert codes.tolist() == bars.images_at(indices).sum(axis=(1, 2)).tolist()


@pytest.mark.parametrize(
    "codes",
    [
        np.zeros((511, 2)),
        np.zeros((513, 2)),
        np.zeros(512),
        np.zeros((512, 0)),
        np.zeros((512, 1, 2)),
        np.zeros((512, 2), bool),
        np.zeros((512, 2), complex),
        np.full((512, 2), "a"),
        np.full((512, 2), None),
        None,
        3.0,
    ],
)
def test_what_are_no_codes_of_the_grid_is_refused(bars, codes):
    with pytest.raises(
        UserError, match=r"codes must be numbers \(512, latents\), one row per image in index order; got "
    ):
        CodeReader(bars, codes)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_code_that_is_no_number_names_its_image(bars, value):
    codes = np.zeros((512, 3), np.float32)
    codes[77, 1] = value
    source = CodeReader(bars, codes)
    source.at(np.arange(77), RNG)
    with pytest.raises(UserError, match="the code of image 77 is NaN or infinite"):
        source.at(np.array([500, 77, 3]), RNG)


def test_a_code_whose_square_overflows_is_refused(bars):
    codes = np.zeros((512, 3))
    codes[5, 2] = -1e16
    with pytest.raises(UserError, match=r"the code of image 5 is beyond ±1e\+15; scale the codes"):
        CodeReader(bars, codes).at(np.array([4, 5]), RNG)


def test_a_function_s_nan_is_told(bars):
    with pytest.raises(UserError, match="the code of image 9 is NaN"):
        CodeReader(bars, lambda images: np.full((len(images), 2), np.nan)).at(np.array([9]), RNG)


@pytest.mark.parametrize(
    "encode",
    [
        lambda images: (images[:, 0, :, 0], images[:, 1, :, 0]),  # (mean, log_variance), as a SavedModel's encode
        lambda images: images[:, 0, 0, 0],
        lambda images: images,
        lambda images: images[:-1, 0, :, 0],
        lambda images: np.concatenate([images[:, 0, :, 0]] * 2),
        lambda images: np.full(len(images), np.nan),
    ],
)
def test_a_function_that_gives_no_row_an_image_is_refused(bars, encode):
    with pytest.raises(UserError, match=r"\(4, latents\)"):
        CodeReader(bars, encode).at(np.arange(4), RNG)


def test_ragged_lists_are_refused(bars):
    with pytest.raises(UserError, match="codes must be numbers"):
        CodeReader(bars, [[1.0], [1.0, 2.0]])


def test_wide_codes_come_in_parts_and_score_the_same(monkeypatch):
    codes = mixed(GRID)
    rows = np.random.default_rng(0).integers(360, size=(7, 5))
    whole = list(CodeReader(GRID, codes).batches_at(rows, RNG))
    assert [part.shape for part in whole] == [(7, 5, 5)]
    few = {"num_train": 60, "num_eval": 30, "batch_size": 6}
    scores = [score(GRID, codes, 3, **few) for score in (beta_vae, factor_vae_score)]
    monkeypatch.setattr(page, "_NARROW", 4)
    monkeypatch.setattr(page, "_CACHED_BYTES", 8 * 5 * 6 * 2)  # two points of six images
    parts = list(CodeReader(GRID, codes).batches_at(rows, RNG))
    assert [len(part) for part in parts] == [2, 2, 2, 1]
    np.testing.assert_array_equal(np.concatenate(parts), whole[0])
    assert [score(GRID, codes, 3, **few) for score in (beta_vae, factor_vae_score)] == scores


def test_of_wide_codes_a_pruned_one_has_no_vote_in_any_part(monkeypatch):
    codes = np.hstack([GRID.identity(), np.full((360, 2), 7.0)])
    monkeypatch.setattr(page, "_NARROW", 4)
    monkeypatch.setattr(page, "_CACHED_BYTES", 1)
    result = factor_vae_score(GRID, codes, 0, num_train=100, num_eval=50, batch_size=8)
    assert result["num_active_dims"] == 4
    assert np.sum(result["votes"]) == 100
    assert not np.any(np.array(result["votes"])[:, 4:])


def test_a_function_is_given_few_images_at_a_time():
    seen = []

    def counted(pictures):
        seen.append(len(pictures))
        return encode(pictures)

    rows = np.random.default_rng(0).integers(24, size=20_000)
    tracemalloc.start()
    codes = CodeReader(Pictures(), counted).at(rows, np.random.RandomState(0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(seen) == 20_000
    assert peak < 100 * 2**20  # all pictures at once would be 312 MiB
    grid = np.array(list(np.ndindex(PICTURE_SIZES)), np.float32)
    whole = encode(np.pad(grid, [(0, 0), (0, 61)])[:, None, :, None])
    assert np.array_equal(codes, whole[rows])


def test_codes_up_to_the_largest_that_fits_are_taken(bars):
    codes = np.zeros((512, 2))
    codes[:2] = [[1e15, -1e15], [1e15, 1e15]]
    assert CodeReader(bars, codes).at(np.array([0, 1, 2]), RNG)[0].tolist() == [1e15, -1e15]
    assert page.unusable(np.empty((0, 2))) is None


def test_as_many_codes_as_fit_are_taken_and_one_more_is_refused(bars):
    many = np.zeros((512, 20_001), np.int8)
    assert CodeReader(bars, many[:, :-1]).latents == 20_000
    with pytest.raises(UserError, match="codes may have at most 20000 numbers per image, .*; got 20001"):
        CodeReader(bars, many)


def test_no_more_images_are_worked_on_at_once_than_fit(bars):
    assert CodeReader(bars, np.zeros((512, 2))).at_once(1000) == 1000
    assert CodeReader(bars, np.zeros((512, 2))).at_once(10**9) == 2**28 // 16
    assert CodeReader(bars, lambda images: images).at_once(10**9) == 2**28 // 8


def test_of_several_images_of_a_cell_one_is_drawn():
    class Cells(GroundTruthData):
        name, fingerprint, observation_shape = "cells", "cells", (1, 1, 1)
        factor_names, factor_sizes, images_per_cell = ("a",), (3,), 4

        def images_at(self, indices):
            return np.zeros((len(indices), 1, 1, 1), np.uint8)

    source = CodeReader(Cells(), np.arange(12.0)[:, None])
    drawn = source.at(np.array([0, 1, 2] * 50), np.random.RandomState(0))[:, 0].reshape(50, 3)
    for cell in range(3):
        assert set(drawn[:, cell]) == {4 * cell, 4 * cell + 1, 4 * cell + 2, 4 * cell + 3}


def test_a_function_that_says_its_width_is_not_asked_for_a_code():
    class Declared:
        num_latent = 7

        def __call__(self, observations):
            raise AssertionError("it was asked")

    assert CodeReader(GRID, Declared()).width() == 7
