"""parts.py: Keras models, functions and modules become parts whose variables are known; what would train wrongly is refused."""

import random

import gin
import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from support.keras_networks import DECODERS, ENCODERS, KINDS, decoder, encoder

from dlib_bvae.errors import UserError
from dlib_bvae.models.architectures import fc_encoder
from dlib_bvae.models.autoencoders import fsq_autoencoder, quantized_autoencoder, vector_quantized_autoencoder
from dlib_bvae.models.categorical import categorical_vae, discrete_vae
from dlib_bvae.models.fused import FusedVAE
from dlib_bvae.models.layers import Dense
from dlib_bvae.models.multi_rate import multi_rate_vae
from dlib_bvae.models.parts import UserPart
from dlib_bvae.models.saved_model import export, load
from dlib_bvae.models.vae import GaussianVAE, build_decoder, build_encoder

SHAPE = (8, 8, 1)
IMAGES = np.random.default_rng(0).uniform(size=(4, *SHAPE)).astype(np.float32)
KEY = tf.constant([0, 0], tf.int64)


def encoder_of(function, seed=0, **more):
    return build_encoder(SHAPE, seed, num_latent=3, encoder_fn=function, **more)[0]


def network_of(way, seed=0, kind=GaussianVAE, precision="float32"):
    gin.clear_config()
    gin.bind_parameter("encoder.encoder_fn", ENCODERS[way])
    gin.bind_parameter("decoder.decoder_fn", DECODERS[way])
    gin.bind_parameter("encoder.num_latent", 3)
    try:
        return kind(SHAPE, seed, precision)
    finally:
        gin.clear_config()


def flat(*layers, kind=keras):
    return lambda observation_shape, num_latent, seed: kind.Sequential([kind.layers.Flatten(), *[f() for f in layers]])


def refused(function, **more):
    with pytest.raises(UserError) as error:
        encoder_of(function, **more)
    sentence, *added = str(error.value).splitlines()
    assert all(line.strip().startswith("In call to configurable") for line in added)  # gin's
    return sentence


@pytest.mark.parametrize("way", ENCODERS)
def test_every_variable_of_a_keras_model_is_one_of_the_network_once(way):
    network = network_of(way)
    for part in (network.encoder, network.decoder):
        extra = "held" in way
        shapes = [variable.shape.rank for variable in part.trainable_variables]
        assert sorted(shapes) == sorted([2, 1, 1, 1, 2, 1] + [0] * extra), way
        assert len(part.variables) == len({id(variable) for variable in part.variables}) == 9 + extra
    assert len(network.trainable_variables) == 2 * (6 + extra)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(network.batch(tf.constant(IMAGES), KEY).reconstruction)
    assert all(gradient is not None for gradient in tape.gradient(loss, network.trainable_variables))


@pytest.mark.parametrize("way", ["keras", "tf_keras", "held keras", "closed_over tf_keras"])
def test_dropout_and_statistics_are_of_training_alone(way):
    network = network_of(way)
    before = [variable.numpy() for variable in network.variables]
    first, second = (network.encode(IMAGES)[0].numpy() for _ in range(2))
    np.testing.assert_array_equal(first, second)
    for value, variable in zip(before, network.variables, strict=True):
        np.testing.assert_array_equal(value, variable)
    with network.in_training():
        third, fourth = (network.encode(IMAGES)[0].numpy() for _ in range(2))
    assert (first != third).any()
    assert (third != fourth).any()
    changed = [not np.array_equal(a, b) for a, b in zip(before, network.encoder.others, strict=False)]
    assert any(changed)
    assert (network.encode(IMAGES)[0].numpy() != first).any()  # the moving statistics have moved
    assert len(network.encoder.others) == 3


@pytest.mark.parametrize("way", ["keras", "tf_keras"])
def test_weights_depend_on_the_seed_alone(way):
    first = network_of(way)
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    KINDS[way].utils.set_random_seed(5)
    same, other = network_of(way), network_of(way, seed=1)
    equal = lambda a, b: [np.array_equal(x, y) for x, y in zip(a.variables, b.variables, strict=True)]
    assert all(equal(first, same))
    assert not all(equal(first, other))
    kernels = [part.trainable_variables[0].numpy() for part in (first.encoder, first.decoder)]
    assert kernels[0].std() != kernels[1].std()


