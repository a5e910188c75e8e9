"""Validation: images that training never sees, the loss on them, and the weights that were best on them."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from dlib_bvae.datasets.images import ImageData, drawn_sample
from dlib_bvae.errors import UserError, check_integer, check_number
from dlib_bvae.models.objectives import Wants
from dlib_bvae.models.objectives.base import shown_images, stream
from dlib_bvae.models.vae import GaussianVAE
from dlib_bvae.registry import configurable
from dlib_bvae.training.callbacks import Callback, Training

_STREAM = zlib.crc32(b"validation") & 0x7FFFFFFF  # keeps this noise apart from that of training
KEPT = ("last", "best")


class TrainingSplit(ImageData):
    """`data` with training weight 0 for the images `rows`; all else is the data set's."""

    def __init__(self, data: ImageData, rows: np.ndarray):
        self._data, self._rows = data, rows
        self.name, self.observation_shape, self.max_pixel = data.name, data.observation_shape, data.max_pixel

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._data, name)

    @property
    def fingerprint(self) -> str:
        """The data set's."""
        return self._data.fingerprint

    @property
    def origin(self) -> str:
        """The data set's."""
        return self._data.origin

    @property
    def num_images(self) -> int:
        """The data set's."""
        return self._data.num_images

    def images_at(self, indices: ArrayLike) -> np.ndarray:
        """The data set's."""
        return self._data.images_at(indices)

    def packed(self) -> np.ndarray | None:
        """The data set's."""
        return self._data.packed()

    def labels(self) -> np.ndarray | None:
        """The data set's."""
        return self._data.labels()

    def training_weights(self) -> np.ndarray:
        """float64 (images,): the data set's, or 1, but 0 for those kept back."""
        weights = _weights(self._data).copy()
        weights[self._rows] = 0.0
        return weights


class Best(tf.Module):
    """What a checkpoint keeps of validation: the best weights and their loss, the last loss, and how long ago the best was.

    stale: validations since the best one. Steps are -1 before the first validation.
    """

    def __init__(self, network: GaussianVAE):
        super().__init__("best")
        self.weights = [tf.Variable(variable, trainable=False) for variable in network.variables]
        self.loss, self.last_loss = (tf.Variable(np.inf, dtype=tf.float64, trainable=False) for _ in range(2))
        self.step, self.last_step = (tf.Variable(-1, dtype=tf.int64, trainable=False) for _ in range(2))
        self.stale = tf.Variable(0, dtype=tf.int64, trainable=False)


class Validation(Callback):
    """The loss on `rows` of `data`, in batches as large as training's, and the choice of the best weights.

    remaining: the data set to train on. every_steps: between two validations. keep: whether the weights of the best validation or
    the last ones are exported. patience: training stops after so many validations without a better one; 0: never.
    """

    key = "validation"

    def __init__(
        self,
        data: ImageData,
        network: GaussianVAE,
        rows: np.ndarray,
        batch_size: int,
        seed: int,
        every_steps: int,
        keep: str,
        patience: int,
    ):
        self.network, self.rows = network, rows
        self.remaining = data if data.drawn else TrainingSplit(data, rows)
        self.seed, self.every_steps, self.keep, self.patience = seed, every_steps, keep, patience
        # Held in memory: the data set may be read by another thread while training runs.
        self._batches = [data.images_at(part) for part in rows.reshape(-1, batch_size)]
        self._max_pixel = np.float32(data.max_pixel)
        self.best = Best(network)
        self._losses: Callable[..., dict[str, tf.Tensor]] | None = None

    @property
    def kept(self) -> tf.Module:
        """The best weights, and losses and steps."""
        return self.best

    @property
    def stopped(self) -> bool:
        """Whether patience is at its end."""
        return 0 < self.patience <= int(self.best.stale)

    def losses(self, training: Training) -> dict[str, float]:
        """Means over the validation images of the terms and of what else is logged, under the weights to export.

        The noise is the same every time, and so is the step that the objective sees, the last one: with weights of terms that
        change in training, the losses of two steps can be compared.
        """
        self._losses = self._losses or tf.function(partial(loss_terms, training), autograph=False)
        batches = self._batches
        sums: dict[str, float] = {}
        with training.exported():
            for number, images in enumerate(batches):
                given = {"observations": images}
                if training.objective.wants.independent:
                    given["second"] = batches[(number + 1) % len(batches)]
                inputs = {name: tf.constant(x.astype(np.float32) / self._max_pixel) for name, x in given.items()}
                key = stream(tf.constant([self.seed, number], tf.int64), _STREAM)
                for name, value in self._losses(key=key, **inputs).items():
                    sums[name] = sums.get(name, 0.0) + float(value)
        return {name: value / len(batches) for name, value in sums.items()}

    def run(self, training: Training, step: int, directory: Path) -> dict[str, float]:
        """Measures the losses after `step` steps and keeps the weights when the loss is the best so far."""
        losses, best = self.losses(training), self.best
        best.last_loss.assign(losses["loss"])
        best.last_step.assign(step)
        if losses["loss"] < float(best.loss):
            best.loss.assign(losses["loss"])
            best.step.assign(step)
            best.stale.assign(0)
            with training.exported():
                for kept, variable in zip(best.weights, self.network.variables, strict=True):
                    kept.assign(variable)
        else:
            best.stale.assign_add(1)
        return {f"validation/{name}": value for name, value in losses.items()}

    def choose_weights(self) -> bool:
        """Gives the network the best weights where they are to be exported; returns whether it did."""
        chosen = self.keep == "best" and int(self.best.step) >= 0
        if chosen:
            for kept, variable in zip(self.best.weights, self.network.variables, strict=True):
                variable.assign(kept)
        return chosen

    def results(self) -> dict[str, Any]:
        """What a result records: the number of images, and steps and losses (nats) of the best and of the last validation."""
        best = self.best
        return {
            "num_images": len(self.rows),
            "best_step": int(best.step),
            "best_loss": float(best.loss),
            "last_step": int(best.last_step),
            "last_loss": float(best.last_loss),
            "exported_step": int(best.step if self.keep == "best" else best.last_step),
        }


