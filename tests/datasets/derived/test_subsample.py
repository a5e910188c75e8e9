"""probe: the same images of a grid for everyone, with their factors."""

import numpy as np
import pytest

from dlib_bvae import datasets
from dlib_bvae.config import configuration
from dlib_bvae.datasets.derived.subsample import Subsample
from dlib_bvae.datasets.labelled import LabelledImages
from dlib_bvae.errors import UserError


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
    ("images", "seed", "told"),
    [
        (513, 0, "probe.images = 513 is more than the 512 images of dummy_data"),
        (1, 0, "probe.images must be an integer >= 2; got 1"),
        (10, -1, "probe.seed must be an integer >= 0; got -1"),
        (2.5, 0, "probe.images must be an integer"),
    ],
)
def test_numbers_out_of_range_are_refused(images, seed, told, bars):
    with pytest.raises(UserError, match=told):
        Subsample(bars, images, seed)


def test_images_without_factors_are_refused(bars):
    with pytest.raises(UserError, match=r"probe.data must be a data set with known factors"):
        Subsample(Subsample(bars, 20, 0), 10, 0)
