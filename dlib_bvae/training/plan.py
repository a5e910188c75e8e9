"""Which images a training step sees, by index: a pure function of seed and step, so that a resumed run sees what it would have.

Order: the images that a step trains on. Partners: for weak supervision, for every image another that differs in a few factors.
Plan: all that an objective wants: images, their partners, and a second batch.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import tensorflow as tf

from dlib_bvae.datasets.ground_truth import GroundTruthData, grid_strides
from dlib_bvae.datasets.images import ALL_FACTORS, DRAWS, ImageData, check_changed, partner_code
from dlib_bvae.errors import UserError, check_memory
from dlib_bvae.models.objectives import Wants

Order = Callable[[tf.Tensor], tf.Tensor]
_PARTNERS = 0x70616972  # keeps their stream apart from noise and order, which are keyed by (seed, step) as well
_NOTHING = Wants()
_BATCH_BYTES = 2**32  # of float32 observations


class Plan:
    """Step → indices of images, a pure function of seed and step.

    wants: what the objective needs besides a batch. counts: images a step, by the name of the input that they become.
    Raises UserError for a batch of more than 4 GiB.
    """

    def __init__(self, data: ImageData, batch_size: int, seed: int, wants: Wants = _NOTHING):
        size = f"model.batch_size = {batch_size}: images of {' × '.join(map(str, data.observation_shape))}"
        check_memory(size, 4 * batch_size * math.prod(data.observation_shape), _BATCH_BYTES, "use a smaller batch")
        self.batch_size = batch_size
        self._first = make_order(data, batch_size, seed)
        self._partners = make_partners(data, wants.partners, seed) if wants.partners else None
        self._second = _second_order(data, batch_size, seed, wants)
        self._factors = factors_of(data) if wants.labelled else None
        self._num_factors = len(factor_grid(data)) if wants.labelled else 0
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
        return {} if self._factors is None else {"factors": self._factors(indices["second"])}

    @property
    def label_specs(self) -> dict[str, tf.TensorSpec]:
        """The shapes of `labels`."""
        if self._factors is None:
            return {}
        return {"factors": tf.TensorSpec([self.batch_size, self._num_factors], tf.int64)}


def _second_order(data: ImageData, batch_size: int, seed: int, wants: Wants) -> Order | None:
    other = zlib.crc32(f"second batch of {seed}".encode()) & 0x7FFFFFFF
    if wants.labelled:
        return labelled(data, batch_size, other, wants.labelled)
    return make_order(data, batch_size, other) if wants.independent else None


def make_order(data: ImageData, batch_size: int, seed: int) -> Order:
    """Returns step int64 () → image indices int64 (batch_size,).

    Without training weights, or with equal ones, the images are walked epoch by epoch, each in its own pseudo-random order;
    with others every index is drawn by itself. A set that draws images for training has new ones at every step.
    Raises UserError for weights that are none.
    """
    if data.drawn:
        return new_images(data.num_images, batch_size, seed)
    weights = data.training_weights()
    if weights is None:
        return epochs(data.num_images, batch_size, seed)
    weights = np.asarray(weights, np.float64)
    if weights.shape != (data.num_images,) or not np.isfinite(weights).all() or weights.min() < 0 or weights.max() <= 0:
        raise UserError(
            f"the training weights of {data.name} must be {data.num_images} finite numbers >= 0, not all 0; "
            f"got shape {weights.shape}"
        )
    shown = np.flatnonzero(weights)
    if np.ptp(weights[shown]) == 0:
        walk, rows = epochs(len(shown), batch_size, seed), tf.constant(shown)
        return lambda step: tf.gather(rows, walk(step))
    return draws(weights, batch_size, seed)


def epochs(num_images: int, batch_size: int, seed: int) -> Order:
    """Every image once an epoch."""

    def order(step: tf.Tensor) -> tf.Tensor:
        position = step * batch_size + tf.range(batch_size, dtype=tf.int64)
        epoch = tf.cast(position // num_images, tf.int32)
        seeds = tf.stack([tf.fill([batch_size], seed), epoch, tf.zeros_like(epoch)], axis=1)
        # The public index_shuffle pads a batch of seeds along the wrong axis (TensorFlow 2.21), and its 4 rounds leave
        # neighbours together; from 8 rounds on no correlation is left.
        return tf.raw_ops.RandomIndexShuffle(
            index=position % num_images,
            seed=tf.cast(seeds, tf.uint32),
            max_index=tf.constant(num_images - 1, tf.int64),
            rounds=16,
        )

    return order


def new_images(first: int, batch_size: int, seed: int) -> Order:
    """Independent indices, uniform in `first` … DRAWS − 1, of which no two are the same in practice."""
    key = lambda step: tf.stack([tf.constant(~seed & 0xFFFFFFFF, tf.int64), step])  # as that of draws()
    return lambda step: tf.random.stateless_uniform([batch_size], key(step), first, DRAWS, tf.int64)


def draws(weights: np.ndarray, batch_size: int, seed: int) -> Order:
    """Independent indices with probabilities in proportion to `weights`, float64 (images,)."""
    cumulated = np.cumsum(weights)
    edges = tf.constant(cumulated / cumulated[-1])

    def order(step: tf.Tensor) -> tf.Tensor:
        # The key's first number keeps this stream apart from the posterior noise, which is keyed by (seed, step).
        key = tf.stack([tf.constant(~seed & 0xFFFFFFFF, tf.int64), step])
        uniform = tf.random.stateless_uniform([batch_size], key, dtype=tf.float64)
        return tf.searchsorted(edges, uniform, side="right", out_type=tf.int64)

    return order


def labelled(data: ImageData, batch_size: int, seed: int, count: int) -> Order:
    """Epochs over `count` of the images that training shows, chosen by the seed. Raises UserError when it has fewer."""
    weights = data.training_weights()
    shown = np.arange(data.num_images) if weights is None else np.flatnonzero(weights)
    if count > len(shown):
        raise UserError(f"{data.name} has {len(shown)} images to label; got {count}")
    rows = tf.constant(np.random.default_rng(seed).choice(shown, count, replace=False), tf.int64)
    walk = epochs(count, batch_size, seed)
    return lambda step: tf.gather(rows, walk(step))


def factor_grid(data: Any) -> tuple[int, ...]:
    """The number of values of each factor. Raises UserError when `data` has no factors, or several images of one cell."""
    sizes = getattr(data, "factor_sizes", None)
    if sizes is None:
        raise UserError(f"this method needs the factors of its images, which {data.name} does not know; take another")
    if not isinstance(data, GroundTruthData):
        raise UserError(
            f"this method needs an image of every combination of factors, which {data.name} has not; take another method"
        )
    if data.images_per_cell != 1:
        raise UserError(
            f"this method needs one image for every combination of factors; {data.name} has {data.images_per_cell}"
        )
    return tuple(int(size) for size in sizes)


def factors_of(data: ImageData) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns indices int64 (n,) → factor values int64 (n, factors). Raises UserError as factor_grid."""
    sizes = factor_grid(data)
    cells_of, _ = _cells(data)
    return lambda indices: cells_of(indices)[:, None] // grid_strides(sizes) % np.array(sizes, np.int64)


