"""Many trainers advanced together, step by step, inside one graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from dlib_bvae.errors import UserError
from dlib_bvae.models.fused import FusedVAE
from dlib_bvae.training.trainer import Trainer

Inputs = list[dict[str, tf.Tensor]]
WAYS = ("auto", "fused", "loop")


class Ensemble:
    """One step of every trainer at a time; each sees, draws and updates what it would alone.

    way: "loop" computes one network after the other, "fused" all networks by shared operations (see FusedVAE), "auto"
    fuses on a GPU, where networks can be fused. Afterwards `way` is the one that was taken. xla: of the trainers.
    Raises UserError where "fused" cannot be.
    """

    def __init__(self, trainers: Sequence[Trainer], way: str = "auto", xla: bool = False):
        self.trainers = tuple(trainers)
        network = _fused(self.trainers, way, xla)
        self.way = "loop" if network is None else "fused"
        self._step = self._apart if network is None else self._together(network, xla)
        self.run = tf.function(self._run, input_signature=[tf.TensorSpec([], tf.int64)], autograph=False)

    def _run(self, count: tf.Tensor) -> tf.Tensor:
        """Runs up to `count` steps, stopping after one in which a loss was not finite; returns whose was, bool (members,)."""
        counter = self.trainers[0].state.step
        last = counter + count

        def body(finite: tf.Tensor) -> tuple[tf.Tensor]:
            del finite
            step = tf.identity(counter)
            inputs = [trainer.feed.inputs(step) for trainer in self.trainers]
            values = self._step(step, inputs)
            return (tf.stack([t.record(found) for t, found in zip(self.trainers, values, strict=True)]),)

        going = lambda finite: tf.reduce_all(finite) & (counter < last)
        return tf.while_loop(going, body, (tf.fill([len(self.trainers)], True),), parallel_iterations=1)[0]

    def _apart(self, step: tf.Tensor, inputs: Inputs) -> list[dict[str, tf.Tensor]]:
        """Trainer.step of every trainer."""
        return [trainer.traced(step=step, **seen) for trainer, seen in zip(self.trainers, inputs, strict=True)]

    def _together(self, network: FusedVAE, xla: bool) -> Callable[[tf.Tensor, Inputs], list[dict[str, tf.Tensor]]]:
        """The same, with one pass through `network` and one gradient for all, as they share no variable."""
        trainers, variables = self.trainers, [trainer.variables for trainer in self.trainers]

        def step_all(step: tf.Tensor, inputs: Inputs) -> list[dict[str, tf.Tensor]]:
            observations = [seen["observations"] for seen in inputs]
            given = [
                {name: x for name, x in seen.items() if name != "observations"} | {"step": step} for seen in inputs
            ]
            keys, adapts = [t.key(step) for t in trainers], [t.objective.adapt for t in trainers]
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(variables)
                batches = network.batches(observations, keys, adapts, given)
                losses = [trainer.losses(batch) for trainer, batch in zip(trainers, batches, strict=True)]
                total = tf.add_n([scaled for _, scaled in losses])
            gradients = tape.gradient(total, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            each = zip(trainers, batches, losses, gradients, strict=True)
            return [trainer.update(batch, found, gradient) for trainer, batch, (found, _), gradient in each]

        return tf.function(step_all, jit_compile=xla or None, autograph=False)


def _fused(trainers: Sequence[Trainer], way: str, xla: bool) -> FusedVAE | None:
    """The fused network where `way` asks for it; None for the loop."""
    if way == "loop" or (way == "auto" and not tf.config.list_physical_devices("GPU")):
        return None
    try:
        if any(trainer.strategy is not None for trainer in trainers):
            raise UserError("fused networks are computed by one device; set model.devices = 1 or ensemble.way = 'loop'")
        return FusedVAE([trainer.network for trainer in trainers], xla)
    except UserError:
        if way == "fused":
            raise
        return None
