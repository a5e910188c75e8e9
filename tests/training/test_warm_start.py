"""A training starts from another run's exported weights, or says in one sentence why it cannot; a digest tells weights apart."""

import json
import math
import shutil
from pathlib import Path

import gin
import numpy as np
import pytest
import tensorflow as tf
from support.methods import Decoder, Encoder
from support.trainings import DATA, EXAMPLES, check_equal, checkpoint_of, made, trained

from dlib_bvae.config import configuration
from dlib_bvae.datasets import ImageData
from dlib_bvae.errors import UserError
from dlib_bvae.models.layers import Dense
from dlib_bvae.models.multi_rate import multi_rate_vae
from dlib_bvae.models.objectives.vae import vae
from dlib_bvae.models.saved_model import export
from dlib_bvae.models.vae import GaussianVAE
from dlib_bvae.stages import train
from dlib_bvae.training.ensemble import train_ensemble
from dlib_bvae.training.settings import TrainingSettings
from dlib_bvae.training.warm_start import start_from, start_output_bias, weights_digest, weights_of_run

pytestmark = pytest.mark.usefixtures("tiny_networks")


def run_of(folder, trainer):
    """A finished run with the network of `trainer`, as the training stage leaves it."""
    results = folder / "train" / "results" / "json"
    results.mkdir(parents=True)
    (results / "train_results.json").write_text(json.dumps({"steps": 3}))
    export(trainer.network, folder / "train" / "saved_model")
    return str(folder)


@pytest.fixture
def other(tmp_path):
    """A run of 3 steps with another seed."""
    trainer = made(3, random_seed=7, average_decay=0.5)
    trained(trainer, tmp_path / "trained")
    trainer.use_exported()
    return trainer, run_of(tmp_path / "other", trainer)


def arrays(trainer):
    return {str(place): variable.numpy() for place, variable in enumerate(trainer.network.variables)}


def test_the_network_has_the_weights_and_all_else_is_new(other, tmp_path):
    source, run = other
    trainer, fresh = made(4, initial_weights=run, average_decay=0.5), made(4)
    check_equal(arrays(trainer), arrays(source))
    assert any((one != two).any() for one, two in zip(arrays(trainer).values(), arrays(fresh).values(), strict=True))
    for average, variable in zip(trainer.average.averages, trainer.variables, strict=True):
        np.testing.assert_array_equal(average.numpy(), variable.numpy())
    assert int(trainer.state.step) == 0
    assert all(not moment.numpy().any() for moment in trainer.optimizer.first)
    trained(trainer, tmp_path / "warm")
    twin = made(4, average_decay=0.5)
    for variable, value in zip(twin.network.variables, arrays(source).values(), strict=True):
        variable.assign(value)
    for average, variable in zip(twin.average.averages, twin.variables, strict=True):
        average.assign(variable)
    trained(twin, tmp_path / "twin")
    check_equal(checkpoint_of(tmp_path / "warm"), checkpoint_of(tmp_path / "twin"))


def test_a_training_that_is_resumed_has_the_weights_of_its_checkpoint(other, tmp_path):
    _, run = other
    trained(made(5, initial_weights=run), tmp_path / "run")
    trained(made(9, initial_weights=run), tmp_path / "run")
    trained(made(9, initial_weights=run), tmp_path / "whole")
    check_equal(checkpoint_of(tmp_path / "run"), checkpoint_of(tmp_path / "whole"))


def test_every_member_of_an_ensemble_starts_from_them(other, tmp_path):
    source, run = other
    trainers = [made(2, random_seed=seed, initial_weights=run) for seed in (0, 1)]
    for trainer in trainers:
        check_equal(arrays(trainer), arrays(source))
    options = {"checkpoint_every": 4, "log_every": 100, "examples": EXAMPLES}
    train_ensemble(trainers, [tmp_path / "0", tmp_path / "1"], way="loop", xla=False, **options)
    assert (arrays(trainers[0])["1"] != arrays(trainers[1])["1"]).any()  # other images, other noise


class Keras(tf.Module):
    """An encoder whose layers are Keras'."""

    def __init__(self, observation_shape, num_latent, seed):
        super().__init__("keras")
        layers = [tf.keras.layers.Flatten(), tf.keras.layers.Dense(8, kernel_initializer="ones"),
                  tf.keras.layers.BatchNormalization(), tf.keras.layers.Dense(2 * num_latent)]  # fmt: skip
        self.net = tf.keras.Sequential([tf.keras.layers.Input(observation_shape), *layers])

    def __call__(self, x):
        return tf.split(self.net(x), 2, axis=1)


def bind_encoder(encoder):
    with gin.unlock_config():
        gin.bind_parameter("encoder.encoder_fn", encoder)


