"""naming.py: a configuration's name is of its method, the parameters in its label and the network."""

import inspect

import pytest

from dlib_bvae.models.baselines import BASELINES
from dlib_bvae.models.naming import clauses_of, readable_name, selector, text_of
from dlib_bvae.models.objectives import OBJECTIVES

CONV = {"encoder.encoder_fn": "@conv_encoder", "decoder.decoder_fn": "@deconv_decoder"}


@pytest.mark.parametrize(
    ("method", "settings", "name"),
    [
        ("vae", {"vae.beta": 4.0, **CONV}, "β-VAE β = 4 · conv"),
        ("vae", {"vae.beta": 0.1, **CONV, "decoder.decoder_fn": "@my_decoder"}, "β-VAE β = 0.1 · conv/my"),
        ("vae", {"vae.beta": "@linear_weight()"}, "β-VAE β = linear_weight"),
        ("vae", {}, "β-VAE"),
        ("train/vae", {"train/vae.beta": 2}, "β-VAE β = 2"),
        ("factor_vae", {"factor_vae.gamma": 10.0, "encoder.encoder_fn": "@mine.my_encoder"}, "FactorVAE γ = 10 · my"),
        ("dip_vae", {"dip_vae.lambda_od": 5.0, "dip_vae.dip_type": "ii"}, "DIP-VAE-II λ = 5"),
        ("dip_vae", {"dip_vae.lambda_od": 5.0}, "DIP-VAE λ = 5"),
        ("mr_vae", {"multi_rate_vae.beta": 4.0}, "MR-VAE β = 4"),
        ("info_vae", {"info_vae.alpha": 0.0, "info_vae.lambda_": 1e3}, "InfoVAE λ = 1000, α = 0"),
        ("pca", {"pca.num_latent": 10}, "PCA"),
        ("fast_ica", {}, "ICA"),
        ("random_encoder", CONV, "random encoder"),
        ("oracle", {}, "oracle"),
        ("noise", {}, "noise"),
        ("constant_codes", {}, "constant"),
        ("my_method", {"my_method.strength": 3.0}, "my_method strength = 3"),
        ("my_method", {"my_method.strength": 3.0, "my_method.other": 1}, "my_method"),
        ("my_method", {}, "my_method"),
    ],
)  # fmt: skip
def test_a_name_is_of_the_method_its_parameters_and_the_network(method, settings, name):
    assert readable_name({"model.model": f"@{method}()", **settings}, "a run") == name


def test_every_method_of_the_package_has_a_label_of_parameters_that_it_has():
    for registry in (OBJECTIVES, BASELINES):
        for method in registry.names():
            made = registry.get(method)
            own = {f"{method}.{key}": 1 for key in inspect.signature(made).parameters}
            name = readable_name({"model.model": f"@{method}()", **own, "multi_rate_vae.beta": 1}, "a run")
            assert made.label
            assert not {*"{}_"} & {*name}, name
            assert ("= 1" in name) == ("=" in made.label)


def test_codes_from_elsewhere_have_the_name_that_was_given():
    assert readable_name({}, "Their\nPCA <b>") == "Their PCA <b>"
    assert clauses_of({}) == ()


def test_the_strength_stands_first():
    config = {"model.model": "@info_vae()", "info_vae.alpha": 0.0, "info_vae.lambda_": 10.0}
    assert clauses_of(config) == (("λ", "info_vae.lambda_", 10.0), ("α", "info_vae.alpha", 0.0))


def test_of_a_method_that_says_nothing_what_differs_is_said():
    config = {"model.model": "@mine()", "mine.a": 1, "mine.b": 2}
    assert clauses_of(config, {"mine.b", "other.c"}) == (("b", "mine.b", 2),)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (4.0, "4"),
        (0.5, "0.5"),
        (1e-05, "1e-05"),
        (10**6, "1000000"),
        (True, "True"),
        ("@train/linear_weight()", "linear_weight"),
        ("1e-3 or so", "1e-3 or so"),
        ([1, "β"], '[1, "β"]'),
    ],
)
def test_settings_for_people(value, text):
    assert text_of(value) == text


def test_a_reference_is_its_last_name():
    assert [selector(each) for each in ("@train/my.vae()", "@vae", "vae", "@")] == ["vae", "vae", "vae", "@"]