def test_a_seed_that_the_user_sets_stays():
    def fixed(observation_shape, num_latent, seed):
        start = keras.initializers.GlorotUniform(seed=7)
        return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2 * num_latent, kernel_initializer=start)])

    first, other = encoder_of(fixed, 0), encoder_of(fixed, 1)
    np.testing.assert_array_equal(first.trainable_variables[0], other.trainable_variables[0])


def test_the_name_of_the_function_does_not_change_the_weights():
    def renamed(*given):
        return encoder("keras", *given)

    expected, got = encoder_of(ENCODERS["keras"]), encoder_of(renamed)
    np.testing.assert_array_equal(expected.trainable_variables[0], got.trainable_variables[0])


def test_layers_that_are_not_trainable_are_kept_but_not_trained():
    def frozen(observation_shape, num_latent, seed):
        fixed = keras.layers.Dense(5, trainable=False)
        return keras.Sequential([keras.layers.Flatten(), fixed, keras.layers.Dense(2 * num_latent)])

    gin.bind_parameter("encoder.encoder_fn", frozen)
    try:
        network = GaussianVAE((64, 64, 1), 0)
    finally:
        gin.clear_config()
    assert [v.shape for v in network.encoder.others] == [(4096, 5), (5,)]
    ids = {id(variable) for variable in network.trainable_variables}
    assert not ids & {id(variable) for variable in network.encoder.others}
    assert ids >= {id(variable) for variable in network.encoder.trained}
    assert {id(variable) for variable in network.variables} >= {id(variable) for variable in network.encoder.others}


def test_the_package_s_modules_are_returned_as_they_are():
    assert isinstance(encoder_of(fc_encoder), fc_encoder)


def test_training_is_passed_to_what_takes_it():
    class Switched(tf.Module):
        def __init__(self, observation_shape, num_latent, seed):
            super().__init__()
            self.dense = Dense("dense", 64, num_latent, 1.0, seed)

        def __call__(self, x, training=False):
            mean = self.dense(tf.reshape(x, [-1, 64])) + (100.0 if training else 0.0)
            return mean, mean

    part = encoder_of(Switched)
    assert float(tf.reduce_max(part(IMAGES)[0])) < 50
    part.training = True
    assert float(tf.reduce_min(part(IMAGES)[0])) > 50


def test_variables_in_a_closure_are_trained():
    class Hidden(tf.Module):
        def __init__(self, observation_shape, num_latent, seed):
            super().__init__()
            dense = Dense("dense", 64, 2 * num_latent, 1.0, seed)
            self.call = lambda x: tf.split(dense(tf.reshape(x, [-1, 64])), 2, axis=1)

        def __call__(self, x):
            return self.call(x)

    assert [variable.shape for variable in encoder_of(Hidden).trainable_variables] == [(64, 6), (6,)]


@pytest.mark.parametrize(
    "kind", [quantized_autoencoder, vector_quantized_autoencoder, fsq_autoencoder, categorical_vae, discrete_vae]
)
def test_other_networks_take_keras_models(kind):
    gin.bind_parameter("vector_quantized_autoencoder.dim", 3)
    gin.bind_parameter("encoder.encoder_fn", ENCODERS["keras"])
    gin.bind_parameter("decoder.decoder_fn", DECODERS["keras"])
    gin.bind_parameter("encoder.num_latent", 3)
    try:
        network = kind(SHAPE, 0)
    finally:
        gin.clear_config()
    batch = network.batch(tf.constant(IMAGES), KEY, step=tf.constant(0, tf.int64), total=1)
    assert batch.reconstruction.shape == (4,)
    assert len(network.trainable_variables) == 12 + (kind in (quantized_autoencoder, vector_quantized_autoencoder))


@pytest.mark.parametrize("way", ["keras", "tf_keras"])
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_a_keras_model_computes_in_the_precision_of_the_network(way, precision):
    network = network_of(way, precision=precision)
    assert all(variable.dtype == tf.float32 for variable in network.trainable_variables)
    dtype = tf.bfloat16 if precision == "mixed_bfloat16" else tf.float16
    assert network.encoder(tf.cast(IMAGES, dtype))[0].dtype == dtype
    assert KINDS[way].mixed_precision.global_policy().name == "float32"


