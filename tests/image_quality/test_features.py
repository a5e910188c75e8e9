"""What a network is given."""

import re

import numpy as np
import pytest

from dlib_bvae.datasets import cache
from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.image_quality import Extractor
from dlib_bvae.image_quality.features import (
    _RESIZE,
    Protocol,
    features_of,
    in_batches,
    moments_of,
    reference_features,
    to_network,
    write_features,
)
from dlib_bvae.image_quality.scores import RESIZES


def test_the_names_of_the_resizings_are_known_without_tensorflow():
    assert sorted(RESIZES) == sorted(_RESIZE)


def test_four_pixels_become_six_as_tensorflow_1_and_2_do_it():
    row = np.tile(np.arange(4, dtype=np.float32)[None, None, :, None] / 255, (1, 4, 1, 3))
    first = to_network(row, 6, "tf1_bilinear", quantise=False)[0, 0, :, 0]
    np.testing.assert_allclose(first, [0, 2 / 3, 4 / 3, 2, 8 / 3, 3], atol=1e-5)
    second = to_network(row, 6, "bilinear", quantise=False)[0, 0, :, 0]
    np.testing.assert_allclose(second, [0, 0.5, 7 / 6, 11 / 6, 2.5, 3], atol=1e-5)


def test_bicubic_is_clipped():
    step = np.zeros((1, 8, 8, 3), np.float32)
    step[:, :, 4:] = 1
    made = to_network(step, 16, "bicubic", quantise=True).numpy()
    assert made.min() == 0
    assert made.max() == 255


def test_grey_is_repeated_and_quantised_only_when_asked():
    grey = np.full((2, 4, 4, 1), 0.5)
    assert (to_network(grey, None, "bicubic", quantise=True).numpy() == 128).all()
    made = to_network(grey, 4, "bicubic", quantise=False).numpy()
    assert made.shape == (2, 4, 4, 3)
    assert (made == 127.5).all()


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.full((1, 4, 4, 3), np.nan), "NaN"),
        (np.full((1, 4, 4, 3), 255.0), r"in \[0, 1\]"),
        (np.zeros((1, 4, 4, 2)), "1 or 3"),
        (np.zeros((4, 4, 3)), "1 or 3"),
    ],
)
def test_what_is_no_picture_is_refused(images, message):
    with pytest.raises(UserError, match=message):
        to_network(images, None, "bicubic", quantise=True)


@pytest.mark.parametrize(("value", "inside"), [(-0.0009, True), (-0.0011, False), (1.0009, True), (1.0011, False)])
def test_rounding_beyond_the_range_is_cut_and_more_is_refused(value, inside):
    images = np.full((1, 2, 2, 3), value)
    if inside:
        assert set(to_network(images, None, "bicubic", quantise=False).numpy().ravel()) == {255 * round(value)}
    else:
        with pytest.raises(UserError, match=r"images must be in \[0, 1\]; these reach from"):
            to_network(images, None, "bicubic", quantise=False)


def test_images_that_have_one_side_of_the_size_are_resized_too():
    images = np.zeros((1, 4, 6, 3))
    assert to_network(images, 4, "bicubic", quantise=False).shape == (1, 4, 4, 3)
    assert to_network(np.zeros((0, 4, 4, 3)), 4, "bicubic", quantise=False).shape == (0, 4, 4, 3)


def test_features_and_their_moments_are_those_of_all_rows_however_many_come_at_once(tmp_path, monkeypatch):
    images = np.random.RandomState(0).rand(2000, 2, 2, 1)
    means = Extractor("means", lambda x: np.asarray(x).mean(axis=(1, 2)), 3, None, "none")
    protocol = Protocol.of(means, "bicubic", False)
    assert protocol == Protocol("means", "none", None, "bicubic", False)
    batches = in_batches(np.arange(2000), lambda rows: images[rows])
    written = write_features(tmp_path / "f.npy", 2000, means, protocol, batches)
    expected = np.repeat(255 * images.mean(axis=(1, 2)), 3, axis=1)
    np.testing.assert_allclose(written, expected, rtol=1e-5)
    assert (written.dtype, written.shape) == (np.float32, (2000, 3))
    moments = moments_of(written)
    assert moments.count == 2000
    np.testing.assert_allclose(moments.mean, expected.mean(axis=0), rtol=1e-5)


def test_no_feature_is_computed_where_there_is_no_room(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "_free", lambda folder: 100)
    means = Extractor("means", lambda x: pytest.fail("there is no room"), 2**20, None, "none")
    protocol = Protocol.of(means, "bicubic", False)
    with pytest.raises(OSError, match=r"No space left on device \(40 MiB needed, 0\.0 MiB free\)"):
        write_features(tmp_path / "f.npy", 10, means, protocol, [np.zeros((10, 4, 4, 1))])
    assert list(tmp_path.iterdir()) == []


def test_kept_features_are_found_by_data_protocol_and_rows_and_refused_where_they_are_others(tmp_path, monkeypatch):
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path))
    means = Extractor("means", lambda x: np.asarray(x).mean(axis=(1, 2)), 3, None, "none")
    protocol = Protocol.of(means, "bicubic", True)
    data = DummyData()
    first = reference_features(data, np.arange(5), means, protocol)
    reference_features(data, np.arange(6), means, protocol)
    reference_features(data, np.arange(5), means, Protocol.of(means, "bicubic", False))
    names = sorted(path.name for path in (tmp_path / "features").glob("*.npy"))
    assert len(names) == 3
    assert all(re.fullmatch(r"dummy_data-means-[0-9a-f]{16}\.npy", name) for name in names)
    np.testing.assert_array_equal(reference_features(data, np.arange(5), means, protocol), first)
    for wrong in (np.zeros((4, 3), np.float32), np.zeros((5, 3))):
        for path in (tmp_path / "features").glob("*.npy"):
            np.save(path, wrong)
        with pytest.raises(UserError, match=r"instead of float32 \(5, 3\); delete it"):
            reference_features(data, np.arange(5), means, protocol)


@pytest.mark.parametrize("name", ["../mine/größe", "x" * 300])
def test_features_are_kept_whatever_the_data_set_is_called(name, tmp_path, monkeypatch):
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path))
    means = Extractor("means", lambda x: np.asarray(x).mean(axis=(1, 2)), 3, None, "none")
    data = DummyData()
    data.name = name
    reference_features(data, np.arange(5), means, Protocol.of(means, "bicubic", True))
    assert len(list((tmp_path / "features").glob("*-means-*.npy"))) == 1


@pytest.mark.parametrize("shape", [(2, 4), (3, 3), (2, 3, 1)])
def test_features_of_another_shape_are_refused(shape):
    extractor = Extractor("odd", lambda images: np.zeros(shape), 3, None, "none")
    protocol = Protocol.of(extractor, "bilinear", False)
    with pytest.raises(UserError, match=r"the extractor odd gave features .* for 2 images; expected \(2, 3\)"):
        features_of(np.zeros((2, 8, 8, 3), np.float32), extractor, protocol)
