"""What is trained: the state that a checkpoint holds, and one step of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives import Objective
from dlib_bvae.models.vae import GaussianVAE
from dlib_bvae.training.feed import Feed


class State(tf.Module):
    """Everything that a checkpoint must hold to continue bit for bit.

    Weights, optimiser, the objective's own variables, step, and the sums of `num_logged` scalars over the `counted` steps
    since the last log; seconds: trained so far, of all processes.
    """

    def __init__(self, network: GaussianVAE, objective: Objective, optimizer: Any, num_logged: int):
        super().__init__("state")
        self.network, self.objective, self.optimizer = network, objective, optimizer
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.seconds = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self.sums = tf.Variable(tf.zeros([num_logged]), trainable=False)
        self.counted = tf.Variable(0, dtype=tf.int64, trainable=False)

    def forget_sums(self) -> None:
        """Begins the next window."""
        for variable in (self.sums, self.counted):
            variable.assign(tf.zeros_like(variable))


class Trainer:
    """Steps of one network under one objective.

    Noise is drawn from (seed, step) and data from (seed, step), so the state is all there is to restore.
    """

    def __init__(
        self,
        network: GaussianVAE,
        objective: Objective,
        optimizer: Any,
        feed: Feed,
        schedule: Any,
        *,
        total: int,
        seed: int,
        xla: bool = False,
    ):
        if network.latents not in objective.latents:
            raise UserError(
                f"the objective {type(objective).__name__} trains a network with {' or '.join(objective.latents)} latents; "
                f"model.network makes {network.latents} ones"
            )
        self.network, self.objective, self.optimizer = network, objective, optimizer
        self.feed, self.schedule, self.total, self.seed = feed, schedule, total, seed
        self.variables = network.trainable_variables
        self._step: Callable = tf.function(self.step, jit_compile=xla or None, autograph=False)
        traced = self._step.get_concrete_function(step=tf.TensorSpec([], tf.int64), **feed.specs)
        self.names = sorted(traced.structured_outputs)
        self.state = State(network, objective, optimizer, len(self.names))
        self.run = tf.function(self._run, input_signature=[tf.TensorSpec([], tf.int64)], autograph=False)

    def step(self, observations: tf.Tensor, step: tf.Tensor, **given: tf.Tensor) -> dict[str, tf.Tensor]:
        """One update on `observations`; returns scalars, losses in nats. given: second, factors (see Batch)."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.variables)
            key = tf.stack([tf.constant(self.seed & 0x7FFFFFFF, tf.int64), step])
            batch = self.network.batch(observations, key, self.objective.adapt, step=step, **given)
            terms = self.objective.terms(batch)
            loss = tf.add_n(list(terms.values()))
        gradients = tape.gradient(loss, self.variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        self.optimizer.apply(gradients, tf.cast(self.schedule(step, self.total), tf.float32), step)
        self.objective.update(batch)
        return {**terms, **batch.measured, "loss": loss}

    def _run(self, count: tf.Tensor) -> tf.Tensor:
        """Runs up to `count` steps, stopping after one whose loss is not finite; returns whether the last was finite."""
        state = self.state
        last = state.step + count

        def body(finite: tf.Tensor) -> tuple[tf.Tensor]:
            del finite
            step = tf.identity(state.step)
            values = self._step(step=step, **self.feed.inputs(step))
            state.sums.assign_add(tf.stack([values[name] for name in self.names]))
            state.counted.assign_add(1)
            state.step.assign_add(1)
            return (tf.math.is_finite(values["loss"]),)

        going = lambda finite: finite & (state.step < last)
        return tf.while_loop(going, body, (tf.constant(True),), parallel_iterations=1)[0]

    def means(self) -> dict[str, float]:
        """What the steps returned, each the mean over the steps since the last log."""
        counted = max(int(self.state.counted), 1)
        return {name: float(total) / counted for name, total in zip(self.names, self.state.sums.numpy(), strict=True)}

    def weights_finite(self) -> bool:
        """Whether no weight is NaN or infinite."""
        variables = (*self.variables, *self.objective.variables)
        return all(bool(tf.reduce_all(tf.math.is_finite(v))) for v in variables if v.dtype.is_floating)