@configurable("validation", denylist=["data", "network", "batch_size", "wants"], seeds=["seed"])
def make_validation(
    data: ImageData,
    network: GaussianVAE,
    batch_size: int,
    wants: Wants,
    fraction: float = 0.0,
    num_images: int = 0,
    every_steps: int = 1_000,
    seed: int = 0,
    keep: str = "last",
    patience: int = 0,
) -> Validation | None:
    """A Validation on images that are chosen by `seed` among those that training shows, in proportion to their weights.

    fraction: of the images, in 0 … 1; or num_images: how many; either is rounded down to whole batches. Both 0: None. Others:
    see Validation. Raises UserError for values out of range and for objectives that need pairs or labels.
    """
    check_number("validation.fraction", fraction, 0, 1)
    for name, value, least in (
        ("num_images", num_images, 0),
        ("every_steps", every_steps, 1),
        ("seed", seed, 0),
        ("patience", patience, 0),
    ):
        check_integer(f"validation.{name}", value, least)
    if keep not in KEPT:
        raise UserError(f"validation.keep must be one of {', '.join(KEPT)}; got {keep!r}")
    if fraction and num_images:
        raise UserError("validation.fraction and validation.num_images are two ways to say the same; set one of them")
    if not fraction and not num_images:
        _check_unused(keep, patience)
        return None
    if wants.partners or wants.labelled:
        raise UserError(
            "an objective that trains on pairs or labels cannot be validated, as its loss needs the whole grid; set "
            "validation.fraction and num_images to 0"
        )
    if data.drawn and fraction:
        raise UserError(
            f"validation.fraction is of the images that training shows, and {data.name} draws them without end; set "
            "validation.num_images instead"
        )
    rows = split_rows(data, int(fraction * shown_images(data)) if fraction else num_images, batch_size, seed)
    return Validation(data, network, rows, batch_size, seed, every_steps, keep, patience)


def _check_unused(keep: str, patience: int) -> None:
    if keep != "last" or patience:
        raise UserError(
            "validation.keep and validation.patience need images to validate on; set validation.fraction or num_images"
        )


def split_rows(data: ImageData, count: int, batch_size: int, seed: int) -> np.ndarray:
    """At most `count` different images of those that training shows, whole batches, int64 (images,).

    Of a set that draws images for training, such ones that it will hardly draw again. Raises UserError when that is no batch, or
    leaves no batch to train on.
    """
    whole = count // batch_size * batch_size
    if data.drawn:
        if not whole:
            raise UserError(f"validation needs at least a batch of {batch_size} images; got {count}")
        return np.sort(drawn_sample(data, whole, seed))
    weights = _weights(data)
    most = np.count_nonzero(weights) - batch_size
    if not batch_size <= whole <= most:
        raise UserError(
            f"validation needs at least a batch of {batch_size} images and must leave one to train on; of "
            f"{data.name}'s {most + batch_size} images it got {count}"
        )
    chosen = np.random.default_rng(seed).choice(len(weights), whole, replace=False, p=weights / weights.sum())
    return np.sort(chosen).astype(np.int64)


def _weights(data: ImageData) -> np.ndarray:
    weights = data.training_weights()
    return np.ones(data.num_images) if weights is None else np.asarray(weights, np.float64)


def loss_terms(training: Training, observations: tf.Tensor, key: tf.Tensor, **given: tf.Tensor) -> dict[str, tf.Tensor]:
    """The scalars of a batch by the present weights, as the last step would log them; changes no variable. given: see Batch."""
    given |= {"step": tf.constant(training.total - 1, tf.int64), "total": training.total}
    variables = training.objective.variables
    before = [variable.read_value() for variable in variables]
    batch = training.network.batch(observations, key, training.objective.adapt, **given)
    losses, _ = training.losses(batch)
    for variable, value in zip(variables, before, strict=True):  # terms may move them, as a controller's do
        variable.assign(value)
    return {**losses, **batch.measured}
