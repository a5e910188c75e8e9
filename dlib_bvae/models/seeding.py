"""The global random numbers of Python, numpy, TensorFlow and Keras, a function of a seed for a block and as before after it."""

from __future__ import annotations

import contextlib
import random
import sys
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf


@contextlib.contextmanager
def seeded(seed: int, name: str) -> Iterator[None]:
    """Draws without a seed depend on (seed, name) alone in the block, and go on after it as if it had not been.

    Keras draws the seeds of initialisers and layers that have none from Python's generator, tf_keras from a separate one
    once tf_keras.utils.set_random_seed was called. seed: >= 0.
    """
    number = zlib.crc32(f"{seed} {name}".encode())
    with contextlib.ExitStack() as restored:
        restored.callback(random.setstate, random.getstate())
        restored.callback(np.random.set_state, np.random.get_state())  # noqa: NPY002  # what a user's initialiser may draw from
        restored.enter_context(_tensorflow())
        restored.enter_context(_tf_keras(number))
        random.seed(number)
        np.random.seed(number)  # noqa: NPY002
        tf.random.set_seed(number)
        yield


@contextlib.contextmanager
def _tensorflow() -> Iterator[None]:
    """Restores TensorFlow's global seed, which has no public reader; where the private one is missing it is unset again."""
    context: Any = None
    seed, generator = None, None
    with contextlib.suppress(ImportError, AttributeError):
        from tensorflow.python.eager.context import context as current

        seed, context = current()._seed, current()
        generator = getattr(context, "_rng", None)  # none before TensorFlow has started
    try:
        yield
    finally:
        tf.random.set_seed(seed)
        if generator is not None:
            context._rng = generator


@contextlib.contextmanager
def _tf_keras(number: int) -> Iterator[None]:
    """Seeds tf_keras, where it is loaded, and restores its generator, or where that is not to be reached seeds it anew."""
    keras = sys.modules.get("tf_keras")
    if keras is None:
        yield
        return
    backend = sys.modules.get("tf_keras.src.backend")
    place = getattr(backend, "_SEED_GENERATOR", None)
    before = getattr(place, "generator", None)
    state, fresh = before and before.getstate(), random.randrange(2**31)
    keras.utils.set_random_seed(number)
    try:
        yield
    finally:
        if place is None:
            keras.utils.set_random_seed(fresh)
        else:
            place.generator = before
            if before is not None:
                before.setstate(state)
