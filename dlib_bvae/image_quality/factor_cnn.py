"""A small convolutional network trained to classify a data set's factors or classes: features that need no download."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import tensorflow as tf

from dlib_bvae.artifacts.permissions import damage_is_said
from dlib_bvae.datasets import GroundTruthData, ImageData, LabelledImages
from dlib_bvae.datasets.cache import CACHE_VARIABLE, cache_dir, once, sha256_of
from dlib_bvae.datasets.ground_truth import CONTINUOUS
from dlib_bvae.errors import UserError, check_integer, check_positive
from dlib_bvae.image_quality import Extractor
from dlib_bvae.image_quality.features import to_network
from dlib_bvae.models.layers import Conv, Dense
from dlib_bvae.training.optimizers import Moments

VERSION = 1
_WIDTHS, _NUM_FEATURES, _BATCH = (32, 32, 64, 64), 64, 128


class FactorNetwork(tf.Module):
    """Images float32 (n, size, size, 3), values 0 … 255 → features (n, 64); logits: one head a factor."""

    def __init__(self, size: int, factor_sizes: tuple[int, ...], seed: int):
        super().__init__("factor_cnn")
        self.convs, inputs = [], 3
        for i, width in enumerate(_WIDTHS):
            self.convs.append(Conv(f"factor_conv{i}", inputs, width, 2.0, seed))
            inputs, size = width, -(-size // 2)
        self.dense = Dense("factor_dense", size * size * inputs, _NUM_FEATURES, 2.0, seed)
        self.heads = [Dense(f"factor_head{i}", _NUM_FEATURES, n, 1.0, seed) for i, n in enumerate(factor_sizes)]

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        x = images / 255.0
        for conv in self.convs:
            x = tf.nn.relu(conv(x))
        return tf.nn.relu(self.dense(tf.reshape(x, [tf.shape(x)[0], -1])))

    def logits(self, images: tf.Tensor) -> list[tf.Tensor]:
        """One (n, values) a factor."""
        features = self(images)
        return [head(features) for head in self.heads]


class _Targets(NamedTuple):
    """What is learnt: of each factor the number of values; indices (n,) → values int (n, factors); for the file's name."""

    sizes: tuple[int, ...]
    at: Callable[[np.ndarray], np.ndarray]
    key: str = ""


def _targets(data: ImageData) -> _Targets:
    """The factors, on a full grid or not, or else the classes. Raises UserError for data that has neither, or no classes."""
    if isinstance(data, (GroundTruthData, LabelledImages)):
        if CONTINUOUS in (data.factor_kinds or ()) or (data.factors_at(np.arange(data.num_images)) < 0).any():
            raise UserError(
                f"factor_cnn learns a value of every factor of each image as a class, and {data.name} has continuous factors or "
                "lacks values; take another extractor (image_quality.extractor or frechet_curve.extractor)"
            )
        return _Targets(tuple(int(n) for n in data.factor_sizes), data.factors_at)
    labels = data.labels()
    if labels is None:
        raise UserError(
            f"factor_cnn learns from factors or classes, and {data.name} has neither; take another extractor "
            "(image_quality.extractor or frechet_curve.extractor)"
        )
    digest = hashlib.sha256(labels.tobytes()).hexdigest()[:16]  # a fingerprint may be of the pixels alone
    return _Targets((int(labels.max()) + 1,), lambda rows: labels[rows, None], f"-labels-{digest}")


def factor_cnn(data: ImageData, training_steps: int, learning_rate: float, seed: int) -> Extractor:
    """64 features of four convolutions and a dense layer that were trained on `data`'s factors or classes, version 1.

    Trained once a data set (its fingerprint), and kept in the cache directory: by Adam, on batches of 128 images drawn
    with `seed`, on the sum of the factors' cross entropies. Raises UserError for data without either.
    """
    check_integer("factor_cnn.training_steps", training_steps, 1)
    check_positive("factor_cnn.learning_rate", learning_rate)
    check_integer("factor_cnn.seed", seed, 0)
    targets, size = _targets(data), int(data.observation_shape[0])
    network = FactorNetwork(size, targets.sizes, seed)
    key = f"v{VERSION}-{data.name}-{data.fingerprint}{targets.key}-{training_steps}-{learning_rate}-{seed}"
    path = cache_dir() / "factor_cnn" / f"{key}.npz"

    def train(file: BinaryIO) -> None:
        _train(network, data, targets.at, training_steps, learning_rate, seed)
        np.savez(file, *[v.numpy() for v in network.trainable_variables])

    size_of_file = sum(4 * int(variable.shape.num_elements()) for variable in network.trainable_variables)
    once(path, "keep the network factor_cnn", CACHE_VARIABLE, size_of_file, train)
    _restore(network, path)
    features = tf.function(network.__call__, autograph=False, reduce_retracing=True)
    return Extractor("factor_cnn", features, _NUM_FEATURES, size, f"sha256:{sha256_of(path)}")


def _restore(network: FactorNetwork, path: Path) -> None:
    damaged = UserError(f"{path} is damaged; delete it, and it is trained again")
    # zipfile and numpy fail on bad bytes in more ways than are documented
    with damage_is_said(lambda _: damaged, Exception), np.load(path, allow_pickle=False) as arrays:
        for i, variable in enumerate(network.trainable_variables):
            variable.assign(arrays[f"arr_{i}"])


def _train(network: FactorNetwork, data: ImageData, factors_at: Callable, steps: int, rate: float, seed: int) -> None:
    """Images of other than a square's sides are resized to the network's size."""
    variables = network.trainable_variables
    # Not gin's adam, whose parameters are those of the model that is trained.
    optimizer = Moments("factor_cnn", variables, rate, (0.9, 0.999), 1e-8)

    @tf.function(autograph=False)
    def step(images: tf.Tensor, labels: tf.Tensor, at: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            losses = [
                tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels[:, i], logits))
                for i, logits in enumerate(network.logits(images))
            ]
            loss = tf.add_n(losses)
        optimizer.apply(tape.gradient(loss, variables), tf.constant(1.0), at)

    random = np.random.RandomState(seed)
    for i in range(steps):
        rows = random.randint(data.num_images, size=_BATCH)
        images = to_network(data.observations_at(rows), int(data.observation_shape[0]), "bilinear", quantise=False)
        step(images, tf.constant(factors_at(rows), tf.int32), tf.constant(i, tf.int64))
