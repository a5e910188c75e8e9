"""sampling.py: images are uniform, factors are those of the codes' images, test images are no training images."""

import numpy as np
import pytest
from support.known_codes import GRID, LARGE, Grid

from dlib_bvae import datasets
from dlib_bvae.datasets import ImageData
from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.errors import NotApplicable, UnknownName, UserError
from dlib_bvae.metrics.engine.sampling import SAMPLINGS, Sampler, draw_rows, factor_names, sampled, sampling_of

NUMBERED = np.arange(360.0)[:, None]  # a code of GRID that says which image it is of


def test_codes_and_factors_are_of_the_same_images():
    sample = Sampler("m", GRID, GRID.factors(), 0).draw("num", 500)
    assert sample.codes.dtype == np.float64
    assert np.array_equal(sample.codes, sample.factors)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_images_are_uniform(sampling):
    with sampled(sampling):
        sample = Sampler("m", LARGE, LARGE.factors(), 0).draw("num", 3_000)
    for size, column in zip(LARGE.factors_num_values, sample.factors.T, strict=True):
        share = np.bincount(column, minlength=size) / 3_000
        assert (abs(share - 1 / size) < 5 * np.sqrt(1 / size / 3_000)).all()


def test_an_image_is_in_a_sample_once_and_fewer_are_noted():
    with sampled("disjoint") as drawn:
        sampler = Sampler("m", GRID, NUMBERED, 0)
        few, many = sampler.draw("few", 200).codes[:, 0], sampler.draw("many", 1_000).codes[:, 0]
    assert len(set(few)) == 200
    assert sorted(many) == list(range(360))
    assert drawn.said() == {"images_drawn": {"many": 360}}
    with sampled("with_replacement") as drawn:
        assert len(Sampler("m", GRID, NUMBERED, 0).draw("many", 1_000).codes) == 1_000
    assert drawn.said() == {}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ((100, 50), (100, 50)),
        ((350, 10), (350, 10)),  # they fit
        ((350, 11), (240, 11)),
        ((10_000, 5_000), (240, 120)),
        ((10, 5_000), (10, 120)),
    ],
)
def test_no_test_image_is_a_training_image(asked, found, capsys):
    with sampled("disjoint") as drawn:
        train, test = Sampler(f"m{asked}", GRID, NUMBERED, 1).train_and_test(*asked)
    images = [set(each.codes[:, 0]) for each in (train, test)]
    assert tuple(map(len, images)) == (len(train.codes), len(test.codes)) == found
    assert not images[0] & images[1]
    names = {
        name: size for name, size, more in zip(("num_train", "num_test"), found, asked, strict=True) if size < more
    }
    assert drawn.numbers == names
    said = f"are more than the 360 images; it is fitted to {found[0]} of them and tested on {found[1]} others\n"
    assert capsys.readouterr().err.endswith(said if names else "")
    assert (
        train.codes[:, 0].astype(int)[:, None] == np.ravel_multi_index(train.factors.T, (3, 4, 6, 5))[:, None]
    ).all()


def test_with_replacement_two_samples_are_drawn_as_the_reference_draws():
    with sampled("with_replacement"):
        both = Sampler("m", GRID, NUMBERED, 3).train_and_test(300, 200)
    named = Sampler("m_dlib", GRID, NUMBERED, 3)  # the reference's number, whatever is asked for
    rng = np.random.default_rng(3)
    for sample, num in zip(both, (300, 200), strict=True):
        seed, _ = (int(rng.integers(2**31 - 1, size=1)[0]) for _ in range(2))
        assert np.array_equal(sample.codes[:, 0], np.random.default_rng(seed).integers(360, size=num))
        assert np.array_equal(named.draw("num", num).codes, sample.codes)
    assert set(both[0].codes[:, 0]) & set(both[1].codes[:, 0])


