"""keras_layers.py: layers are found wherever they are held, and learn at any depth whether they train."""

import functools
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from dlib_bvae.errors import UserError
from dlib_bvae.models import keras_layers

KERASES = [keras, tf_keras]


def holding(layer):
    """Things that hold `layer`, in every way."""
    module = tf.Module()
    module.parts = {"first": [layer]}
    place = types.SimpleNamespace(inner=layer)
    return [
        layer,
        module,
        place,
        lambda x: layer(x),
        functools.partial(layer),
        (layer.call,),
        tf.function(lambda x: layer(x)),
    ]


@pytest.mark.parametrize("kind", KERASES)
def test_layers_are_found_wherever_they_are_held(kind):
    layer = kind.layers.Dense(1)
    for thing in holding(layer):
        assert [id(each) for each in keras_layers.layers_of(thing)] == [id(layer)], thing
    model = kind.Sequential([layer])
    assert keras_layers.layers_of([model, model]) == [model]
    assert keras_layers.layers_of(lambda x: tf.nn.relu(x)) == []


@pytest.mark.parametrize("kind", KERASES)
def test_training_reaches_layers_at_any_depth_of_either_kind(kind):
    inner = kind.Sequential([kind.Sequential([kind.layers.Dropout(0.5)])])
    call = keras_layers.with_training(lambda x, _: inner(x))
    x = tf.ones([4, 50])
    np.testing.assert_array_equal(call(x, False), x)
    assert 0 < np.mean(call(x, True).numpy() == 0) < 1


@pytest.mark.parametrize("kind", KERASES)
def test_the_precision_is_that_of_the_block(kind):
    with keras_layers.precision("mixed_bfloat16"):
        assert kind.layers.Dense(1).compute_dtype == "bfloat16"
        assert kind.layers.Dense(1, dtype="float32").compute_dtype == "float32"
    assert kind.layers.Dense(1).compute_dtype == "float32"
    assert not tf_keras.backend.experimental.is_tf_random_generator_enabled()


def test_keras_without_tensorflow_is_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(
        UserError, match="the encoder a has Keras layers that compute without TensorFlow; set KERAS_BACKEND"
    ):
        keras_layers.check("the encoder a", [keras.layers.Dense(1)], tf.float32)


def test_a_model_keeps_a_last_layer_of_another_dtype():
    with keras_layers.precision("mixed_bfloat16"):
        layers = [keras.layers.Dense(2), keras.layers.Dense(1, dtype="float32")]
    keras_layers.check("the encoder a", layers, tf.bfloat16)
    with pytest.raises(UserError, match="compute in float32, where model.precision means bfloat16"):
        keras_layers.check("the encoder a", layers[1:], tf.bfloat16)
