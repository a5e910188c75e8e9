"""Every objective: it lowers its own loss, and a training that was interrupted ends bit for bit as one that was not."""

import functools
import math

import gin
import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.models.autoencoders import deterministic_autoencoder, quantized_autoencoder
from dlib_bvae.models.categorical import categorical_vae
from dlib_bvae.models.layers import Dense
from dlib_bvae.models.multi_rate import multi_rate_vae
from dlib_bvae.models.objectives import OBJECTIVES
from dlib_bvae.models.vae import GaussianVAE
from dlib_bvae.models.vector_quantized import vector_quantized_autoencoder
from dlib_bvae.training.feed import MemoryFeed
from dlib_bvae.training.optimizers import adam, adamw
from dlib_bvae.training.plan import Plan
from dlib_bvae.training.schedules import constant, cosine
from dlib_bvae.training.trainer import Trainer

SETTINGS = {
    "annealed_vae": {"c_max": 5.0, "gamma": 10.0, "iteration_threshold": 10},
    "beta_tc_vae": {"estimator": "stratified"},
    "control_vae": {"c_max": 5.0, "every": 5},
    "dip_vae": {"dip_type": "ii"},
    "factor_vae": {"width": 16, "depth": 2},
    "factor_qvae": {"width": 16, "depth": 2},
    "s2_vae": {"num_labelled": 20},
    "ada_gvae": {"changed": -1},
    "joint_vae": {"c_max": 5.0, "iteration_threshold": 10},
}
NETWORKS = {
    "gaussian": GaussianVAE,
    "deterministic": deterministic_autoencoder,
    "quantized": quantized_autoencoder,
    "vector_quantized": functools.partial(vector_quantized_autoencoder, dim=2, num_vectors=16),
    "multi_rate": multi_rate_vae,
    "categorical": categorical_vae,
}
DATA = DummyData()


class Encoder(tf.Module):
    def __init__(self, observation_shape, num_latent, seed):
        super().__init__("encoder")
        self.hidden = Dense("encoder0", math.prod(observation_shape), 32, 2.0, seed)
        self.output = Dense("encoder1", 32, 2 * num_latent, 1.0, seed)

    def __call__(self, x):
        x = tf.nn.relu(self.hidden(tf.reshape(x, [-1, 256])))
        return tf.split(self.output(x), 2, axis=1)


class Decoder(tf.Module):
    def __init__(self, observation_shape, num_latent, seed):
        super().__init__("decoder")
        self.hidden = Dense("decoder0", num_latent, 32, 2.0, seed)
        self.output = Dense("decoder1", 32, math.prod(observation_shape), 1.0, seed)

    def __call__(self, z):
        return tf.reshape(self.output(tf.nn.relu(self.hidden(z))), [-1, 16, 16, 1])


@pytest.fixture(autouse=True)
def tiny_networks():
    gin.bind_parameter("encoder.encoder_fn", Encoder)
    gin.bind_parameter("decoder.decoder_fn", Decoder)
    gin.bind_parameter("encoder.num_latent", 4)
    yield
    gin.clear_config()


def make(name, precision="float32", optimizer=adam, schedule=constant, **options):
    objective = OBJECTIVES.get(name)(**SETTINGS.get(name, {}))
    network = NETWORKS[objective.latents[0]]((16, 16, 1), 0, precision)
    objective.build(network.num_latent, DATA, 0)
    optimizer = optimizer(network.trainable_variables, learning_rate=3e-3)
    feed = MemoryFeed(DATA, Plan(DATA, 8, 0, objective.wants))
    return Trainer(network, objective, optimizer, feed, schedule(), total=100, seed=0, **options)


def run(trainer, steps):
    trainer.state.forget_sums()
    assert bool(trainer.run(tf.constant(steps, tf.int64)))
    return trainer.means()


def values(trainer):
    return [variable.numpy() for variable in trainer.state.variables]


def check(trainer, folder):
    first = run(trainer, 3)
    assert all(np.isfinite(value) for value in first.values())
    checkpoint = tf.train.Checkpoint(state=trainer.state)
    path = checkpoint.write(str(folder / "checkpoint"))
    results = []
    for _ in range(2):
        checkpoint.read(path).assert_consumed()
        results.append((run(trainer, 4), values(trainer)))
    assert results[0][0] == results[1][0]
    for one, other in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_array_equal(one, other)
    run(trainer, 60)
    last = run(trainer, 20)
    assert last["reconstruction"] < 0.75 * first["reconstruction"]
    assert last["loss"] < first["loss"]


@pytest.mark.parametrize("name", OBJECTIVES.names())
def test_it_lowers_its_loss_and_resumes_bit_for_bit(name, tmp_path):
    check(make(name), tmp_path)


def test_so_does_a_training_with_every_option(tmp_path):
    options = {"clip_norm": 100.0, "clip_value": 10.0, "average_decay": 0.9}
    trainer = make("vae", "mixed_float16", adamw, cosine, **options)
    check(trainer, tmp_path)
    assert "skipped_updates" in trainer.names
    weights = [variable.numpy() for variable in trainer.variables]
    trainer.average.use()
    assert all((one != other.numpy()).any() for one, other in zip(weights, trainer.variables, strict=True))


def test_a_float16_training_whose_gradients_overflow_finds_its_scale():
    trainer = make("vae", "mixed_float16")
    trainer.scale.factor.assign(2.0**40)
    assert run(trainer, 30)["skipped_updates"] > 0.1
    assert float(trainer.scale.factor) < 2.0**30
    assert trainer.weights_finite()


def test_the_logged_names_are_the_terms_and_what_was_measured():
    trainer = make("beta_tc_vae")
    measured = {"total_correlation", "index_code_information", "dimension_wise_kl", "kl", "reconstruction", "loss"}
    assert set(trainer.names) == measured | {"weighted_kl", "weighted_total_correlation"}
    means = run(trainer, 2)
    terms = means["reconstruction"] + means["weighted_kl"] + means["weighted_total_correlation"]
    assert means["loss"] == pytest.approx(terms, rel=1e-5)


def test_another_kind_of_network_is_refused():
    objective = OBJECTIVES.get("qlae")()
    network = GaussianVAE((16, 16, 1), 0)
    with pytest.raises(UserError, match="qlae trains a network with quantized latents; model.network makes gaussian"):
        Trainer(
            network,
            objective,
            adam(network.trainable_variables),
            MemoryFeed(DATA, Plan(DATA, 8, 0)),
            constant(),
            total=1,
            seed=0,
        )
