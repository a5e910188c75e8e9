"""Several devices share a batch: as virtual CPUs in a process of its own, they do what one device does."""

import pytest
import tensorflow as tf

from dlib_bvae.errors import UserError
from dlib_bvae.models.likelihoods import bernoulli_loss, optimal_sigma_loss
from dlib_bvae.models.objectives import OBJECTIVES
from dlib_bvae.training.devices import choose_strategy

SCRIPT = """
import sys
from pathlib import Path
import numpy as np
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from dlib_bvae.config import configuration
from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.models.saved_model import export, load
from dlib_bvae.stages.train import REGISTRIES, build
from dlib_bvae.training.loop import train
from dlib_bvae.training.settings import TrainingSettings

FILES = ["gin/models/beta_vae.gin", "gin/models/burgess_conv.gin"]
COMMON = ["model.batch_size = 8", "model.training_steps = 6", "adam.learning_rate = 1e-3"]
CASES = {
    "every option": (["model.average_decay = 0.5", "model.clip_norm = 50.0", "validation.num_images = 16",
                      "validation.every_steps = 3", "validation.keep = 'best'", "model.optimizer = @adamw"], 2e-3),
    "float16": (["model.precision = 'mixed_float16'"], 3e-2),
    "streamed labels": (["model.model = @s2_vae()", "feed.max_mib = 0"], 2e-3),
    "discrete latents": (["model.model = @d_vae()", "model.network = @discrete_vae"], 2e-3),
    "every rate": (["model.model = @mr_vae()", "model.network = @multi_rate_vae", "model.optimizer = @sgd",
                    "sgd.learning_rate = 1e-5", "reconstruction_loss.loss_fn = @sigma_loss"], 2e-3),
    "orthogonal Jacobian": (["model.model = @orthogonal_jacobian()"], 2e-3),
}
folder, data = Path(sys.argv[1]), DummyData()

def made(devices, bindings):
    with configuration(FILES, [*COMMON, *bindings, f"model.devices = {devices}"], REGISTRIES):
        return build(data, TrainingSettings())

for name in sys.argv[2:]:
    (bindings, tolerance), found = CASES[name], []
    for devices in (1, 2):
        trainer, examples = made(devices, bindings)
        assert (trainer.strategy is None) == (devices == 1)
        place = folder / f"{name} {devices}"
        place.mkdir()
        means = train(trainer, place, checkpoint_every=3, log_every=6, examples=examples)
        assert any([callback.choose_weights() for callback in trainer.callbacks]) == (name == "every option")
        found.append((means, [v.numpy() for v in trainer.state.variables if v is not trainer.state.seconds]))
        export(trainer.network, place / "saved_model")
    (one, alone), (two, shared) = found
    assert one.keys() == two.keys()
    for key in one.keys() - {"seconds", "images_per_second"}:
        np.testing.assert_allclose(two[key], one[key], rtol=tolerance, atol=1e-4, err_msg=f"{name} {key}")
    assert len(alone) == len(shared)
    for first, second in zip(alone, shared):
        np.testing.assert_allclose(second, first, rtol=tolerance, atol=tolerance, err_msg=name)
    copies = [trainer.strategy.experimental_local_results(v) for v in trainer.variables]
    assert all(len(copy) == 2 and (copy[0].numpy() == copy[1].numpy()).all() for copy in copies)
    models = [load(folder / f"{name} {devices}/saved_model") for devices in (1, 2)]
    codes = [model.encode(examples)["mean"] for model in models]
    np.testing.assert_allclose(codes[0], codes[1], atol=10 * tolerance)
    if name == "every option":  # a run of two devices continues on one
        trainer, examples = made(1, bindings)
        train(trainer, folder / f"{name} 2", checkpoint_every=3, log_every=6, examples=examples)
        assert int(trainer.state.step) == 6
        assert any([callback.choose_weights() for callback in trainer.callbacks])
        for first, second in zip(shared, [v.numpy() for v in trainer.state.variables if v is not trainer.state.seconds]):
            np.testing.assert_array_equal(first, second)
print("same")
"""


@pytest.mark.parametrize(
    "case",
    [
        "every option",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("float16", "streamed labels", "discrete latents", "every rate", "orthogonal Jacobian")
        ),
    ],
)
def test_two_devices_do_what_one_does(case, forks, tmp_path):
    done = forks.run(tmp_path, "-c", SCRIPT, tmp_path, case)
    assert done.stdout.endswith("same\n"), done.stderr


@pytest.fixture
def four_gpus(monkeypatch):
    names = {"GPU": [f"GPU:{i}" for i in range(4)], "CPU": ["CPU:0"]}
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: names[kind])


def choose(devices, name="vae", likelihood=bernoulli_loss, batch_size=64, xla=False):
    return choose_strategy(devices, OBJECTIVES.get(name)(), likelihood(), batch_size, xla)


OBSTACLES = [
    ({"name": "beta_tc_vae"}, "the loss of beta_tc_vae is not a mean over images"),
    ({"name": "factor_vae"}, "the loss of factor_vae is not a mean over images"),
    ({"name": "annealed_vae"}, "the loss of annealed_vae is not a mean over images"),
    ({"name": "ada_gvae"}, "the loss of ada_gvae is not a mean over images"),
    ({"likelihood": optimal_sigma_loss}, "optimal_sigma_loss has a number for the whole batch"),
    ({"batch_size": 63}, "a batch of 63 images has no 4 equal parts"),
    ({"xla": True}, "model.xla compiles for one device"),
]


@pytest.mark.usefixtures("four_gpus")
@pytest.mark.parametrize(("given", "reason"), OBSTACLES)
def test_what_cannot_be_shared_is_refused_when_asked_for_and_else_trained_on_one(given, reason, capsys):
    with pytest.raises(UserError, match=f"4 devices cannot share this training: {reason}; set model.devices to 1"):
        choose(4, **given)
    assert choose(0, **given) is None
    assert capsys.readouterr().out == f"one of 4 GPUs is used: {reason}\n"


@pytest.mark.usefixtures("four_gpus")
def test_a_training_without_a_likelihood_is_asked_for_its_objective_alone():
    with pytest.raises(UserError, match="the loss of lejepa_pairs is not a mean over images"):
        choose_strategy(4, OBJECTIVES.get("lejepa_pairs")(), None, 64, False)


def test_one_device_is_one_and_more_than_there_are_is_refused():
    assert choose(1, "factor_vae") is None
    assert choose(0, "factor_vae") is None
    with pytest.raises(UserError, match="model.devices asks for 3 devices; TensorFlow has 1 here"):
        choose(3)
    with pytest.raises(UserError, match="model.devices must be an integer >= 0"):
        choose(-1)
