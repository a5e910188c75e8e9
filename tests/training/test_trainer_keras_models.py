"""Trainer with Keras models as encoder and decoder: dropout, normalisation, averages and validation go on bit for bit."""

from pathlib import Path

import gin
import numpy as np
import pytest
import tensorflow as tf
from support.keras_networks import DECODERS, ENCODERS

from dlib_bvae.config import configuration
from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.stages.train import REGISTRIES, build
from dlib_bvae.training.ensemble import Ensemble
from dlib_bvae.training.session import Checkpoints
from dlib_bvae.training.settings import TrainingSettings

DATA = DummyData()
SETTINGS = ("model.batch_size = 8", "model.training_steps = 6", "adam.learning_rate = 1e-2", "model.devices = 1")
KEPT = (
    "model.average_decay = 0.5",
    "validation.num_images = 16",
    "validation.every_steps = 3",
    "validation.keep = 'best'",
)


def trainer_of(way, *bindings):
    files = ["gin/models/beta_vae.gin", "gin/models/burgess_conv.gin"]
    with configuration(files, [*SETTINGS, *bindings], REGISTRIES), gin.unlock_config():
        gin.bind_parameter("encoder.encoder_fn", ENCODERS[way])
        gin.bind_parameter("decoder.decoder_fn", DECODERS[way])
        gin.bind_parameter("encoder.num_latent", 3)
        return build(DATA, TrainingSettings())[0]


def advance(trainer, steps, folder):
    assert bool(trainer.run(tf.constant(steps, tf.int64)))
    for callback in trainer.callbacks:
        if callback.due(trainer, int(trainer.state.step)):
            callback.run(trainer, int(trainer.state.step), folder)


def values(trainer):
    return [variable.numpy() for variable in trainer.state.variables]


@pytest.mark.parametrize("way", ["keras", "tf_keras", "held keras"])
def test_an_interrupted_training_goes_on_bit_for_bit(way, tmp_path):
    whole, first, second = (trainer_of(way, *KEPT) for _ in range(3))
    for steps in (3, 3):
        advance(whole, steps, tmp_path)
    advance(first, 3, tmp_path)
    Checkpoints(tmp_path / "checkpoint", first.state).save(3)
    random_state = first.network.encoder.others[0].numpy()
    assert Checkpoints(tmp_path / "checkpoint", second.state).restore()
    np.testing.assert_array_equal(random_state, second.network.encoder.others[0])
    advance(second, 3, tmp_path)
    for expected, got in zip(values(whole), values(second), strict=True):
        np.testing.assert_array_equal(expected, got)
    assert whole.means() == second.means()
    for trainer in (whole, second):
        trainer.use_exported()
    codes = [trainer.network.encode(DATA.observations_at([0, 1]))[0].numpy() for trainer in (whole, second)]
    np.testing.assert_array_equal(*codes)


@pytest.mark.parametrize("way", ["keras", "tf_keras"])
def test_a_step_moves_every_weight_and_the_statistics_and_validation_moves_nothing(way, tmp_path):
    trainer = trainer_of(way, *KEPT)
    before = [variable.numpy() for variable in trainer.network.variables]
    trainer.run(tf.constant(2, tf.int64))
    after = [variable.numpy() for variable in trainer.network.variables]
    assert all((old != new).any() for old, new in zip(before, after, strict=True))
    trainer.callbacks[1].run(trainer, 2, tmp_path)
    for old, variable in zip(after, trainer.network.variables, strict=True):
        np.testing.assert_array_equal(old, variable)
    assert len(trainer.average.averages) == len(trainer.variables) == 12


@pytest.mark.parametrize(
    ("way", "more"),
    [
        ("keras", "model.xla = True"),
        ("tf_keras", "model.xla = True"),
        ("keras", "model.precision = 'mixed_bfloat16'"),
        ("tf_keras", "model.precision = 'mixed_float16'"),
    ],
)
def test_precisions_and_xla(way, more):
    trainer = trainer_of(way, more)
    before = [variable.numpy() for variable in trainer.variables]
    assert bool(trainer.run(tf.constant(3, tf.int64)))
    assert all((old != new.numpy()).any() for old, new in zip(before, trainer.variables, strict=True))


@pytest.mark.parametrize("way", ["keras", "tf_keras"])
def test_members_of_an_ensemble_are_trained_as_alone(way):
    # Adam would make a step of the rounding in the gradient of a bias before a normalisation, which is 0.
    plain = ("model.optimizer = @sgd", "sgd.learning_rate = 1e-4")
    seeds = ("model.random_seed = 1", "model.random_seed = 2")
    alone = [trainer_of(way, seed, *plain) for seed in seeds]
    for trainer in alone:
        trainer.run(tf.constant(3, tf.int64))
    together = [trainer_of(way, seed, *plain) for seed in seeds]
    ensemble = Ensemble(together, "auto")
    assert ensemble.way == "loop"
    ensemble.run(tf.constant(3, tf.int64))
    for one, other in zip(alone, together, strict=True):
        for expected, got in zip(values(one), values(other), strict=True):
            np.testing.assert_allclose(expected, got, rtol=1e-3, atol=1e-3)


SCRIPT = (
    f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r})"
    + """
import math
import numpy as np
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from support.keras_networks import DECODERS, ENCODERS, KINDS
from dlib_bvae.errors import UserError
from training.test_trainer_keras_models import trainer_of

def plain(kind):
    layers, model = KINDS[kind].layers, KINDS[kind].Sequential
    ENCODERS["plain"] = lambda shape, latents, seed: model(
        [layers.Flatten(), layers.Dense(8, "relu"), layers.Dense(2 * latents)])
    DECODERS["plain"] = lambda shape, latents, seed: model(
        [layers.Dense(8, "relu"), layers.Dense(math.prod(shape)), layers.Reshape(shape)])

for kind in KINDS:
    plain(kind)
    found = []
    for devices in (1, 2):
        trainer = trainer_of("plain", f"model.devices = {devices}")
        assert (trainer.strategy is None) == (devices == 1)
        trainer.run(tf.constant(4, tf.int64))
        found.append([variable.numpy() for variable in trainer.state.variables if variable is not trainer.state.seconds])
    for one, two in zip(*found, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-3)
    try:
        trainer_of(kind, "model.devices = 2")
    except UserError as error:
        assert "2 devices cannot share this training: the encoder" in str(error), error
    else:
        raise AssertionError("not refused")
print("same")
"""
)


def test_two_devices_share_a_keras_model_without_state_and_refuse_one_with_it(forks, tmp_path):
    done = forks.run(tmp_path, "-c", SCRIPT)
    assert done.stdout.endswith("same\n"), done.stderr
