"""elbo and image_quality of a trained run, asked for by name."""

import json

import numpy as np
import pytest

from dlib_bvae import metrics
from dlib_bvae.errors import UserError
from dlib_bvae.stages import evaluate


def scores(folder):
    return json.loads((folder / "results/json/evaluation_results.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def run(finished, tmp_path_factory):
    import shutil

    folder = tmp_path_factory.mktemp("images") / "run"
    shutil.copytree(finished / "runs" / "beta4_dsprites", folder)
    return folder


def test_all_means_the_metrics_of_codes():
    assert not {"elbo", "image_quality"} & set(metrics.names())
    assert {"elbo", "image_quality"} <= set(metrics.METRICS.names())


def test_the_elbo_of_a_run_is_near_the_loss_it_ended_with(run):
    bindings = ["elbo.num_images = 200", "elbo.num_samples = 4"]
    (folder,) = evaluate.run("elbo", model_dir=run, gin_bindings=bindings)
    found = scores(folder)
    trained = json.loads((run / "train/results/json/train_results.json").read_text(encoding="utf-8"))
    assert found["elbo"] == pytest.approx(-found["reconstruction"] - found["kl"])
    assert found["importance_bound"] >= found["elbo"]
    assert found["reconstruction"] == pytest.approx(trained["reconstruction"], rel=0.3)
    assert len(found["kl_per_latent"]) == 10


def test_the_model_is_loaded_once(run, monkeypatch):
    from dlib_bvae.models import signatures

    loads, load = [], signatures.load
    monkeypatch.setattr(signatures, "load", lambda directory: loads.append(directory) or load(directory))
    model = signatures.model(run / "train" / "saved_model")
    assert len(loads) == 1
    seen = np.zeros((2, 16, 16, 1), np.float32)
    mean = model.encode(seen)[0]
    assert (model.decode(mean).shape, model.log_likelihood(seen, mean).shape) == (seen.shape, (2,))


def test_images_are_scored_by_the_extractor_s_name(run, tmp_path, monkeypatch):
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path))
    bindings = ["factor_cnn.training_steps = 20", "image_quality.subsets = 3", "image_quality.num_images = 200"]
    (folder,) = evaluate.run("image_quality", model_dir=run, gin_bindings=bindings)
    found = scores(folder)
    assert found["fd_factor_cnn_reconstruction"] > found["fd_factor_cnn_data"]
    assert found["protocol"]["extractor"] == "factor_cnn"
    assert found["metric_parameters"]["num_images"] == 200
    sampling = "postprocess.postprocess_fn = @sampled_representation"
    (other,) = evaluate.run("image_quality", model_dir=run, gin_bindings=[*bindings, sampling])
    of_samples = scores(other)
    assert other.parents[1].name == "sampled"
    assert of_samples["fd_factor_cnn_reconstruction"] != found["fd_factor_cnn_reconstruction"]
    assert of_samples["fd_factor_cnn_data"] == found["fd_factor_cnn_data"]
    with pytest.raises(UserError, match="Inception graph of 2015 is missing"):
        evaluate.run(
            "image_quality", model_dir=run, gin_bindings=[*bindings, "image_quality.extractor = 'inception_2015'"]
        )
