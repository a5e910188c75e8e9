"""Curves: figures of the network while it is trained, at steps far apart, kept in the checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from dlib_bvae.models.vae import GaussianVAE
from dlib_bvae.training.callbacks import Callback, Training


class Figures(Protocol):
    """What a curve is of.

    tags: the key of each scalar in the results → its name in TensorBoard. about: what else the results tell.
    """

    tags: dict[str, str]
    about: dict[str, Any]

    def __call__(self, network: GaussianVAE) -> dict[str, float]:
        """The scalars by their keys; nothing of the network may change."""


class Curve(tf.Module, Callback):
    """`figures` of the weights to export, every `every_steps` steps and at the end; part of every checkpoint.

    A step that an interrupted training goes back to is measured again, and stands in the curve once.
    """

    key = "frechet_curve"

    def __init__(self, figures: Figures, every_steps: int):
        super().__init__("curve")
        self.figures, self.every_steps, count = figures, every_steps, len(figures.tags)
        # Of any number of points, so that a training with more steps goes on from the same checkpoint.
        self.steps = tf.Variable(np.zeros(0, np.int64), shape=[None], trainable=False)
        self.values = tf.Variable(np.zeros((0, count)), shape=[None, count], trainable=False)

    @property
    def kept(self) -> tf.Module:
        """The points of the curve."""
        return self

    def run(self, training: Training, step: int, directory: Path) -> dict[str, float]:
        """Measures after `step` steps and keeps the scalars; returns them by their tags."""
        with training.exported():
            found = self.figures(training.network)
        self.steps.assign(np.append(self.steps.numpy(), step))
        self.values.assign(np.vstack([self.values.numpy(), [found[key] for key in self.figures.tags]]))
        return {f"quality/{tag}": found[key] for key, tag in self.figures.tags.items()}

    def results(self) -> dict[str, Any]:
        """What `figures` tells, "steps", and by its key a list of each scalar."""
        lists = self.values.numpy().T.tolist()
        return {
            **self.figures.about,
            "steps": self.steps.numpy().tolist(),
            **dict(zip(self.figures.tags, lists, strict=True)),
        }