def test_an_unknown_sampling_is_refused_and_the_block_ends():
    with (
        pytest.raises(UnknownName, match="no sampling is called 'disjunct'; did you mean disjoint"),
        sampled("disjunct"),
    ):
        pass
    with sampled("with_replacement"):
        assert sampling_of("mig") == sampling_of("sap_dlib") == "with_replacement"
    assert (sampling_of("mig"), sampling_of("sap_dlib")) == ("disjoint", "with_replacement")
    assert sorted(draw_rows("udr", np.random.default_rng(0), 5, 9)) == [0, 1, 2, 3, 4]


def test_sizes_that_do_not_fit_are_left_out(capsys):
    sampler = Sampler("fit", GRID, NUMBERED, 0)
    assert sampler.fitting([10, 240, 340, 341], 20) == [10, 240, 340]
    assert capsys.readouterr().err == "fit: left out num_train = 341; there are 340 different images to train on\n"
    assert sampler.fitting([10, 240], 20, most=60) == [10]
    with pytest.raises(
        NotApplicable, match="fit finds no 1,000 different images to train on; give a num_train of at most 240"
    ):
        sampler.fitting([1_000, 2_000], 200)
    with sampled("with_replacement"):
        assert Sampler("fit", GRID, NUMBERED, 0).fitting([1_000], 20) == [1_000]


def test_images_that_share_a_cell_are_drawn_as_images():
    class Several(GroundTruthData):
        name, fingerprint, factor_names, factor_sizes = "several", "several", ("a", "b"), (2, 3)
        observation_shape, images_per_cell = (1, 1, 1), 4

        def images_at(self, indices):
            return self.check_indices(indices).astype(np.uint8)[:, None, None, None]

    encode = lambda seen: seen[:, 0, 0] * 255
    for codes in (np.arange(24.0)[:, None], encode):
        train, test = Sampler("m", Several(), codes, 0).train_and_test(16, 8)
        assert sorted([*train.codes[:, 0].round(), *test.codes[:, 0].round()]) == list(range(24))
        assert np.array_equal(train.codes[:, 0].round() // 4, train.factors @ [3, 1])


def test_data_with_too_few_images_are_refused():
    with pytest.raises(
        NotApplicable, match=r"m\.num_train must be at least 2, and the 2 images of this data set leave 1"
    ):
        Sampler("m", Grid(2), np.arange(2.0)[:, None], 0).train_and_test(10, 10)
    with pytest.raises(UserError, match=r"m\.num_test must be an integer >= 2; got 1"):
        Sampler("m", GRID, NUMBERED, 0).train_and_test(10, 1, least_test=2)


def test_lines_are_the_images_that_differ_in_one_factor():
    grid = Grid(3, 1, 4, 5)
    sampler = Sampler("m", grid, grid.factors(), 0)
    for factor, size in enumerate([3, 4, 5]):
        lines = np.arange(sampler.num_lines(factor))
        rows = sampler.on_lines(lines[:, None], factor, np.arange(size))
        assert sorted(rows.ravel()) == list(range(60))
        assert np.array_equal(sampler.values(rows, factor), np.tile(np.arange(size), (60 // size, 1)))
        assert np.array_equal(sampler.moved(rows, factor, 0), np.repeat(rows[:, :1], size, axis=1))


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
    with pytest.raises(UserError, match="m takes at most 3 codes per image, .*; got 4"):
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
    with pytest.raises(UserError, match="m takes at most 3 codes per image"):
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
    assert sorted(sample.codes[:, 0]) == [0, 1, 2, 3, 4]
    assert sample.factors.shape == (5, 0)
    with pytest.raises(NotApplicable, match="a metric needs known factors; plain has images only"):
        Sampler("m", Plain(), np.arange(5.0)[:, None], 0)


def test_a_function_of_codes_may_not_be_wider_than_an_array():
    with pytest.raises(UserError, match="codes may have at most 20000 numbers per image, .*; got 20001"):
        Sampler("m", GRID, lambda seen: np.zeros((len(seen), 20_001), np.int8), 0).draw("num", 2)
