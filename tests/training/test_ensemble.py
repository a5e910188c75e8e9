"""A member of an ensemble against the same trainer alone."""

import gin
import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.models.autoencoders import deterministic_autoencoder, deterministic_encoder
from dlib_bvae.models.categorical import discrete_vae
from dlib_bvae.models.layers import Conv, Deconv, Dense, posterior_of
from dlib_bvae.models.objectives import OBJECTIVES
from dlib_bvae.models.vae import GaussianVAE
from dlib_bvae.training.ensemble import Ensemble
from dlib_bvae.training.feed import MemoryFeed, StreamFeed
from dlib_bvae.training.optimizers import adam, cosine
from dlib_bvae.training.plan import Plan
from dlib_bvae.training.settings import TrainingSettings
from dlib_bvae.training.trainer import Trainer

DATA = DummyData()
STEPS = 4
MEMBERS = ({"seed": 3, "beta": 1.0}, {"seed": 8, "beta": 1.0}, {"seed": 3, "beta": 16.0, "rate": 3e-3})


class Encoder(tf.Module):
    def __init__(self, observation_shape, num_latent, seed):
        super().__init__("encoder")
        self.convolutions = [Conv("encoder0", 1, 4, 2.0, seed), Conv("encoder1", 4, 4, 2.0, seed, size=3, stride=1)]
        self.output = Dense("encoder2", 256, 2 * num_latent, 1.0, seed)

    def __call__(self, x):
        for layer in self.convolutions:
            x = tf.nn.relu(layer(x))
        return posterior_of(x, [], self.output)


class Decoder(tf.Module):
    def __init__(self, observation_shape, num_latent, seed):
        super().__init__("decoder")
        self.hidden, self.middle = Dense("decoder0", num_latent, 64, 2.0, seed), Deconv("decoder1", 4, 3, 2.0, seed)
        self.output = Deconv("decoder2", 3, 1, 1.0, seed)

    def __call__(self, z):
        return self.output(tf.nn.relu(self.middle(tf.reshape(tf.nn.relu(self.hidden(z)), [-1, 4, 4, 4]))))


@pytest.fixture(autouse=True, scope="module")
def tiny_networks():
    gin.bind_parameter("encoder.encoder_fn", Encoder)
    gin.bind_parameter("decoder.decoder_fn", Decoder)
    gin.bind_parameter("encoder.num_latent", 3)
    yield
    gin.clear_config()


@pytest.fixture(scope="module")
def alone(tiny_networks):
    """MEMBERS trained one after another."""
    trainers = [make(**member) for member in MEMBERS]
    for trainer in trainers:
        run(trainer, [trainer])
    return trainers


def make(seed, name="vae", rate=1e-3, network=GaussianVAE, feed=MemoryFeed, options=None, **parameters):
    objective = OBJECTIVES.get(name)(**parameters)
    net = network((16, 16, 1), seed)
    objective.build(net.num_latent, DATA, seed)
    plan = Plan(DATA, 6, seed, objective.wants)
    optimizer = adam(net.trainable_variables, learning_rate=rate)
    options = {"clip_norm": 20.0, "average_decay": 0.9} if options is None else options
    settings = TrainingSettings(model=objective, schedule=cosine(), training_steps=100, random_seed=seed, **options)
    return Trainer(net, optimizer, feed(DATA, plan), settings)


def run(runner, trainers):
    for trainer in trainers:
        trainer.feed.start(0, 100)
    assert np.all(runner.run(tf.constant(STEPS, tf.int64)))


def check_equal(one, other, rate):
    assert one.names == other.names
    for name, mean in other.means().items():
        assert one.means()[name] == pytest.approx(mean, rel=2e-5, abs=2e-5), name
    for ours, theirs in zip(one.state.variables, other.state.variables, strict=True):
        # Adam moves a weight by its whole rate even where its gradient is hardly more than rounding.
        far = np.abs(ours.numpy() - theirs.numpy()) > 1e-5 * np.abs(theirs).max(initial=1.0)
        assert far.mean() < 2e-3, ours.name
        np.testing.assert_allclose(ours, theirs, atol=STEPS * rate, rtol=1e-3, err_msg=ours.name)


