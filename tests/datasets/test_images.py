"""images.py: indices that are refused, observations, and images as training shows them."""

import numpy as np
import pytest
from support.drawn_spots import Spots

from dlib_bvae.datasets.images import (
    ALL_FACTORS,
    ImageData,
    changed_of,
    check_changed,
    drawn_sample,
    partner_code,
    training_sample,
)
from dlib_bvae.errors import UserError


class Pixels(ImageData):
    """Images of one pixel whose value is the index."""

    name, fingerprint, num_images, observation_shape, max_pixel = "pixels", "pixels", 50, (1, 1, 1), 200
    weights = None

    def images_at(self, indices):
        return self.check_indices(indices).astype(np.uint8).reshape(-1, 1, 1, 1)

    def training_weights(self):
        return self.weights


def weighted(weights):
    data = Pixels()
    data.weights = np.asarray(weights, float)
    return data


def test_a_set_has_no_bits_classes_or_weights_unless_it_says_so():
    data = Pixels()
    assert data.packed() is None
    assert data.labels() is None
    assert ImageData.training_weights(data) is None
    assert ImageData.max_pixel == 255


def test_observations_are_pixels_over_the_largest():
    observations = Pixels().observations_at([0, 50 - 1, 20])
    assert observations.dtype == np.float32
    assert observations.ravel().tolist() == pytest.approx([0, 49 / 200, 0.1])


def test_indices_become_int64_and_the_first_and_last_are_there():
    rows = Pixels().check_indices(np.array([0, 49], np.uint8))
    assert (rows.dtype, rows.tolist()) == (np.int64, [0, 49])
    assert Pixels().check_indices([]).dtype == np.int64
    assert Pixels().check_indices([]).shape == (0,)
    for index, words in ((-1, "0 … 49 for pixels; got -1"), (50, "got 50")):
        with pytest.raises(ValueError, match=words):
            Pixels().check_indices([0, index])
    with pytest.raises(ValueError, match=r"integers in one dimension; got dtype int64, shape \(1, 2\)"):
        Pixels().check_indices([[0, 1]])
    with pytest.raises(ValueError, match="dtype float64"):
        Pixels().check_indices([0.0])


def test_a_sample_has_no_image_twice_and_all_where_there_are_fewer():
    rows = training_sample(Pixels(), 40, 0)
    assert len(np.unique(rows)) == 40
    assert sorted(training_sample(Pixels(), 60, 0)) == list(range(50))
    assert np.array_equal(rows, training_sample(Pixels(), 40, 0))
    assert not np.array_equal(rows, training_sample(Pixels(), 40, 1))


def test_a_sample_has_only_images_that_training_shows():
    held_out = weighted([0] * 30 + [2.5] * 20)
    rows = training_sample(held_out, 15, 0)
    assert rows.min() >= 30
    assert len(np.unique(rows)) == 15
    assert sorted(training_sample(held_out, 99, 0)) == list(range(30, 50))


def test_weights_that_differ_are_probabilities_and_images_come_again():
    rows = training_sample(weighted([0, 1, 3] + [0] * 47), 4000, 0)
    counts = np.bincount(rows, minlength=50)
    assert counts.sum() == 4000
    assert counts[1] + counts[2] == 4000
    assert counts[2] / 4000 == pytest.approx(0.75, abs=0.03)


def test_a_class_of_another_package_is_external_and_hands_what_it_says_to_its_subclasses():
    drawn = type("Drawn", (Pixels,), {"origin": "rendered"})
    assert Pixels().origin == "external"
    assert drawn().origin == type("Redrawn", (drawn,), {})().origin == "rendered"
    assert type("Mixed", (Pixels,), {"origin": property(lambda data: "official")})().origin == "official"


@pytest.mark.parametrize("origin", ["offical", ("official",), 3])
def test_an_origin_that_is_none_is_refused_where_it_is_declared(origin):
    with pytest.raises(
        UserError, match=r"origin of Mine must be one of official, rendered, re-encoded, external; got"
    ) as caught:
        type("Mine", (Pixels,), {"origin": origin})
    assert "\n" not in str(caught.value)


def test_a_set_that_draws_its_images_has_a_sample_of_those_that_are_scored_and_of_others(tmp_path):
    data = Spots(images=10, cache_dir=tmp_path)
    assert sorted(training_sample(data, 20, 0)) == list(range(10))
    rows = drawn_sample(data, 300, 0)
    assert len(np.unique(rows)) == 300
    assert rows.min() >= 10
    assert data.observations_at(rows).shape == (300, 8, 8, 2)


def test_codes_of_pairs_say_how_many_factors_change():
    assert [changed_of(partner_code(changed)) for changed in (1, 7, -1, ALL_FACTORS)] == [1, 7, -1, ALL_FACTORS]
    for changed, free in ((ALL_FACTORS, 1), (1, 2), (2, 2), (-1, 2)):
        check_changed("it", changed, free)
    for changed, free in ((ALL_FACTORS, 0), (1, 1), (3, 2), (0, 2), (-3, 9)):
        with pytest.raises(UserError, match=f"pairs must differ in 1 … {free} factors of it"):
            check_changed("it", changed, free)
