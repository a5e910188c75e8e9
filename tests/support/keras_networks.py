"""Keras models as a user brings them, small, of Keras 3 and of tf_keras, with dropout and normalisation."""

from __future__ import annotations

import functools
import math

import keras
import tensorflow as tf
import tf_keras

KINDS = {"keras": keras, "tf_keras": tf_keras}


def sequential(kind, outputs, shape=None):
    """A model of one hidden layer, with normalisation, and with dropout in a model within."""
    layers = KINDS[kind].layers
    end = [] if shape is None else [layers.Reshape(shape)]
    inner = KINDS[kind].Sequential([layers.Dropout(0.3), layers.Activation("relu")])
    return KINDS[kind].Sequential(
        [layers.Flatten(), layers.Dense(16), layers.BatchNormalization(), inner, layers.Dense(outputs), *end]
    )


def encoder(kind, observation_shape, num_latent, seed):
    """A Sequential whose output is mean and log variance as one."""
    return sequential(kind, 2 * num_latent)


def decoder(kind, observation_shape, num_latent, seed):
    """A Sequential to logits."""
    return sequential(kind, math.prod(observation_shape), observation_shape)


class Holder(tf.Module):
    """A tf.Module with a Keras model as an attribute, and a variable."""

    def __init__(self, model):
        super().__init__("holder")
        self.model, self.scale = model, tf.Variable(1.0)

    def __call__(self, x):
        return tf.cast(self.scale, x.dtype) * tf.cast(self.model(x), x.dtype)


def held(make, kind, *given):
    """`make`, in a Holder."""
    return Holder(make(kind, *given))


def closed_over(make, kind, *given):
    """`make`, in a plain function."""
    model = make(kind, *given)
    return lambda x: model(x)


def ways(make):
    """Every way to bring the model of `make`, by name."""
    kinds = {kind: functools.partial(make, kind) for kind in KINDS}
    more = {
        f"{way.__name__} {kind}": functools.partial(way, make, kind) for way in (held, closed_over) for kind in KINDS
    }
    return kinds | more


ENCODERS, DECODERS = ways(encoder), ways(decoder)
