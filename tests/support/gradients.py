"""Functions of TensorFlow against the same in numpy: values, and gradients by central differences in float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import tensorflow as tf

from dlib_bvae.models.objectives import Batch, Objective

_STEP = 1e-6  # of a difference: few of a large network's ReLUs lie so near to their kink
_FIELDS = ("mean", "log_variance", "latent", "reconstruction", "kl")


def check_terms(
    method: Objective, reference: Callable, batch: Batch | Callable[..., Batch], **leaves: np.ndarray
) -> None:
    """Asserts that the terms of an objective are those of `reference`, and their gradients by every float field of the batch.

    reference: an object with the fields, and the entries of extras that are no functions, as arrays → {term: number}. leaves:
    what else the terms depend on, such as another encoding; `batch` is then a function of them as tensors → Batch, and
    `reference` has them too.
    """
    make = batch if callable(batch) else lambda: batch
    base = make(**_tensors(leaves))
    fields = {name: value for name in _FIELDS if (value := getattr(base, name)) is not None}
    numbers = {name: value for name, value in base.extras.items() if not callable(value)}

    def terms(**given: tf.Tensor) -> dict[str, tf.Tensor]:
        made = make(**{name: given[name] for name in leaves})
        extras = {**made.extras, **{name: given[name] for name in numbers}}
        return method.terms(replace(made, extras=extras, **{name: given[name] for name in fields}))

    check(terms, lambda **given: reference(SimpleNamespace(**given)), **fields, **numbers, **leaves)


def check(function: Callable, reference: Callable, *, along: bool = False, **leaves: np.ndarray) -> None:
    """Asserts that function(**tensors) is reference(**arrays), {name: number or array} each, and so are its gradients.

    What is no number is contracted with fixed random ones before it is differentiated. along: differentiates by each leaf
    along one random direction only, where it has many numbers. Tensors are float32.
    """
    given = _tensors(leaves)
    exact = {name: value.numpy().astype(np.float64) for name, value in given.items()}
    expected = reference(**exact)
    weights = {name: _random(np.shape(value), 0) for name, value in expected.items()}
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(given)
        found = function(**given)
        assert found.keys() == expected.keys()
        contracted = {name: tf.reduce_sum(value * tf.cast(weights[name], value.dtype)) for name, value in found.items()}
    directions = {leaf: _directions(value.shape, along) for leaf, value in exact.items()}
    slopes = _slopes(reference, exact, weights, directions)
    for name, value in found.items():
        assert value.shape == np.shape(expected[name]), name
        _assert_near(value, expected[name], np.abs(expected[name]).max(), 1e-4, name)
        largest = max(np.abs(each).max() for each in slopes[name].values())
        for leaf, tensor in given.items():
            slope = tape.gradient(contracted[name], tensor, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            by_direction = directions[leaf].reshape(len(directions[leaf]), -1) @ slope.numpy().astype(float).ravel()
            _assert_near(by_direction, slopes[name][leaf], largest, 1e-3, f"the gradient of {name} by {leaf}")


def _tensors(leaves: dict[str, np.ndarray]) -> dict[str, tf.Tensor]:
    return {name: tf.cast(tf.convert_to_tensor(value), tf.float32) for name, value in leaves.items()}


def _random(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape) if shape else np.array(1.0)


def _directions(shape: tuple[int, ...], along: bool) -> np.ndarray:
    """(directions, *shape), each of length 1: one at random, or along every number."""
    size = int(np.prod(shape))
    chosen = _random(shape, 1)
    return chosen[None] / np.linalg.norm(chosen) if along else np.eye(size).reshape(size, *shape)


def _slopes(reference: Callable, leaves: dict, weights: dict, directions: dict) -> dict[str, dict[str, np.ndarray]]:
    """Output → leaf → the slope of the contracted output along each direction of the leaf."""
    found = {name: {leaf: np.zeros(len(each)) for leaf, each in directions.items()} for name in weights}
    for leaf, value in leaves.items():
        for place, direction in enumerate(directions[leaf]):
            ends = [reference(**{**leaves, leaf: value + step * direction}) for step in (_STEP, -_STEP)]
            for name, each in weights.items():
                found[name][leaf][place] = ((ends[0][name] - ends[1][name]) * each).sum() / (2 * _STEP)
    return found


def _assert_near(found: object, expected: object, scale: float, tolerance: float, what: str) -> None:
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * max(scale, 1e-6), err_msg=what)
