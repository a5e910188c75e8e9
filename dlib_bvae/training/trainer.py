"""One step of training: a batch of the feed → a loss and its gradients → new weights; and the state that a checkpoint holds."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import tensorflow as tf

from dlib_bvae.errors import UserError, check_number
from dlib_bvae.models.objectives import Batch, Objective
from dlib_bvae.models.random_numbers import share
from dlib_bvae.models.vae import GaussianVAE
from dlib_bvae.training.callbacks import Callback
from dlib_bvae.training.devices import averaged, scope
from dlib_bvae.training.feed import Feed
from dlib_bvae.training.optimizers import Optimizer
from dlib_bvae.training.settings import TrainingSettings

_FIRST_SCALE, _STEPS_TO_DOUBLE = 2.0**15, 2_000
WINDOW, LOG = 0, 1  # since when State sums: the beginning of the loss window, or the last log


class State(tf.Module):
    """Everything that a checkpoint must hold to continue bit for bit.

    Weights, optimiser, the objective's own variables, step, and the sums of `num_logged` scalars over `counted` steps, in the
    rows WINDOW and LOG; seconds: trained so far, of all processes. extras: what averages, loss scale and callbacks keep.
    """

    def __init__(
        self, network: GaussianVAE, objective: Objective, optimizer: Optimizer, extras: list[tf.Module], num_logged: int
    ):
        super().__init__("state")
        self.network, self.objective, self.optimizer, self.extras = network, objective, optimizer, extras
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.seconds = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self.sums = tf.Variable(tf.zeros([2, num_logged]), trainable=False)
        self.counted = tf.Variable([0, 0], dtype=tf.int64, trainable=False)

    def forget_sums(self, since: int) -> None:
        """Begins to sum anew in the row `since`, WINDOW or LOG."""
        for variable in (self.sums, self.counted):
            values = variable.numpy()
            values[since] = 0
            variable.assign(values)


class Trainer:
    """Steps of one network under the objective settings.model.

    Noise is drawn from (seed, step) and data from (seed, step), so the state is all there is to restore. callbacks: what watches
    the training between steps. strategy: the devices that share a batch, in whose scope network and optimizer were made; None
    for one device. Raises UserError for a network of a kind that the objective does not train.
    """

    def __init__(
        self,
        network: GaussianVAE,
        optimizer: Optimizer,
        feed: Feed,
        settings: TrainingSettings,
        callbacks: Sequence[Callback] = (),
        strategy: tf.distribute.Strategy | None = None,
    ):
        objective = settings.objective
        if network.latents not in objective.latents:
            raise UserError(
                f"the objective {type(objective).__name__} trains a network with {' or '.join(objective.latents)} latents; "
                f"model.network makes {network.latents} ones"
            )
        self.network, self.objective, self.optimizer, self.feed = network, objective, optimizer, feed
        self.schedule, self.total, self.seed = settings.learning_rates, settings.training_steps, settings.random_seed
        self.loss_window, self.export_steps = settings.loss_window, settings.export_steps
        self.variables = network.trainable_variables
        self.clip = make_clip(settings.clip_norm, settings.clip_value)
        self.callbacks, self.strategy = tuple(callbacks), strategy
        with scope(strategy):
            self.average = Average(self.variables, settings.average_decay) if settings.average_decay else None
            self.scale = LossScale() if network.compute_dtype == tf.float16 else None
        self.loss_names: frozenset[str] = frozenset()  # which tracing finds out
        taken = self.step if strategy is None else partial(self._shared_step, strategy)
        self.traced: Callable = tf.function(
            partial(self._in_training, taken), jit_compile=settings.xla or None, autograph=False
        )
        traced = self.traced.get_concrete_function(step=tf.TensorSpec([], tf.int64), **feed.specs)
        self.names = sorted(traced.structured_outputs)
        extras = [part for part in (self.average, self.scale) if part is not None]
        extras += [callback.kept for callback in self.callbacks]
        self.state = State(network, objective, optimizer, extras, len(self.names))
        self.run = tf.function(self._run, input_signature=[tf.TensorSpec([], tf.int64)], autograph=False)

    def step(self, observations: tf.Tensor, step: tf.Tensor, **given: tf.Tensor) -> dict[str, tf.Tensor]:
        """One update on `observations`; returns scalars, losses in nats. given: second, factors (see Batch)."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.variables)
            given |= {"step": step, "total": self.total}
            batch = self.network.batch(observations, self.key(step), self.objective.adapt, **given)
            losses, scaled = self.losses(batch)
        gradients = tape.gradient(scaled, self.variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        # A gradient by rows, such as that of an embedding, as a whole, which is what the optimisers' kernels take.
        return self.update(batch, losses, averaged([tf.convert_to_tensor(gradient) for gradient in gradients]))

    def _in_training(self, taken: Callable, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        # Around all replicas: their functions take turns in tracing.
        with self.network.in_training():
            return taken(**inputs)

    def _shared_step(
        self, strategy: tf.distribute.Strategy, step: tf.Tensor, **inputs: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """A step whose batch is split over the devices of `strategy`."""

        def replica() -> dict[str, tf.Tensor]:
            return self.step(step=step, **{name: share(rows) for name, rows in inputs.items()})

        mean = lambda values: strategy.reduce(tf.distribute.ReduceOp.MEAN, values, axis=None)
        return {name: mean(values) for name, values in strategy.run(replica).items()}

    def key(self, step: tf.Tensor) -> tf.Tensor:
        """The seed of the noise of a step, int64 (2,)."""
        return tf.stack([tf.constant(self.seed & 0x7FFFFFFF, tf.int64), step])

    def losses(self, batch: Batch) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """The objective's terms and their sum, "loss"; and that sum as it is differentiated: scaled where there is a scale."""
        terms = self.objective.terms(batch)
        self.loss_names = frozenset({*terms, "loss"})
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
        state.sums.assign_add(tf.reshape(tf.stack([values[name] for name in self.names] * 2), [2, -1]))
        state.counted.assign_add([1, 1])
        state.step.assign_add(1)
        return tf.math.is_finite(values["loss"])

    def means(self, since: int = WINDOW) -> dict[str, float]:
        """What the steps returned, each the mean over the steps since the loss window began, or since the last log (LOG)."""
        counted, sums = max(int(self.state.counted[since]), 1), self.state.sums.numpy()[since]
        return {name: float(total) / counted for name, total in zip(self.names, sums, strict=True)}

    def use_exported(self) -> None:
        """Gives the network, at the end, the weights to export: those that a callback has chosen, else the averages, if any."""
        chosen = [callback.choose_weights() for callback in self.callbacks]
        if self.average is not None and not any(chosen):
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
        """Whether all steps are taken, or a callback has stopped the training."""
        return int(self.state.step) >= self.total or any(callback.stopped for callback in self.callbacks)

    def weights_finite(self) -> bool:
        """Whether no weight is NaN or infinite."""
        variables = (*self.network.variables, *self.objective.variables)
        return all(bool(tf.reduce_all(tf.math.is_finite(v))) for v in variables if v.dtype.is_floating)


def make_clip(norm: float, value: float) -> Callable[[Sequence[tf.Tensor]], Sequence[tf.Tensor]]:
    """Returns gradients → gradients, whose numbers lie in ±value and whose common norm is at most `norm`; 0: no bound.

    Raises UserError for a negative bound.
    """
    norm, value = check_number("model.clip_norm", norm, 0), check_number("model.clip_value", value, 0)

    def clip(gradients: Sequence[tf.Tensor]) -> Sequence[tf.Tensor]:
        if value:
            gradients = [tf.clip_by_value(gradient, -value, value) for gradient in gradients]
        return tf.clip_by_global_norm(gradients, norm)[0] if norm else gradients

    return clip


class LossScale(tf.Module):
    """A factor on the loss that keeps float16 gradients in range (Micikevicius et al. 2018).

    It is halved, and the update left out, when a gradient is not finite; it is doubled after 2,000 good steps.
    """

    def __init__(self) -> None:
        super().__init__("loss_scale")
        self.factor = tf.Variable(_FIRST_SCALE, trainable=False)
        self.good = tf.Variable(0, dtype=tf.int64, trainable=False)

    def apply(self, gradients: Sequence[tf.Tensor], update: Callable[[Sequence[tf.Tensor]], None]) -> tf.Tensor:
        """Calls `update` with the unscaled gradients where they are finite; returns whether they were."""
        unscaled = [gradient / self.factor for gradient in gradients]
        finite = tf.reduce_all(tf.stack([tf.reduce_all(tf.math.is_finite(gradient)) for gradient in unscaled]))

        def accept() -> tf.Tensor:
            update(unscaled)
            return tf.constant(0)

        tf.cond(finite, accept, lambda: tf.constant(0))
        good = tf.where(finite, self.good + 1, 0)
        double = good >= _STEPS_TO_DOUBLE
        change = tf.where(finite, tf.where(double, 2.0, 1.0), 0.5)
        _assign(self.factor, tf.maximum(self.factor * change, 1.0))
        _assign(self.good, tf.where(double, tf.zeros_like(good), good))
        return finite


class Average(tf.Module):
    """Exponential moving averages of `variables`; the decay is smaller in the first steps, min(decay, (1 + t) / (10 + t)).

    Raises UserError unless 0 < decay < 1.
    """

    def __init__(self, variables: Sequence[tf.Variable], decay: float):
        super().__init__("average")
        self.decay = check_number("model.average_decay", decay, 0, 1 - 1e-12)
        self._followed = tuple(variables)
        self.averages = [tf.Variable(variable, trainable=False) for variable in variables]

    def follow(self, step: tf.Tensor) -> None:
        """Moves the averages towards the variables; step: int64, 0 at the first."""
        done = tf.cast(step, tf.float32)
        share = 1.0 - tf.minimum(self.decay, (1.0 + done) / (10.0 + done))
        for average, variable in zip(self.averages, self._followed, strict=True):
            _assign(average, average + share * (variable - average))

    def use(self) -> None:
        """Gives the variables their averages."""
        for average, variable in zip(self.averages, self._followed, strict=True):
            variable.assign(average)


def _assign(variable: tf.Variable, value: tf.Tensor) -> None:
    # Of a variable with a copy a replica, assign() refuses to change one copy; here every replica gives its own the same value.
    tf.raw_ops.AssignVariableOp(resource=variable.handle, value=value)
