"""Fitted models in the training stage: the same run directory, and no setting that changes nothing."""

import json

import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.artifacts import read_config
from dlib_bvae.errors import UserError
from dlib_bvae.stages import train

PCA = ["dataset.name = 'dummy_data'", "model.model = @pca()", "pca.num_latent = 3", "pca.num_samples = 60"]


def results(run):
    return json.loads((run / "train/results/json/train_results.json").read_text(encoding="utf-8"))


def test_a_fit_ends_in_a_run_directory(tmp_path, capsys):
    run = train.run([], [*PCA, "model.random_seed = 3"], tmp_path / "run")
    assert "fitted in" in capsys.readouterr().out
    found = results(run)
    assert found["model"] == "pca"
    assert found["seed"] == 3
    assert found["num_samples"] == 60
    assert found["num_parameters"] == 256 * (1 + 3 + 3)
    assert found["elapsed_time"] > 0
    assert {path.name for path in (run / "train").iterdir()} >= {"reconstructions.png", "saved_model", "results"}
    model = tf.saved_model.load(str(run / "train/saved_model"))
    mean = model.signatures["encode"](observations=tf.zeros([2, 16, 16, 1]))["mean"]
    assert mean.shape == (2, 3)
    train.run([], [*PCA, "model.random_seed = 3"], tmp_path / "run")
    assert "trained already" in capsys.readouterr().out
    assert results(run)["uuid"] == found["uuid"]
    with pytest.raises(UserError, match="pca.num_latent = 3, now it is 4"):
        train.run([], [*PCA, "model.random_seed = 3", "pca.num_latent = 4"], tmp_path / "run")


def test_its_configuration_says_what_was_in_force_and_makes_the_same_again(tmp_path):
    first = train.run([], PCA, tmp_path / "first")
    path = first / "train/results/gin/train.gin"
    told = read_config(first / "train", "train")
    assert {key for key in told if key.startswith("model.")} == {"model.model", "model.name", "model.random_seed"}
    assert told["pca.num_samples"] == 60
    second = train.run([str(path)], [], tmp_path / "second")
    images = np.random.default_rng(0).uniform(size=(4, 16, 16, 1)).astype(np.float32)
    codes = [
        tf.saved_model.load(str(run / "train/saved_model")).signatures["encode"](observations=images)["mean"].numpy()
        for run in (first, second)
    ]
    np.testing.assert_array_equal(*codes)


def test_an_interrupted_fit_starts_anew(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(train, "export", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            train.run([], PCA, tmp_path / "run")
    assert (tmp_path / "run/train.part").is_dir()
    assert results(train.run([], PCA, tmp_path / "run"))["model"] == "pca"
    assert not (tmp_path / "run/train.part").exists()


@pytest.mark.parametrize(
    "binding",
    [
        "model.training_steps = 10",
        "model.optimizer = @adam",
        "model.network = @multi_rate_vae",
        "encoder.num_latent = 5",
        "feed.max_mib = 0",
    ],
)
def test_a_setting_that_changes_nothing_is_refused(binding, tmp_path):
    name = binding.split(" ")[0]
    with pytest.raises(UserError, match=f"^{name} changes nothing about pca, which is fitted without training steps"):
        train.run([], [*PCA, binding], tmp_path / "run")
    assert not (tmp_path / "run/train.part").exists()


def test_what_is_no_method_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"an objective such as @vae\(\), or a fitted model such as @pca\(\)"):
        train.run([], ["dataset.name = 'dummy_data'", "model.model = 3"], tmp_path / "run")


def test_what_cannot_be_fitted_leaves_no_part_behind(tmp_path):
    with pytest.raises(UserError, match="pca.num_latent must be at most 60"):
        train.run([], [*PCA, "pca.num_latent = 61"], tmp_path / "run")
    assert results(train.run([], PCA, tmp_path / "run"))["model"] == "pca"


def test_the_origin_of_the_images_is_recorded_whatever_they_are_called(tmp_path):
    assert results(train.run([], PCA, tmp_path / "rendered"))["origin"] == "rendered"
    np.save(tmp_path / "shapes3d.npy", np.random.default_rng(0).integers(0, 256, (70, 8, 8, 1), np.uint8))
    mine = ["dataset.name = @from_file()", f"from_file.path = '{tmp_path / 'shapes3d.npy'}'"]
    assert results(train.run([], [*PCA, *mine], tmp_path / "mine"))["origin"] == "external"