def _cells(data: Any) -> tuple[Order, Order]:
    """Two functions of int64 (n,), indices → cells of the grid and back; the same numbers unless images have another order."""
    table = data.image_of_cell
    if table is None:
        return (lambda indices: indices), (lambda cells: cells)
    images, cells_of_images = tf.constant(table, tf.int64), tf.constant(np.argsort(table), tf.int64)
    return (lambda indices: tf.gather(cells_of_images, indices)), (lambda cells: tf.gather(images, cells))


def make_partners(data: ImageData, changed: int, seed: int) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Returns (indices int64 (n,), step int64 ()) → the partners' indices int64 (n,).

    A partner differs in exactly `changed` factors, for -1 in a number uniform in 1 … factors - 1 (Locatello et al. 2020), for
    ALL_FACTORS in all; which ones is uniform. What they become is uniform among the factor's other values, unless the data set
    says otherwise: `moves` (see derived/sequences.py), or that it draws images (see drawn.DrawnImages). Factors of one value
    never change. Raises UserError when the data set has too few factors, or shows only a part of its grid.
    """
    if getattr(data, "drawn", False):
        check_changed(data.name, changed, sum(size > 1 for size in data.factor_sizes))  # type: ignore[attr-defined]
        return lambda indices, step: indices + partner_code(changed) * DRAWS
    sizes = factor_grid(data)
    free = [i for i, size in enumerate(sizes) if size > 1]
    if data.training_weights() is not None:
        raise UserError(
            f"pairs of images need the whole grid, of which {data.name} shows a part; take another data set"
        )
    check_changed(data.name, changed, len(free))
    values, strides = (np.asarray(x, np.int64)[free] for x in (sizes, grid_strides(sizes)))
    cells_of, images_of = _cells(data)
    new_values = _new_values(cast(GroundTruthData, data), free, values)

    def partners(indices: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        key = tf.random.experimental.stateless_fold_in(tf.stack([tf.constant(seed, tf.int64), step]), _PARTNERS)
        keys = tf.random.split(key, 3)
        count = indices.shape[0]
        if changed == -1:
            number = tf.random.stateless_uniform([count, 1], keys[0], 1, len(free), tf.int64)
        else:
            number = tf.constant(len(free) if changed == ALL_FACTORS else changed, tf.int64)
        order = tf.argsort(tf.random.stateless_uniform([count, len(free)], keys[1], dtype=tf.float64), axis=1)
        chosen = tf.cast(tf.argsort(order, axis=1), tf.int64) < number
        uniform = tf.random.stateless_uniform([count, len(free)], keys[2], dtype=tf.float64)
        cells = cells_of(indices)
        old = cells[:, None] // strides % values
        moved = (tf.where(chosen, new_values(old, uniform), old) - old) * strides
        return images_of(cells + tf.reduce_sum(moved, axis=1))

    return partners


def _new_values(
    data: GroundTruthData, free: list[int], sizes: np.ndarray
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Returns (values int64 (n, factors), uniform in [0, 1) of that shape) → other values; of the factors `free`."""
    if data.moves is None:
        # A shift of 1 … size - 1 is every other value with equal probability.
        return lambda old, uniform: (old + 1 + tf.cast(uniform * (sizes - 1.0), tf.int64)) % sizes
    targets, counts = (tf.constant(table[free]) for table in data.moves)

    def near(old: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
        place = tf.stack([tf.broadcast_to(tf.range(len(free), dtype=tf.int64), tf.shape(old)), old], axis=-1)
        picked = tf.cast(uniform * tf.cast(tf.gather_nd(counts, place), tf.float64), tf.int64)
        return tf.gather_nd(targets, tf.concat([place, picked[..., None]], axis=-1))

    return near
