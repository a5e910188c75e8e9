"""Where codes of LeJEPA are the factors up to a rotation: Gaussian factors and additive noise; and where they are not."""

import gin
import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae import datasets, metrics
from dlib_bvae.config import configuration
from dlib_bvae.models.autoencoders import deterministic_encoder
from dlib_bvae.models.layers import Dense, posterior_of
from dlib_bvae.models.objectives.lejepa_pairs import lejepa_pairs
from dlib_bvae.stages.train import REGISTRIES, build
from dlib_bvae.training.optimizers import adam
from dlib_bvae.training.settings import TrainingSettings

SIDE, PAIRS, STEPS = 8, 128, 400


class Encoder(tf.Module):
    """An MLP of two layers of 64."""

    def __init__(self, observation_shape, num_latent, seed):
        super().__init__("encoder")
        self.dense = [Dense("encoder0", SIDE**2, 64, 2.0, seed), Dense("encoder1", 64, 64, 2.0, seed)]
        self.posterior = Dense("encoder2", 64, 2 * num_latent, 1.0, seed)

    def __call__(self, x):
        return posterior_of(x, self.dense, self.posterior)


def spots(places):
    """A soft spot at each place (n, 2) in −3 … 3: images float32 (n, 8, 8, 1)."""
    grid = np.linspace(-3.5, 3.5, SIDE, dtype=np.float32)
    across, down = (tf.exp(-tf.square(places[:, k, None] - grid) / 2.0) for k in range(2))
    return (down[:, :, None] * across[:, None, :])[..., None]


def gaussian_pairs(rng, count):
    """Standard normal places, each followed by 0.9 of it and noise of the same law."""
    first, noise = rng.normal(size=(2, count, 2))
    return first, 0.9 * first + np.sqrt(1 - 0.9**2) * noise


def grid_pairs(rng, count):
    """Places on a grid of 8 × 8, each followed by one that differs in one coordinate."""
    first = rng.integers(8, size=(count, 2))
    second, rows = first.copy(), np.arange(count)
    column = rng.integers(2, size=count)
    second[rows, column] = (first[rows, column] + rng.integers(1, 8, size=count)) % 8
    return (first - 3.5) * 6 / 7, (second - 3.5) * 6 / 7


def learned(pairs_of, seed=0):
    """linear_identifiability of an encoder of two codes that was trained on pairs of spots."""
    gin.bind_parameter("encoder.encoder_fn", Encoder)
    gin.bind_parameter("encoder.num_latent", 2)
    network, objective = deterministic_encoder((SIDE, SIDE, 1), seed), lejepa_pairs(slices=32)
    optimizer = adam(network.trainable_variables, learning_rate=3e-3)

    @tf.function(autograph=False)
    def step(places, number):
        with tf.GradientTape() as tape:
            batch = network.batch(spots(places), tf.stack([tf.constant(seed, tf.int64), number]))
            loss = tf.add_n(list(objective.terms(batch).values()))
        gradients = tape.gradient(loss, network.trainable_variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        optimizer.apply(gradients, tf.constant(1.0), number)

    rng = np.random.default_rng(seed)
    for number in range(STEPS):
        step(tf.constant(np.concatenate(pairs_of(rng, PAIRS)), tf.float32), tf.constant(number, tf.int64))
    places = pairs_of(rng, 4_000)[0]
    codes = network.encode(spots(tf.constant(places, tf.float32)))[0].numpy()
    gin.clear_config()
    given = {"factors": places, "factor_kinds": ["continuous"] * 2, "codes": codes}
    return metrics.score("linear_identifiability", **given, num_train=2_000, num_test=2_000)


def test_gaussian_factors_with_additive_noise_are_found_up_to_a_rotation():
    found = learned(gaussian_pairs)
    assert found["r2_codes_to_factors"] > 0.9
    assert found["r2_factors_to_codes"] > 0.9
    assert found["orthogonality_error"] < 0.3


def test_factors_on_a_grid_are_not():
    assert learned(grid_pairs)["r2_codes_to_factors"] < 0.9


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Data sets are rendered into a folder of the test."""
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path))


def learned_images(files, bindings, steps, **parameters):
    """linear_identifiability of a convolutional encoder that was trained on 128 pairs a step."""
    common = ["model.batch_size = 128", "encoder.encoder_fn = @burgess_encoder", "adam.learning_rate = 1e-3"]
    with configuration(files, [*common, f"model.training_steps = {steps}", *bindings], REGISTRIES):
        data = datasets.load()
        trainer = build(data, TrainingSettings())[0]
    trainer.feed.start(0, steps)
    trainer.run(tf.constant(steps, tf.int64))
    encode = lambda observations: trainer.network.encode(tf.constant(observations))[0].numpy()
    return metrics.score("linear_identifiability", data, encode, num_train=2_000, num_test=2_000, **parameters)


@pytest.mark.slow
@pytest.mark.usefixtures("cache")
def test_gaussian_positions_of_dsprites_off_the_grid_are_found():
    found = learned_images(["gin/lejepa_pairs_dsprites.gin"], ["dsprites_continuous.images = 4_000"], 150)
    assert found["factors"] == ["position_x", "position_y"]
    assert found["r2_codes_to_factors"] > 0.9
    assert found["r2_factors_to_codes"] > 0.9


@pytest.mark.slow
@pytest.mark.usefixtures("cache")
def test_the_numbers_of_dsprites_on_its_grid_are_not():
    files = ["gin/models/lejepa_pairs.gin", "gin/datasets/dsprites_rendered.gin"]
    bindings = ["encoder.num_latent = 5", "lejepa_pairs.changed = 1"]
    found = learned_images(files, bindings, 150, leave_out=["shape", "orientation"])
    assert found["factors"] == ["scale", "position_x", "position_y"]
    assert found["r2_codes_to_factors"] < 0.9
