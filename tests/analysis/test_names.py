"""names.py: configurations have readable names, unique in a data set, and the settings that differ there."""

import pandas as pd
import pytest
from support.frames import frame_of

from dlib_bvae.analysis.names import columns_of, named, reading_order, settings_table, varying_parameters

CONV = {"encoder.encoder_fn": "@conv_encoder", "decoder.decoder_fn": "@deconv_decoder"}


def trained(config, method="vae", seed=0, label="beta_vae", dataset="dsprites", **settings):
    """A row of one evaluation of a training with these settings."""
    told = {"model.model": f"@{method}()", "model.name": label, "model.random_seed": seed, **settings}
    columns = {f"train_config.{name}": value for name, value in told.items() if value is not None}
    return {"model": label, "config": config, "seed": seed, "dataset": dataset, "scores": {"mig": 0.5}, **columns}


def names_of(*rows):
    """{config: name} of rows whose configurations are called differently."""
    return {config: each.name for (_, _, config), each in named(frame_of(*rows)).items()}


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


def test_a_frame_without_configurations_has_names():
    frame = pd.DataFrame(frame_of({"model": "theirs", "scores": {"mig": 1.0}}))
    assert [each.name for each in named(frame).values()] == ["theirs"]


def test_names_are_read_by_the_numbers_in_them():
    names = ["β = 10 · conv", "β = 0.5 · conv", "β = 2 · mlp", "β = 2 · conv", "PCA", "β = 1e-3"]
    assert sorted(names, key=reading_order) == [
        "PCA",
        "β = 1e-3",
        "β = 0.5 · conv",
        "β = 2 · conv",
        "β = 2 · mlp",
        "β = 10 · conv",
    ]


def test_columns_of_settings_have_one_type():
    settings = [
        {"a.x": 1, "b.y": 4.0, "c.z": "@adam", "d.w": True},
        {"a.x": 2, "b.y": "@linear_weight()", "d.w": False},
        {},
    ]
    table = settings_table(settings, ["a.x", "b.y", "c.z", "d.w"])
    assert list(map(str, table.dtypes)) == ["Int64", "string", "string", "boolean"]
    assert table["b.y"].tolist()[:2] == ["4", "linear_weight"]
    assert table.iloc[2].isna().all()
    assert len(settings_table([{}, {}], [])) == 2


def test_parameters_that_vary_are_said_where_they_are():
    scored = [("sap", 1, text) for text in ('{"n": 1}', '{"n": 1, "c": 2}')] + [
        ("mig", 1, '{"n": 1}'),
        ("dci", 2, "{}"),
    ]
    assert varying_parameters(scored) == {
        ("sap", 1, '{"n": 1}'): "",
        ("sap", 1, '{"n": 1, "c": 2}'): "c=2",
        ("mig", 1, '{"n": 1}'): "",
        ("dci", 2, "{}"): "",
    }
    assert varying_parameters([("dci", 1, '{"n": 1}'), ("dci", 2, '{"n": 3}')]) == {
        ("dci", 1, '{"n": 1}'): "version 1, n=1",
        ("dci", 2, '{"n": 3}'): "version 2, n=3",
    }
