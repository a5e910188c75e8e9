"""A training with validation images, from gin to the SavedModel: what is recorded, logged and exported."""

import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.artifacts import read_results
from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.stages import train
from dlib_bvae.training.callbacks.validation import Validation
from dlib_bvae.visualize.diagrams import scalars

FILES = ["gin/models/beta_vae.gin", "gin/models/burgess_conv.gin"]
BINDINGS = [
    "dataset.name = 'dummy_data'",
    "model.batch_size = 16",
    "model.training_steps = 12",
    "model.log_every = 3",
    "validation.fraction = 0.1",
    "validation.every_steps = 3",
    "validation.keep = 'best'",
]


def tags(folder):
    events = [event for path in folder.glob("events*") for event in tf.compat.v1.train.summary_iterator(str(path))]
    return {(value.tag, event.step) for event in events for value in event.summary.value}


def test_the_best_weights_are_exported_and_recorded(tmp_path, monkeypatch):
    kept, run = {}, Validation.run

    def noted(self, trainer, step, directory):
        losses = run(self, trainer, step, directory)
        self.best.loss.assign(0.0)  # no loss after the first is better
        kept[step] = trainer.network.encode(DummyData().observations_at([0, 99]))[0].numpy()
        return losses

    monkeypatch.setattr(Validation, "run", noted)
    train.run(FILES, BINDINGS, tmp_path / "run")
    results = read_results(tmp_path / "run/train", "train")
    found = results["validation"]
    assert (found["num_images"], found["last_step"], found["exported_step"]) == (48, 12, 3)
    assert results["steps"] == 12
    assert {("loss/loss", step) for step in (3, 6, 9, 12)} <= tags(tmp_path / "run/train/validation")
    assert not any(tag.startswith("validation") for tag, _ in tags(tmp_path / "run/train"))
    assert list(scalars(tmp_path / "run/train")["validation/loss"]) == [3, 6, 9, 12]
    model = tf.saved_model.load(str(tmp_path / "run/train/saved_model"))
    codes = model.encode(tf.constant(DummyData().observations_at([0, 99])))["mean"]
    np.testing.assert_allclose(codes, kept[3], rtol=1e-5, atol=1e-6)
    assert (kept[3] != kept[12]).any()


def test_an_unknown_parameter_names_the_near_ones(tmp_path):
    with pytest.raises(UserError, match="no parameter of validation is called 'patiense'; did you mean patience"):
        train.run(FILES, [*BINDINGS, "validation.patiense = 3"], tmp_path / "run")


@pytest.mark.parametrize(
    ("bindings", "profile", "told"),
    [
        (["validation.fraction = 0.1"], None, "validation.fraction changes nothing about pca"),
        (["divergence.factor = 2.0"], None, "divergence.factor changes nothing about pca"),
        (["model.devices = 2"], None, "model.devices changes nothing about pca"),
        ([], "1:3", "--profile profiles training steps, and a fitted model has none"),
    ],
)
def test_a_fitted_model_refuses_what_is_of_training(bindings, profile, told, tmp_path):
    fit = ["dataset.name = 'dummy_data'", "model.model = @pca()", *bindings]
    with pytest.raises(UserError, match=told):
        train.run([], fit, tmp_path / "run", profile=profile)
    assert not (tmp_path / "run/train").exists()
