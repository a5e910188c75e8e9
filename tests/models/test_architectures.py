"""Architectures: parameter counts by hand, shapes, seeds; and what they compute, in plain numpy."""

import numpy as np
import pytest
import tensorflow as tf
from support import plain
from support.gradients import check

from dlib_bvae.errors import UserError
from dlib_bvae.models import _ARCHITECTURES, ARCHITECTURES
from dlib_bvae.models.architectures import (
    burgess_decoder,
    burgess_encoder,
    conv_encoder,
    deconv_decoder,
    fc_decoder,
    fc_encoder,
    higgins_decoder,
    higgins_encoder,
    residual_decoder,
    residual_encoder,
    spatial_broadcast_decoder,
)
from dlib_bvae.models.layers import INITIALIZERS, Layer

BURGESS_ENCODER = (16 * 1 + 1) * 32 + 2 * (16 * 32 + 1) * 32 + (2048 + 1) * 256 + (256 + 1) * 256 + (256 + 1) * 20
BURGESS_DECODER = (10 + 1) * 256 + (256 + 1) * 256 + (256 + 1) * 2048 + 2 * (16 * 32 + 1) * 32 + (16 * 32 + 1)
HIGGINS_ENCODER = (4096 + 1) * 1200 + (1200 + 1) * 1200 + (1200 + 1) * 20
HIGGINS_DECODER = (10 + 1) * 1200 + 2 * (1200 + 1) * 1200 + (1200 + 1) * 4096
CONV_ENCODER = (16 + 1) * 32 + (16 * 32 + 1) * 32 + (4 * 32 + 1) * 64 + (4 * 64 + 1) * 64
CONV_ENCODER += (4 * 4 * 64 + 1) * 256 + (256 + 1) * 20
DECONV_DECODER = (10 + 1) * 256 + (256 + 1) * 1024 + (16 * 64 + 1) * 64 + (16 * 64 + 1) * 32 + (16 * 32 + 1) * 32
DECONV_DECODER += 16 * 32 + 1
RESIDUAL_BLOCKS = sum(2 * (9 * width + 1) * width for width in (32, 64, 128, 128))
RESIDUAL_ENCODER = (16 + 1) * 32 + (16 * 32 + 1) * 64 + (16 * 64 + 1) * 128 + (16 * 128 + 1) * 128 + RESIDUAL_BLOCKS
RESIDUAL_ENCODER += (4 * 4 * 128 + 1) * 256 + (256 + 1) * 20
RESIDUAL_DECODER = (10 + 1) * 256 + (256 + 1) * 2048 + RESIDUAL_BLOCKS
RESIDUAL_DECODER += (16 * 128 + 1) * 128 + (16 * 128 + 1) * 64 + (16 * 64 + 1) * 32 + (16 * 32 + 1)
BROADCAST = (25 * 12 + 1) * 64 + 3 * (25 * 64 + 1) * 64
BROADCAST_FULL = BROADCAST + 25 * 64 + 1
BROADCAST_16 = BROADCAST + (16 * 64 + 1) * 64 + 16 * 64 + 1


def broadcast_16(*fixed):
    return spatial_broadcast_decoder(*fixed, broadcast_size=16)


@pytest.mark.parametrize(
    ("build", "parameters"),
    [
        (fc_encoder, HIGGINS_ENCODER),
        (fc_decoder, HIGGINS_DECODER),
        (conv_encoder, CONV_ENCODER),
        (deconv_decoder, DECONV_DECODER),
        (residual_encoder, RESIDUAL_ENCODER),
        (residual_decoder, RESIDUAL_DECODER),
        (spatial_broadcast_decoder, BROADCAST_FULL),
        (broadcast_16, BROADCAST_16),
        (burgess_encoder, BURGESS_ENCODER),
        (burgess_decoder, BURGESS_DECODER),
        (higgins_encoder, HIGGINS_ENCODER),
        (higgins_decoder, HIGGINS_DECODER),
    ],
)
def test_parameter_counts(build, parameters):
    network = build((64, 64, 1), 10, 0)
    assert sum(int(tf.size(v)) for v in network.trainable_variables) == parameters


@pytest.mark.parametrize(
    ("encoder", "decoder"),
    [
        (burgess_encoder, burgess_decoder),
        (higgins_encoder, higgins_decoder),
        (conv_encoder, deconv_decoder),
        (residual_encoder, residual_decoder),
        (conv_encoder, spatial_broadcast_decoder),
        (conv_encoder, lambda *fixed: spatial_broadcast_decoder(*fixed, broadcast_size=8)),
    ],
)
@pytest.mark.parametrize("shape", [(16, 16, 1), (32, 16, 3)])
def test_shapes_go_there_and_back(encoder, decoder, shape):
    mean, log_variance = encoder(shape, 4, 0)(tf.zeros([2, *shape]))
    assert mean.shape == log_variance.shape == (2, 4)
    assert decoder(shape, 4, 0)(mean).shape == (2, *shape)


