"""sequences.py: pairs and sequences in which one factor drifts to near values, and the others are held."""

import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.datasets.derived.pixels import resized
from dlib_bvae.datasets.derived.sequences import Sequences
from dlib_bvae.datasets.derived.subsets import Subset
from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.datasets.images import ALL_FACTORS
from dlib_bvae.errors import UserError
from dlib_bvae.training.plan import make_partners


def partners(data, changed, steps=40):
    rows = np.tile(np.arange(512), steps)
    of = make_partners(data, changed, 0)
    found = [of(tf.range(512, dtype=tf.int64), tf.constant(step, tf.int64)).numpy() for step in range(steps)]
    return data.factors_at(rows), data.factors_at(np.concatenate(found))


def test_one_factor_of_a_pair_moves_by_at_most_its_reach(bars):
    before, after = partners(Sequences(bars, {"row": 2, "length": 3}), 1)
    away = abs(after - before)
    assert ((away > 0).sum(axis=1) == 1).all()
    assert away.max(axis=0).tolist() == [1, 3, 2, 1]
    middle = (away[:, 2] > 0) & (before[:, 2] == 4)
    shares = np.bincount(after[middle, 2], minlength=8) / middle.sum()
    np.testing.assert_allclose(shares, [0, 0, 0.25, 0.25, 0, 0.25, 0.25, 0], atol=0.06)
    end = (away[:, 3] > 0) & (before[:, 3] == 0)
    assert set(after[end, 3]) == {1}


def test_a_cyclic_factor_goes_around(bars):
    before, after = partners(Sequences(bars, cyclic=["column"]), 1)
    end = (before[:, 3] == 0) & (after[:, 3] != 0)
    assert set(after[end, 3]) == {1, 7}


@pytest.mark.parametrize(("changed", "counts"), [(3, [3]), (-1, [1, 2, 3]), (ALL_FACTORS, [4])])
def test_as_many_factors_move_as_the_method_asks_for(bars, changed, counts):
    before, after = partners(Sequences(bars), changed, steps=4)
    assert sorted(set((before != after).sum(axis=1))) == counts
    assert abs(before - after).max() == 1


def test_kinds_that_the_data_set_declares_decide():
    class Kinds(DummyData):
        factor_kinds = ("categorical", "categorical", "ordinal", "cyclic")

    data = Sequences(Kinds())
    assert (data.reach, data.cyclic) == ([1, 3, 1, 1], [3])
    assert data.factor_kinds == Kinds.factor_kinds


def test_one_factor_drifts_through_a_sequence(bars):
    data = Sequences(bars, 2)
    rows = np.arange(512)
    frames = data.sequences_at(rows, 9, 0)
    assert frames.shape == (512, 9)
    np.testing.assert_array_equal(frames[:, 0], rows)
    values = data.factors_at(frames.ravel()).reshape(512, 9, 4)
    moves = np.diff(values, axis=1)
    drifting = (moves != 0).any(axis=1)
    assert (drifting.sum(axis=1) == 1).all()
    assert (abs(moves[drifting.nonzero()[0], :, drifting.nonzero()[1]]) > 0).all()
    assert abs(moves).max() == 2
    np.testing.assert_allclose(drifting.mean(axis=0), 0.25, atol=0.07)
    np.testing.assert_array_equal(frames, data.sequences_at(rows, 9, 0))
    assert (frames != data.sequences_at(rows, 9, 1)).any()


def test_all_else_is_as_of_the_data(bars):
    data = Sequences(bars)
    np.testing.assert_array_equal(data.images_at([3, 500]), bars.images_at([3, 500]))
    assert (data.name, data.origin, data.factor_sizes) == ("sequences(dummy_data)", "rendered", bars.factor_sizes)
    prints = {each.fingerprint for each in (bars, data, Sequences(bars, 2), Sequences(bars, cyclic=["row"]))}
    assert len(prints) == 4
    larger = resized(data, 32, 32)
    assert larger.moves is data.moves
    with pytest.raises(UserError, match="subset makes another grid .* derive sequences from subset instead"):
        Subset(data, {"row": [0, 1]})
    assert abs(np.subtract(*partners(Sequences(Subset(bars, {"row": [0, 7]}).data), 1, steps=1))).max() == 1


def test_a_factor_of_one_value_never_drifts(bars):
    data = Sequences(Subset(bars, {"row": [2], "length": [0], "orientation": [1]}))
    frames = data.sequences_at(np.arange(8), 5, 0)
    assert (abs(np.diff(frames, axis=1)) == 1).all()
    with pytest.raises(UserError, match="need a factor of more than one value"):
        Sequences(Subset(data.data, {"column": [0]})).sequences_at([0], 2, 0)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"reach": 0}, r"sequences\.reach must be an integer >= 1; got 0"),
        ({"reach": {"row": 0.5}}, r"sequences\.reach\['row'\] must be an integer"),
        ({"reach": {"rows": 1}}, "no factor of dummy_data is called 'rows'"),
        ({"cyclic": "row"}, r"sequences\.cyclic must be a list of factors"),
        ({"cyclic": ["rows"]}, "no factor of dummy_data is called 'rows'"),
    ],
)
def test_what_does_not_fit_is_one_sentence(bars, given, words):
    with pytest.raises(UserError, match=words):
        Sequences(bars, **given)