class Biased(tf.Module):
    """A linear encoder whose bias is added by `add`."""

    def __init__(self, num_latent, add):
        super().__init__()
        self.kernel = tf.Variable(tf.ones([64, 2 * num_latent]))
        self.bias = tf.Variable(tf.zeros([2 * num_latent]))
        self.add = add

    def __call__(self, x):
        return self.add(tf.matmul(tf.reshape(x, [-1, 64]), tf.cast(self.kernel, x.dtype)), tf.cast(self.bias, x.dtype))


def split_in_sight(observation_shape, num_latent, seed):
    """Biased, as a module that gives mean and log variance itself, so that no UserPart is needed in float32."""

    class Split(Biased):
        def __call__(self, x):
            return tf.split(super().__call__(x), 2, axis=1)

    return Split(num_latent, lambda *both: tf.nn.bias_add(*both))


def channels_first(y, bias):
    return tf.reshape(tf.nn.bias_add(tf.reshape(y, [-1, 6, 1, 1]), bias, data_format="NCHW"), [-1, 6])


BIAS_ADDS = tf.nn.bias_add, tf.compat.v2.nn.bias_add
BIASES = {
    "keras": flat(lambda: keras.layers.Dense(6)),
    "tf_keras": flat(lambda: tf_keras.layers.Dense(6), kind=tf_keras),
    "module": lambda _, num_latent, seed: Biased(num_latent, lambda *both: tf.nn.bias_add(*both)),
    "module, channels first": lambda _, num_latent, seed: Biased(num_latent, channels_first),
    "module in sight": split_in_sight,
}


@pytest.mark.parametrize("way", BIASES)
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_the_gradient_of_a_bias_is_the_sum_of_all_images_in_every_precision(way, precision):
    part = encoder_of(BIASES[way], precision=precision)
    (bias,) = [variable for variable in part.trainable_variables if variable.shape.rank == 1]
    images = tf.zeros([3000, *SHAPE], tf.bfloat16 if precision == "mixed_bfloat16" else tf.float32)

    @tf.function
    def gradient():
        with tf.GradientTape() as tape:
            mean, log_variance = part(images)
            total = tf.reduce_sum(tf.cast(mean, tf.float32)) + 2 * tf.reduce_sum(tf.cast(log_variance, tf.float32))
        return tape.gradient(total, bias)

    np.testing.assert_allclose(gradient(), [3000] * 3 + [6000] * 3, rtol=0.01)
    assert (tf.nn.bias_add, tf.compat.v2.nn.bias_add) == BIAS_ADDS  # as before


def test_a_bias_whose_gradient_would_stop_is_refused():
    raw = lambda _, num_latent, seed: Biased(num_latent, lambda y, bias: tf.raw_ops.BiasAdd(value=y, bias=bias))
    encoder_of(raw)
    if not tf.config.list_logical_devices("GPU"):
        assert "adds biases by BiasAdd in bfloat16, whose gradient" in refused(raw, precision="mixed_bfloat16")


@pytest.mark.parametrize("way", ["keras", "tf_keras", "held tf_keras"])
def test_the_exported_model_computes_as_in_use(way, tmp_path):
    network = network_of(way)
    with network.in_training():
        network.encode(IMAGES)
    export(network, tmp_path / "model")
    loaded = load(tmp_path / "model")
    np.testing.assert_allclose(loaded.encode(IMAGES)["mean"], network.encode(IMAGES)[0], atol=1e-6)
    np.testing.assert_allclose(loaded.reconstruct(IMAGES)["images"], network.reconstruct(IMAGES), atol=1e-6)


def test_networks_that_need_the_package_s_layers_say_so():
    with pytest.raises(UserError, match=r"gates behind the layers .* and its encoder has none"):
        network_of("keras", kind=multi_rate_vae)
    with pytest.raises(UserError, match=r"cannot be fused: encoder .* set ensemble.way = 'loop'"):
        FusedVAE([network_of("keras"), network_of("keras", seed=1)])