@pytest.mark.parametrize("way", ["fused", "loop"])
def test_members_of_other_seeds_betas_and_rates_equal_what_they_are_alone(way, alone):
    together = [make(**member) for member in MEMBERS]
    ensemble = Ensemble(together, way)
    assert ensemble.way == way
    run(ensemble, together)
    for one, other, member in zip(together, alone, MEMBERS, strict=True):
        check_equal(one, other, member.get("rate", 1e-3))
    outputs = [trainer.network.encoder.output.kernel.numpy() for trainer in together]
    assert np.abs(outputs[0] - outputs[1]).max() > 0.1
    assert 0.005 < np.abs(outputs[0] - outputs[2]).max() < 0.02


def test_so_does_a_member_of_an_ensemble_that_xla_compiles():
    options = {"clip_norm": 20.0, "xla": True}
    together = [make(**member, options=options) for member in MEMBERS[:2]]
    run(Ensemble(together, "fused", xla=True), together)
    single = make(**MEMBERS[1], options=options)
    run(single, [single])
    check_equal(together[1], single, 1e-3)


@pytest.mark.parametrize(
    ("name", "way"),
    [
        pytest.param("factor_vae", "loop", marks=pytest.mark.slow),
        ("factor_vae", "fused"),
        ("control_vae", "fused"),
        ("annealed_vae", "fused"),
        ("ada_gvae", "fused"),
        pytest.param("orthogonal_jacobian", "fused", marks=pytest.mark.slow),
        ("lejepa_pairs", "loop"),
    ],
)
def test_so_do_discriminators_controllers_capacities_pairs_derivatives_and_encoders_alone(name, way):
    parameters = {
        "factor_vae": {"width": 16, "depth": 2},
        "annealed_vae": {"rise": 0.03},
        "lejepa_pairs": {"network": deterministic_encoder, "slices": 16},
    }.get(name, {})
    together = [make(seed, name, feed=feed, **parameters) for seed, feed in ((0, MemoryFeed), (1, StreamFeed))]
    run(Ensemble(together, way), together)
    for seed, one in enumerate(together):
        single = make(seed, name, **parameters)
        before = [variable.numpy() for variable in single.objective.variables]
        run(single, [single])
        check_equal(one, single, 1e-3)
        own = zip(before, one.objective.variables, strict=True)
        assert all((old != new.numpy()).any() for old, new in own), "the objective's own variables were not updated"


def test_so_do_members_with_discrete_latents():
    together = [make(seed, "d_vae", network=discrete_vae) for seed in range(2)]
    run(Ensemble(together, "loop"), together)
    for seed, one in enumerate(together):
        single = make(seed, "d_vae", network=discrete_vae)
        run(single, [single])
        check_equal(one, single, 1e-3)


def test_the_steps_stop_at_the_member_whose_loss_is_not_finite():
    trainers = [make(0), make(1)]
    trainers[1].variables[-1].assign(np.full(trainers[1].variables[-1].shape, np.nan))
    finite = Ensemble(trainers, "fused").run(tf.constant(STEPS, tf.int64))
    np.testing.assert_array_equal(finite, [True, False])
    assert [int(trainer.state.step) for trainer in trainers] == [1, 1]
    assert trainers[0].weights_finite()


def test_what_cannot_be_fused_is_refused_and_looped_by_itself():
    trainers = [make(seed, "wae_mmd", network=deterministic_autoencoder) for seed in range(2)]
    with pytest.raises(UserError, match="deterministic_autoencoder computes its batches in another way"):
        Ensemble(trainers, "fused")
    assert Ensemble(trainers, "auto").way == "loop"


def test_networks_on_several_devices_are_not_fused():
    trainers = [make(seed) for seed in range(2)]
    trainers[1].strategy = object()
    with pytest.raises(UserError, match="computed by one device; set model.devices = 1 or ensemble.way = 'loop'"):
        Ensemble(trainers, "fused")
