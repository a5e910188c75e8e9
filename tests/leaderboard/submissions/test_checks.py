"""checks.py: honest codes pass, codes of labels do not."""

import numpy as np
import pytest

from dlib_bvae import datasets
from dlib_bvae.leaderboard.submissions import duplicates, exact_factors, unequal_duplicate

RNG = np.random.default_rng(0)
FACTORS = datasets.load("dummy_data").factors_at(np.arange(512))


class Twice(datasets.ImageData):
    """Ten images, of which 3 and 7, and 1, 2 and 9 are the same."""

    num_images, observation_shape, max_pixel = 10, (2, 2, 1), 255

    def images_at(self, indices):
        known = {7: 3, 2: 1, 9: 1}
        values = np.array([known.get(int(index), int(index)) for index in indices], np.uint8)
        return np.broadcast_to(values[:, None, None, None], (len(values), 2, 2, 1))

    fingerprint = "twice"


def test_the_same_images_are_found():
    assert sorted(rows.tolist() for rows in duplicates(Twice())) == [[1, 2, 9], [3, 7]]


def test_codes_of_one_image_must_be_equal():
    groups = duplicates(Twice())
    codes = RNG.normal(size=(10, 3))
    codes[[2, 9]], codes[7] = codes[1], codes[3]
    assert unequal_duplicate(codes, groups) is None
    assert unequal_duplicate(codes + 1e-6 * RNG.normal(size=codes.shape), groups) is None
    codes[9, 1] += 0.1
    assert unequal_duplicate(codes, groups) == (1, 9)
    assert unequal_duplicate(np.arange(10.0)[:, None], groups) == (1, 2)  # a code of the row's number


@pytest.mark.parametrize("mixed", [False, True])
def test_factors_themselves_are_seen(mixed):
    codes = FACTORS.astype(float)
    if mixed:
        codes = codes @ RNG.normal(size=(4, 6)) + 3
    assert exact_factors(codes, FACTORS) == [0, 1, 2, 3]


def test_a_factor_under_other_names_is_seen():
    codes = RNG.normal(size=(512, 2))
    codes[:, 0] = RNG.permutation(8)[FACTORS[:, 2]] ** 2
    assert exact_factors(codes, FACTORS) == [2]


def test_codes_of_images_are_not_suspected():
    pixels = datasets.load("dummy_data").images_at(np.arange(512)).reshape(512, -1).astype(float)
    centred = pixels - pixels.mean(axis=0)
    codes = centred @ np.linalg.svd(centred, full_matrices=False)[2][:10].T
    assert exact_factors(codes, FACTORS) == []
    assert exact_factors(FACTORS + 0.05 * RNG.normal(size=FACTORS.shape), FACTORS) == []
    assert exact_factors(np.zeros((512, 3)), FACTORS) == []


def test_factors_with_one_value_and_too_many_codes_do_not_count():
    assert exact_factors(RNG.normal(size=(512, 500)), FACTORS) == []
    assert exact_factors(np.ones((512, 1)), np.zeros((512, 1), int)) == []
