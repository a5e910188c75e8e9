"""Fused networks against each network alone, for every architecture, and what cannot be fused."""

import gin
import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.errors import UserError
from dlib_bvae.models import ARCHITECTURES
from dlib_bvae.models.architectures import fc_decoder, fc_encoder
from dlib_bvae.models.fused import FusedVAE
from dlib_bvae.models.layers import Dense
from dlib_bvae.models.multi_rate import multi_rate_vae
from dlib_bvae.models.vae import GaussianVAE

SHAPE, LATENTS, COUNT = (16, 16, 3), 3, 2
PARTNERS = {"burgess": ("burgess_encoder", "burgess_decoder"), "residual": ("residual_encoder", "residual_decoder")}
PARTNERS |= {"deconv": ("conv_encoder", "deconv_decoder"), "fc": ("fc_encoder", "fc_decoder")}
PARTNERS |= {"higgins": ("higgins_encoder", "higgins_decoder"), "spatial": (fc_encoder, "spatial_broadcast_decoder")}


@pytest.fixture(autouse=True)
def no_bindings():
    gin.bind_parameter("encoder.num_latent", LATENTS)
    yield
    gin.clear_config()


def make(encoder, decoder, network=GaussianVAE, seeds=range(COUNT), precision="float32"):
    functions = [ARCHITECTURES.get(part) if isinstance(part, str) else part for part in (encoder, decoder)]
    gin.bind_parameter("encoder.encoder_fn", functions[0])
    gin.bind_parameter("decoder.decoder_fn", functions[1])
    return [network(SHAPE, seed, precision) for seed in seeds]


def batches(networks, fused):
    images = [tf.random.stateless_uniform([4, *SHAPE], [seed, 5]) for seed in range(len(networks))]
    keys = [tf.constant([seed, 9], tf.int64) for seed in range(len(networks))]
    apart = [network.batch(x, key) for network, x, key in zip(networks, images, keys, strict=True)]
    return apart, fused.batches(images, keys, [None] * len(networks), [{} for _ in networks])


def test_the_architectures_here_are_all():
    assert {part if isinstance(part, str) else part.__name__ for pair in PARTNERS.values() for part in pair} == set(
        ARCHITECTURES.names()
    )


@pytest.mark.parametrize("name", PARTNERS)
def test_the_passes_are_those_of_each_network(name):
    networks = make(*PARTNERS[name])
    for one, other in zip(*batches(networks, FusedVAE(networks)), strict=True):
        for field in ("mean", "log_variance", "latent", "reconstruction", "kl"):
            np.testing.assert_allclose(getattr(one, field), getattr(other, field), rtol=1e-4, atol=1e-5)
        assert one.measured.keys() == other.measured.keys()


def test_grouped_convolutions_compute_the_same_in_bfloat16():
    networks = make("burgess_encoder", "burgess_decoder", precision="mixed_bfloat16")
    compiled = FusedVAE(networks, compiled=True)
    parts = lambda: [[(b.mean, b.reconstruction) for b in found] for found in batches(networks, compiled)]
    for one, other in zip(*tf.function(parts, jit_compile=True)(), strict=True):
        np.testing.assert_allclose(one[0], other[0], atol=0.02)
        np.testing.assert_allclose(one[1], other[1], rtol=0.01)


class Normalised(fc_encoder):
    """Not image by image."""

    def __call__(self, x):
        mean, log_variance = super().__call__(x)
        return mean - tf.reduce_mean(mean, axis=0), log_variance


class Scaled(fc_encoder):
    """With a weight outside the layers."""

    def __init__(self, *given):
        super().__init__(*given)
        self.factor = tf.Variable(1.0)


class Odd(Dense):
    """Not a layer that is known."""


class Strange(fc_encoder):
    def __init__(self, observation_shape, num_latent, seed):
        super().__init__(observation_shape, num_latent, seed)
        self.posterior = Odd("odd", 1200, 2 * num_latent, 1.0, seed)


@pytest.mark.parametrize(
    ("encoder", "network", "reason"),
    [
        (fc_encoder, multi_rate_vae, "multi_rate_vae computes its batches in another way"),
        (Normalised, GaussianVAE, "does not treat every image by itself"),
        (Scaled, GaussianVAE, "higgins_encoder has weights outside its layers"),
        (Strange, GaussianVAE, "higgins_encoder has a layer that is none of Dense, Conv, Deconv"),
    ],
)
def test_what_cannot_be_fused_is_refused(encoder, network, reason):
    with pytest.raises(UserError, match=f"cannot be fused: .*{reason}.*; set ensemble.way = 'loop'"):
        FusedVAE(make(encoder, fc_decoder, network))


def test_networks_of_several_shapes_are_refused():
    with pytest.raises(UserError, match="their layers differ"):
        FusedVAE([*make("fc_encoder", "fc_decoder"), *make("burgess_encoder", "burgess_decoder")])