def test_a_seed_fixes_the_weights_and_another_changes_them():
    weights = [burgess_encoder((16, 16, 1), 4, seed).dense[0].kernel.numpy() for seed in (3, 3, 4)]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.allclose(weights[0], weights[2])


def test_initial_activations_keep_their_scale():
    encoder = higgins_encoder((64, 64, 1), 10, 0)
    mean, _ = encoder(tf.random.stateless_normal([64, 64, 64, 1], [0, 1]))
    assert 0.3 < float(tf.math.reduce_std(mean)) < 3.0


def test_a_size_that_cannot_be_halved_three_times_is_refused():
    with pytest.raises(UserError, match="divisible by 8; got 20 × 16"):
        burgess_encoder((20, 16, 1), 4, 0)


@pytest.mark.parametrize("size", [3, 24, 128, -1])
def test_a_broadcast_size_that_cannot_be_doubled_to_the_image_is_refused(size):
    with pytest.raises(UserError, match=r"broadcast_size must be .*; got"):
        spatial_broadcast_decoder((64, 64, 1), 4, 0, broadcast_size=size)


def test_the_broadcast_decoder_knows_where_it_is_in_bfloat16_as_well():
    decoder = spatial_broadcast_decoder((16, 16, 1), 4, 0)
    z = tf.random.stateless_normal([2, 4], [0, 1])
    full, half = decoder(z), decoder(tf.cast(z, tf.bfloat16))
    assert half.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(half, tf.float32), full, atol=0.05)
    inside = full[:, 4:12, 4:12]
    assert float(tf.math.reduce_std(inside)) > 0.01, "without coordinates, the inner places would be equal"


def test_a_residual_block_starts_as_the_identity_and_learns():
    block = residual_encoder((16, 16, 1), 4, 0).blocks[0]
    x = tf.random.stateless_normal([2, 4, 4, 32], [0, 1])
    with tf.GradientTape() as tape:
        y = block(x)
        loss = tf.reduce_sum(tf.square(y))
    np.testing.assert_array_equal(y, x)
    assert float(tf.reduce_max(tf.abs(tape.gradient(loss, block.second.kernel)))) > 0


def test_every_registered_architecture_can_be_imported():
    assert len({ARCHITECTURES.get(name) for name in ARCHITECTURES.names()}) == len(ARCHITECTURES.names()) >= 11


# Number of variables and the sum of the absolute initial weights, at 64×64×3, 10 latents, seed 0.
INITIAL = {
    "burgess_decoder": (12, 49938.066777),
    "burgess_encoder": (12, 21521.940486),
    "conv_encoder": (12, 13604.561402),
    "deconv_decoder": (12, 30534.823152),
    "fc_decoder": (8, 444072.795889),
    "fc_encoder": (6, 214411.049308),
    "higgins_decoder": (8, 444072.795889),
    "higgins_encoder": (6, 214411.049308),
    "residual_decoder": (28, 78305.822781),
    "residual_encoder": (28, 41785.775001),
    "spatial_broadcast_decoder": (10, 10879.596807),
}


THEIRS = ("conv_encoder", "deconv_decoder", "fc_encoder", "fc_decoder")


@pytest.mark.parametrize("name", INITIAL)
def test_initial_weights_are_those_of_every_version_before(name):
    given = {"initializer": "he_uniform"} if name in THEIRS else {}  # the start of earlier versions
    variables = ARCHITECTURES.get(name)((64, 64, 3), 10, 0, **given).trainable_variables
    total = sum(float(np.abs(variable.numpy().astype(np.float64)).sum()) for variable in variables)
    assert (len(variables), total) == (INITIAL[name][0], pytest.approx(INITIAL[name][1], rel=1e-6))


@pytest.mark.parametrize("name", THEIRS)
def test_the_networks_of_disentanglement_lib_start_as_tensorflow_1_s_layers(name):
    """Every kernel is uniform within √(6 / (fan in + fan out)), fans counted on the whole kernel; biases are 0."""
    network = ARCHITECTURES.get(name)((64, 64, 1), 10, 0)
    layers = [module for module in network.submodules if isinstance(module, Layer)]
    for layer in layers:
        *taps, first, second = layer.kernel.shape
        bound = np.sqrt(6 / (np.prod(taps) * (first + second)))
        kernel = layer.kernel.numpy()
        assert np.abs(kernel).max() <= bound * (1 + 1e-6)
        assert kernel.std() == pytest.approx(bound / np.sqrt(3), rel=0.1)
        assert not layer.bias.numpy().any()
    assert len(layers) * 2 == len(network.trainable_variables)


