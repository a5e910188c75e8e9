"""drawn.py: a fixed sample to score, other images to train on, pairs and sequences; each a pure function of its index."""

import numpy as np
import pytest
from support.drawn_spots import Spots

from dlib_bvae.datasets.images import ALL_FACTORS, DRAWS, partner_code
from dlib_bvae.errors import NotApplicable, UserError
from dlib_bvae.metrics import score


class Bits(Spots):
    """Spots that are white or not there."""

    name, max_pixel = "bits", 1

    def images_of(self, values):
        return (super().images_of(values) > 100).astype(np.uint8)


@pytest.fixture
def spots(tmp_path):
    return Spots(images=600, rho=0.5, cache_dir=tmp_path)


def test_the_evaluation_sample_is_written_once_and_read(spots, tmp_path):
    images = spots.images_at(np.arange(600))
    np.testing.assert_array_equal(images, spots.images_of(spots.values_at(np.arange(600))))
    assert spots.cache_path.exists()
    assert np.load(spots.cache_path).shape == (600, 128)
    written = spots.cache_path.stat().st_mtime_ns
    np.testing.assert_array_equal(Spots(images=600, cache_dir=tmp_path).images_at([5, 3]), images[[5, 3]])
    assert spots.cache_path.stat().st_mtime_ns == written


def test_binary_images_are_written_bit_by_bit(tmp_path):
    bits = Bits(images=40, cache_dir=tmp_path)
    np.testing.assert_array_equal(bits.images_at(np.arange(40)), bits.images_of(bits.values_at(np.arange(40))))
    assert np.load(bits.cache_path).shape == (40, 16)


def test_factors_are_places_among_the_numbers_of_the_sample(spots):
    rows = np.arange(600)
    factors = spots.factors_at(rows)
    assert spots.factor_sizes == (2, 600, 600)
    assert spots.factor_kinds == ("categorical", "continuous", "continuous")
    for k in range(3):
        np.testing.assert_array_equal(spots.factor_values[k][factors[:, k]], spots.values_at(rows)[:, k])
    with pytest.raises(ValueError, match="0 … 599 for spots"):
        spots.factors_at([600])


def test_images_of_training_are_drawn_by_their_index_and_need_no_file(spots, tmp_path):
    rows = np.array([600, DRAWS - 1, 12_345_678_901])
    images = spots.images_at(rows)
    assert not spots.cache_path.exists()
    np.testing.assert_array_equal(images[::-1], spots.images_at(rows[::-1]))
    assert len(np.unique(spots.values_at(rows)[:, 2])) == 3
    np.testing.assert_array_equal(Spots(images=30, cache_dir=tmp_path).values_at(rows), spots.values_at(rows))
    assert (Spots(images=600, seed=1, cache_dir=tmp_path).values_at(rows)[:, 1:] != spots.values_at(rows)[:, 1:]).all()


@pytest.mark.parametrize("changed", [1, 2, 3, -1, ALL_FACTORS])
def test_a_pair_differs_in_the_factors_that_change(spots, changed):
    first = np.arange(1000, 3000)
    differs = spots.values_at(first) != spots.values_at(first + partner_code(changed) * DRAWS)
    counts = np.bincount(differs.sum(axis=1), minlength=4)
    if changed == -1:
        assert counts[[0, 3]].tolist() == [0, 0]
        assert 800 < counts[1] < 1200
    elif changed == ALL_FACTORS:
        assert differs[:, 1:].all()
    else:
        assert counts[changed] == 2000


def test_the_second_image_of_a_pair_is_near_the_first_where_rho_is_high(tmp_path):
    first = np.arange(1000, 3000)
    for rho in (0.0, 0.95):
        data = Spots(images=10, rho=rho, distribution="gaussian", cache_dir=tmp_path)
        pair = [data.values_at(rows)[:, 1] for rows in (first, first + partner_code(ALL_FACTORS) * DRAWS)]
        assert np.corrcoef(pair)[0, 1] == pytest.approx(rho, abs=0.06)


def test_one_factor_of_a_sequence_drifts_and_the_others_are_held(spots):
    rows = np.arange(700, 1000)
    frames = spots.sequences_at(rows, 6)
    assert frames.shape == (300, 6, 3)
    np.testing.assert_array_equal(frames[:, 0], spots.values_at(rows))
    np.testing.assert_array_equal(frames[:, 1], spots.values_at(rows + partner_code(1) * DRAWS))
    moves = frames[:, 1:] != frames[:, :-1]
    assert (moves.all(axis=1).sum(axis=1) == 1).all()
    assert (moves.any(axis=1).sum(axis=1) == 1).all()
    assert spots.sequences_at(rows, 1, ALL_FACTORS).shape == (300, 1, 3)


def test_the_fingerprint_changes_with_the_sample_and_not_with_the_pairs():
    found = Spots(images=20).fingerprint
    others = [{"images": 21}, {"seed": 1}, {"distribution": "gaussian"}, {"correlation": 0.1}, {"fixed": {"light": 9}}]
    assert len({found, *(Spots(**{"images": 20, **given}).fingerprint for given in others)}) == 6
    wide = {"images": 20, "distribution": "gaussian"}
    assert Spots(std=0.5, **wide).fingerprint != Spots(**wide).fingerprint
    assert Spots(images=20, rho=0.9).fingerprint == found
    renamed = type("Renamed", (Spots,), {"renderer": "spots 2"})
    assert renamed(images=20).fingerprint != found


def test_indices_and_values_that_there_are_none_of_are_refused(spots):
    for rows in ([-1, 700], [DRAWS << 8], [0.5]):
        with pytest.raises(ValueError, match="indices"):
            spots.images_at(rows)
    with pytest.raises(UserError, match="pairs must differ in 1 … 3 factors of spots"):
        spots.images_at([700 + partner_code(4) * DRAWS])
    with pytest.raises(UserError, match="pairs must differ in 1 … 3 factors of spots"):
        spots.sequences_at([0], 2, 0)
    for values in ([[0, 8, 0]], [[0.5, 1, 0]], [[0, 1]]):
        with pytest.raises(ValueError, match="must be"):
            spots.images_of(values)
    assert spots.images_at([]).shape == (0, 8, 8, 2)


def test_metrics_bin_continuous_factors_or_say_that_they_need_a_grid(spots):
    codes = spots.values_at(np.arange(600))
    result = score("mig", spots, codes, 0, num_train=600)
    assert result["factor_bins"] == {"column": 10, "light": 10}
    assert result["discrete_mig"] > 0.7
    noise = score("mig", spots, np.random.default_rng(0).normal(size=(600, 3)), 0, num_train=600)
    assert noise["discrete_mig"] < 0.2
    assert score("mcc", spots, codes, 0, num_train=600)["matched"] == pytest.approx(1.0)
    for name in ("beta_vae", "factor_vae_score"):
        with pytest.raises(NotApplicable, match="one of every combination; spots has continuous factors, and no grid"):
            score(name, spots, codes, 0)
