"""names.py: configurations have readable names, unique in a data set, and the settings that differ there."""

import pandas as pd
import pytest
from support.frames import frame_of

from dlib_bvae import analysis
from dlib_bvae.analysis.names import columns_of, named
from dlib_bvae.models.baselines import BASELINES, METHODS
from dlib_bvae.models.objectives import OBJECTIVES

CONV = {"encoder.encoder_fn": "@conv_encoder", "decoder.decoder_fn": "@deconv_decoder"}


def trained(config, method="vae", seed=0, label="beta_vae", dataset="dsprites", **settings):
    """A row of one evaluation of a training with these settings."""
    told = {"model.model": f"@{method}()", "model.name": label, "model.random_seed": seed, **settings}
    columns = {f"train_config.{name}": value for name, value in told.items() if value is not None}
    return {"model": label, "config": config, "seed": seed, "dataset": dataset, "scores": {"mig": 0.5}, **columns}


def names_of(*rows):
    """{config: name} of rows whose configurations are called differently."""
    return {config: each.name for (_, _, config), each in named(frame_of(*rows)).items()}


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
    assert names_of(trained("a", method, **settings)) == {"a": name}


def test_every_method_of_the_package_has_a_label_of_parameters_that_it_has():
    import inspect

    for registry in (OBJECTIVES, BASELINES):
        for method in registry.names():
            made = registry.get(method)
            name = names_of(
                trained(
                    "a",
                    method,
                    **{f"{method}.{key}": 1 for key in inspect.signature(made).parameters},
                    **{"multi_rate_vae.beta": 1},
                )
            )["a"]
            assert made.label
            assert not {*"{}_"} & {*name}, name
            assert ("= 1" in name) == ("=" in made.label)


def test_what_differs_tells_equal_names_apart_as_shortly_as_it_can():
    more = {"vae.beta": 4.0, "adam.beta1": 0.9, **CONV}
    grid = [(rate, steps) for rate in (1e-3, 1e-4) for steps in (1_000, 10_000)]
    rows = [
        trained(f"c{place}", **more, **{"adam.learning_rate": rate, "model.training_steps": steps})
        for place, (rate, steps) in enumerate(grid)
    ]
    found = names_of(*rows, trained("other", **{**more, "vae.beta": 1.0, "adam.learning_rate": 0.5}))
    assert found == {
        "c0": "β-VAE β = 4 · conv · lr 0.001 · 1,000 steps",
        "c1": "β-VAE β = 4 · conv · lr 0.001 · 10,000 steps",
        "c2": "β-VAE β = 4 · conv · lr 0.0001 · 1,000 steps",
        "c3": "β-VAE β = 4 · conv · lr 0.0001 · 10,000 steps",
        "other": "β-VAE β = 1 · conv",
    }


@pytest.mark.parametrize(
    ("first", "second", "names"),
    [
        ({"encoder.num_latent": 6}, {"encoder.num_latent": 10}, ("PCA · 6 latents", "PCA · 10 latents")),
        ({"model.batch_size": 16}, {}, ("PCA · batch 16", "PCA")),
        ({"model.optimizer": "@adam"}, {"model.optimizer": "@adagrad"}, ("PCA · adam", "PCA · adagrad")),
        ({"model.xla": True}, {"model.xla": False}, ("PCA · xla = True", "PCA · xla = False")),
        ({"a.x": [1, 2]}, {"a.x": "text\n<b>"}, ("PCA · x = [1, 2]", "PCA · x = text <b>")),
        ({"label": "one"}, {"label": "two"}, ("PCA · one", "PCA · two")),
        ({}, {}, ("PCA · a", "PCA · b")),  # their configurations differ in nothing that a frame has
    ],
)
def test_whatever_differs_is_said(first, second, names):
    if isinstance(first.get("a.x"), list):  # as a frame has a column of several types
        first, second = {"a.x": "[1, 2]"}, {"a.x": '"text\\n<b>"'}
    assert tuple(names_of(trained("a", "pca", **first), trained("b", "pca", **second)).values()) == names


def test_names_do_not_depend_on_the_order_of_rows_nor_on_other_data_sets():
    rows = [trained(f"c{k}", seed=seed, **{"vae.beta": 4.0, "model.batch_size": k}) for k in (1, 2) for seed in (0, 1)]
    rows += [trained("c1", dataset="shapes3d", **{"vae.beta": 4.0, "model.batch_size": 1})]
    frame = frame_of(*rows)
    found = named(frame)
    assert named(frame.iloc[::-1]) == found
    assert list(named(frame.iloc[::-1])) == list(found)
    assert found["dsprites", "beta_vae", "c1"].name == "β-VAE β = 4 · batch 1"
    assert found["shapes3d", "beta_vae", "c1"].name == "β-VAE β = 4"


def test_settings_are_what_differs_and_what_names_say_but_no_seeds_and_labels():
    rows = [
        trained("a", seed=0, **{"vae.beta": 4.0, "model.batch_size": 64, "model.xla": False, "fid.seed": 1}),
        trained("a", seed=1, **{"vae.beta": 4.0, "model.batch_size": 64, "model.xla": True, "fid.seed": 1}),
        trained("b", seed=0, label="other", **{"vae.beta": 4.0, "model.batch_size": 32, "model.log_every": 5, "fid.seed": 2}),
        trained("p", "pca", label="pca", **{"pca.num_latent": 10}),
    ]  # fmt: skip
    found = named(frame_of(*rows))
    assert [each.settings for each in found.values()] == [
        {"vae.beta": 4.0, "model.batch_size": 64},
        {"vae.beta": 4.0, "model.batch_size": 32},
        {},
    ]
    assert columns_of(found) == columns_of(found, "dsprites") == ["vae.beta", "model.batch_size"]
    assert columns_of(found, "shapes3d") == []
    assert found["dsprites", "beta_vae", "a"].clauses == (("β", "vae.beta", 4.0),)


def test_codes_from_elsewhere_have_the_name_that_was_given():
    given = {"config": "c", "scores": {"mig": 1.0}}
    rows = [{"model": "Their <b>PCA</b>\nsecond line", **given}, {"model": "PCA", **given}]
    frame = frame_of(*rows, trained("p", "pca", label="pca"))
    frame["train_results.dataset"] = "dsprites"
    assert sorted(each.name for each in named(frame).values()) == [
        "PCA · PCA",
        "PCA · pca",
        "Their <b>PCA</b> second line",
    ]
    assert named(frame_of(*rows))["dummy_data", "PCA", "c"] == ("PCA", {}, ())


def test_a_column_of_texts_that_look_like_json_stays_readable():
    rows = [trained("a", **{"vae.beta": "4.0"}), trained("b", **{"vae.beta": '"@linear_weight()"'})]
    assert names_of(*rows) == {"a": "β-VAE β = 4", "b": "β-VAE β = linear_weight"}
    assert analysis.names.text_of("1e-3 or so") == "1e-3 or so"


def test_a_frame_without_configurations_has_names():
    frame = pd.DataFrame(frame_of({"model": "theirs", "scores": {"mig": 1.0}}))
    assert [each.name for each in named(frame).values()] == ["theirs"]
    assert {*METHODS} <= {*BASELINES.names()}
