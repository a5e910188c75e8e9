"""smallnorb.py: two halves on one grid, ten toys in a cell of it."""

import numpy as np
import pytest
from support import writers

from dlib_bvae import datasets
from dlib_bvae.errors import UserError
from dlib_bvae.metrics.engine.codes import CodeReader


@pytest.fixture
def norb(tmp_path):
    return writers.tiny_smallnorb(tmp_path)


def test_both_halves_lie_on_the_grid(norb):
    data, images = norb
    assert data.num_images == 48
    np.testing.assert_array_equal(data.images_at(np.arange(48)), images)
    np.testing.assert_array_equal(data.factors_at([0, 3, 4, 47]), [[0] * 4, [0] * 4, [0, 0, 1, 0], [1, 1, 2, 0]])
    assert data.index_of([[0, 0, 1, 0]]).tolist() == [4]


def test_the_official_grid():
    data = datasets.load("smallnorb")
    assert (data.num_images, data.factors_num_values, data.images_per_cell) == (48_600, [5, 9, 18, 6], 10)


def test_the_toy_is_drawn_by_the_random_state(norb):
    data, images = norb
    factors = np.tile([1, 0, 2, 0], (200, 1))
    cell = data.index_of(factors[:1])[0]
    seen = data.sample_observations_from_factors(factors, 0)
    np.testing.assert_array_equal(seen, data.sample_observations_from_factors(factors, 0))
    expected = images[cell : cell + 4] / np.float32(255)
    which = np.array([[np.array_equal(one, toy) for toy in expected] for one in seen])
    assert (which.sum(axis=1) == 1).all()
    assert which.mean(axis=0) == pytest.approx([0.25] * 4, abs=0.12)
    with pytest.raises(UserError, match="random_state must be"):
        data.sample_observations_from_factors(factors)
    sampled = data.sample(5, np.random.RandomState(0))[1]
    np.testing.assert_array_equal(sampled, data.sample_observations(5, np.random.RandomState(0)))


def test_codes_of_all_images_are_drawn_within_a_cell(norb):
    data, _ = norb
    codes = np.arange(48.0)[:, None]
    source = CodeReader(data, codes)
    drawn = source.at(np.repeat(np.arange(12), 100), np.random.RandomState(0))[:, 0].reshape(12, 100)
    for cell, rows in enumerate(drawn):
        assert set(rows) == set(range(4 * cell, 4 * cell + 4))
    with pytest.raises(UserError, match=r"codes must be numbers \(48, latents\)"):
        CodeReader(data, codes[:12])
    encoded = CodeReader(data, lambda images: images.mean(axis=(1, 2)))
    assert encoded.at(np.arange(12), np.random.RandomState(0)).shape == (12, 1)


def changed(part, edit):
    """Applies `edit` to one part of the training half."""
    return lambda half, name, array: edit(array.copy()) if (name, half[-8:]) == (part, "training") else array


def edit(place, value):
    def apply(array):
        array[place] = value
        return array

    return apply


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (changed("cat", edit(0, 2)), "info.mat.gz is damaged: it has values outside"),
        (changed("cat", edit(0, -1)), "outside"),
        (changed("info", edit((0, 2), 1)), "outside"),
        (changed("info", edit((0, 2), 6)), "outside"),
        (changed("info", edit((slice(0, 2)), [0, 0, 0, 0])), "two of its images have the same category, instance"),
        (changed("info", edit((slice(None), 0), 0)), "two of its images have the same|outside"),
        (
            changed("info", lambda a: a[:, :3].copy()),
            r"it is int32 \(24, 3\) in 2 dimensions instead of int32 \(24, 4\)",
        ),
        (changed("dat", lambda a: a[:-1]), r"it is uint8 \(23, 2, 96, 96\) in 4 dimensions instead of"),
        (changed("dat", lambda a: a.astype(np.int32)), "it is int32"),
        (changed("cat", lambda a: a.astype(np.uint8)), "it is uint8"),
    ],
)
def test_another_content_is_refused(change, words, tmp_path):
    data, _ = writers.tiny_smallnorb(tmp_path, change)
    with pytest.raises(UserError, match=words):
        data.images_at([0])
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]
