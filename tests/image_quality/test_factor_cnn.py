"""factor_cnn.py: the network learns factors or classes, once for a data set."""

import shutil

import gin
import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.datasets import ImageData, LabelledImages
from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.image_quality.extractors import EXTRACTORS
from dlib_bvae.image_quality.features import to_network


def test_factor_cnn_tells_the_factors_and_is_kept(home):
    data = DummyData()
    make = lambda: EXTRACTORS.get("factor_cnn")(data, training_steps=60)
    first = make()
    kept = list((home / "factor_cnn").glob("*.npz"))
    assert len(kept) == 1
    images = tf.constant(np.repeat(data.observations_at(np.arange(64)) * 255, 3, axis=-1))
    features = first(images)
    assert features.shape == (64, 64)
    again = make()
    assert again.weights == first.weights
    np.testing.assert_array_equal(again(images), features)
    kept[0].write_bytes(b"damaged")
    with pytest.raises(UserError, match="damaged"):
        make()


class Pictures(ImageData):
    """Bright and dark images of 16×12 pixels, with or without classes that say which."""

    name, observation_shape, num_images, fingerprint = "pictures", (16, 12, 3), 200, "pictures"

    def __init__(self, labelled, turned=0):
        self._labels = (np.arange(200) + turned) % 2 if labelled else None

    def labels(self):
        return self._labels

    def images_at(self, indices):
        bright = 200 * (self.check_indices(indices) % 2)
        noise = np.random.RandomState(0).randint(50, size=(200, 16, 12, 3))[indices]
        return (bright[:, None, None, None] + noise).astype(np.uint8)


class Labelled(Pictures, LabelledImages):
    factor_names, factor_sizes = ("brightness", "parity"), (2, 2)

    def factors_at(self, indices):
        return np.stack([self.check_indices(indices) % 2] * 2, axis=1)


@pytest.mark.parametrize("data", [Pictures(labelled=True), Labelled(labelled=False)])
def test_factor_cnn_learns_classes_and_factors_without_a_grid(home, data):
    extractor = EXTRACTORS.get("factor_cnn")(data, training_steps=30)
    features = extractor(to_network(data.observations_at(np.arange(100)), extractor.size, "bicubic", True))
    dark, bright = features[::2], features[1::2]
    apart = np.linalg.norm(dark.mean(0) - bright.mean(0))
    assert apart > 5 * np.sqrt(dark.var(0).sum() + bright.var(0).sum())


def test_factor_cnn_of_other_classes_is_another(home):
    one, other = (EXTRACTORS.get("factor_cnn")(Pictures(True, turned), training_steps=2) for turned in (0, 1))
    assert one.weights != other.weights


def test_factor_cnn_needs_something_to_tell():
    with pytest.raises(UserError, match="factors or classes, and pictures has neither"):
        EXTRACTORS.get("factor_cnn")(Pictures(labelled=False))


def test_factor_cnn_does_not_hear_of_the_model_s_optimizer(home):
    make = lambda: EXTRACTORS.get("factor_cnn")(DummyData(), training_steps=3)
    first = make()
    shutil.rmtree(home / "factor_cnn")
    gin.bind_parameter("adam.beta1", 0.1)
    try:
        assert make().weights == first.weights
    finally:
        gin.clear_config()
