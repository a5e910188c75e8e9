"""Which images a training step wants, by index: those it trains on, their partners, and a second batch."""

from __future__ import annotations

import zlib

import tensorflow as tf

from dlib_bvae.datasets.images import ImageData
from dlib_bvae.models.objectives import Wants
from dlib_bvae.training.order import Order, labelled, make_order
from dlib_bvae.training.partners import factor_grid, factors_of, make_partners

_NOTHING = Wants()


class Plan:
    """Step → indices of images, a pure function of seed and step.

    wants: what the objective needs beside a batch. counts: images a step, by the name of the input that they become.
    """

    def __init__(self, data: ImageData, batch_size: int, seed: int, wants: Wants = _NOTHING):
        self.batch_size = batch_size
        self._first = make_order(data, batch_size, seed)
        self._partners = make_partners(data, wants.partners, seed) if wants.partners else None
        self._second = _second_order(data, batch_size, seed, wants)
        self._grid = factor_grid(data) if wants.labelled else None
        self.counts = {"observations": batch_size * (1 if self._partners is None else 2)}
        if self._second is not None:
            self.counts["second"] = batch_size

    def indices(self, step: tf.Tensor) -> dict[str, tf.Tensor]:
        """int64 () → indices int64 (counts[name],) by name; partners follow those whose partners they are."""
        first = self._first(step)
        if self._partners is not None:
            first = tf.concat([first, self._partners(first, step)], axis=0)
        return (
            {"observations": first} if self._second is None else {"observations": first, "second": self._second(step)}
        )

    def labels(self, indices: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """What is known of the images at `indices`: {"factors": int64 (n, factors) of the second batch}, or nothing."""
        return {} if self._grid is None else {"factors": factors_of(indices["second"], self._grid)}

    @property
    def label_specs(self) -> dict[str, tf.TensorSpec]:
        """The shapes of `labels`."""
        if self._grid is None:
            return {}
        return {"factors": tf.TensorSpec([self.batch_size, len(self._grid)], tf.int64)}


def _second_order(data: ImageData, batch_size: int, seed: int, wants: Wants) -> Order | None:
    other = zlib.crc32(f"second batch of {seed}".encode()) & 0x7FFFFFFF
    if wants.labelled:
        return labelled(data, batch_size, other, wants.labelled)
    return make_order(data, batch_size, other) if wants.independent else None