def test_the_first_convolution_of_conv_encoder_has_the_deviation_of_theirs():
    for initializer, deviation in (("glorot_uniform", 0.062), ("he_uniform", 0.365)):
        encoder = conv_encoder((64, 64, 1), 10, 0, initializer)
        assert encoder.convolutions[0].kernel.numpy().std() == pytest.approx(deviation, rel=0.04)
        mean, _ = encoder(tf.cast(tf.random.stateless_uniform([16, 64, 64, 1], [0, 1]) < 0.05, tf.float32))
        assert (float(tf.reduce_mean(tf.abs(mean))) < 0.02) == (initializer == "glorot_uniform")


def test_every_initializer_is_taken_by_every_architecture_and_another_is_refused():
    for name in ARCHITECTURES.names():
        for initializer in INITIALIZERS:
            ARCHITECTURES.get(name)((16, 16, 1), 2, 0, initializer=initializer)
    with pytest.raises(
        UserError, match="initializer of encoder_conv0 must be one of he_uniform, glorot_uniform; got 'he'"
    ):
        conv_encoder((16, 16, 1), 2, 0, initializer="he")
    block = residual_encoder((16, 16, 1), 4, 0, "glorot_uniform").blocks[0]
    assert not block.second.kernel.numpy().any(), "it starts as the identity"


def test_the_logits_of_a_broadcast_map_as_large_as_the_image_start_small():
    """The last kernel has variance 1 / fan-in: it is uniform within √(3 / fan-in)."""
    kernel = spatial_broadcast_decoder((16, 16, 1), 10, 0).output.kernel.numpy()
    bound = np.sqrt(3 / np.prod(kernel.shape[:3]))
    assert 0.99 * bound < np.abs(kernel).max() <= bound * (1 + 1e-6)


def dense(w, x, side, count, activation=plain.relu):
    for i in range(count):
        kernel, bias = w[f"{side}_dense{i}"]
        x = activation(x @ kernel + bias)
    return x


def posterior(w, x, hidden):
    kernel, bias = w["encoder_posterior"]
    mean, log_variance = np.split(dense(w, x.reshape(len(x), -1), "encoder", hidden) @ kernel + bias, 2, axis=1)
    return {"mean": mean, "log_variance": log_variance}


def halved(w, x, count):
    for i in range(count):
        x = plain.relu(plain.conv(x, *w[f"encoder_conv{i}"], stride=2))
    return x


def doubled(w, x, count):
    for i in range(count):
        x = plain.deconv(x if i == 0 else plain.relu(x), *w[f"decoder_deconv{i}"])
    return {"logits": x}


def block(w, x, name):
    inner = plain.relu(plain.conv(plain.relu(x), *w[f"{name}_first"], stride=1))
    return plain.relu(x + plain.conv(inner, *w[f"{name}_second"], stride=1))


def plain_residual_encoder(w, x):
    for i in range(4):
        x = block(w, plain.conv(x, *w[f"encoder_conv{i}"], stride=2), f"encoder_block{i}")
    return posterior(w, x, 1)


def plain_residual_decoder(w, z):
    x = dense(w, z, "decoder", 2).reshape(len(z), 1, 2, 128)
    for i in range(4):
        x = plain.deconv(block(w, x, f"decoder_block{i}"), *w[f"decoder_deconv{i}"])
    return {"logits": x}


def plain_mlp(w, z):
    kernel, bias = w["decoder_dense3"]
    return {"logits": (dense(w, z, "decoder", 3, np.tanh) @ kernel + bias).reshape(-1, 8, 16, 2)}


def plain_broadcast(w, z, size, doublings):
    places = np.stack(np.meshgrid(np.linspace(-1, 1, size), np.linspace(-1, 1, 2 * size), indexing="ij"), axis=-1)
    shape = (len(z), *places.shape[:2])
    x = np.concatenate([np.broadcast_to(z[:, None, None], (*shape, 3)), np.broadcast_to(places, (*shape, 2))], axis=-1)
    for i in range(4):
        x = plain.relu(plain.conv(x, *w[f"decoder_conv{i}"], stride=1))
    for i in range(doublings - 1):
        x = plain.relu(plain.deconv(x, *w[f"decoder_deconv{i}"]))
    output = w["decoder_output"]
    return {"logits": plain.deconv(x, *output) if doublings else plain.conv(x, *output, stride=1)}


