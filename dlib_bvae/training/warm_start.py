"""Weights to start from: a run's exported network → the variables of a new network, and a digest that tells weights apart."""

from __future__ import annotations

import hashlib
from pathlib import Path

import tensorflow as tf

from dlib_bvae.artifacts.permissions import check_readable
from dlib_bvae.artifacts.record import is_done
from dlib_bvae.errors import UserError
from dlib_bvae.models.literal_paths import literal_path
from dlib_bvae.models.saved_model import damaged

_VARIABLES = "variables/variables"  # of a SavedModel
_VARIABLE = "/.ATTRIBUTES/VARIABLE_VALUE"


def weights_of_run(run: str) -> Path:
    """The SavedModel whose weights `model.initial_weights` = `run` means.

    Raises UserError where there is no such run, its training is not finished, or it has no network.
    """
    train = Path(run) / "train"
    if not Path(run).is_dir():
        raise UserError(f"model.initial_weights: there is no run {run}; give the directory of a finished run")
    if not is_done(train, "train"):
        raise UserError(
            f"model.initial_weights: {run} has no finished training; finish it with the command that began it, or give the "
            "directory of another run"
        )
    if not (train / "saved_model").is_dir():
        raise UserError(
            f"model.initial_weights: {run} is of a method without a network, such as the oracle; give the run of another method"
        )
    return train / "saved_model"


def start_from(run: str, network: tf.Module) -> None:
    """Gives `network` the exported weights of the directory `run`; nothing for "".

    Call it before anything copies the weights, within the strategy's scope where there is one. Raises UserError where `run`
    has no weights (see weights_of_run), or those of another architecture.
    """
    if not run:
        return
    saved = weights_of_run(run)
    weights_digest(saved)  # reads all, so that what fails from here on is the architecture
    other = UserError(
        f"model.initial_weights: the network of {run} has another architecture, or is of images of another size, than this "
        "training; both must have the same model.network, encoder, decoder and reconstruction_loss, and image size"
    )
    with literal_path(saved) as place:
        try:
            found = tf.train.Checkpoint(network=network).read(f"{place}/{_VARIABLES}")
        except (tf.errors.OpError, ValueError) as error:
            raise other from error
        try:
            found.assert_consumed()
        except AssertionError as error:
            found.expect_partial()  # which keeps TensorFlow from listing what was not read
            raise other from error


def weights_digest(saved_model: Path) -> str:
    """A SHA-256 in hexadecimal of the variables of a SavedModel: their paths, types, shapes and numbers, ordered by path.

    Two exports of equal weights have the same one, wherever and whenever they were written. Raises UserError when it cannot
    be read.
    """
    digest = hashlib.sha256()
    check_readable(saved_model)  # TensorFlow calls what may not be read damaged
    try:
        with literal_path(saved_model) as place:
            reader = tf.train.load_checkpoint(f"{place}/{_VARIABLES}")
            for name in sorted(reader.get_variable_to_shape_map()):
                if name.endswith(_VARIABLE):
                    value = reader.get_tensor(name)
                    digest.update(f"{name.removesuffix(_VARIABLE)} {value.dtype} {value.shape}\n".encode())
                    digest.update(value.tobytes())
    except UserError:
        raise  # a ValueError too
    except (tf.errors.OpError, ValueError, IndexError, RuntimeError) as error:
        raise damaged(saved_model) from error
    return digest.hexdigest()