def test_layers_of_keras_are_found_as_well(tmp_path):
    bind_encoder(Keras)
    trainer = made(1)
    kept = trainer.network.encoder
    for variable in kept.variables:
        variable.assign(variable + 0.5)
    run = run_of(tmp_path / "keras", trainer)
    found = made(1, initial_weights=run).network.encoder
    assert len(found.variables) == 8
    for one, two in zip(kept.variables, found.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())


class Smaller(Encoder):
    """Without the hidden layer."""

    def __init__(self, observation_shape, num_latent, seed):
        tf.Module.__init__(self, "smaller")
        self.output = Dense("encoder1", math.prod(observation_shape), 2 * num_latent, 1.0, seed)

    def __call__(self, x):
        return tf.split(self.output(tf.reshape(x, [-1, 256])), 2, axis=1)


class Larger(Encoder):
    """With one layer more."""

    def __init__(self, observation_shape, num_latent, seed):
        super().__init__(observation_shape, num_latent, seed)
        self.more = Dense("encoder2", 32, 32, 1.0, seed)


@pytest.mark.parametrize("change", [Smaller, Larger, 5])
def test_another_architecture_is_one_sentence(change, other, capfd):
    _, run = other
    if change == 5:
        with gin.unlock_config():
            gin.bind_parameter("encoder.num_latent", 5)
    else:
        bind_encoder(change)
    network = network_of_now()
    with pytest.raises(UserError, match=f"the network of {run} has another architecture, or is of images") as raised:
        start_from(run, network)
    assert "\n" not in str(raised.value)
    assert capfd.readouterr().err == ""


def network_of_now():
    from dlib_bvae.models.vae import GaussianVAE

    return GaussianVAE((16, 16, 1), 0)


def test_a_run_without_weights_is_one_sentence(other, tmp_path):
    _, run = other
    sentences = {
        "there is no run .*nowhere; give the directory of a finished run": str(tmp_path / "nowhere"),
        "has no finished training; finish it with the command": str(tmp_path),
        "is of a method without a network, such as the oracle": run,
    }
    shutil.move(Path(run) / "train" / "saved_model", tmp_path / "kept")
    for sentence, given in sentences.items():
        with pytest.raises(UserError, match=sentence) as raised:
            made(1, initial_weights=given)
        assert str(raised.value).startswith("model.initial_weights: ")
    shutil.move(tmp_path / "kept", Path(run) / "train" / "saved_model")
    assert weights_of_run(run) == Path(run) / "train" / "saved_model"
    for damage in (lambda path: path.write_bytes(path.read_bytes()[:999]), lambda path: path.unlink()):
        damage(next((Path(run) / "train" / "saved_model" / "variables").glob("*.data*")))
        with pytest.raises(UserError, match="the SavedModel .* is damaged"):
            made(1, initial_weights=run)


def test_equal_weights_have_one_digest_and_others_another(other, tmp_path):
    source, run = other
    digest = weights_digest(weights_of_run(run))
    assert len(digest) == 64
    again = made(1, initial_weights=run)
    export(again.network, tmp_path / "again")
    assert weights_digest(tmp_path / "again") == digest
    bias = again.network.encoder.hidden.bias
    bias.assign(np.append(bias.numpy()[:-1], np.nextafter(bias.numpy()[-1], np.float32(9))))
    export(again.network, tmp_path / "changed")
    assert weights_digest(tmp_path / "changed") != digest
    one, two = source.network.encoder.hidden, source.network.decoder.hidden
    before = [layer.bias.numpy() for layer in (one, two)]
    for layer, value in zip((two, one), before, strict=True):
        layer.bias.assign(value)
    export(source.network, tmp_path / "swapped")
    assert weights_digest(tmp_path / "swapped") != digest


SCRIPT = f"""
import sys
sys.path.insert(0, {str(Path(__file__).resolve().parents[1])!r})
import gin
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from support.methods import Decoder, Encoder
from support.trainings import made, trained
for key, value in (("encoder.encoder_fn", Encoder), ("decoder.decoder_fn", Decoder), ("encoder.num_latent", 4)):
    gin.bind_parameter(key, value)
from pathlib import Path
from dlib_bvae.training.exports import exported_model
from dlib_bvae.training.warm_start import weights_digest, weights_of_run
trainer = made(2, initial_weights=sys.argv[1], devices=2, export_steps=[1, 2])
copies = [trainer.strategy.experimental_local_results(v) for v in trainer.variables]
assert all(len(copy) == 2 and (copy[0].numpy() == copy[1].numpy()).all() for copy in copies)
source = tf.train.load_checkpoint(str(weights_of_run(sys.argv[1]) / "variables" / "variables"))
kernel = source.get_tensor("network/encoder/hidden/kernel/.ATTRIBUTES/VARIABLE_VALUE")
assert (trainer.network.encoder.hidden.kernel.numpy() == kernel).all()
trained(trainer, Path(sys.argv[2]))
from dlib_bvae.models.multi_rate import multi_rate_vae
from dlib_bvae.models.objectives.vae import vae
from dlib_bvae.models.saved_model import export
from dlib_bvae.models.vae import GaussianVAE
from dlib_bvae.stages import train
export(trainer.network, Path(sys.argv[2]) / "saved_model")
assert weights_digest(Path(sys.argv[2]) / "saved_model") == weights_digest(exported_model(Path(sys.argv[2]), 2))
print("same")
"""


