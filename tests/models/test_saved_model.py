"""A network and its SavedModel compute the same; what is missing or damaged is said."""

import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.errors import UserError
from dlib_bvae.models.autoencoders import deterministic_encoder
from dlib_bvae.models.baselines.linear import LinearNetwork
from dlib_bvae.models.multi_rate import multi_rate_vae
from dlib_bvae.models.saved_model import export, load

IMAGES = tf.random.stateless_uniform([3, 4, 4, 1], [0, 1])


@pytest.fixture(scope="module")
def network():
    rng = np.random.default_rng(0)
    return LinearNetwork((4, 4, 1), rng.uniform(size=16), rng.normal(size=(16, 2)), rng.normal(size=(2, 16)))


def test_its_functions_are_the_network_s_for_any_batch(network, tmp_path):
    export(network, tmp_path / "model")
    model = load(tmp_path / "model")
    assert set(model.signatures) == {"encode", "decode", "reconstruct"}
    for count in (1, 3):
        mean, log_variance = network.encode(IMAGES[:count])
        encoded = model.signatures["encode"](observations=IMAGES[:count])
        np.testing.assert_allclose(encoded["mean"], mean, rtol=1e-5)
        np.testing.assert_array_equal(encoded["log_variance"], log_variance)
        decoded = model.signatures["decode"](latents=mean)["images"]
        np.testing.assert_allclose(decoded, network.decode(mean), rtol=1e-5)
        reconstructed = model.signatures["reconstruct"](observations=IMAGES[:count])["images"]
        np.testing.assert_allclose(reconstructed, network.reconstruct(IMAGES[:count]), rtol=1e-5)


def test_functions_of_one_kind_of_network_are_exported_too(tmp_path):
    network = multi_rate_vae((16, 16, 1), 0, beta_low=0.5, beta_high=8.0)
    export(network, tmp_path / "model")
    model = load(tmp_path / "model")
    ends = model.signatures["beta_range"]()
    assert (float(ends["low"]), float(ends["high"])) == (0.5, 8.0)
    images, key = tf.random.stateless_uniform([2, 16, 16, 1], [0, 1]), tf.constant([0, 1], tf.int64)
    found = model.signatures["rate_distortion"](observations=images, beta=tf.constant(2.0), key=key)
    expected = network.rate_distortion(images, tf.constant(2.0), key)
    for name in ("rate", "distortion"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-4, atol=1e-4)


def test_a_network_without_a_decoder_has_encode_alone(tmp_path):
    network, images = deterministic_encoder((16, 16, 1), 0), tf.random.stateless_uniform([2, 16, 16, 1], [0, 1])
    export(network, tmp_path / "model")
    model = load(tmp_path / "model")
    assert set(model.signatures) == {"encode"}
    np.testing.assert_allclose(
        model.signatures["encode"](observations=images)["mean"], network.encode(images)[0], rtol=1e-5, atol=1e-6
    )


def test_what_is_not_there_or_damaged_is_said(network, tmp_path):
    with pytest.raises(UserError, match="there is no SavedModel .*: a run of a method without an encoder"):
        load(tmp_path / "none")
    export(network, tmp_path / "model")
    (tmp_path / "model" / "saved_model.pb").write_bytes(b"no")
    with pytest.raises(UserError, match="is damaged; export it again"):
        load(tmp_path / "model")
