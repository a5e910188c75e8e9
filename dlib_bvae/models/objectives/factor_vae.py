"""The total correlation of the codes, estimated by a discriminator that is trained together with the network."""

from __future__ import annotations

from collections.abc import Sequence

import gin
import tensorflow as tf

from dlib_bvae.datasets.images import ImageData
from dlib_bvae.errors import check_integer, check_positive
from dlib_bvae.models.layers import Dense
from dlib_bvae.models.objectives.base import Batch, Objective, Wants, Weight, check_weight, stream
from dlib_bvae.models.random_numbers import normal, uniform


class Discriminator(tf.Module):
    """An MLP of leaky ReLUs (slope 0.2): codes (batch, latents) → logits (batch, 2) of "joint" and "permuted"."""

    def __init__(self, num_latent: int, seed: int, width: int, depth: int, initializer: str):
        super().__init__("discriminator")
        widths = [num_latent, *[width] * depth]
        self.hidden = [
            Dense(f"discriminator{i}", widths[i], widths[i + 1], 2.0, seed, initializer) for i in range(depth)
        ]
        self.output = Dense("discriminator_output", width, 2, 1.0, seed, initializer)

    def __call__(self, z: tf.Tensor) -> tf.Tensor:
        for layer in self.hidden:
            z = tf.nn.leaky_relu(layer(z), 0.2)
        return self.output(z)


class Adversarial(Objective):
    """An objective with a discriminator for the total correlation (Kim & Mnih 2018, Algorithm 2).

    The discriminator (depth × width, its own Adam at a fixed rate) learns after every step of the network to tell this
    batch's codes from those of a second, independent batch whose latents are permuted over the batch one by one.
    initializer: how its weights start (layers.spread); disentanglement_lib's start by "glorot_uniform".
    """

    wants = Wants(independent=True)

    def __init__(
        self,
        name: str,
        gamma: float | Weight,
        discriminator_learning_rate: float,
        width: int,
        depth: int,
        initializer: str,
    ):
        super().__init__(name)
        self.gamma = check_weight(f"{name}.gamma", gamma)
        self.learning_rate = check_positive(f"{name}.discriminator_learning_rate", discriminator_learning_rate)
        check_integer(f"{name}.width", width, 1)
        check_integer(f"{name}.depth", depth, 1)
        self.width, self.depth, self.initializer = width, depth, initializer

    def build(self, num_latent: int, data: ImageData, seed: int) -> None:
        """Makes the discriminator and its optimiser's two moments."""
        self.discriminator = Discriminator(num_latent, seed, self.width, self.depth, self.initializer)
        zeros = lambda: [tf.Variable(tf.zeros_like(v), trainable=False) for v in self.discriminator.trainable_variables]
        self.first, self.second = zeros(), zeros()

    def weighted_total_correlation(self, batch: Batch) -> tf.Tensor:
        """γ TC by the discriminator's logits, in nats; logs the TC."""
        logits = self.discriminator(batch.latent)
        batch.measured["total_correlation"] = tf.reduce_mean(logits[:, 0] - logits[:, 1])
        return self.weight_of("gamma", batch) * batch.measured["total_correlation"]

    def second_codes(self, batch: Batch) -> tf.Tensor:
        """A sample of the codes of the second batch, by the first stream of the key: float32 (batch, latents)."""
        mean, log_variance = batch.encode(batch.second)
        return mean + tf.exp(0.5 * log_variance) * normal(mean.shape, stream(batch.key, 1))

    def update(self, batch: Batch) -> None:
        """One step of the discriminator; logs its loss (nats) and its accuracy."""
        permuted = permute_latents(self.second_codes(batch), stream(batch.key, 2))
        codes = tf.stop_gradient(tf.concat([batch.latent, permuted], axis=0))
        labels = tf.repeat([0, 1], [batch.latent.shape[0], permuted.shape[0]])
        variables = self.discriminator.trainable_variables
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            logits = self.discriminator(codes)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
        right = tf.equal(tf.argmax(logits, axis=1, output_type=tf.int32), labels)
        batch.measured["discriminator_loss"] = loss
        batch.measured["discriminator_accuracy"] = tf.reduce_mean(tf.cast(right, tf.float32))
        self._adam(variables, tape.gradient(loss, variables), batch.step)

    def _adam(self, variables: Sequence[tf.Variable], gradients: Sequence[tf.Tensor], step: tf.Tensor) -> None:
        # The room of optimisers lies above this one; Kim & Mnih's β₁ = 0.5, β₂ = 0.9.
        power = tf.cast(step + 1, tf.float32)
        for variable, first, second, gradient in zip(variables, self.first, self.second, gradients, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=first.handle,
                v=second.handle,
                beta1_power=tf.pow(0.5, power),
                beta2_power=tf.pow(0.9, power),
                lr=self.learning_rate,
                beta1=0.5,
                beta2=0.9,
                epsilon=1e-8,
                grad=gradient,
            )


@gin.configurable
class factor_vae(Adversarial):
    """ELBO + γ TC, with TC from a discriminator's logits; FactorVAE (Kim & Mnih 2018, Eq. 2). gamma: >= 0 or a schedule."""

    label = "FactorVAE γ = {gamma}"
    summary = "total correlation by a discriminator, two batches"
    paper = "Kim & Mnih 2018"
    total_correlation = True

    def __init__(
        self,
        gamma: float | Weight = 10.0,
        discriminator_learning_rate: float = 1e-4,
        width: int = 1000,
        depth: int = 6,
        initializer: str = "he_uniform",
    ):
        super().__init__("factor_vae", gamma, discriminator_learning_rate, width, depth, initializer)

    def terms(self, batch: Batch) -> dict[str, tf.Tensor]:
        """The ELBO's two terms and γ TC."""
        return {
            "reconstruction": tf.reduce_mean(batch.reconstruction),
            "weighted_kl": tf.reduce_mean(batch.kl),
            "weighted_total_correlation": self.weighted_total_correlation(batch),
        }


def permute_latents(codes: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
    """Every column in its own random order: float32 (batch, latents) → the same; a sample of Π q(z_l)."""
    order = tf.argsort(uniform(codes.shape, key), axis=0)
    return tf.transpose(tf.gather(tf.transpose(codes), tf.transpose(order), batch_dims=1))
