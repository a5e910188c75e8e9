"""subsets.py: subset, a smaller grid, and probe, a fixed sample of a grid."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlib_bvae import datasets, metrics
from dlib_bvae.config import configuration
from dlib_bvae.datasets.derived.subsets import Subsample, Subset
from dlib_bvae.datasets.derived.training_distribution import Correlated, HeldOut, split
from dlib_bvae.datasets.ground_truth import GroundTruthData, LabelledImages
from dlib_bvae.errors import UserError


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.data())
def test_index_and_factors_are_those_of_the_base(make_grid, sizes, draw):
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
    ("values", "message"),
    [
        ({"colum": [0]}, "did you mean column"),
        ({"row": [8]}, "the value 8; dummy_data has the values 0 … 7"),
        ({"row": [3, 3]}, "twice"),
        ({"row": "12"}, "a list of values"),
        ({}, "must name factors"),
        (None, "must name factors"),
    ],
)
def test_bad_values_are_one_sentence(bars, values, message):
    with pytest.raises(UserError, match=message):
        Subset(bars, values)


def test_the_base_is_a_name_or_a_data_set_and_nothing_else(bars):
    assert Subset("dummy_data", {"row": [0]}).fingerprint == Subset(bars, {"row": [0]}).fingerprint
    with pytest.raises(UserError, match="no data set is called 'dumy_data'; did you mean dummy_data"):
        Subset("dumy_data", {"row": [0]})
    with pytest.raises(UserError, match="with its parentheses"):
        datasets.load(Subset)


def test_it_has_images_of_the_grid_without_repetition_and_their_factors(bars):
    probe = Subsample(bars, 100, 3)
    assert isinstance(probe, LabelledImages)
    assert probe.num_images == len(np.unique(probe.rows)) == 100
    assert (np.diff(probe.rows) > 0).all()
    assert probe.factor_sizes == bars.factor_sizes
    wanted = [0, 99, 7]
    assert np.array_equal(probe.images_at(wanted), bars.images_at(probe.rows[wanted]))
    assert np.array_equal(probe.factors_at(wanted), bars.factors_at(probe.rows[wanted]))
    assert probe.images_at([]).shape == (0, 16, 16, 1)
    assert probe.packed() is None
    with pytest.raises(ValueError, match="0 … 99"):
        probe.images_at([100])


def test_images_and_seed_are_in_name_and_fingerprint(bars):
    probes = [
        Subsample(bars, 100, 0),
        Subsample(bars, 100, 1),
        Subsample(bars, 101, 0),
        Subsample(datasets.load("dsprites_rendered"), 100, 0),
    ]
    assert len({probe.fingerprint for probe in probes}) == len({probe.name for probe in probes}) == 4
    assert probes[0].name == "probe(dummy_data, 100 images, seed 0)"
    again = Subsample(bars, 100, 0)
    assert np.array_equal(again.rows, probes[0].rows)
    assert again.fingerprint == probes[0].fingerprint
    assert not np.array_equal(probes[1].rows, probes[0].rows)


def test_it_is_uniform_over_the_grid(make_grid):
    drawn = np.concatenate([Subsample(make_grid([10, 10]), 20, seed).rows for seed in range(500)])
    counts = np.bincount(drawn, minlength=100)
    assert np.abs(counts - 100).max() < 5 * np.sqrt(100 * 0.8)


def test_a_huge_grid_is_not_listed(make_grid):
    probe = Subsample(make_grid([1000, 1000, 1000, 1000]), 50, 0)
    assert probe.factors_at(np.arange(50)).max() > 900
    assert probe.rows[-1] > 10**11


def test_all_images_are_the_grid(bars):
    assert Subsample(bars, 512, 9).rows.tolist() == list(range(512))


def test_weights_of_training_are_those_of_its_images():
    correlated = [
        "correlated.data = 'dummy_data'",
        "correlated.pairs = [('row', 'column')]",
        "probe.data = @correlated()",
    ]
    lines = ["dataset.name = 'probe'", "probe.images = 60", "correlated.sigma = 0.5", *correlated]
    with configuration([], lines, [datasets.DATASETS]):
        probe = datasets.load()
    assert probe.name == "probe(correlated(dummy_data), 60 images, seed 0)"
    assert np.array_equal(probe.training_weights(), probe.data.training_weights()[probe.rows])


@pytest.mark.parametrize(
    ("images", "seed", "message"),
    [
        (513, 0, "probe.images = 513 is more than the 512 images of dummy_data"),
        (1, 0, "probe.images must be an integer >= 2; got 1"),
        (10, -1, "probe.seed must be an integer >= 0; got -1"),
        (2.5, 0, "probe.images must be an integer"),
    ],
)
def test_numbers_out_of_range_are_refused(images, seed, message, bars):
    with pytest.raises(UserError, match=message):
        Subsample(bars, images, seed)


def test_images_without_factors_are_refused(bars):
    with pytest.raises(UserError, match=r"probe.data must be a data set with every combination of its factors"):
        Subsample(Subsample(bars, 20, 0), 10, 0)


def test_rows_of_a_file_are_the_images_in_their_order(bars, tmp_path):
    rows = np.array([400, 3, 77, 5], np.uint16)
    np.save(tmp_path / "rows.npy", rows)
    np.savez(tmp_path / "same.npz", any=rows.astype(np.int64))
    np.save(tmp_path / "other.npy", rows[::-1])
    probes = [Subsample(bars, rows=str(tmp_path / name)) for name in ("rows.npy", "same.npz", "other.npy")]
    assert (probes[0].rows.tolist(), probes[0].num_images) == ([400, 3, 77, 5], 4)
    np.testing.assert_array_equal(probes[0].images_at([0, 3]), bars.images_at([400, 5]))
    np.testing.assert_array_equal(probes[0].factors_at(np.arange(4)), bars.factors_at(rows.astype(int)))
    prints = [(probe.name, probe.fingerprint) for probe in [*probes, Subsample(bars, 4)]]
    assert (len(set(prints)), prints[0]) == (3, prints[1])
    assert probes[0].name.startswith("probe(dummy_data, 4 images, rows ")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([1.0, 2.0], "rows.npy' must hold at least two integers; it has 2 of float64"),
        ([1], "must hold at least two integers; it has 1 of int64"),
        ([0, -1], r"must hold indices 0 … 511 of dummy_data; got -1 … 0"),
        ([0, 512], r"must hold indices 0 … 511 of dummy_data; got 0 … 512"),
        ([4, 2, 4], "has index 4 more than once; give each image once"),
    ],
)
def test_rows_that_are_none_are_refused(bars, rows, message, tmp_path):
    np.save(tmp_path / "rows.npy", rows)
    with pytest.raises(UserError, match=message):
        Subsample(bars, rows=str(tmp_path / "rows.npy"))
    for wrong, said in ((5, "must be the path of a file"), ("none.npy", "there is no file 'none.npy'")):
        with pytest.raises(UserError, match=f"probe.rows.*{said}"):
            Subsample(bars, rows=wrong)