def test_a_part_without_trainable_variables_is_refused():
    crop = lambda observation_shape, num_latent, seed: lambda x: tf.split(tf.reshape(x, [-1, 64])[:, :6], 2, axis=1)
    assert "the encoder <lambda> has no trainable variables" in refused(crop)
    frozen = flat(lambda: keras.layers.Dense(6, trainable=False))
    assert "has no trainable variables" in refused(frozen)
    spread = lambda observation_shape, num_latent, seed: lambda z: tf.ones([tf.shape(z)[0], *SHAPE])
    with pytest.raises(UserError, match="the decoder <lambda> has no trainable variables"):
        build_decoder(SHAPE, 3, 0, decoder_fn=spread)


def test_another_shape_is_refused():
    assert refused(flat(lambda: keras.layers.Dense(7))) == (
        "the encoder <lambda> must give mean and log variance, each (batch, 3), or one tensor (batch, 6) of both; of 2 it "
        "gave (2, 7)"
    )
    assert "gave 3 things: (2, 7)" in refused(lambda *_: lambda x: [tf.zeros([2, 7])] * 3)
    with pytest.raises(
        UserError, match=r"decoder <lambda> must give logits \(batch, 8, 8, 1\); of 2 it gave \(2, 64\)"
    ):
        build_decoder(SHAPE, 3, 0, decoder_fn=flat(lambda: keras.layers.Dense(64)))
    shaped = lambda *_: keras.Sequential([keras.Input((5, 5, 1)), keras.layers.Flatten(), keras.layers.Dense(6)])
    assert refused(shaped).startswith("the encoder <lambda> cannot be applied to (batch, 8, 8, 1), for any batch: ")
    assert "must return a tf.Module, a Keras model or a function; got None" in refused(lambda *_: None)


MODEL = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(6)])


def test_what_would_train_otherwise_than_it_says_is_refused():
    dense = keras.layers.Dense
    assert "regularizer or add_loss" in refused(flat(lambda: dense(6, kernel_regularizer="l2")))
    assert "regularizer or add_loss" in refused(flat(lambda: dense(6, activity_regularizer="l2")))
    assert "have constraints" in refused(flat(lambda: dense(6, kernel_constraint="non_neg")))
    kept = lambda: tf_keras.layers.Dense(6, kernel_constraint="non_neg")
    assert "have constraints" in refused(flat(kept, kind=tf_keras))
    assert "weights of float64" in refused(lambda *_: Doubles())
    MODEL(IMAGES)
    assert "created before it was called, such as" in refused(lambda *_: MODEL)
    lossy = lambda *_: keras.Sequential([keras.layers.Flatten(), dense(6)], name="m") and Dropping()
    assert "(RandomUniform)" in refused(lossy)
    half = lambda *_: Half()
    assert "compute in float32, where model.precision means bfloat16" in refused(half, precision="mixed_bfloat16")


def test_a_tf_function_around_keras_layers_is_refused():
    def compiled(observation_shape, num_latent, seed):
        model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dropout(0.5), keras.layers.Dense(6)])
        return tf.function(lambda x: model(x))

    assert "calls a tf.function" in refused(compiled)


class Doubles(tf.Module):
    def __init__(self):
        super().__init__()
        self.kernel = tf.Variable(tf.ones([64, 6], tf.float64))

    def __call__(self, x):
        return tf.split(tf.matmul(tf.reshape(x, [-1, 64]), tf.cast(self.kernel, x.dtype)), 2, axis=1)


class Dropping(tf.Module):
    def __init__(self):
        super().__init__()
        self.kernel = tf.Variable(tf.ones([64, 6]))

    def __call__(self, x):
        return tf.split(tf.nn.dropout(tf.matmul(tf.reshape(x, [-1, 64]), self.kernel), 0.5), 2, axis=1)


class Half(keras.Model):
    def __init__(self):
        super().__init__(dtype="float32")
        self.dense = keras.layers.Dense(6)

    def call(self, x):
        return self.dense(keras.ops.reshape(x, [-1, 64]))


def test_both_kinds_of_keras_stand_in_one_network():
    gin.bind_parameter("encoder.encoder_fn", lambda *given: encoder("keras", *given))
    gin.bind_parameter("decoder.decoder_fn", lambda *given: decoder("tf_keras", *given))
    try:
        network = GaussianVAE(SHAPE, 0)
    finally:
        gin.clear_config()
    assert all(isinstance(part, UserPart) for part in (network.encoder, network.decoder))
    assert len(network.trainable_variables) == 12
