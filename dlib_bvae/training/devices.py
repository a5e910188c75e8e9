"""Several devices for one training: the batch is split over them and the gradients are averaged (tf.distribute)."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator

import tensorflow as tf

from dlib_bvae.errors import UserError, check_integer
from dlib_bvae.models.likelihoods import Likelihood
from dlib_bvae.models.objectives import Objective
from dlib_bvae.runtime import say


def choose_strategy(
    devices: int, objective: Objective, likelihood: Likelihood | None, batch_size: int, xla: bool
) -> tf.distribute.MirroredStrategy | None:
    """The strategy that trains on `devices` devices; None for one.

    devices: 0 for all visible GPUs; where they cannot share this training one is used, and a line says why. A number > 1
    takes so many GPUs, or CPUs of TensorFlow where there is no GPU. likelihood: None without a decoder. Raises UserError when
    there are fewer, or when they cannot share it.
    """
    check_integer("model.devices", devices, 0)
    found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    wanted = devices or len(tf.config.list_logical_devices("GPU"))
    if wanted <= 1:
        return None
    if wanted > len(found):
        raise UserError(
            f"model.devices asks for {devices} devices; TensorFlow has {len(found)} here: set it to 0 for all GPUs"
        )
    reason = _obstacle(wanted, objective, likelihood, batch_size, xla)
    if reason is None:
        return _mirrored(tuple(device.name for device in found[:wanted]))
    if devices:
        raise UserError(f"{wanted} devices cannot share this training: {reason}; set model.devices to 1")
    say(f"one of {wanted} GPUs is used: {reason}")
    return None


def scope(strategy: tf.distribute.Strategy | None) -> contextlib.AbstractContextManager[object]:
    """The strategy's scope, in which variables get a copy a device; nothing for None."""
    return contextlib.nullcontext() if strategy is None else strategy.scope()


@contextlib.contextmanager
def determinism(wanted: bool) -> Iterator[None]:
    """In the block operations give the same bits every time where `wanted`; what has no such kernel on a GPU is refused.

    TensorFlow has no public way back from it. Its private one is taken after the block, where the installed version has it and
    it was not on before; else it stays on for the process.
    """
    if not wanted:
        yield
        return
    try:
        from tensorflow.python.framework.config import disable_op_determinism, is_op_determinism_enabled

        before, switch_off = is_op_determinism_enabled(), disable_op_determinism
    except ImportError:
        before, switch_off = True, None
    tf.config.experimental.enable_op_determinism()
    try:
        yield
    finally:
        if not before:
            switch_off()


def averaged(gradients: list[tf.Tensor]) -> list[tf.Tensor]:
    """The replicas' mean of each gradient, within tf.distribute.Strategy.run; the gradients themselves elsewhere."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return gradients
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, gradients)


@functools.cache
def _mirrored(names: tuple[str, ...]) -> tf.distribute.MirroredStrategy:
    # Two strategies of the same devices would number their collective operations alike, and those of one process must differ.
    return tf.distribute.MirroredStrategy(list(names))


def _obstacle(
    devices: int, objective: Objective, likelihood: Likelihood | None, batch_size: int, xla: bool
) -> str | None:
    if not objective.separable or objective.variables:
        return f"the loss of {type(objective).__name__} is not a mean over images"
    if likelihood is not None and not likelihood.separable:
        return f"{type(likelihood).__name__} has a number for the whole batch"
    if batch_size % devices:
        return f"a batch of {batch_size} images has no {devices} equal parts"
    return "model.xla compiles for one device" if xla else None
