"""sampling.py: images are uniform, factors are those of the codes' images."""

import numpy as np
import pytest
from support.known_codes import GRID, Grid

from dlib_bvae import datasets
from dlib_bvae.datasets import ImageData
from dlib_bvae.errors import NotApplicable, UserError
from dlib_bvae.metrics.engine.sampling import Sampler, factor_names


def test_codes_and_factors_are_of_the_same_images():
    sample = Sampler("m", GRID, GRID.factors(), 0).draw("num", 500)
    assert sample.codes.dtype == np.float64
    assert np.array_equal(sample.codes, sample.factors)


def test_images_are_uniform():
    sample = Sampler("m", GRID, GRID.factors(), 0).draw("num", 20_000)
    for size, column in zip(GRID.factors_num_values, sample.factors.T, strict=True):
        share = np.bincount(column, minlength=size) / 20_000
        assert (abs(share - 1 / size) < 5 * np.sqrt(1 / size / 20_000)).all()


def test_every_sample_and_seed_has_its_own_stream():
    sampler = Sampler("m", GRID, GRID.factors(), 0)
    first, second = sampler.draw("num", 50), sampler.draw("num", 50)
    assert not np.array_equal(first.factors, second.factors)
    assert sampler.seed() != sampler.seed()
    # The draws that come later do not depend on how many images came before.
    other = Sampler("m", GRID, GRID.factors(), 0)
    other.draw("num", 7)
    assert np.array_equal(other.draw("num", 50).factors, second.factors)


def test_factors_with_one_value_are_left_out():
    grid = Grid(3, 1, 4)
    sampler = Sampler("m", grid, grid.factors(), 0)
    assert (sampler.kept, sampler.factor_names, sampler.sizes) == ([0, 2], ["factor_0", "factor_2"], [3, 4])
    assert sampler.draw("num", 9).factors.shape == (9, 2)
    assert sampler.by_factor([1, 0.5]) == {"factor_0": 1.0, "factor_2": 0.5}


def test_a_factor_is_moved_and_no_other():
    grid = Grid(3, 1, 4, 5)
    sampler = Sampler("m", grid, grid.factors(), 0)
    rows = np.arange(60)
    for factor, size in enumerate([3, 4, 5]):
        assert np.array_equal(sampler.values(rows, factor), sampler.at(rows).factors[:, factor])
        for value in range(size):
            moved = sampler.at(sampler.moved(rows, factor, value)).factors
            assert (moved[:, factor] == value).all()
            before = np.delete(sampler.at(rows).factors, factor, axis=1)
            assert np.array_equal(np.delete(moved, factor, axis=1), before)


def test_names_are_the_data_set_s():
    assert factor_names(datasets.load("dummy_data")) == ["orientation", "length", "row", "column"]


def test_too_few_factors_are_refused():
    with pytest.raises(UserError, match=r"m needs at least 2 factors with more than one value; .* \['factor_1'\]"):
        Sampler("m", Grid(1, 5), np.zeros((5, 2)), 0, least_factors=2)


def test_a_factor_that_does_not_vary_in_the_sample_is_refused():
    with pytest.raises(UserError, match=r"m\.num = 2 images show one value of 'factor_\d' only by chance; use more"):
        Sampler("m", Grid(2, 2, 2), np.zeros((8, 2)), 1).draw_varied("num", 2)


def test_too_many_codes_are_refused():
    with pytest.raises(UserError, match="m takes at most 3 codes an image, .*; got 4"):
        Sampler("m", GRID, np.zeros((360, 4)), 0, most_codes=3).draw("num", 2)


def test_the_fewest_images_that_can_be_asked_for():
    sampler = Sampler("m", GRID, GRID.factors(), 0)
    assert len(sampler.draw("num", 1).codes) == 1
    assert len(sampler.draw_rows("num", 1)) == 1
    for draw, least in ((sampler.draw, 1), (sampler.draw_rows, 1), (sampler.draw_varied, 2)):
        with pytest.raises(UserError, match=rf"m\.num must be an integer >= {least}; got {least - 1}"):
            draw("num", least - 1)
    two = Sampler("m", Grid(2), np.arange(2.0)[:, None], 0)
    assert any(len(np.unique(two.draw("num", 2).factors)) == 2 for _ in range(20))


def test_as_many_codes_as_allowed_and_as_few_factors_are_taken():
    assert Sampler("m", GRID, np.zeros((360, 3)), 0, most_codes=3).draw("num", 2).codes.shape == (2, 3)
    with pytest.raises(UserError, match="m takes at most 3 codes an image"):
        Sampler("m", GRID, lambda seen: np.zeros((len(seen), 4)), 0, most_codes=3).draw("num", 2)
    assert Sampler("m", Grid(1, 5), np.zeros((5, 2)), 0).kept == [1]
    with pytest.raises(NotApplicable, match="at least 1 factors"):
        Sampler("m", Grid(1, 1), np.zeros((1, 2)), 0)


def test_data_without_factor_names_have_numbered_ones():
    assert factor_names(GRID) == ["factor_0", "factor_1", "factor_2", "factor_3"]


def test_images_without_factors_have_a_sample_without_factors():
    class Plain(ImageData):
        name, fingerprint, num_images, observation_shape = "plain", "plain", 5, (1, 1, 1)

        def images_at(self, indices):
            return np.zeros((len(indices), 1, 1, 1), np.uint8)

    sample = Sampler("m", Plain(), np.arange(5.0)[:, None], 0, least_factors=0).draw("num", 40)
    assert set(sample.codes[:, 0]) == {0, 1, 2, 3, 4}
    assert sample.factors.shape == (40, 0)
    with pytest.raises(NotApplicable, match="a metric needs known factors; plain has images only"):
        Sampler("m", Plain(), np.arange(5.0)[:, None], 0)


def test_a_function_of_codes_may_not_be_wider_than_an_array():
    with pytest.raises(UserError, match="codes may have at most 20000 numbers an image, .*; got 20001"):
        Sampler("m", GRID, lambda seen: np.zeros((len(seen), 20_001), np.int8), 0).draw("num", 2)