def test_devices_that_share_a_batch_all_start_from_them(other, forks, tmp_path):
    done = forks.run(tmp_path, "-c", SCRIPT, other[1], tmp_path / "shared")
    assert done.stdout.endswith("same\n"), done.stderr


class Bounded(Decoder):
    """A decoder whose logits lie in −1 … 1."""

    def __call__(self, z):
        return tf.tanh(super().__call__(z))


class Speckled(ImageData):
    """Images of black and white pixels, each channel as often white as `means` says."""

    name, max_pixel, fingerprint, num_images = "speckled", 1, "speckled", 300

    def __init__(self, means):
        self.observation_shape = (16, 16, len(means))
        drawn = np.random.default_rng(0).uniform(size=(300, *self.observation_shape))
        self._images = (drawn < means).astype(np.uint8)

    def images_at(self, indices):
        return self._images[np.asarray(indices)]


@pytest.mark.parametrize("means", [[0.2], [0.1, 0.9, 1.0]])
def test_the_last_bias_starts_at_the_logit_of_the_mean_pixel_of_each_channel(means):
    for name in ("burgess_decoder", "higgins_decoder", "spatial_broadcast_decoder"):
        with configuration([], [f"decoder.decoder_fn = @{name}"], train.REGISTRIES):
            network = GaussianVAE((16, 16, len(means)), 0)
        before = network.decode_logits(tf.zeros([1, 10])).numpy()
        start_output_bias(network, Speckled(means), 0)
        logits = network.decode_logits(tf.zeros([1, 10])).numpy() - before
        kept = np.clip(means, 1e-3, 0.999)
        np.testing.assert_allclose(logits, np.broadcast_to(np.log(kept / (1 - kept)), logits.shape), atol=0.06)


def test_behind_a_gate_the_bias_is_as_much_larger_at_every_beta():
    with configuration([], ["decoder.decoder_fn = @burgess_decoder"], train.REGISTRIES):
        network = multi_rate_vae((16, 16, 1), 0)
    start_output_bias(network, Speckled([0.2]), 0)
    for beta in (0.01, 10.0):
        with network.at(tf.constant(beta)):
            logits = network.decode_logits(tf.zeros([1, 10])).numpy()
        np.testing.assert_allclose(logits, np.log(0.25), atol=0.06)


def test_the_bias_of_a_set_that_draws_its_images_is_of_none_that_is_scored():
    class Drawn(Speckled):
        drawn = True

        def images_at(self, indices):
            assert np.min(indices) >= 300
            return super().images_at(indices % 300)

    with configuration([], ["decoder.decoder_fn = @higgins_decoder"], train.REGISTRIES):
        network = GaussianVAE((16, 16, 1), 0)
    before = network.decode_logits(tf.zeros([1, 10])).numpy()
    start_output_bias(network, Drawn([0.2]), 0)
    np.testing.assert_allclose(network.decode_logits(tf.zeros([1, 10])).numpy() - before, np.log(0.25), atol=0.06)


def test_a_training_starts_from_the_mean_of_what_it_is_shown_and_a_continued_one_from_its_checkpoint():
    settings = TrainingSettings(vae(), batch_size=4, training_steps=4, output_bias="data_mean")
    trainers = [train.build(DATA, settings, begun=begun)[0] for begun in (False, True)]
    bias, begun, plain = (each.network.decoder.output.bias.numpy() for each in (*trainers, made(4)))
    assert not plain.any()
    assert not begun.any()
    mean = DATA.observations_at(np.arange(DATA.num_images)).mean()
    np.testing.assert_allclose(1 / (1 + np.exp(-bias)), mean, rtol=0.05)


def test_what_cannot_start_at_the_mean_is_refused():
    with pytest.raises(UserError, match="output_bias must be one of zero, data_mean; got 'mean'"):
        made(4, output_bias="mean")
    with pytest.raises(UserError, match="both say where a bias starts"):
        made(4, output_bias="data_mean", initial_weights="other")
    with configuration([], [], train.REGISTRIES):
        network = GaussianVAE((16, 16, 1), 0)
    network.decoder = Bounded((16, 16, 1), 10, 0)
    with pytest.raises(UserError, match="needs a decoder whose logits come from a layer of dlib_bvae.models.layers"):
        start_output_bias(network, DATA, 0)
