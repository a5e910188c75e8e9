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
    """`figures` of the weights to export, every `every_steps` of `total` steps and at the end; part of every checkpoint.

    A step that an interrupted training goes back to is measured again, and stands in the curve once.
    """

    key = "frechet_curve"

    def __init__(self, figures: Figures, every_steps: int, total: int):
        super().__init__("curve")
        self.figures, self.every_steps = figures, every_steps
        points = total // every_steps + 1
        self.steps = tf.Variable(np.zeros(points, np.int64), trainable=False)
        self.values = tf.Variable(np.zeros((points, len(figures.tags))), trainable=False)
        self.count = tf.Variable(0, dtype=tf.int64, trainable=False)

    @property
    def kept(self) -> tf.Module:
        """The points of the curve."""
        return self

    def run(self, training: Training, step: int, directory: Path) -> dict[str, float]:
        """Measures after `step` steps and keeps the scalars; returns them by their tags in TensorBoard."""
        with training.exported():
            found = self.figures(training.network)
        place = int(self.count)
        self.steps[place].assign(step)
        self.values[place].assign([found[key] for key in self.figures.tags])
        self.count.assign_add(1)
        return {tag: found[key] for key, tag in self.figures.tags.items()}

    def results(self) -> dict[str, Any]:
        """What `figures` tells, "steps", and by its key a list of each scalar."""
        count = int(self.count)
        lists = self.values.numpy()[:count].T.tolist()
        return {
            **self.figures.about,
            "steps": self.steps.numpy()[:count].tolist(),
            **dict(zip(self.figures.tags, lists, strict=True)),
        }
