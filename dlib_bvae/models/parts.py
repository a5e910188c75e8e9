"""Encoders and decoders as a network uses them: a user's function in, a part that was tried and whose variables are known out."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import tensorflow as tf

from dlib_bvae.errors import UserError
from dlib_bvae.models import keras_layers
from dlib_bvae.models.seeding import seeded

PRECISIONS = {"float32": tf.float32, "mixed_bfloat16": tf.bfloat16, "mixed_float16": tf.float16}
_TRIED = 2  # images
_STATEFUL = {  # random numbers whose state is the kernel's, which no checkpoint holds
    *("RandomUniform", "RandomUniformInt", "RandomStandardNormal", "TruncatedNormal", "ParameterizedTruncatedNormal"),
    *("RandomGamma", "RandomPoissonV2", "RandomShuffle", "Multinomial"),
}
_CHANGES = {
    *("AssignVariableOp", "AssignAddVariableOp", "AssignSubVariableOp", "ResourceScatterUpdate"),
    *("RngReadAndSkip", "StatefulUniform", "StatefulStandardNormalV2"),
}
_CALLS = {"PartitionedCall", "StatefulPartitionedCall"}


class UserPart(tf.Module):
    """An encoder or a decoder that is no tf.Module with all its variables in sight, such as a Keras model, as one.

    training: whether it is applied as in training, with dropout and statistics of the batch. fixed: variables that TensorFlow
    calls trainable and Keras does not, as in layers whose `trainable` is False.
    """

    def __init__(
        self,
        name: str,
        apply: Callable[[tf.Tensor, bool], Any],
        trained: Sequence[tf.Variable],
        others: Sequence[tf.Variable],
    ):
        super().__init__(name)
        self.trained, self.others = list(trained), list(others)
        self.training = False
        self._apply = apply

    @property
    def fixed(self) -> set[int]:
        """The ids of the variables that are not trained."""
        return {id(variable) for variable in self.others}

    def __call__(self, x: tf.Tensor) -> Any:
        return self._apply(x, self.training)


@contextlib.contextmanager
def in_training(parts: Sequence[Any]) -> Iterator[None]:
    """Applies `parts` as in training within the block, where they make a difference."""
    adapted = [part for part in parts if isinstance(part, UserPart)]
    for part in adapted:
        part.training = True
    try:
        yield
    finally:
        for part in adapted:
            part.training = False


class Use(NamedTuple):
    """An encoder or a decoder (kind): its name in messages, one input's shape, what it gives and how that is checked."""

    kind: str
    name: str
    shape: tuple[int, ...]
    expected: str
    take: Callable[[Any], Any]
    fits: Callable[[Any], bool]


def encoder_use(name: str, observation_shape: Sequence[int], num_latent: int) -> Use:
    """Observations → mean and log variance; one tensor of both is split."""

    def take(given: Any) -> Any:
        joint = tf.is_tensor(given) and len(given.shape) == 2 and given.shape[1] == 2 * num_latent
        return tf.split(given, 2, axis=1) if joint else given

    def fits(given: Any) -> bool:
        pair = isinstance(given, (tuple, list)) and len(given) == 2
        return pair and all(tf.is_tensor(x) and x.shape == (_TRIED, num_latent) for x in given)

    expected = f"mean and log variance, each (batch, {num_latent}), or one tensor (batch, {2 * num_latent}) of both"
    return Use("encoder", f"the encoder {name}", tuple(observation_shape), expected, take, fits)


def decoder_use(name: str, observation_shape: Sequence[int], num_latent: int) -> Use:
    """Latents → logits of an image."""
    fits = lambda given: tf.is_tensor(given) and given.shape == (_TRIED, *observation_shape)
    expected = f"logits (batch, {', '.join(map(str, observation_shape))})"
    return Use("decoder", f"the decoder {name}", (num_latent,), expected, lambda given: given, fits)


def make_part(make: Callable[[], Any], use: Use, seed: int, precision: str) -> Any:
    """Calls `make`, where all that draws is seeded by `seed`, and returns the part that it gives, or a UserPart of it.

    Raises UserError for what is no part, for outputs of another shape, for weights that would not be trained, and for what a
    checkpoint could not continue.
    """
    created: dict[int, tf.Variable] = {}

    def record(create: Callable[..., tf.Variable], **options: Any) -> tf.Variable:
        variable = create(**options)
        created.setdefault(_key(variable), variable)
        return variable

    dtype = PRECISIONS[precision]
    with seeded(seed, use.kind), keras_layers.precision(precision), tf.variable_creator_scope(record):
        part = make()
        if not callable(part):
            raise UserError(f"{use.name} must return a tf.Module, a Keras model or a function; got {part!r}")
        call, layers = _with_training(part), keras_layers.layers_of(part)
        given = _tried(use, lambda: call(tf.zeros([_TRIED, *use.shape], dtype), False))
        taken = use.take(given)
        if not use.fits(taken):
            raise UserError(f"{use.name} must give {use.expected}; of {_TRIED} it gave {_described(given)}")
        keras_layers.check(use.name, layers, dtype)
        spec = tf.TensorSpec([None, *use.shape], dtype)
        modes = (False, True) if layers or _takes_training(part) else (True,)
        traces = [_tried(use, partial(_traced, call, training, spec)) for training in modes]
    _check_operations(use, traces, compiled=bool(layers) and not _takes_training(part))
    if dtype == tf.bfloat16:
        _check_biases(use, traces)
    kept, trained = _variables(use, part, layers, created, traces)
    in_sight = isinstance(part, tf.Module) and {*kept} <= {_key(variable) for variable in part.variables}
    as_it_is = in_sight and taken is given and not layers and not _takes_training(part)
    if as_it_is and (dtype != tf.bfloat16 or not _adds_biases(_traced(lambda x, _: part(x), False, spec))):
        return part
    others = [variable for key, variable in kept.items() if key not in trained]
    apply = lambda x, training: use.take(call(x, training))
    return UserPart(use.kind, apply, list(trained.values()), others)


