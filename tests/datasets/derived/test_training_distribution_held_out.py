"""held_out: masks, weights, and splits that are grids within them."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlib_bvae.datasets.derived.pixels import resized
from dlib_bvae.datasets.derived.subsets import Subset
from dlib_bvae.datasets.derived.training_distribution import HELD_OUT, Correlated, HeldOut, largest_without, split
from dlib_bvae.errors import UserError

CORNER = [{"orientation": [1], "row": [6, 7]}]


def test_the_masks_are_the_combinations_image_by_image(bars):
    data = HeldOut(bars, [{"orientation": [1], "row": [6, 7]}, {"length": [0], "column": [0, 3]}])
    inside, out = data.masks()
    assert (inside != out).all()
    for index, (orientation, length, row, column) in enumerate(bars.factors_at(np.arange(512))):
        assert out[index] == ((orientation == 1 and row >= 6) or (length == 0 and column in (0, 3)))
    assert np.array_equal(data.training_weights() > 0, inside)
    assert set(data.training_weights()) == {0.0, 1.0}


def test_the_base_s_weights_stay_and_the_other_way_round(bars):
    pairs = [("row", "column")]
    inner, outer = HeldOut(Correlated(bars, pairs, 0.2), CORNER), Correlated(HeldOut(bars, CORNER), pairs, 0.2)
    np.testing.assert_array_equal(inner.training_weights(), outer.training_weights())
    assert inner.fingerprint != outer.fingerprint
    assert (inner.training_weights() == 0).sum() == 64


def test_the_splits_are_grids_of_the_same_images(bars):
    data = resized(Correlated(HeldOut(bars, CORNER), [("row", "column")], 0.2), 8, 8)
    inside, out = HeldOut(bars, CORNER).masks()
    for name, mask, sizes in (("in", inside, (2, 4, 6, 8)), ("out", out, (1, 4, 2, 8))):
        part = split(data, name)
        assert part.factor_sizes == sizes
        assert mask[part.rows].all()
        assert np.array_equal(part.images_at([0, part.num_images - 1]), data.images_at(part.rows[[0, -1]]))
    assert np.array_equal(np.sort(split(data, "out").rows), np.flatnonzero(out))


combination = st.dictionaries(
    st.sampled_from(["f0", "f1", "f2"]), st.sets(st.integers(0, 1), min_size=1).map(sorted), min_size=1
)


@given(st.lists(combination, min_size=1, max_size=4))
def test_the_grid_within_is_the_largest_there_is(make_grid, combinations):
    sizes = {"f0": 2, "f1": 3, "f2": 4}
    found = largest_without(sizes, combinations)
    images = math.prod(len(values) for values in found.values()) if found else 0
    choices = [
        [c for r in range(1, size + 1) for c in itertools.combinations(range(size), r)] for size in sizes.values()
    ]
    best = 0
    for grid in itertools.product(*choices):
        named = dict(zip(sizes, grid, strict=True))
        if not any(all(set(named[f]) & set(c[f]) for f in c) for c in combinations):
            best = max(best, math.prod(map(len, grid)))
    assert images == best
    if not best:
        with pytest.raises(UserError, match="no image to train on"):
            HeldOut(make_grid([2, 3, 4]), combinations)
        return
    data = HeldOut(make_grid([2, 3, 4]), combinations)
    assert data.masks()[0][split(data, "in").rows].all()
    assert data.masks()[1][split(data, "out").rows].all()
    assert not set(split(data, "in").rows) & set(split(data, "out").rows)


# Counted by hand from the conditions of Montero et al. 2021.
HELD_IMAGES = {
    "dsprites_to_element": 1 * 4 * 12 * 11 * 11,
    "dsprites_to_range": 6 * 40 * 16 * 32,
    "dsprites_extrapolation": 3 * 6 * 40 * 16 * 32,
    "shapes3d_to_element": 2 * 2 * 2 * 3 * 1 * 3,
    "shapes3d_to_range_1": 10 * 3 * 2 * 8 * 4 * 15,
    "shapes3d_to_range_2": 10 * 10 * 5 * 8 * 1 * 15,
    "shapes3d_to_range_3": 5 * 10 * 10 * 8 * 1 * 15,
    "shapes3d_extrapolation": 5 * 10 * 10 * 8 * 4 * 15,
}


@pytest.mark.parametrize("name", sorted(HELD_OUT))
def test_presets_hold_out_what_the_paper_does(name, like):
    data = HeldOut(like(name), preset=name)
    assert data.masks()[1].sum() == HELD_IMAGES[name] == split(data, "out").num_images


def test_the_rotations_of_the_element_preset_are_those_between_120_and_240_degrees():
    angles = np.linspace(0, 2 * np.pi, 40)
    between = np.flatnonzero((angles > 2 * np.pi / 3 + 1e-9) & (angles < 4 * np.pi / 3 - 1e-9))
    assert HELD_OUT["dsprites_to_element"][0]["orientation"] == between.tolist()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"combinations": [{"rows": [0]}]}, "factor of dummy_data.*did you mean row"),
        ({"combinations": [{"row": [8]}]}, "the value 8; dummy_data has the values 0 … 7"),
        ({"combinations": [{"row": [-1]}]}, "the value -1"),
        ({"combinations": [{"row": [0.5]}]}, "the value 0.5"),
        ({"combinations": [{"row": [True]}]}, "the value True"),
        ({"combinations": [{"row": 3}]}, "a list of values"),
        ({"combinations": [{"row": []}]}, "a list of values"),
        ({"combinations": [{"row": [1, 1]}]}, "twice"),
        ({"combinations": [{}]}, "must name factors"),
        ({"combinations": [["row", 1]]}, "must name factors"),
        ({"combinations": {"row": [1]}}, "must list dictionaries"),
        ({"combinations": [{"row": range(8)}]}, "no image to train on"),
        ({"preset": "dsprites_to_elements"}, "did you mean dsprites_to_element"),
        ({}, "needs either combinations"),
    ],
)
def test_bad_parameters_are_one_sentence(bars, parameters, message):
    with pytest.raises(UserError, match=message):
        HeldOut(bars, **parameters)


def test_a_split_needs_held_out_combinations_and_a_known_name(bars):
    for data in (bars, Correlated(bars, [("row", "column")], 0.2), Subset(HeldOut(bars, CORNER), {"row": [0, 1]})):
        with pytest.raises(UserError, match="holds no combinations out"):
            split(data, "out")
    with pytest.raises(UserError, match="one of in, out; got 'outside'"):
        split(HeldOut(bars, CORNER), "outside")
