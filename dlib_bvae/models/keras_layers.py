"""Keras layers in what a user's function returns: found, created in a precision, and called in training or in use.

Keras 3 and tf_keras, each where it is loaded.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import tensorflow as tf

from dlib_bvae.errors import UserError

_NAMES = ("keras", "tf_keras")
_BIAS_ADDS = (tf.nn, tf.compat.v2.nn)  # the modules whose bias_add Keras and tf_keras call
_bias_add = tf.nn.bias_add


def loaded() -> list[Any]:
    """The Keras packages that are imported and compute with TensorFlow."""
    found = [sys.modules[name] for name in _NAMES if name in sys.modules]
    return [keras for keras in found if keras.backend.backend() == "tensorflow"]


def layers_of(thing: Any) -> list[Any]:
    """The Keras layers in `thing`, outermost only: itself, in attributes, containers, closures and partial functions."""
    kinds = tuple(sys.modules[name].layers.Layer for name in _NAMES if name in sys.modules)
    found: list[Any] = []
    seen: dict[int, Any] = {}

    def walk(each: Any) -> None:
        if id(each) in seen or isinstance(each, (type, str, bytes, int, float, tf.Variable, tf.Tensor)):
            return
        seen[id(each)] = each  # kept, so that no other object gets its id
        if isinstance(each, kinds):
            found.append(each)
            return
        for part in _within(each):
            walk(part)

    walk(thing)
    return found


def _within(thing: Any) -> Iterable[Any]:
    """What `thing` holds or, as a function, closes over."""
    if isinstance(thing, dict):
        return thing.values()
    if isinstance(thing, (list, tuple, set)):
        return thing
    if isinstance(thing, functools.partial):
        return (thing.func, *thing.args, *thing.keywords.values())
    inside = [getattr(thing, name, None) for name in ("__self__", "__wrapped__", "python_function")]
    for cell in getattr(thing, "__closure__", None) or ():
        with contextlib.suppress(ValueError):  # a cell that is still empty
            inside.append(cell.cell_contents)
    # Objects of TensorFlow's classes hold large parts of TensorFlow itself.
    if isinstance(thing, tf.Module) or not type(thing).__module__.startswith(("tensorflow.", "builtins")):
        inside += getattr(thing, "__dict__", {}).values()
    return inside


@contextlib.contextmanager
def precision(name: str) -> Iterator[None]:
    """Layers that are created in the block, and are given no dtype, compute in `name`, such as "mixed_bfloat16".

    tf_keras' layers that draw random numbers do so from variables, which a checkpoint can hold.
    """
    with contextlib.ExitStack() as restored:
        for keras in loaded():
            policies = keras.mixed_precision
            restored.callback(policies.set_global_policy, policies.global_policy())
            policies.set_global_policy(name)
            experimental = getattr(keras.backend, "experimental", None)
            if experimental is not None and not experimental.is_tf_random_generator_enabled():
                restored.callback(experimental.disable_tf_random_generator)
                experimental.enable_tf_random_generator()
        yield


@contextlib.contextmanager
def plain_biases() -> Iterator[None]:
    """Biases that are added by tf.nn.bias_add within the block are added by a plain sum where they are bfloat16.

    Keras adds all biases by bias_add, whose gradient in bfloat16 a CPU adds one by one in that type, so that it stops at 512.
    """
    with contextlib.ExitStack() as restored:
        for module in _BIAS_ADDS:
            restored.callback(setattr, module, "bias_add", module.bias_add)
            module.bias_add = _plain_bias_add
        yield


def _plain_bias_add(value: Any, bias: Any, data_format: str | None = None, name: str | None = None) -> tf.Tensor:
    value = tf.convert_to_tensor(value)
    if value.dtype != tf.bfloat16:
        return _bias_add(value, bias, data_format=data_format, name=name)
    if data_format is not None and data_format.startswith("NC"):
        bias = tf.reshape(bias, [-1, *[1] * (len(value.shape) - 2)])
    return tf.add(value, bias, name=name)


def with_training(call: Callable[[Any, bool], Any]) -> Callable[[Any, bool], Any]:
    """`call` of an input and of whether it trains, which Keras layers that are called in it learn, at any depth."""
    for keras in loaded():
        call = _shelled(keras.layers.Layer, call)
    return call


def _shelled(base: Any, apply: Callable[[Any, bool], Any]) -> Callable[[Any, bool], Any]:
    """`apply` within a layer of the kind `base`, as a layer hands `training` on to those that are called in it."""

    class Shell(base):
        def __init__(self) -> None:
            super().__init__(dtype="float32", autocast=False)
            self.built = True

        @tf.autograph.experimental.do_not_convert
        def call(self, x: Any, training: bool = False) -> Any:
            return apply(x, training)

    shell = Shell()
    return lambda x, training: shell(x, training=training)


def check(name: str, layers: Sequence[Any], dtype: tf.DType) -> None:
    """Raises UserError for Keras `layers` of the part `name` that would do less in training than they say."""
    for layer in layers:
        if not any(isinstance(layer, keras.layers.Layer) for keras in loaded()):
            raise UserError(f"{name} has Keras layers that compute without TensorFlow; set KERAS_BACKEND=tensorflow")
        if layer.losses:
            raise UserError(
                f"the Keras layers of {name} add losses (a regularizer or add_loss), which no objective sums; leave them out "
                "(for a decay of the weights: model.optimizer = @adamw)"
            )
        if any(getattr(variable, "constraint", None) is not None for variable in layer.trainable_variables):
            raise UserError(
                f"the Keras layers of {name} have constraints, which the optimizers here do not keep; leave them out"
            )
    if layers and all(layer.compute_dtype != dtype.name for layer in layers):
        raise UserError(
            f"the Keras layers of {name} compute in {layers[0].compute_dtype}, where model.precision means {dtype.name}; create "
            "them in the function that is bound, and without a dtype"
        )