def _variables(
    use: Use, part: Any, layers: Sequence[Any], created: dict[int, tf.Variable], traces: Sequence[Any]
) -> tuple[dict[int, tf.Variable], dict[int, tf.Variable]]:
    """All variables of a part in the order in which they were created, and those of them that are trained."""
    used = {_key(variable): variable for trace in traces for variable in trace.variables}
    if earlier := [variable.name for key, variable in used.items() if key not in created]:
        raise UserError(
            f"{use.name} uses variables that were created before it was called, such as {min(earlier)}: model.random_seed does "
            "not determine them and other networks would share them; create them in the function that is bound"
        )
    listed = {_key(v) for layer in layers for v in layer.variables}
    fixed = listed - {_key(v) for layer in layers for v in layer.trainable_variables}
    if isinstance(part, tf.Module):
        listed |= {_key(variable) for variable in part.variables}
    kept = {key: variable for key, variable in created.items() if key in used or key in listed}
    trained = {key: variable for key, variable in kept.items() if variable.trainable and key not in fixed}
    if not trained:
        raise UserError(
            f"{use.name} has no trainable variables, so that training would not change it; create its weights as tf.Variable or "
            "Keras layers in the function that is bound, and leave some of them trainable"
        )
    if odd := [variable for variable in trained.values() if variable.dtype != tf.float32]:
        raise UserError(
            f"{use.name} has weights of {odd[0].dtype.name}, such as {odd[0].name}; weights are float32 in every model.precision"
        )
    return kept, trained


def _key(variable: Any) -> int:
    """What is the same for a tf.Variable, the Keras variable around it and its copy on the first device."""
    plain = variable if isinstance(variable, tf.Variable) else variable.value
    return id(tf.distribute.get_strategy().experimental_local_results(plain)[0].handle)


def _takes_training(part: Any) -> bool:
    try:
        return "training" in inspect.signature(part).parameters
    except (TypeError, ValueError):
        return False


def _with_training(part: Any) -> Callable[[tf.Tensor, bool], Any]:
    """`part` as a function of its input and of whether it trains."""
    takes_training = _takes_training(part)

    def apply(x: tf.Tensor, training: bool) -> Any:
        with keras_layers.plain_biases():
            return part(x, training=training) if takes_training else part(x)

    return keras_layers.with_training(apply)


def _tried(use: Use, call: Callable[[], Any]) -> Any:
    """What `call` gives; raises its complaint of shapes as a UserError."""
    try:
        return call()
    except UserError:
        raise
    except (ValueError, tf.errors.InvalidArgumentError) as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        shape = ", ".join(map(str, use.shape))
        raise UserError(f"{use.name} cannot be applied to (batch, {shape}), for any batch: {reason}") from error


def _traced(call: Callable[[tf.Tensor, bool], Any], training: bool, spec: tf.TensorSpec) -> Any:
    return tf.function(lambda x: call(x, training), autograph=False).get_concrete_function(spec)


def _described(given: Any) -> str:
    if isinstance(given, (tuple, list)):
        return f"{len(given)} things: {', '.join(map(_described, given))}"
    return str(tuple(given.shape)) if tf.is_tensor(given) else type(given).__name__


def _check_operations(use: Use, traces: Sequence[Any], compiled: bool) -> None:
    """Refuses what would not continue bit for bit, or would be the same in training and in use.

    compiled: whether a tf.function within would hide from its Keras layers whether they train.
    """
    operations = set().union(*(_operations(trace.graph) for trace in traces))
    if stateful := sorted(operations & _STATEFUL):
        raise UserError(
            f"{use.name} draws random numbers whose state no checkpoint holds ({stateful[0]}), so that an interrupted training "
            "would not continue as it was; draw them by keras.random with a SeedGenerator, or a tf.random.Generator"
        )
    if compiled and operations & _CALLS:
        raise UserError(
            f"{use.name} calls a tf.function, in which its Keras layers cannot learn whether they train; leave tf.function out, "
            "as the whole step is compiled, or let the part take an argument `training`"
        )
    devices = tf.distribute.get_strategy().num_replicas_in_sync
    if devices > 1 and operations & _CHANGES:
        raise UserError(
            f"{devices} devices cannot share this training: {use.name} changes variables by itself (statistics of the batch, "
            "dropout), which would differ from device to device; set model.devices to 1"
        )


def _check_biases(use: Use, traces: Sequence[Any]) -> None:
    """Refuses biases whose gradient would stop at 512 (see keras_layers.plain_biases)."""
    if any(map(_adds_biases, traces)) and not tf.config.list_logical_devices("GPU"):
        raise UserError(
            f"{use.name} adds biases by BiasAdd in bfloat16, whose gradient TensorFlow does not sum beyond 512 on a CPU; add "
            'them by +, or set model.precision = "float32"'
        )


def _adds_biases(trace: Any) -> bool:
    """Whether BiasAdd is used in bfloat16."""
    bfloat16 = tf.bfloat16.as_datatype_enum
    return any(node.op == "BiasAdd" and node.attr["T"].type == bfloat16 for node in _nodes(trace.graph))


def _operations(graph: Any) -> set[str]:
    return {node.op for node in _nodes(graph)}


def _nodes(graph: Any) -> Iterator[Any]:
    """The nodes of a graph and of the functions in it."""
    definition = graph.as_graph_def()
    for nodes in (definition.node, *(f.node_def for f in definition.library.function)):
        yield from nodes
