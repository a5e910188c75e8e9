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
from dlib_bvae.image_quality.factor_cnn import FactorNetwork
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


def logits_slowly(network, images):
    """Four convolutions of stride 2, a dense layer and a head for each factor, by the network's weights."""
    x = images / 255
    for conv in network.convs:
        x = tf.nn.relu(tf.nn.conv2d(x, conv.kernel, 2, "SAME") + conv.bias)
    dense = lambda layer, y: y @ (tf.transpose(layer.kernel) if layer.transposed else layer.kernel) + layer.bias
    features = tf.nn.relu(dense(network.dense, tf.reshape(x, [len(x), -1])))
    return features, [dense(head, features) for head in network.heads]


def test_the_network_has_four_convolutions_a_dense_layer_and_a_head_for_each_factor():
    network = FactorNetwork(20, (2, 7), seed=3)
    images = np.random.RandomState(0).uniform(0, 255, (5, 20, 20, 3)).astype(np.float32)
    features, logits = logits_slowly(network, images)
    np.testing.assert_allclose(network(images), features, rtol=1e-4, atol=1e-5)
    assert features.shape == (5, 64)
    for found, expected, size in zip(network.logits(images), logits, (2, 7), strict=True):
        assert found.shape == (5, size)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert [conv.kernel.shape[-1] for conv in network.convs] == [32, 32, 64, 64]
    for layer, fan_in, gain in [
        *((conv, 16 * conv.kernel.shape[2], 2) for conv in network.convs),
        (network.dense, 4 * 64, 2),
        *((head, 64, 1) for head in network.heads),
    ]:
        weights = layer.kernel.numpy()
        assert weights.std() == pytest.approx(np.sqrt(gain / fan_in), rel=0.12)
    assert len({conv.kernel.numpy()[0, 0, 0, 0] for conv in network.convs}) == 4


def test_training_is_adam_on_the_sum_of_the_factors_cross_entropies(home):
    data, steps, rate = DummyData(), 3, 0.01
    trained = EXTRACTORS.get("factor_cnn")(data, training_steps=steps, learning_rate=rate, seed=5)
    network = FactorNetwork(16, data.factor_sizes, seed=5)
    optimizer = tf.keras.optimizers.Adam(rate, beta_1=0.9, beta_2=0.999, epsilon=1e-8)
    variables, random = network.trainable_variables, np.random.RandomState(5)
    for _ in range(steps):
        rows = random.randint(512, size=128)
        images = np.repeat(data.observations_at(rows) * 255, 3, axis=-1)
        with tf.GradientTape() as tape:
            logits = logits_slowly(network, images)[1]
            losses = [
                tf.keras.losses.sparse_categorical_crossentropy(labels, each, from_logits=True)
                for labels, each in zip(data.factors_at(rows).T, logits, strict=True)
            ]
            loss = sum(tf.reduce_mean(each) for each in losses)
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
    images = tf.constant(np.repeat(data.observations_at(np.arange(8)) * 255, 3, axis=-1))
    np.testing.assert_allclose(trained(images), logits_slowly(network, images)[0], rtol=1e-2, atol=1e-3)
    assert (trained.num_features, trained.size) == (64, 16)
    (kept,) = (home / "factor_cnn").glob("*.npz")
    assert kept.name == f"v1-dummy_data-{data.fingerprint}-3-0.01-5.npz"
    assert not list((home / "factor_cnn").glob("*.part*"))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"training_steps": 0}, r"factor_cnn\.training_steps must be an integer >= 1; got 0"),
        ({"learning_rate": 0.0}, r"factor_cnn\.learning_rate must be a finite number > 0"),
        ({"seed": -1}, r"factor_cnn\.seed must be an integer >= 0; got -1"),
    ],
)
def test_numbers_out_of_range_are_refused(parameters, message, home):
    with pytest.raises(UserError, match=message):
        EXTRACTORS.get("factor_cnn")(DummyData(), **parameters)
