"""subset: the grid of some values, in the old order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlib_bvae import datasets, metrics
from dlib_bvae.datasets.derived.correlated import Correlated
from dlib_bvae.datasets.derived.held_out import HeldOut, split
from dlib_bvae.datasets.derived.subset import Subset
from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.errors import UserError


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.data())
def test_index_and_factors_through_the_wrapper(make_grid, sizes, draw):
    whole = make_grid(sizes)
    values = {
        f"f{k}": draw.draw(st.lists(st.integers(0, size - 1), min_size=1, unique=True))
        for k, size in enumerate(sizes)
        if draw.draw(st.booleans()) or k == 0
    }
    part = Subset(whole, values)
    rows = np.arange(part.num_images)
    old = whole.factors_at(part.rows)
    for k, size in enumerate(sizes):
        kept = sorted(values.get(f"f{k}", range(size)))
        assert part.factor_sizes[k] == len(kept)
        assert np.array_equal(old[:, k], np.asarray(kept)[part.factors_at(rows)[:, k]])
    assert (np.diff(part.rows) > 0).all()
    assert np.array_equal(part.index_of(part.factors_at(rows)), rows)
    assert np.array_equal(part.rows_of(rows[::-1]), part.rows[::-1])
    assert Subset(whole, {name: listed[::-1] for name, listed in values.items()}).fingerprint == part.fingerprint


def test_images_weights_and_nesting(bars):
    part = Subset(Correlated(bars, [("row", "column")], 0.2), {"row": [7, 1], "length": [2]})
    assert part.factor_sizes == (2, 1, 2, 8)
    assert np.array_equal(part.images_at([0, 31]), bars.images_at(part.rows[[0, 31]]))
    weights = Correlated(bars, [("row", "column")], 0.2).training_weights()
    assert np.array_equal(part.training_weights(), weights[part.rows])
    assert Subset(bars, {"row": [0]}).training_weights() is None
    deeper = Subset(part, {"row": [1]})
    assert np.array_equal(deeper.images_at([3]), bars.images_at([bars.index_of([[0, 2, 7, 3]])[0]]))
    assert (HeldOut(part, [{"row": [0]}]).training_weights() == 0).sum() == 16


def test_bits_are_those_of_the_images():
    class Packed(GroundTruthData):
        name, factor_names, factor_sizes, observation_shape, max_pixel = "packed", ("a", "b"), (3, 4), (4, 4, 1), 1
        fingerprint = "packed"
        bits = np.random.default_rng(0).integers(0, 256, (12, 2), np.uint8)

        def images_at(self, indices):
            return np.unpackbits(self.bits[self.check_indices(indices)], axis=1).reshape(-1, 4, 4, 1)

        def packed(self):
            return self.bits

    part = Subset(Packed(), {"a": [0, 2], "b": [1, 3]})
    bits = np.unpackbits(part.packed(), axis=1).reshape(-1, 4, 4, 1)
    assert np.array_equal(bits, part.images_at(np.arange(4)))
    assert np.array_equal(Correlated(Packed(), [("a", "b")], 0.2).packed(), Packed.bits)


def test_several_images_of_one_cell_stay_together(make_grid):
    whole = make_grid([2, 3])
    whole.images_per_cell = 4
    part = Subset(whole, {"f1": [0, 2]})
    assert part.num_images == 16
    assert part.rows.tolist() == [0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 20, 21, 22, 23]
    assert np.array_equal(whole.factors_at(part.rows)[:, 0], part.factors_at(np.arange(16))[:, 0])
    held = HeldOut(whole, [{"f0": [1], "f1": [2]}])
    assert np.flatnonzero(held.masks()[1]).tolist() == [20, 21, 22, 23]
    assert split(held, "out").rows.tolist() == [20, 21, 22, 23]
    weights = Correlated(held, [("f0", "f1")], 0.2).training_weights().reshape(6, 4)
    assert (weights == weights[:, :1]).all()
    assert np.array_equal(weights[:5, 0], Correlated(make_grid([2, 3]), [("f0", "f1")], 0.2).training_weights()[:5])


def test_a_factor_of_one_value_stays_and_is_not_asked_for(bars):
    part = Subset(bars, {"orientation": [1]})
    codes = part.factors_at(np.arange(part.num_images)).astype(float)
    scores = metrics.score("beta_vae", part, codes, num_train=300, num_eval=100)
    assert set(scores["eval_accuracy_per_factor"]) == {"length", "row", "column"}
    assert scores["eval_accuracy"] > 0.95


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"colum": [0]}, "did you mean column"),
        ({"row": [8]}, "the value 8; dummy_data has the values 0 … 7"),
        ({"row": [3, 3]}, "twice"),
        ({"row": "12"}, "a list of values"),
        ({}, "must name factors"),
        (None, "must name factors"),
    ],
)
def test_bad_values_are_one_sentence(bars, values, told):
    with pytest.raises(UserError, match=told):
        Subset(bars, values)


def test_a_name_or_a_data_set_is_wrapped_and_nothing_else(bars):
    assert Subset("dummy_data", {"row": [0]}).fingerprint == Subset(bars, {"row": [0]}).fingerprint
    with pytest.raises(UserError, match="no data set is called 'dumy_data'; did you mean dummy_data"):
        Subset("dumy_data", {"row": [0]})
    with pytest.raises(UserError, match="with its parentheses"):
        datasets.load(Subset)
