"""train.py: what the results of a training say of its codes, and that one of an earlier version is told from today's."""

import json

import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.artifacts import read_results
from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.stages import train

DLIB = ("encoder.encoder_fn = @conv_encoder", "decoder.decoder_fn = @deconv_decoder")
TC = ("model.model = @beta_tc_vae()",)


@pytest.fixture(scope="module")
def run(tmp_path_factory, ten_steps):
    """β-TCVAE with the conv networks of disentanglement_lib."""
    return ten_steps(tmp_path_factory.mktemp("runs") / "tc", *DLIB, *TC)


class Correlated:
    """Two codes per image, of variance 1 with the posterior's, whose means are the first two pixels."""

    def encode(self, observations):
        rng = np.random.default_rng(int(1e6 * observations.sum()))
        shared = rng.normal(size=(len(observations), 1))
        mean = np.sqrt([0.6, 0.6]) * shared + np.sqrt([0.3, 0.3]) * rng.normal(size=(len(observations), 2))
        return tf.constant(mean), tf.math.log(tf.fill(mean.shape, tf.constant(0.1, tf.float64)))


def test_an_objective_that_penalises_total_correlation_has_that_of_its_sampled_codes_in_the_results(run):
    results = read_results(run / "train", "train")
    assert results["gaussian_total_correlation"] >= 0
    assert "minibatch_total_correlation" in results


def test_it_is_that_of_sampled_codes_not_of_means():
    found = train._total_correlation(Correlated(), DummyData(), 0)
    assert found == pytest.approx(-0.5 * np.log(1 - 0.6**2), abs=0.02)  # 0.22; of means the correlation is 2/3
    assert found == train._total_correlation(Correlated(), DummyData(), 0)


def test_a_training_of_an_earlier_version_that_started_otherwise_is_refused_with_the_way_out(run, ten_steps):
    path = run / "train/results/json/train_identity.json"
    before = path.read_text()
    entries = json.loads(before)
    assert entries["parameters"]["conv_encoder.initializer"] == "glorot_uniform"
    for name in ("conv_encoder.initializer", "deconv_decoder.initializer", "model.output_bias"):
        del entries["parameters"][name]  # as earlier versions wrote it
    path.write_text(json.dumps(entries))
    with pytest.raises(
        UserError, match="initializer = 'he_uniform', now it is 'glorot_uniform'; choose another --model_dir"
    ):
        ten_steps(run, *DLIB, *TC)
    theirs = [f"{name}.initializer = 'he_uniform'" for name in ("conv_encoder", "deconv_decoder")]
    assert ten_steps(run, *DLIB, *TC, *theirs) == run  # trained already
    path.write_text(before)
