"""Models kept at steps of a training are those that it would have exported there, whole or not at all."""

import gin
import numpy as np
import pytest
import tensorflow as tf
from support.trainings import EXAMPLES, made, trained

from dlib_bvae.models.saved_model import export, load
from dlib_bvae.training import exports
from dlib_bvae.training.checkpoints import Checkpoints, kept_step
from dlib_bvae.training.ensemble import train_ensemble
from dlib_bvae.training.exports import exported_model, exported_steps
from dlib_bvae.training.warm_start import weights_digest

pytestmark = pytest.mark.usefixtures("tiny_networks")


class Killed(BaseException):
    """As a kill: nothing after it runs."""


def exported_in_the_end(folder, steps, **settings):
    """The SavedModel of a training of so many steps."""
    trainer = made(steps, **settings)
    trained(trainer, folder)
    trainer.use_exported()
    export(trainer.network, folder / "saved_model")
    return folder / "saved_model"


@pytest.mark.parametrize("average_decay", [0.0, 0.9])
def test_a_model_is_that_of_a_training_of_so_many_steps(average_decay, tmp_path):
    settings = {"average_decay": average_decay}
    trainer = made(9, export_steps=[7, 4], **settings)
    losses = trained(trainer, tmp_path / "long")
    assert exported_steps(tmp_path / "long") == [4, 7]
    for step in (4, 7):
        final = exported_in_the_end(tmp_path / str(step), step, **settings)
        assert weights_digest(exported_model(tmp_path / "long", step)) == weights_digest(final)
    models = [load(exported_model(tmp_path / "long", step)) for step in (4, 7)]
    codes = [model.encode(EXAMPLES)["mean"].numpy() for model in models]
    assert np.abs(codes[0] - codes[1]).max() > 0
    without = made(9, **settings)
    assert trained(without, tmp_path / "without") == losses
    for one, other in zip(trainer.state.variables, without.state.variables, strict=True):
        if one is not trainer.state.seconds:
            np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_it_has_the_last_weights_where_validation_chooses_others(tmp_path):
    gin.bind_parameter("validation.num_images", 4)
    gin.bind_parameter("validation.every_steps", 2)
    gin.bind_parameter("validation.keep", "best")
    trainer = made(4, export_steps=[4])
    trainer.callbacks[1].best.loss.assign(-1.0)
    trainer.callbacks[1].best.step.assign(0)
    trained(trainer, tmp_path)
    last = trainer.network.encode(EXAMPLES)[0].numpy()
    kept = load(exported_model(tmp_path, 4))
    np.testing.assert_allclose(kept.encode(EXAMPLES)["mean"].numpy(), last, atol=1e-6)
    trainer.use_exported()
    assert np.abs(trainer.network.encode(EXAMPLES)[0].numpy() - last).max() > 1e-4


@pytest.mark.parametrize("owner", ["export", "rename", "save"])
def test_killed_at_any_moment_none_is_lost_or_half_written(owner, tmp_path, monkeypatch):
    write = exports.export

    def half(network, directory):
        directory.mkdir()
        (directory / "saved_model.pb").write_text("half")
        raise Killed

    def whole_but_not_renamed(network, directory):
        write(network, directory)
        raise Killed

    def no_checkpoint(self, step):
        raise Killed

    with monkeypatch.context() as patch:
        if owner == "save":
            patch.setattr(Checkpoints, "save", no_checkpoint)
        else:
            patch.setattr(exports, "export", half if owner == "export" else whole_but_not_renamed)
        with pytest.raises(Killed):
            trained(made(6, export_steps=[5]), tmp_path)
    assert kept_step(tmp_path) is None
    assert exported_steps(tmp_path) == ([5] if owner == "save" else [])
    before = weights_digest(exported_model(tmp_path, 5)) if owner == "save" else None
    trained(made(6, export_steps=[5]), tmp_path)
    assert exported_steps(tmp_path) == [5]
    assert not list(tmp_path.glob("*.part"))
    assert before in (None, weights_digest(exported_model(tmp_path, 5)))


def test_a_weight_that_is_not_finite_is_not_exported(tmp_path, monkeypatch):
    trainer = made(6, export_steps=[3])
    monkeypatch.setattr(trainer, "weights_finite", lambda: False)
    with pytest.raises(ValueError, match="became NaN or infinite at step 3"):
        trained(trainer, tmp_path)
    assert exported_steps(tmp_path) == []


def test_every_member_of_an_ensemble_keeps_its_models(tmp_path):
    trainers = [made(4, random_seed=seed, export_steps=[seed + 1]) for seed in (0, 1)]
    folders = [tmp_path / str(seed) for seed in (0, 1)]
    options = {"checkpoint_every": 4, "log_every": 100, "examples": EXAMPLES}
    train_ensemble(trainers, folders, way="loop", xla=False, **options)
    assert [exported_steps(folder) for folder in folders] == [[1], [2]]
    alone = exported_in_the_end(tmp_path / "alone", 2, random_seed=1)
    reader, other = (tf.train.load_checkpoint(str(path / "variables" / "variables")) for path in
                     (alone, exported_model(folders[1], 2)))  # fmt: skip
    for name in reader.get_variable_to_shape_map():
        if "VARIABLE_VALUE" in name:
            np.testing.assert_allclose(reader.get_tensor(name), other.get_tensor(name), rtol=1e-4, atol=1e-6)


def test_a_directory_without_models_has_no_steps(tmp_path):
    assert exported_steps(tmp_path / "nowhere") == []
    for name in ("saved_model", "saved_model-7.part", "saved_model-x", "saved_model-12", "saved_model-3"):
        (tmp_path / name).mkdir()
    assert exported_steps(tmp_path) == [3, 12]
