"""A SavedModel's functions on numpy arrays: of this package's networks, and of others, with what is refused."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.errors import UserError
from dlib_bvae.models.saved_model import export
from dlib_bvae.models.signatures import decoder, encoder, log_likelihood, model
from dlib_bvae.models.vae import GaussianVAE

IMAGES = np.random.default_rng(0).uniform(size=(3, 4, 4, 1)).astype(np.float32)
SPEC = tf.TensorSpec([None, 4, 4, 1], tf.float32, name="x")


def save(path, **functions):
    """Writes a SavedModel with the signatures name = (function, specifications)."""
    module = tf.Module()
    for name, (call, specs) in functions.items():
        setattr(module, name, tf.function(call, input_signature=specs, autograph=False))
    signatures = {name: getattr(module, name).get_concrete_function() for name in functions}
    tf.saved_model.save(module, str(path), signatures=signatures)
    return Path(path)


def rows(x):
    return tf.reshape(x, [-1, 16])[:, :2]


def test_all_functions_of_a_network_of_this_package(tmp_path):
    network = GaussianVAE((16, 16, 1), 0)
    export(network, tmp_path / "model")
    found = model(tmp_path / "model")
    images = np.random.default_rng(0).uniform(size=(2, 16, 16, 1)).astype(np.float32)
    mean, log_variance = found.encode(images)
    expected = network.encode(tf.constant(images))
    np.testing.assert_allclose(mean, expected[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(log_variance, expected[1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.decode(mean), network.decode(expected[0]), rtol=1e-4, atol=1e-5)
    likelihood = found.log_likelihood(images, mean)
    loss, _ = network.compare(tf.constant(images), network.decode_logits(expected[0]))
    np.testing.assert_allclose(likelihood, -loss, rtol=1e-4)


def test_one_output_of_any_name_is_the_code_and_there_may_be_no_more(tmp_path):
    path = save(tmp_path / "model", encode=(lambda x: {"z": rows(x)}, [SPEC]))
    code, log_variance = encoder(path)(IMAGES)
    np.testing.assert_allclose(code, IMAGES.reshape(3, 16)[:, :2])
    assert log_variance is None
    assert decoder(path) is None
    assert log_likelihood(path) is None


def test_numbers_of_another_type_are_cast(tmp_path):
    spec = tf.TensorSpec([None, 4, 4, 1], tf.float64, name="x")
    path = save(tmp_path / "model", encode=(lambda x: {"mean": rows(x), "more": x}, [spec]))
    np.testing.assert_allclose(encoder(path)(IMAGES)[0], IMAGES.reshape(3, 16)[:, :2])


def test_a_log_likelihood_of_other_inputs_is_none(tmp_path):
    path = save(tmp_path / "model", log_likelihood=(lambda x: {"y": rows(x)}, [SPEC]))
    assert log_likelihood(path) is None
    with pytest.raises(UserError, match=r"has no signature 'encode' \(it has log_likelihood\)"):
        encoder(path)


@pytest.mark.parametrize(
    ("function", "specs", "message"),
    [
        (
            lambda x, y: {"z": x + y},
            [SPEC, tf.TensorSpec([], tf.float32, name="y")],
            "must have one input; it has x, y",
        ),
        (lambda x: {"z": x}, [tf.TensorSpec([None], tf.int32, name="x")], "must take floats; it takes int32"),
    ],
)
def test_an_input_that_is_not_one_image_of_floats_is_refused(function, specs, message, tmp_path):
    with pytest.raises(UserError, match=f"encode of the SavedModel .* {message}"):
        encoder(save(tmp_path / "model", encode=(function, specs)))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: {"mean": x}, r"must encode 3 observations as numbers \(3, latents\); got float32 \(3, 4, 4, 1\)"),
        (lambda x: {"z": rows(x)[:2]}, r"must encode 3 observations as numbers .* got float32 \(2, 2\)"),
        (lambda x: {"z": tf.as_string(rows(x))}, r"must encode 3 observations as numbers .* got object \(3, 2\)"),
        (lambda x: {"mean": rows(x), "log_variance": x}, r"got float32 \(3, 4, 4, 1\)"),
        (lambda x: {"a": x, "b": x}, "gives a, b; expected one output, or of encode one called mean"),
        (lambda x: {"z": tf.reshape(x, [-1, 7])}, "encode of the SavedModel .* fails"),
    ],
)
def test_an_output_that_is_no_code_is_refused(function, message, tmp_path):
    with pytest.raises(UserError, match=message):
        encoder(save(tmp_path / "model", encode=(function, [SPEC])))(IMAGES)


def test_images_of_another_size_are_refused(tmp_path):
    path = save(tmp_path / "model", encode=(lambda x: {"z": rows(x)}, [SPEC]))
    with pytest.raises(UserError, match=r"takes \(None, 4, 4, 1\); this data needs \(n, 8, 8, 1\) for any n"):
        encoder(path)(np.zeros((2, 8, 8, 1), np.float32))
