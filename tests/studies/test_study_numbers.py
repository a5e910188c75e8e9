"""study.py: --model_num is disentanglement_lib's number of a model of its study, and the model has the same parameters."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import dlib_configs

from dlib_bvae import config
from dlib_bvae.config import configuration
from dlib_bvae.errors import UserError
from dlib_bvae.studies import study

STUDY = "gin/studies/unsupervised_study_v1.gin"
SMALL = "gin/studies/re_beta_vae_small.gin"
ARCHITECTURE = "encoder.encoder_fn = @conv_encoder\ndecoder.decoder_fn = @deconv_decoder\n"
# What its sweep binds for a number, after the shared configuration.
SWEEP = {
    0: "dataset.name = 'dsprites_full'\nmodel.name = 'beta_vae'\nvae.beta = 1.0\nmodel.model = @vae()\nmodel.random_seed = 0",
    299: "dataset.name = 'dsprites_full'\nmodel.name = 'beta_vae'\nvae.beta = 16.0\nmodel.model = @vae()\nmodel.random_seed = 49",
    300: "dataset.name = 'dsprites_full'\nmodel.name = 'factor_vae'\nfactor_vae.gamma = 10.0\nmodel.model = @factor_vae()\n"
    "discriminator.discriminator_fn = @fc_discriminator\nmodel.random_seed = 0",
    601: "dataset.name = 'dsprites_full'\nmodel.name = 'dip_vae_i'\nmodel.model = @dip_vae()\ndip_vae.lambda_od = 1.0\n"
    "dip_vae.lambda_d_factor = 10.0\ndip_vae.dip_type = 'i'\nmodel.random_seed = 1",
    1799: "dataset.name = 'dsprites_full'\nmodel.name = 'annealed_vae'\nannealed_vae.c_max = 100.0\n"
    "annealed_vae.iteration_threshold = 100000\nannealed_vae.gamma = 1000\nmodel.model = @annealed_vae()\nmodel.random_seed = 49",
    6650: "dataset.name = 'scream_dsprites'\nmodel.name = 'beta_tc_vae'\nmodel.model = @beta_tc_vae()\nbeta_tc_vae.beta = 2.0\n"
    "model.random_seed = 0",
    8100: "dataset.name = 'smallnorb'\nmodel.name = 'dip_vae_ii'\nmodel.model = @dip_vae()\ndip_vae.lambda_od = 1.0\n"
    "dip_vae.lambda_d_factor = 1.0\ndip_vae.dip_type = 'ii'\nmodel.random_seed = 0",
    12599: "dataset.name = 'shapes3d'\nmodel.name = 'annealed_vae'\nannealed_vae.c_max = 100.0\n"
    "annealed_vae.iteration_threshold = 100000\nannealed_vae.gamma = 1000\nmodel.model = @annealed_vae()\nmodel.random_seed = 49",
}


@pytest.fixture(scope="module")
def runs():
    return study.load([STUDY]).runs


def test_the_study_has_12600_models_and_then_reference_rows(runs):
    assert len({run.digest for run in runs}) == len(runs)
    assert {run.config.get("model.training_steps") for run in runs[:12_600]} == {300_000}
    assert not any("model.training_steps" in run.config for run in runs[12_600:])


@pytest.mark.parametrize("number", SWEEP)
def test_a_number_binds_what_it_binds_there(runs, number):
    from dlib_bvae.stages.train import REGISTRIES

    def bound(files, bindings):
        with configuration(files, bindings, REGISTRIES) as opened:
            return opened.bound

    def current(files, bindings, keys):
        with configuration(files, bindings, REGISTRIES):
            return config.current(keys)

    theirs = [], [dlib_configs.SHARED, ARCHITECTURE + SWEEP[number]]
    ours = runs[number].gin_config, [text for text in runs[number].gin_bindings if not text.startswith("scream.")]
    keys = bound(*theirs).keys() | bound(*ours).keys()
    found = current(*ours, keys)
    assert found.keys() == keys
    assert found == current(*theirs, keys)


def test_what_a_number_trains():
    given = {"gin_config": ["mine.gin"], "gin_bindings": ["model.xla = True"], "model_dir": None, "overwrite": False}
    run = study.load([SMALL]).runs[1]
    assert study.with_run("re_beta_vae_small", 1, **given) == {
        "gin_config": [*run.gin_config, "mine.gin"],
        "gin_bindings": [*run.gin_bindings, "model.xla = True"],
        "model_dir": Path("runs/re_beta_vae_small-1"),
        "overwrite": False,
    }
    assert study.with_run(SMALL, 1, **{**given, "model_dir": Path("here")})["model_dir"] == Path("here")


@pytest.mark.parametrize("number", [-1, 10**6])
def test_a_number_that_no_run_has_is_refused(number):
    with pytest.raises(
        UserError, match=rf"^--model_num must be one of the \d+ runs of re_beta_vae_small, 0 … \d+; got {number}$"
    ):
        study.numbered("re_beta_vae_small", number)


@pytest.mark.parametrize("flags", [("unsupervised_study_v1", None), (None, 3)])
def test_one_flag_without_the_other_is_refused(flags):
    with pytest.raises(UserError, match="--study and --model_num go together"):
        study.with_run(*flags, [], [], None)


def test_the_order_of_a_study(tmp_path):
    text = (
        "study.name = 'tiny'\nstudy.parts = [@a/part(), @b/part()]\npart.configs = ['gin/beta4_dsprites.gin']\n"
        "a/part.grid = {'vae.beta': [1.0, 2.0], 'model.random_seed': [0, 1]}\nb/part.grid = {'vae.beta': [3.0]}\n"
        "study.order = {'model.random_seed': [1, 0], 'vae.beta': [2.0]}\n"
    )
    file = tmp_path / "tiny.gin"
    file.write_text(text, encoding="utf-8")
    runs = study.load([str(file)]).runs
    assert [(run.seed, run.config["vae.beta"]) for run in runs] == [(1, 2.0), (1, 1.0), (0, 2.0), (0, 1.0), (0, 3.0)]
    with pytest.raises(UserError, match=r"^study\.order\['vae\.beta'\] must be a list of values; got 2\.0$"):
        study.load([str(file)], ["study.order = {'vae.beta': 2.0}"])


def test_a_study_s_metrics_may_have_its_names():
    (sap, beta) = study.evaluations(
        ["sap_score", {"metric": "beta_vae_sklearn", "gin_bindings": ["beta_vae.num_eval = 9"]}]
    )
    assert (sap.metric, sap.gin_bindings) == ("sap_dlib", ())
    assert beta.gin_bindings == ("beta_vae.num_eval = 9", "evaluation.sampling = 'with_replacement'")
    assert beta.metric == "beta_vae"
    with pytest.raises(
        UserError, match="--metric=mig is not what evaluation.evaluation_fn of the gin configuration asks for"
    ):
        study.evaluations([{"metric": "mig", "gin_bindings": ["evaluation.evaluation_fn = @dci"]}])
