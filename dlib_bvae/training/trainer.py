"""What is trained: the state that a checkpoint holds, and one step of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import tensorflow as tf

from dlib_bvae.errors import UserError
from dlib_bvae.models import replicas
from dlib_bvae.models.objectives import Batch, Objective
from dlib_bvae.models.vae import GaussianVAE
from dlib_bvae.training.callbacks.divergence import Divergence
from dlib_bvae.training.callbacks.frechet_curve import Curve
from dlib_bvae.training.callbacks.validation import Validation
from dlib_bvae.training.devices import averaged, scope
from dlib_bvae.training.feed import Feed
from dlib_bvae.training.gradients import Average, LossScale, make_clip


class State(tf.Module):
    """Everything that a checkpoint must hold to continue bit for bit.

    Weights, optimiser, the objective's own variables, step, and the sums of `num_logged` scalars over the `counted` steps
    since the last log; seconds: trained so far, of all processes. extras: what the options of training keep.
    """

    def __init__(self, network: GaussianVAE, objective: Objective, optimizer: Any, extras: list, num_logged: int):
        super().__init__("state")
        self.network, self.objective, self.optimizer, self.extras = network, objective, optimizer, extras
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

    Noise is drawn from (seed, step) and data from (seed, step), so the state is all there is to restore. clip_norm,
    clip_value: bounds of the gradients, 0 for none. average_decay: of the weights' moving average, 0 for none. validation,
    divergence, curve: what watches the training from the outside, between steps. strategy: the devices that share a batch, in
    whose scope network and optimizer were made; None for one device.
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
        clip_norm: float = 0.0,
        clip_value: float = 0.0,
        average_decay: float = 0.0,
        validation: Validation | None = None,
        divergence: Divergence | None = None,
        curve: Curve | None = None,
        strategy: tf.distribute.Strategy | None = None,
    ):
        if network.latents not in objective.latents:
            raise UserError(
                f"the objective {type(objective).__name__} trains a network with {' or '.join(objective.latents)} latents; "
                f"model.network makes {network.latents} ones"
            )
        self.network, self.objective, self.optimizer = network, objective, optimizer
        self.feed, self.schedule, self.total, self.seed = feed, schedule, total, seed
        self.variables = network.trainable_variables
        self.clip = make_clip(clip_norm, clip_value)
        self.strategy = strategy
        with scope(strategy):
            self.average = Average(self.variables, average_decay) if average_decay else None
            self.scale = LossScale() if network.compute_dtype == tf.float16 else None
        taken = self.step if strategy is None else partial(self._shared_step, strategy)
        self.traced: Callable = tf.function(taken, jit_compile=xla or None, autograph=False)
        traced = self.traced.get_concrete_function(step=tf.TensorSpec([], tf.int64), **feed.specs)
        self.names = sorted(traced.structured_outputs)
        self.validation, self.divergence, self.curve = validation, divergence, curve
        best = None if validation is None else validation.best
        extras = [part for part in (self.average, self.scale, best, divergence, curve) if part is not None]
        self.state = State(network, objective, optimizer, extras, len(self.names))
        self.run = tf.function(self._run, input_signature=[tf.TensorSpec([], tf.int64)], autograph=False)

    def step(self, observations: tf.Tensor, step: tf.Tensor, **given: tf.Tensor) -> dict[str, tf.Tensor]:
        """One update on `observations`; returns scalars, losses in nats. given: second, factors (see Batch)."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.variables)
            batch = self.network.batch(observations, self.key(step), self.objective.adapt, step=step, **given)
            losses, scaled = self.losses(batch)
        gradients = tape.gradient(scaled, self.variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return self.update(batch, losses, averaged(gradients))

    def _shared_step(
        self, strategy: tf.distribute.Strategy, step: tf.Tensor, **inputs: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """A step whose batch is split over the devices of `strategy`."""

        def replica() -> dict[str, tf.Tensor]:
            return self.step(step=step, **{name: replicas.share(rows) for name, rows in inputs.items()})

        mean = lambda values: strategy.reduce(tf.distribute.ReduceOp.MEAN, values, axis=None)
        return {name: mean(values) for name, values in strategy.run(replica).items()}

    def key(self, step: tf.Tensor) -> tf.Tensor:
        """The seed of the noise of a step, int64 (2,)."""
        return tf.stack([tf.constant(self.seed & 0x7FFFFFFF, tf.int64), step])

    def losses(self, batch: Batch) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """The objective's terms and their sum, "loss"; and that sum as it is differentiated: scaled where there is a scale."""
        terms = self.objective.terms(batch)
        loss = tf.add_n(list(terms.values()))
        return {**terms, "loss": loss}, loss if self.scale is None else loss * self.scale.factor

    def update(
        self, batch: Batch, losses: dict[str, tf.Tensor], gradients: Sequence[tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """Updates all that is trained by the gradients of the scaled loss; returns `losses` and what was measured."""
        if self.scale is None:
            self._apply(gradients, batch.step)
        else:
            batch.measured["skipped_updates"] = 1.0 - tf.cast(
                self.scale.apply(gradients, lambda given: self._apply(given, batch.step)), tf.float32
            )
        if self.average is not None:
            self.average.follow(batch.step)
        self.objective.update(batch)
        return {**losses, **batch.measured, "loss": losses["loss"]}

    def _apply(self, gradients: Sequence[tf.Tensor], step: tf.Tensor) -> None:
        self.optimizer.apply(self.clip(gradients), tf.cast(self.schedule(step, self.total), tf.float32), step)

    def _run(self, count: tf.Tensor) -> tf.Tensor:
        """Runs up to `count` steps, stopping after one whose loss is not finite; returns whether the last was finite."""
        state = self.state
        last = state.step + count

        def body(finite: tf.Tensor) -> tuple[tf.Tensor]:
            del finite
            step = tf.identity(state.step)
            return (self.record(self.traced(step=step, **self.feed.inputs(step))),)

        going = lambda finite: finite & (state.step < last)
        return tf.while_loop(going, body, (tf.constant(True),), parallel_iterations=1)[0]

    def record(self, values: dict[str, tf.Tensor]) -> tf.Tensor:
        """Counts a step that returned `values`; returns whether its loss was finite."""
        state = self.state
        state.sums.assign_add(tf.stack([values[name] for name in self.names]))
        state.counted.assign_add(1)
        state.step.assign_add(1)
        return tf.math.is_finite(values["loss"])

    def means(self) -> dict[str, float]:
        """What the steps returned, each the mean over the steps since the last log."""
        counted = max(int(self.state.counted), 1)
        return {name: float(total) / counted for name, total in zip(self.names, self.state.sums.numpy(), strict=True)}

    def use_exported(self) -> None:
        """Gives the network, at the end, the weights to export: the best of validation where kept, else the averages, if any."""
        best = self.validation is not None and self.validation.use_best()
        if self.average is not None and not best:
            self.average.use()

    @contextlib.contextmanager
    def exported(self) -> Iterator[None]:
        """Gives the network the weights that are exported, the averages where there are some, for the block."""
        if self.average is None:
            yield
            return
        before = [tf.identity(variable) for variable in self.variables]
        self.average.use()
        try:
            yield
        finally:
            for variable, value in zip(self.variables, before, strict=True):
                variable.assign(value)

    @property
    def done(self) -> bool:
        """Whether all steps are taken, or validation has stopped the training."""
        return int(self.state.step) >= self.total or (self.validation is not None and self.validation.stopped)

    def weights_finite(self) -> bool:
        """Whether no weight is NaN or infinite."""
        variables = (*self.variables, *self.objective.variables)
        return all(bool(tf.reduce_all(tf.math.is_finite(v))) for v in variables if v.dtype.is_floating)