PLAIN = {
    "burgess_encoder": lambda w, x: posterior(w, halved(w, x, 3), 2),
    "higgins_encoder": lambda w, x: posterior(w, x, 2),
    "fc_encoder": lambda w, x: posterior(w, x, 2),
    "conv_encoder": lambda w, x: posterior(w, halved(w, x, 4), 1),
    "residual_encoder": plain_residual_encoder,
    "burgess_decoder": lambda w, z: doubled(w, dense(w, z, "decoder", 3).reshape(-1, 1, 2, 32), 3),
    "higgins_decoder": plain_mlp,
    "fc_decoder": plain_mlp,
    "deconv_decoder": lambda w, z: doubled(w, dense(w, z, "decoder", 2).reshape(-1, 1, 2, 64), 4),
    "residual_decoder": plain_residual_decoder,
    "spatial_broadcast_decoder": lambda w, z: plain_broadcast(w, z, 8, 0),
}


def check_network(network, formula, given):
    """A network with random weights and biases is the formula of them and of what it is given, and so are its gradients."""
    rng, layers = np.random.default_rng(0), {}
    for module in network.submodules:
        if isinstance(module, Layer):
            layers[module.name] = module
    leaves = {"given": given}
    for name, layer in layers.items():
        spread = np.sqrt(layer.kernel.shape.num_elements() / layer.bias.shape[0])
        leaves[f"{name} kernel"] = rng.normal(size=layer.kernel.shape) / spread
        leaves[f"{name} bias"] = 0.1 * rng.normal(size=layer.bias.shape)

    def apply(given, **weights):
        for name, layer in layers.items():
            layer.kernel, layer.bias = weights[f"{name} kernel"], weights[f"{name} bias"]
        found = network(given)
        return {"logits": found} if tf.is_tensor(found) else dict(zip(("mean", "log_variance"), found, strict=True))

    def reference(given, **weights):
        kernels = {name: weights[f"{name} kernel"] for name in layers}
        across = {name: getattr(layer, "transposed", False) for name, layer in layers.items()}
        w = {name: (kernel.T if across[name] else kernel, weights[f"{name} bias"]) for name, kernel in kernels.items()}
        return formula(w, given)

    check(apply, reference, along=True, **leaves)


@pytest.mark.parametrize("name", _ARCHITECTURES["architectures"])
def test_value_and_gradient_are_those_of_plain_numpy(name):
    size = 16 if name.startswith(("conv", "deconv", "residual")) else 8  # as often halved as it has to be
    shape = (size, 2 * size, 2)
    network = ARCHITECTURES.get(name)(shape, 3, 0)
    given = np.random.default_rng(1).normal(size=(2, *shape) if name.endswith("encoder") else (2, 3))
    check_network(network, PLAIN[name], given)


@pytest.mark.parametrize(("size", "doublings"), [(4, 1), (2, 2)])
def test_value_and_gradient_of_a_smaller_broadcast_are_those_of_plain_numpy(size, doublings):
    network = spatial_broadcast_decoder((8, 16, 2), 3, 0, broadcast_size=size)
    formula = lambda w, z: plain_broadcast(w, z, size, doublings)
    check_network(network, formula, np.random.default_rng(1).normal(size=(2, 3)))


@pytest.mark.parametrize(
    "make", [burgess_encoder, burgess_decoder, conv_encoder, deconv_decoder, spatial_broadcast_decoder]
)
def test_gradients_in_bfloat16_are_those_in_float32_but_for_rounding(make):
    """Sums over so many positions would not be, were their terms added in that type."""
    decodes, rng = make.__name__.endswith("decoder"), np.random.default_rng(0)
    part, given = make((64, 64, 1), 4, 0), rng.normal(size=(4, 4) if decodes else (4, 64, 64, 1))
    found = {}
    for dtype in (tf.float32, tf.bfloat16):
        with tf.GradientTape() as tape:
            output = part(tf.constant(given, dtype))
            parts = [tf.reduce_sum(tf.square(tf.cast(each, tf.float32) - 1.0)) for each in tf.nest.flatten(output)]
            loss = tf.add_n(parts)
        found[dtype] = [np.ravel(each) for each in tape.gradient(loss, part.trainable_variables)]
    for one, other in zip(*found.values(), strict=True):
        size = np.linalg.norm(one)
        assert size > 0
        assert np.linalg.norm(other) == pytest.approx(size, rel=0.05)
        assert one @ other > 0.97 * size * np.linalg.norm(other)
