"""base.py: what passes through a derived set, what it changes, and factors and values as users name them."""

import hashlib

import numpy as np
import pytest

from dlib_bvae import datasets
from dlib_bvae.datasets import dummy
from dlib_bvae.datasets.derived import pixels
from dlib_bvae.datasets.derived.base import (
    DerivedGrid,
    DerivedImages,
    GridPixelMap,
    PixelMap,
    Regridded,
    combined,
    factor_index,
    factor_values,
    mapped,
)
from dlib_bvae.datasets.derived.training_distribution import HeldOut
from dlib_bvae.datasets.images import ImageData
from dlib_bvae.errors import UserError


class Packed(ImageData):
    """Three binary images of 8 pixels, with bits, weights and classes."""

    name, fingerprint, num_images, observation_shape, max_pixel = "packed", "print", 3, (2, 4, 1), 1
    bits = np.array([[0b10100000], [0b00000001], [0b11111111]], np.uint8)

    def images_at(self, indices):
        return np.unpackbits(self.bits[self.check_indices(indices)], axis=1).reshape(-1, 2, 4, 1)

    def packed(self):
        return self.bits

    def training_weights(self):
        return np.array([1.0, 0.0, 2.0])

    def labels(self):
        return np.array([4, 0, 4])


class Reversed(Regridded):
    """The grid with its cells in the opposite order."""

    def __init__(self, data):
        super().__init__(data, "reversed", {}, data.factor_names, data.factor_sizes)

    def cells_of(self, cells):
        return np.prod(self.factor_sizes) - 1 - cells


def inverted(images, indices):
    return (255 - 255 * images).astype(np.uint8)


def test_a_derived_set_is_its_base_s_images_under_another_name_and_fingerprint():
    base = Packed()
    data = DerivedImages(base, "kind", {"b": 2, "a": 1})
    assert (data.name, data.num_images, data.observation_shape, data.max_pixel) == ("kind(packed)", 3, (2, 4, 1), 1)
    assert np.array_equal(data.images_at([2, 0]), base.images_at([2, 0]))
    assert data.packed() is base.bits
    assert data.training_weights().tolist() == [1, 0, 2]
    assert data.labels().tolist() == [4, 0, 4]
    assert data.fingerprint == combined('kind {"a": 1, "b": 2}', "print")
    with pytest.raises(ValueError, match=r"0 … 2 for kind\(packed\); got 3"):
        data.images_at([3])


def test_a_fingerprint_of_several_texts_is_16_digits_of_their_lines():
    assert combined("a", "b") == hashlib.sha256(b"a\nb").hexdigest()[:16]


def test_a_pixel_map_keeps_everything_but_pixels_and_bits():
    data = mapped(Packed(), "inverted", {}, (2, 4, 1), inverted)
    assert type(data) is PixelMap
    assert data.max_pixel == 255
    assert data.packed() is None
    assert data.labels().tolist() == [4, 0, 4]
    assert data.images_at([1]).ravel().tolist() == [255] * 7 + [0]
    assert data.images_at([]).shape == (0, 2, 4, 1)
    assert data.images_at([]).dtype == np.uint8


def test_a_pixel_map_of_a_grid_is_a_grid(bars):
    data = mapped(bars, "inverted", {}, (16, 16, 1), inverted)
    assert type(data) is GridPixelMap
    assert (data.factor_names, data.factor_sizes) == (bars.factor_names, bars.factor_sizes)
    assert data.index_of([[1, 0, 0, 0]]).tolist() == [256]


def test_images_of_a_cell_stay_together_on_the_same_grid_and_on_another(make_grid):
    base = make_grid([2, 3])
    base.images_per_cell = 2
    assert DerivedGrid(base, "same", {}).num_images == 12
    data = Reversed(base)
    assert data.num_images == 12
    assert data.rows.tolist() == [10, 11, 8, 9, 6, 7, 4, 5, 2, 3, 0, 1]
    assert data.rows_of(np.array([1, 4])).tolist() == [11, 6]


def test_another_grid_has_the_images_bits_and_weights_of_its_rows(bars):
    held = HeldOut(bars, [{"row": [0]}])
    data = Reversed(held)
    assert (data.name, data.observation_shape, data.max_pixel) == ("reversed(held_out(dummy_data))", (16, 16, 1), 1)
    assert np.array_equal(data.images_at([0, 511]), bars.images_at([511, 0]))
    assert np.array_equal(data.training_weights(), held.training_weights()[::-1])
    assert data.packed() is None
    assert Reversed(bars).training_weights() is None
    assert data.fingerprint == combined("reversed {}", held.fingerprint)
    base = Reversed(bars)
    base.packed = lambda: np.arange(512, dtype=np.uint8)[:, None]
    assert np.array_equal(Reversed(base).packed(), base.packed()[::-1])


def test_splits_pass_through_where_there_are_any(bars):
    held = HeldOut(bars, [{"row": [0, 1]}])
    assert DerivedGrid(held, "same", {}).split_values("out") == held.split_values("out")
    with pytest.raises(UserError, match="dummy_data holds no combinations out"):
        DerivedGrid(bars, "same", {}).split_values("out")


def test_a_factor_is_found_by_its_name(bars):
    assert [factor_index(bars, name) for name in bars.factor_names] == [0, 1, 2, 3]
    with pytest.raises(UserError, match="no factor of dummy_data is called 'rows'; did you mean row"):
        factor_index(bars, "rows")


@pytest.mark.parametrize("row", [[7, 0], (7, 0), np.array([7, 0]), range(0, 8, 7)])
def test_values_come_in_the_order_of_the_grid(bars, row):
    values = factor_values(bars, {"row": row, "orientation": [1]}, "x.values")
    assert values == {"orientation": [1], "row": [0, 7]}
    assert list(values) == ["orientation", "row"]
    assert {type(value) for value in values["row"]} == {int}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "x.values must name factors and their values, e.g. {'shape': .*; got {}"),
        ([("row", [0])], "must name factors and their values"),
        ({"row": []}, r"must give 'row' a list of values in 0 … 7; got \[\]"),
        ({"row": 3}, "must give 'row' a list of values in 0 … 7; got 3"),
        ({"row": "12"}, "must give 'row' a list of values in 0 … 7; got '12'"),
        ({"row": [8]}, "gives 'row' the value 8; dummy_data has the values 0 … 7"),
        ({"row": [-1]}, "gives 'row' the value -1"),
        ({"row": [True]}, "gives 'row' the value True"),
        ({"row": [1.0]}, "gives 'row' the value 1.0"),
        ({"row": [3, 5, 3]}, r"gives 'row' a value twice: \[3, 3, 5\]"),
    ],
)
def test_what_is_no_value_is_refused(bars, values, words):
    with pytest.raises(UserError, match=words):
        factor_values(bars, values, "x.values")


def test_the_version_of_a_derived_set_rises_with_that_of_its_own_and_of_what_it_is_derived_from(monkeypatch):
    data = datasets.DATASETS.get("resized")(datasets.DATASETS.get("subset")("dummy_data", {"row": [0]}), 8, 8)
    assert datasets.version_of(data) == 1
    monkeypatch.setattr(dummy, "VERSIONS", {"dummy_data": {2: "2026-01-02: a", 3: "2026-01-03: b"}}, raising=False)
    assert datasets.version_of(datasets.load("dummy_data")) == 3
    monkeypatch.setattr(pixels, "VERSIONS", {"resized": {2: "2026-01-02: c"}}, raising=False)
    assert datasets.version_of(data) == 4
    assert datasets.recorded(data)["data_version"] == 4
