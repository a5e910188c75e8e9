"""What looks at a training between its steps: a Callback measures, is kept in the checkpoints, and may stop the training."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, Protocol

import tensorflow as tf

from dlib_bvae.models.objectives import Batch, Objective
from dlib_bvae.models.vae import GaussianVAE


class Training(Protocol):
    """What a callback sees of a training (see Trainer). done: whether no step is left, or a callback has stopped it."""

    network: GaussianVAE
    objective: Objective
    total: int

    @property
    def done(self) -> bool:
        """Whether all steps are taken, or a callback has stopped the training."""

    def means(self) -> dict[str, float]:
        """The scalars of the steps since the loss window began, averaged; losses in nats."""

    def losses(self, batch: Batch) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """The objective's terms with their sum, "loss", in nats; and that sum as it is differentiated."""

    def exported(self) -> contextlib.AbstractContextManager[None]:
        """Gives the network the weights to export for the block."""


class Callback:
    """Called by the session in the order in which the trainer has them; each says when it is due.

    every_steps: the session stops at its multiples, and at the end. key: of `results` in the results of training. of_total:
    whether what it measures depends on the number of steps of the training.
    """

    every_steps: int
    key: str = ""
    of_total: bool = True

    @property
    def kept(self) -> tf.Module:
        """What a checkpoint keeps of it."""
        raise NotImplementedError

    def due(self, training: Training, step: int) -> bool:
        """Whether `run` is called after `step` steps."""
        return step % self.every_steps == 0 or training.done

    def run(self, training: Training, step: int, directory: Path) -> dict[str, float]:
        """Measures after `step` steps; returns scalars by their tags in TensorBoard. Nothing of the training may change.

        directory: of the training, which has `checkpoint`. Raises UserError to end the training as a failure.
        """
        raise NotImplementedError

    @property
    def stopped(self) -> bool:
        """Whether it stops the training, which counts as finished then."""
        return False

    def choose_weights(self) -> bool:
        """At the end: gives the network the weights to export where it has chosen some; returns whether it did."""
        return False

    def results(self) -> dict[str, Any]:
        """What the results of training record of it under `key`; nothing where it is empty."""
        return {}
