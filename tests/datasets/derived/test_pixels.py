"""resized and grayscale."""

import numpy as np
import pytest
from PIL import Image

from dlib_bvae.datasets.derived.pixels import FILTERS, full_range, grayscale, resized
from dlib_bvae.datasets.derived.training_distribution import Correlated
from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.datasets.images import DRAWS, ImageData
from dlib_bvae.datasets.rendered.dsprites_continuous import DSpritesContinuous
from dlib_bvae.errors import UserError


class Colours(ImageData):
    """Random pictures without factors."""

    name, fingerprint, num_images, observation_shape = "colours", "colours", 5, (6, 9, 3)

    def images_at(self, indices):
        pixels = np.random.default_rng(0).integers(0, 256, (5, *self.observation_shape), np.uint8)
        return pixels[self.check_indices(indices)]


@pytest.mark.parametrize("name", FILTERS)
def test_resizing_is_pillows(name):
    small = resized(Colours(), 4, 5, name).images_at([3, 0])
    picture = Image.fromarray(Colours().images_at([3])[0])
    assert np.array_equal(small[0], np.asarray(picture.resize((5, 4), Image.Resampling[name.upper()])))
    assert small.shape == (2, 4, 5, 3)
    assert small.dtype == np.uint8


def test_gray_is_pillows_up_to_rounding():
    gray = grayscale(Colours())
    expected = [np.asarray(Image.fromarray(image).convert("L")) for image in Colours().images_at(np.arange(5))]
    got = gray.images_at(np.arange(5))
    assert got.shape == (5, 6, 9, 1)
    assert abs(got[..., 0].astype(int) - np.array(expected)).max() <= 1


def test_gray_is_rounded_to_the_nearest():
    # 0.456, 0.57, 76.245, 117.4, 26.448: a thousandth more of a colour would show in the last three.
    pixels = [(0, 0, 4), (0, 0, 5), (255, 0, 0), (0, 200, 0), (0, 0, 232), (255, 255, 255), (0, 245, 6)]
    data = Colours()
    data.images_at = lambda indices: np.array([[pixels]], np.uint8)
    assert grayscale(data).images_at([0]).ravel().tolist() == [0, 1, 76, 117, 26, 255, 144]  # the last is 144.499


def test_binary_images_get_the_full_range(bars):
    same = resized(bars, 16, 16, "nearest")
    assert same.max_pixel == 255
    assert same.packed() is None
    assert np.array_equal(same.images_at([0, 5]), bars.images_at([0, 5]) * 255)
    assert np.array_equal(same.observations_at([7]), bars.observations_at([7]))
    half = resized(bars, 8, 8, "box").images_at([9])[0, ..., 0]
    blocks = bars.images_at([9])[0, ..., 0].reshape(8, 2, 8, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(half, blocks * 255, atol=0.51)


def test_other_maxima_are_scaled():
    assert full_range(np.array([0, 1, 7, 15], np.uint8), 15).tolist() == [0, 17, 119, 255]


def test_factors_and_weights_stay_where_there_are_any(bars):
    data = resized(Correlated(bars, [("row", "column")], 0.2), 8, 8)
    assert isinstance(data, GroundTruthData)
    assert data.factor_sizes == bars.factor_sizes
    assert data.training_weights() is not None
    plain = resized(Colours(), 8, 8)
    assert not isinstance(plain, GroundTruthData)
    assert plain.num_images == 5
    assert plain.images_at([]).shape == (0, 8, 8, 3)


def test_images_that_are_drawn_without_end_are_drawn_smaller(tmp_path):
    whole = DSpritesContinuous(images=6, rho=0.5, cache_dir=tmp_path)
    data = resized(whole, 32, 32, "box")
    assert data.drawn
    rows = np.array([6, 10**12, 10**12 + DRAWS])
    expected = full_range(whole.images_at(rows), 1).reshape(3, 32, 2, 32, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(data.images_at(rows)[..., 0], expected, atol=1)
    np.testing.assert_array_equal(data.factors_at(np.arange(6)), whole.factors_at(np.arange(6)))
    with pytest.raises(ValueError, match="0 … 5"):
        data.factors_at([6])


def test_fingerprints_tell_parameters_apart(bars):
    made = [resized(bars, 8, 8), resized(bars, 8, 9), resized(bars, 8, 8, "box"), resized(resized(bars, 8, 8), 8, 8)]
    assert len({data.fingerprint for data in made}) == 4
    assert resized(bars, 8, 8).fingerprint == made[0].fingerprint


def test_bad_parameters_are_one_sentence(bars):
    with pytest.raises(UserError, match="at most 16,777,216 numbers .* got 1000000 × 1000000 × "):
        resized(bars, 10**6, 10**6)
    with pytest.raises(UserError, match="resized.height must be an integer >= 1; got 0"):
        resized(bars, 0, 8)
    with pytest.raises(UserError, match="did you mean bilinear"):
        resized(bars, 8, 8, "bilinaer")
    with pytest.raises(UserError, match="3 channels; dummy_data has 1"):
        grayscale(bars)
