"""The reference rows from the configuration to scores: noise, one code, an untrained encoder, the factors themselves."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from dlib_bvae.analysis import tables
from dlib_bvae.analysis.frame import collect
from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.models.baselines.references import FactorView, noise
from dlib_bvae.models.saved_model import load
from dlib_bvae.stages import evaluate, postprocess, train

DUMMY = "dataset.name = 'dummy_data'"
SMALL = ["beta_vae.num_train = 300", "beta_vae.num_eval = 200", "mig.num_train = 512"]


def scores(path):
    return json.loads((path / "results/json/evaluation_results.json").read_text(encoding="utf-8"))


def test_the_oracle_s_codes_are_the_factors_and_score_best(tmp_path):
    run = train.run(["gin/oracle_dsprites.gin"], [DUMMY], tmp_path / "run")
    codes = np.load(postprocess.run(model_dir=run) / "codes.npy")
    data = DummyData()
    factors = data.factors_at(np.arange(512))
    np.testing.assert_allclose(codes, (factors - factors.mean(0)) / factors.std(0), rtol=1e-5)
    sampled = postprocess.run([], ["postprocess.postprocess_fn = @sampled_representation"], run)
    np.testing.assert_array_equal(np.load(sampled / "codes.npy"), codes)
    names = "beta_vae,mig,sap,reconstruction_error"
    beta_vae, mig, _, error = [scores(path) for path in evaluate.run(names, [], SMALL, run)]
    assert beta_vae["eval_accuracy"] > 0.97
    assert mig["discrete_mig"] > 0.95
    assert error["squared_error"] == 0
    table = tables.aggregate(collect(tmp_path)[0])
    assert set(table["model"]) == {"oracle"}
    with pytest.raises(UserError, match="a run of a method without an encoder, such as the oracle, has none"):
        load(run / "train/saved_model")


def test_noise_and_constant_codes_look_at_no_image_and_are_scored_as_chance(tmp_path):
    def codes_of(name, *bindings):
        run = train.run([f"gin/{name}_dsprites.gin"], [DUMMY, *bindings], tmp_path / f"{name}{len(bindings)}")
        return run, np.load(postprocess.run(model_dir=run) / "codes.npy")

    run, codes = codes_of("noise")
    _, other = codes_of("noise", "model.random_seed = 1")
    assert codes.shape == other.shape == (512, 10)
    assert abs(np.corrcoef(np.hstack([codes, other]).T) - np.eye(20)).max() < 0.2
    assert stats.kstest(codes.ravel(), "norm").pvalue > 0.01
    np.testing.assert_array_equal(noise.codes_of(np.array([511, 3]), 4, 0), codes[[511, 3], :4])
    [path] = evaluate.run("mig", [], SMALL, run, null=19)
    assert abs(scores(path)["null"]["discrete_mig"]["z"]) < 4
    assert abs(scores(path)["null"]["discrete_mig"]["adjusted"]) < 0.05
    with pytest.raises(UserError, match="reconstruction_error needs the model's decoder"):
        evaluate.run("reconstruction_error", [], [], run)
    run, codes = codes_of("constant_codes", "constant_codes.num_latent = 3")
    np.testing.assert_array_equal(codes, np.zeros((512, 3)))
    [path] = evaluate.run("mig", [], SMALL, run, null=19)
    said = scores(path)["null"]["discrete_mig"]
    assert (said["mean"], said["z"], said["adjusted"], said["missing"]) == (0, None, 0, {"z": "the null does not vary"})
    with pytest.raises(UserError, match=r"noise\.num_latent must be an integer >= 1; got 0"):
        noise(0)


def test_an_oracle_sees_one_valued_factors_as_0_and_decodes_the_nearest_factors():
    data = DummyData()
    data.factor_sizes = (2, 1, 8, 8)
    codes = FactorView(data).observations_at(np.arange(128))
    assert (codes[:, 1] == 0).all()
    np.testing.assert_allclose(codes[:, [0, 2, 3]].std(axis=0), 1, rtol=1e-6)
    shifted = codes + np.float32(0.2)
    np.testing.assert_array_equal(FactorView(data).decode(shifted), data.observations_at(np.arange(128)))
    far = FactorView(data).decode(np.full((1, 4), 99, np.float32))
    np.testing.assert_array_equal(far, data.observations_at([127]))


def test_an_oracle_needs_factors(tmp_path, monkeypatch):
    np.save(tmp_path / "images.npy", np.full((9, 16, 16, 1), 77, np.uint8))
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path / "cache"))
    given = ["dataset.name = 'from_file'", f"from_file.path = '{tmp_path / 'images.npy'}'"]
    with pytest.raises(UserError, match="the oracle's dataset.name must be a data set with known factors"):
        train.run(["gin/models/oracle.gin"], given, tmp_path / "run")


def test_a_random_encoder_is_the_network_before_training_and_its_seed_matters(tmp_path):
    first, other = (
        train.run(["gin/random_encoder_dsprites.gin"], [DUMMY, f"model.random_seed = {seed}"], tmp_path / name)
        for name, seed in (("first", 0), ("other", 1))
    )
    trained = train.run(
        ["gin/beta4_dsprites.gin"],
        [DUMMY, "model.training_steps = 1", "adam.learning_rate = 1e-30", "model.batch_size = 4"],
        tmp_path / "trained",
    )
    images = tf.constant(DummyData().observations_at(np.arange(4)))
    codes = []
    for run in (first, trained, other):
        model = tf.saved_model.load(str(run / "train/saved_model"))
        codes.append(model.signatures["encode"](observations=images)["mean"].numpy())
    np.testing.assert_array_equal(codes[0], codes[1])
    assert not np.allclose(codes[0], codes[2], atol=1e-3)
    [path] = evaluate.run("beta_vae", [], SMALL, first)
    assert 0 <= scores(path)["eval_accuracy"] <= 1


def test_an_oracle_is_scored_on_a_split_by_the_codes_of_the_whole_grid(tmp_path):
    held_out = [
        "dataset.name = 'held_out'",
        "held_out.data = 'dummy_data'",
        "held_out.combinations = [{'orientation': [1], 'row': [4, 5]}]",
    ]
    run = train.run(["gin/models/oracle.gin"], held_out, tmp_path / "run")
    [path] = evaluate.run("reconstruction_error", [], ["evaluation.split = 'out'"], run)
    assert scores(path)["squared_error"] == 0


FRESH = """
import gin
from dlib_bvae import datasets
from dlib_bvae.models.baselines import coded_data
gin.finalize()
print(coded_data("factors", datasets.load("dummy_data"), {}).observations_at([0]).shape)
"""


@pytest.mark.slow
def test_a_process_that_only_scores_an_oracle_finds_its_codes():
    done = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, check=False)
    assert done.stdout == "(1, 4)\n", done.stderr
