"""Every objective with the parameters of its gin file, made small enough for many trainings."""

from __future__ import annotations

import dataclasses
import inspect
import math
import re
from pathlib import Path

import gin
import tensorflow as tf

from dlib_bvae.artifacts import config_dict
from dlib_bvae.config import configuration
from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.models.layers import Dense
from dlib_bvae.stages.train import REGISTRIES, build
from dlib_bvae.training.settings import TrainingSettings

HOME = Path(__file__).resolve().parents[2]
DATA = DummyData()
_MOST = 16  # of an integer parameter: latents, widths, numbers of steps, pairs, labels
_CHOICE = re.compile(r"^model\.model = @(\w+)\(\)", re.MULTILINE)


class Encoder(tf.Module):
    """An MLP of one layer of 32, for images of 16×16×1."""

    def __init__(self, observation_shape, num_latent, seed):
        super().__init__("encoder")
        self.hidden = Dense("encoder0", math.prod(observation_shape), 32, 2.0, seed)
        self.output = Dense("encoder1", 32, 2 * num_latent, 1.0, seed)

    def __call__(self, x):
        x = tf.nn.relu(self.hidden(tf.reshape(x, [-1, 256])))
        return tf.split(self.output(x), 2, axis=1)


class Decoder(tf.Module):
    """The mirror of Encoder."""

    def __init__(self, observation_shape, num_latent, seed):
        super().__init__("decoder")
        self.hidden = Dense("decoder0", num_latent, 32, 2.0, seed)
        self.output = Dense("decoder1", 32, math.prod(observation_shape), 1.0, seed)

    def __call__(self, z):
        return tf.reshape(self.output(tf.nn.relu(self.hidden(z))), [-1, 16, 16, 1])


def method_files() -> dict[str, list[str]]:
    """Method → the files in gin/models that choose it, that of its name first."""
    found: dict[str, list[str]] = {}
    for path in sorted((HOME / "gin" / "models").glob("*.gin")):
        for name in _CHOICE.findall(path.read_text(encoding="utf-8")):
            found.setdefault(name, []).append(f"gin/models/{path.name}")
    return {name: sorted(files, key=lambda file, name=name: Path(file).stem != name) for name, files in found.items()}


def small(name: str) -> tuple[str, list[str]]:
    """The gin file of a method, and the bindings that make it small: no integer of the method or network is above 16."""
    file = method_files()[name][0]
    with configuration([file], [], REGISTRIES):
        given = config_dict(gin.config_str())
    parameters = {
        f"{name}.{key}": value.default
        for key, value in inspect.signature(gin.get_configurable(name)).parameters.items()
    }
    whole = {key: value for key, value in {**parameters, **given}.items() if type(value) is int and value > _MOST}
    return file, [f"{key} = {_MOST}" for key in whole if not key.startswith("model.")]


def scheduled(name: str) -> list[str]:
    """The parameters of a method that may follow a schedule."""
    parameters = inspect.signature(gin.get_configurable(name)).parameters
    return [key for key, value in parameters.items() if "Weight" in str(value.annotation)]


def small_trainer(name: str, parameters: dict | None = None, **settings):
    """The trainer of a method on 512 images of 16×16: batch 8, 100 steps, Adam at 3e-3, networks of one layer of 32.

    parameters: of the method, such as {"beta": a schedule}. settings: fields of TrainingSettings.
    """
    file, bindings = small(name)
    bindings += [
        "model.batch_size = 8",
        "model.training_steps = 100",
        "model.optimizer = @adam",
        "model.clip_value = 0.0",
    ]
    with configuration([file], [*bindings, "adam.learning_rate = 3e-3"], REGISTRIES), gin.unlock_config():
        gin.bind_parameter("encoder.encoder_fn", Encoder)
        gin.bind_parameter("decoder.decoder_fn", Decoder)
        for key, value in (parameters or {}).items():
            gin.bind_parameter(f"{name}.{key}", value)
        return build(DATA, dataclasses.replace(TrainingSettings(), **settings))[0]


def defaults(method: type) -> dict:
    """The parameters of a method with their defaults."""
    return {key: value.default for key, value in inspect.signature(method).parameters.items()}
