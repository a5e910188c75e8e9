"""A fitted method through all four commands: fit, encode, score, table."""

import json

import numpy as np
import pandas as pd
import pytest

PCA = (
    "--gin_config=gin/pca_dsprites.gin",
    "--gin_bindings=dataset.name = 'dummy_data'",
    "--gin_bindings=pca.num_latent = 4",
    "--gin_bindings=pca.num_samples = 100",
)


@pytest.mark.slow
def test_pca_goes_through_all_commands(command, tmp_path):
    def run(name, *flags):
        done = command(tmp_path, name, *flags)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "runs/pca_dsprites/train: fitted in" in run("dlib_bvae_train", *PCA)
    run("dlib_bvae_postprocess", "--gin_bindings=postprocess.postprocess_fn = @sampled_representation")
    small = ["--gin_bindings=beta_vae.num_train = 200", "--gin_bindings=beta_vae.num_eval = 100"]
    run("dlib_bvae_evaluate", "--metric=beta_vae,reconstruction_error", *small)
    run("dlib_bvae_aggregate")
    folder = tmp_path / "runs" / "pca_dsprites"
    mean, sampled = (np.load(folder / kind / "codes.npy") for kind in ("mean", "sampled"))
    np.testing.assert_array_equal(mean, sampled)
    assert mean.shape == (512, 4)
    error = json.loads((folder / "mean/metrics/reconstruction_error/results/json/evaluation_results.json").read_text())
    table = pd.read_csv(tmp_path / "runs" / "results.csv")
    assert set(table["model"]) == {"pca"}
    assert set(table["score"]) == {"train_accuracy", "eval_accuracy", "squared_error", "bernoulli_error"}
    written = table[table["score"] == "squared_error"]["mean"].item()
    assert written == error["squared_error"]
    assert 0 < written < 256 * 0.25
