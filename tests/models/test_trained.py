"""trained.py: a trained model on numpy arrays, and what is refused in one sentence."""

import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae import datasets, metrics, models
from dlib_bvae.errors import NotApplicable, UserError
from dlib_bvae.models.saved_model import export
from dlib_bvae.models.vae import GaussianVAE

IMAGES = np.random.default_rng(0).uniform(size=(3, 16, 16, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def network():
    return GaussianVAE((16, 16, 1), 0)


@pytest.fixture(scope="module")
def trained(network, tmp_path_factory):
    directory = tmp_path_factory.mktemp("saved") / "model"
    export(network, directory)
    return models.load(directory)


@pytest.fixture(scope="module")
def encoder_only(tmp_path_factory):
    directory = tmp_path_factory.mktemp("saved") / "encoder"
    module = tf.Module()
    spec = tf.TensorSpec([None, 16, 16, 1], tf.float32)
    module.encode = tf.function(lambda x: tf.reshape(x, [-1, 256])[:, :2], input_signature=[spec], autograph=False)
    tf.saved_model.save(module, str(directory), signatures={"encode": module.encode.get_concrete_function()})
    return models.load(str(directory))


def test_it_does_what_the_network_does(network, trained):
    mean, log_variance = network.encode(tf.constant(IMAGES))
    np.testing.assert_allclose(trained.encode(IMAGES), mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(trained.posterior(IMAGES)[1], log_variance, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(trained.decode(mean), network.decode(mean), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(trained.reconstruct(IMAGES), network.reconstruct(tf.constant(IMAGES)), atol=1e-5)
    assert "images 16×16×1 → 10 latents" in repr(trained)


def test_samples_are_of_their_seed_and_in_range(trained):
    images = trained.sample(4, random_state=1)
    assert images.shape == (4, 16, 16, 1)
    assert 0 <= images.min() <= images.max() <= 1
    np.testing.assert_array_equal(images, trained.sample(4, random_state=1))
    assert (images != trained.sample(4, random_state=2)).any()


def test_a_traversal_changes_one_latent_at_a_time(trained):
    code = trained.encode(IMAGES[:1])[0]
    found = trained.traverse(IMAGES[0], latents=[2, 5], values=[code[2], 1.5])
    expected = np.tile(code, (2, 2, 1))
    expected[0, 1, 2] = expected[1, 1, 5] = 1.5
    expected[1, 0, 5] = code[2]
    np.testing.assert_allclose(found, trained.decode(expected.reshape(4, 10)).reshape(2, 2, 16, 16, 1), atol=1e-6)
    assert trained.traverse(IMAGES[0]).shape == (10, 11, 16, 16, 1)


def test_many_images_are_encoded_in_batches(trained):
    images = np.random.default_rng(1).uniform(size=(300, 16, 16, 1))
    np.testing.assert_allclose(trained.encode(images)[280:], trained.encode(images[280:]), rtol=1e-4, atol=1e-5)


def test_it_is_the_codes_of_a_score(trained):
    data = datasets.load("dummy_data")
    codes = trained.encode(data.observations_at(np.arange(data.num_images)))
    assert metrics.score("mig", data, trained, num_train=100) == metrics.score("mig", data, codes, num_train=100)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda each: each.encode((IMAGES * 255).astype(np.uint8)), "must be floats in"),
        (lambda each: each.encode(IMAGES * 2), "must be in"),
        (lambda each: each.encode(IMAGES * np.nan), "must be in"),
        (lambda each: each.encode(IMAGES[:, :8]), r"must be \(n, 16, 16, 1\)"),
        (lambda each: each.encode(IMAGES[0]), r"must be \(n, 16, 16, 1\)"),
        (lambda each: each.encode(IMAGES[:0]), "with n >= 1"),
        (lambda each: each.decode(np.zeros((2, 3))), r"takes latents \(n, 10\)"),
        (lambda each: each.sample(0), "num must be an integer >= 1"),
        (lambda each: each.traverse(IMAGES[0], latents=[10]), "0 … 9"),
        (lambda each: each.traverse(IMAGES[0], values=[np.inf]), "finite"),
    ],
)
def test_what_is_refused(trained, call, sentence):
    with pytest.raises(UserError, match=sentence):
        call(trained)


def test_without_a_decoder_or_a_prior(encoder_only):
    assert encoder_only.encode(IMAGES).shape == (3, 2)
    for call in (lambda: encoder_only.reconstruct(IMAGES), lambda: encoder_only.traverse(IMAGES[0])):
        with pytest.raises(NotApplicable, match="no signature 'decode'"):
            call()
    with pytest.raises(NotApplicable, match="no prior to draw from"):
        encoder_only.sample()


def test_what_is_no_model(tmp_path):
    with pytest.raises(UserError, match="neither a run directory"):
        models.load(tmp_path / "none")
    (tmp_path / "run" / "train.part").mkdir(parents=True)
    with pytest.raises(UserError, match="not finished"):
        models.load(tmp_path / "run")
