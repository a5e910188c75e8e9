"""The functions of a SavedModel of any framework as numpy functions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from dlib_bvae.errors import UserError
from dlib_bvae.models.saved_model import load


class SavedModel(NamedTuple):
    """What a SavedModel can do, on numpy arrays.

    encode: observations float32 (n, H, W, C) in [0, 1] → mean and log variance (n, latents), the second None where it
    gives none. decode: latents → images in [0, 1]. log_likelihood: observations, latents → log p(x|z) in nats (n,). The last two
    are None where it has none.
    """

    encode: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray | None]]
    decode: Callable[[np.ndarray], np.ndarray] | None
    log_likelihood: Callable[[np.ndarray, np.ndarray], np.ndarray] | None


def model(directory: Path) -> SavedModel:
    """All functions of a SavedModel, which is loaded once. Raises UserError as encoder and decoder do."""
    loaded = load(directory)
    return SavedModel(encoder(directory, loaded), decoder(directory, loaded), log_likelihood(directory, loaded))


_Encode = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray | None]]


def encoder(directory: Path, loaded: Any = None) -> _Encode:
    """The signature `encode`: observations float32 (n, H, W, C) in [0, 1] → (mean (n, latents), log_variance or None).

    It has one input, of any name, and gives `mean` and perhaps `log_variance`, or a single output of any name.
    loaded: what is in `directory`, where it has been loaded. Raises UserError for another signature, now or at the first call.
    """
    model = loaded or load(directory)
    if "encode" not in model.signatures:
        raise UserError(
            f"the SavedModel {directory} has no signature 'encode' (it has {', '.join(model.signatures) or 'none'}); export "
            "it with one: observations (n, height, width, channels) → mean (n, latents)"
        )
    call = _caller(model.signatures["encode"], "encode", directory)

    def to_numpy(observations: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        outputs = call(observations)
        mean = outputs["mean"] if "mean" in outputs else _single(outputs, directory)
        log_variance = outputs.get("log_variance") if "mean" in outputs else None
        for each in [mean] if log_variance is None else [mean, log_variance]:
            if each.ndim != 2 or len(each) != len(observations) or each.dtype.kind not in "fiu":
                raise UserError(
                    f"the SavedModel {directory} must encode {len(observations)} observations as numbers "
                    f"({len(observations)}, latents); got {each.dtype} {each.shape}"
                )
        return mean, log_variance

    to_numpy.model = model  # type: ignore[attr-defined]  # the signature alone does not keep the variables alive
    return to_numpy


def decoder(directory: Path, loaded: Any = None) -> Callable[[np.ndarray], np.ndarray] | None:
    """The signature `decode`: latents float32 (n, latents) → images (n, H, W, C) in [0, 1]; None where there is none.

    It has one input and one output, of any names. loaded: see encoder. Raises UserError for another signature, now or at the
    first call.
    """
    model = loaded or load(directory)
    if "decode" not in model.signatures:
        return None
    call = _caller(model.signatures["decode"], "decode", directory)
    to_numpy = lambda latents: _single(call(latents), directory)
    to_numpy.model = model  # type: ignore[attr-defined]
    return to_numpy


def sizes(directory: Path, loaded: Any = None) -> tuple[tuple[int | None, ...], int | None]:
    """The shape of an observation (height, width, channels) and the number of latents; None for what a SavedModel leaves open.

    loaded: see encoder. Raises UserError as encoder.
    """
    model = loaded or load(directory)
    encoder(directory, model)
    signature = model.signatures["encode"]
    (spec,) = signature.structured_input_signature[1].values()
    outputs = signature.structured_outputs
    mean = outputs.get("mean", next(iter(outputs.values()))).shape
    shape = tuple(spec.shape)[1:] if spec.shape.rank == 4 else (None, None, None)
    return shape, mean[1] if mean.rank == 2 else None


def log_likelihood(directory: Path, loaded: Any = None) -> Callable[[np.ndarray, np.ndarray], np.ndarray] | None:
    """The signature `log_likelihood` of this package's Gaussian VAEs; None where there is none of its inputs.

    loaded: see encoder.
    """
    model = loaded or load(directory)
    signature = model.signatures.get("log_likelihood")
    if signature is None or set(signature.structured_input_signature[1]) != {"observations", "latents"}:
        return None

    def to_numpy(observations: np.ndarray, latents: np.ndarray) -> np.ndarray:
        given = {"observations": tf.cast(observations, tf.float32), "latents": tf.cast(latents, tf.float32)}
        return _single({key: value.numpy() for key, value in signature(**given).items()}, directory)

    to_numpy.model = model  # type: ignore[attr-defined]
    return to_numpy


def _caller(signature: Any, name: str, directory: Path) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """`signature` as a function of its only input, which becomes of the type that it takes."""
    inputs = signature.structured_input_signature[1]
    if len(inputs) != 1:
        raise UserError(
            f"{name} of the SavedModel {directory} must have one input; it has {', '.join(sorted(inputs)) or 'none'}"
        )
    ((key, spec),) = inputs.items()
    if not spec.dtype.is_floating:
        raise UserError(f"{name} of the SavedModel {directory} must take floats; it takes {spec.dtype.name}")

    def call(values: np.ndarray) -> dict[str, np.ndarray]:
        if not spec.shape.is_compatible_with(values.shape):
            needed = ", ".join(map(str, values.shape[1:]))
            raise UserError(
                f"{name} of the SavedModel {directory} takes {spec.shape}; this data needs (n, {needed}) for any n; "
                "export it so, or choose its data set"
            )
        try:
            outputs = signature(**{key: tf.cast(values, spec.dtype)})
        except tf.errors.OpError as error:
            raise UserError(f"{name} of the SavedModel {directory} fails: {str(error).splitlines()[0]}") from error
        return {key: output.numpy() for key, output in outputs.items()}

    return call


def _single(outputs: dict[str, np.ndarray], directory: Path) -> np.ndarray:
    if len(outputs) != 1:
        raise UserError(
            f"the SavedModel {directory} gives {', '.join(sorted(outputs))}; expected one output, or of encode one called mean"
        )
    return next(iter(outputs.values()))
