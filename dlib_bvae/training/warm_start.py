"""Weights to start from: those of a run's exported network, or a bias from the data; and a digest that tells weights apart."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import tensorflow as tf

from dlib_bvae.artifacts.permissions import check_readable, damage_is_said
from dlib_bvae.artifacts.record import is_done
from dlib_bvae.datasets.images import ImageData, drawn_sample
from dlib_bvae.errors import UserError
from dlib_bvae.models.layers import Layer
from dlib_bvae.models.literal_paths import literal_path
from dlib_bvae.models.saved_model import damaged, decodes
from dlib_bvae.models.vae import GaussianVAE

_VARIABLES = "variables/variables"  # of a SavedModel
_MEASURED, _LEAST_MEAN = 2_000, 1e-3
_TOLERANCE = 0.02  # of bfloat16, for logits near 0
_LEAST_SCALE = 0.5  # of a gate that is nearly open
_VARIABLE = "/.ATTRIBUTES/VARIABLE_VALUE"


def weights_of_run(run: str) -> Path:
    """The SavedModel whose weights `model.initial_weights` = `run` means.

    Raises UserError where there is no such run, its training is not finished, or it has no network.
    """
    train = Path(run) / "train"
    if not Path(run).is_dir():
        raise UserError(f"model.initial_weights: there is no run {run}; give the directory of a finished run")
    if not is_done(train, "train"):
        raise UserError(
            f"model.initial_weights: {run} has no finished training; finish it with the command that began it, or give the "
            "directory of another run"
        )
    if not (train / "saved_model").is_dir():
        raise UserError(
            f"model.initial_weights: {run} is of a method without a network, such as the oracle; give the run of another method"
        )
    return train / "saved_model"


def start_from(run: str, network: tf.Module) -> None:
    """Gives `network` the exported weights of the directory `run`; nothing for "".

    Call it before anything copies the weights, within the strategy's scope where there is one. Raises UserError where `run`
    has no weights (see weights_of_run), or those of another architecture.
    """
    if not run:
        return
    saved = weights_of_run(run)
    weights_digest(saved)  # reads all, so that what fails from here on is the architecture
    other = UserError(
        f"model.initial_weights: the network of {run} has another architecture, or is of images of another size, than this "
        "training; both must have the same model.network, encoder, decoder and reconstruction_loss, and image size"
    )
    with literal_path(saved) as place:
        try:
            found = tf.train.Checkpoint(network=network).read(f"{place}/{_VARIABLES}")
        except (tf.errors.OpError, ValueError) as error:
            raise other from error
        try:
            found.assert_consumed()
        except AssertionError as error:
            found.expect_partial()  # which keeps TensorFlow from listing what was not read
            raise other from error


def start_output_bias(network: GaussianVAE, data: ImageData, seed: int) -> None:
    """Starts the decoder's last bias at the logit of the mean pixel of each channel of `data`, estimated on 2,000 images.

    The mean is kept within 0.001 … 0.999. Every likelihood here takes σ(logit) for the mean of a pixel. Raises UserError where
    there is no decoder, or no layer of models/layers.py gives the logits.
    """
    if not decodes(network):
        raise UserError(
            "model.output_bias = 'data_mean' is of a decoder, and this model.network has none; bind it to 'zero'"
        )
    weights = data.training_weights()
    chances = None if weights is None else np.asarray(weights, np.float64) / np.sum(weights)
    if data.drawn:
        rows = drawn_sample(data, _MEASURED, seed)
    else:
        rows = np.random.default_rng(seed).choice(data.num_images, size=_MEASURED, p=chances)
    parts = np.array_split(rows, _MEASURED // 100)
    mean = np.mean([data.observations_at(part).mean(axis=(0, 1, 2), dtype=np.float64) for part in parts], axis=0)
    mean = np.clip(mean, _LEAST_MEAN, 1 - _LEAST_MEAN)
    bias = np.broadcast_to(np.log(mean / (1 - mean)), data.observation_shape)
    layer, scale = _output_layer(network)
    layer.bias.assign(bias.ravel()[-layer.bias.shape[0] :] / scale)


def _output_layer(network: GaussianVAE) -> tuple[Layer, float]:
    """The layer whose bias is added to the logits, and what scales it on the way: 1, or how far its gate is open."""
    latents = tf.zeros([1, network.num_latent])
    before = network.decode_logits(latents)
    for layer in (each for each in network.decoder.submodules if isinstance(each, Layer)):
        bias = tf.identity(layer.bias)
        shifts = []
        for amount in (1.0, 2.0):  # twice, as a bounded decoder's logits may move alike too
            layer.bias.assign(bias + amount)
            shifts.append((network.decode_logits(latents) - before).numpy() / amount)
        layer.bias.assign(bias)
        scale = float(np.mean(shifts))
        if scale > _LEAST_SCALE and np.abs(np.array(shifts) - scale).max() < _TOLERANCE:
            return layer, 1.0 if abs(scale - 1.0) < _TOLERANCE else scale
    raise UserError(
        "model.output_bias = 'data_mean' needs a decoder whose logits come from a layer of dlib_bvae.models.layers; bind it to "
        "'zero', or start the bias in your decoder"
    )


def weights_digest(saved_model: Path) -> str:
    """A SHA-256 in hexadecimal of the variables of a SavedModel: their paths, types, shapes and numbers, ordered by path.

    Two exports of equal weights have the same one, wherever and whenever they were written. Raises UserError when it cannot
    be read.
    """
    digest = hashlib.sha256()
    check_readable(saved_model)  # TensorFlow calls what may not be read damaged
    errors = (tf.errors.OpError, ValueError, IndexError, RuntimeError)
    with damage_is_said(lambda _: damaged(saved_model), *errors), literal_path(saved_model) as place:
        reader = tf.train.load_checkpoint(f"{place}/{_VARIABLES}")
        for name in sorted(reader.get_variable_to_shape_map()):
            if name.endswith(_VARIABLE):
                value = reader.get_tensor(name)
                digest.update(f"{name.removesuffix(_VARIABLE)} {value.dtype} {value.shape}\n".encode())
                digest.update(value.tobytes())
    return digest.hexdigest()
