"""A trained network as a SavedModel: encode, decode and reconstruct, readable without this package."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import tensorflow as tf

from dlib_bvae.artifacts.permissions import check_readable, damage_is_said
from dlib_bvae.errors import UserError
from dlib_bvae.models.literal_paths import literal_path


class Model(Protocol):
    """What every network can do, trained or fitted: observations ↔ codes. It is a tf.Module, and exported as a SavedModel.

    One that says `decodes = False` (see decodes) has an encoder alone: decode and reconstruct raise NotApplicable.
    """

    observation_shape: tuple[int, int, int]
    num_latent: int

    @property
    def trainable_variables(self) -> Sequence[tf.Variable]:
        """The weights."""

    def encode(self, observations: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Observations (batch, H, W, C) in [0, 1] → mean and log variance, (batch, latents); −∞ for an exact code."""

    def decode(self, latents: tf.Tensor) -> tf.Tensor:
        """Latents (batch, latents) → the expected image, float32 (batch, H, W, C) in [0, 1]."""

    def reconstruct(self, observations: tf.Tensor) -> tf.Tensor:
        """Decodes the mean: observations → images, both float32 (batch, H, W, C) in [0, 1]."""


def decodes(network: object) -> bool:
    """Whether a network, or what makes it, has a decoder: all have but those that say `decodes = False`."""
    return bool(getattr(network, "decodes", True))


def export(network: Model, directory: Path) -> None:
    """Writes `network` with three functions, all on float32 and any batch size; without a decoder with the first of them.

    encode: observations (n, H, W, C) in [0, 1] → mean and log_variance (n, latents); decode: latents (n, latents) →
    images in [0, 1]; reconstruct: observations → images. A network that has more, says so in `functions` (see multi_rate_vae).
    """
    images = tf.TensorSpec([None, *network.observation_shape], tf.float32, name="observations")
    latents = tf.TensorSpec([None, network.num_latent], tf.float32, name="latents")
    module = tf.Module()
    module.network = network
    # Without autograph, which would read the package's sources again hours after they were loaded.
    function = functools.partial(tf.function, autograph=False)
    encode = lambda observations: dict(zip(("mean", "log_variance"), network.encode(observations), strict=True))
    functions: dict[str, Any] = {"encode": (encode, [images])}
    if decodes(network):
        functions["decode"] = (lambda latents: {"images": network.decode(latents)}, [latents])
        functions["reconstruct"] = (lambda observations: {"images": network.reconstruct(observations)}, [images])
    functions |= network.functions() if hasattr(network, "functions") else {}
    for name, (call, inputs) in functions.items():
        setattr(module, name, function(call, input_signature=inputs))
    signatures = {name: getattr(module, name).get_concrete_function() for name in functions}
    tf.saved_model.save(module, str(directory), signatures=signatures)  # which reads no pattern


def load(directory: Path) -> Any:
    """Reads a SavedModel. Raises UserError when there is none or it is damaged."""
    if not directory.exists():
        raise UserError(
            f"there is no SavedModel {directory}: a run of a method without an encoder, such as the oracle, has none; "
            "train another method's again with --overwrite"
        )
    check_readable(directory)  # TensorFlow calls what may not be read damaged
    errors = (tf.errors.OpError, OSError, ValueError, KeyError)
    with damage_is_said(lambda _: damaged(directory), *errors), literal_path(directory) as place:
        return tf.saved_model.load(place)


def damaged(directory: Path) -> UserError:
    """What to raise for a SavedModel that cannot be read."""
    return UserError(f"the SavedModel {directory} is damaged; export it again (a run: train again with --overwrite)")
