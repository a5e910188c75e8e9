"""One network for all β: gates, drawn β, and the loss of every image."""

import numpy as np
import pytest
import tensorflow as tf
from support import plain
from support.gradients import check

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.models.multi_rate import Gate, Rate, multi_rate_vae
from dlib_bvae.models.objectives.base import stream
from dlib_bvae.models.objectives.mr_vae import mr_vae
from dlib_bvae.models.vae import GaussianVAE

IMAGES = tf.constant(DummyData().observations_at(np.arange(0, 512, 16)))


@pytest.mark.parametrize(("decoder", "function"), [(False, lambda a: 1 / (1 + np.exp(-a))), (True, None)])
def test_gates_scale_channels_by_the_formula(decoder, function):
    rate = Rate()
    gate = Gate(3, decoder, rate)
    gate.slope.assign([0.5, -1.0, 0.0])
    rate.value = tf.constant([[-1.0], [1.5]])
    y = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype(np.float32)
    level = rate.value.numpy() * gate.slope.numpy() + gate.offset.numpy()
    expected = function(level) if function else np.sqrt(np.maximum(1 - np.exp(level), 0))
    np.testing.assert_allclose(gate(tf.constant(y)), y * expected[:, None, None], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("offset", [-100.0, -1e-6, 0.0, 3.0, 1e4])
def test_gradients_of_a_decoder_s_gate_are_finite(offset):
    rate = Rate()
    gate = Gate(2, True, rate)
    gate.offset.assign([offset] * 2)
    rate.value = tf.constant([[1.0]])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(gate(tf.ones([1, 2])))
    assert all(np.isfinite(gradient).all() for gradient in tape.gradient(loss, gate.trainable_variables))


def test_every_layer_has_a_gate():
    plain, gated = GaussianVAE((16, 16, 1), 0), multi_rate_vae((16, 16, 1), 0)
    widths = [v.shape[0] for v in plain.trainable_variables if "bias" in v.name]
    size = lambda network: sum(int(tf.size(v)) for v in network.trainable_variables)
    assert size(gated) == size(plain) + 2 * sum(widths)


def test_each_image_has_its_own_beta_which_weighs_its_own_kl():
    network = multi_rate_vae((16, 16, 1), 0)
    batch = network.batch(IMAGES, tf.constant([0, 1]))
    beta = batch.extras["beta"].numpy()
    assert len(np.unique(beta)) == 32
    assert beta.min() < 0.1
    assert beta.max() > 1.0
    assert ((beta >= 0.01) & (beta <= 10.0)).all()
    with tf.GradientTape() as tape:
        tape.watch(batch.extras["beta"])
        loss = tf.add_n(list(mr_vae().terms(batch).values()))
    np.testing.assert_allclose(tape.gradient(loss, batch.extras["beta"]), batch.kl / 32, rtol=1e-5)


def test_the_codes_are_those_of_the_rate_that_is_set():
    network = multi_rate_vae((16, 16, 1), 0, beta=0.5)
    for layer in network.encoder.dense:
        layer.gate.slope.assign(tf.ones_like(layer.gate.slope))
    codes = network.encode(IMAGES)[0]
    with network.at(tf.fill([32], 0.5)):
        np.testing.assert_allclose(network.encode(IMAGES)[0], codes, rtol=1e-5, atol=1e-6)
    network.rate.assign(5.0)
    assert not np.allclose(network.encode(IMAGES)[0], codes, atol=1e-3)


@pytest.mark.parametrize("settings", [{"beta_low": 1.0, "beta_high": 0.5}, {"beta": 11.0}])
def test_a_range_that_is_none_is_refused(settings):
    with pytest.raises(UserError, match="beta_low < beta_high and beta within"):
        multi_rate_vae((16, 16, 1), 0, **settings)


@pytest.mark.parametrize("decoder", [False, True])
def test_value_and_gradient_of_a_gate_are_those_of_the_formula(decoder):
    rng, rate = np.random.default_rng(0), Rate()
    gate = Gate(3, decoder, rate)

    def gated(y, log_beta, slope, offset):
        rate.value, gate.slope, gate.offset = log_beta, slope, offset
        return {"y": gate(y)}

    def formula(y, log_beta, slope, offset):
        level = log_beta * slope + offset
        scale = np.sqrt(1 - np.exp(level) + 1e-8) if decoder else 1 / (1 + np.exp(-level))
        return {"y": y * scale[:, None, None]}

    offset = np.array([-1.9, -2.6, -3.1])  # all levels are below 0, where the decoder's gates have their formula
    check(
        gated, formula, y=rng.normal(size=(2, 2, 2, 3)), log_beta=[[-1.3], [0.6]], slope=[0.7, -0.9, 1.1], offset=offset
    )


def test_value_and_gradient_of_a_batch_are_those_of_plain_numpy():
    network = multi_rate_vae((16, 16, 1), 0, beta_low=0.3, beta_high=7.1)
    noise = plain.noise((4, 10))
    place = tf.random.stateless_uniform([4], stream(plain.KEY, 1), -1.0, 1.0).numpy().astype(float)
    middle, half = (np.log(7.1) + np.log(0.3)) / 2, (np.log(7.1) - np.log(0.3)) / 2

    def made(mean, log_variance):
        batch = plain.batch_of(network, mean, log_variance)
        return {"latent": batch.latent, "kl": batch.kl, "reconstruction": batch.reconstruction, **batch.extras}

    def formula(mean, log_variance):
        latent = mean + np.sqrt(np.exp(log_variance)) * noise
        losses = plain.bernoulli(plain.IMAGES, plain.decoded(latent))
        beta = np.exp(middle + half * place)
        return {"latent": latent, "kl": plain.kl(mean, log_variance), "reconstruction": losses, "beta": beta}

    check(made, formula, **plain.posterior(10))
    with network.at(tf.constant([0.3, 7.1, 1.0])):  # log β uniform in this range has unit variance then
        standardised = network._rate.value.numpy().ravel()
    np.testing.assert_allclose(standardised, np.sqrt(3) * np.array([-1, 1, -middle / half]), rtol=1e-5)
