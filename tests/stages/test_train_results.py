"""train.py: what the results of a training say of its codes, and that one of an earlier version is told from today's."""

import json

import pytest

from dlib_bvae.artifacts import read_results
from dlib_bvae.errors import UserError

DLIB = ("encoder.encoder_fn = @conv_encoder", "decoder.decoder_fn = @deconv_decoder")
TC = ("model.model = @beta_tc_vae()",)


@pytest.fixture(scope="module")
def run(tmp_path_factory, ten_steps):
    """β-TCVAE with the conv networks of disentanglement_lib."""
    return ten_steps(tmp_path_factory.mktemp("runs") / "tc", *DLIB, *TC)


def test_an_objective_that_penalises_total_correlation_has_that_of_its_sampled_codes_in_the_results(run):
    results = read_results(run / "train", "train")
    assert results["gaussian_total_correlation"] >= 0
    assert "minibatch_total_correlation" in results


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
