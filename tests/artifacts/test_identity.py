"""identity.py: which results, and which configurations, are one."""

import json
import re
from dataclasses import replace

import pytest
import support.painter  # noqa: F401  # declares the kinds of the parameters of painting

from dlib_bvae.artifacts.identity import Identity, completed, config_hash, differences, run_hash, without_seeds

USED = {"painting.colour": "red", "painting.size": 4, "painting.seed": 0}
BESIDE = {"painting.title": "x", "painting.workers": 2, "painting.saved": [1]}


def identity(used=None, stage="paint", version=1, inputs=None, sources=None, bound=()):
    return Identity.of(
        stage, version, {**USED, **BESIDE, **(used or {})}, inputs or {"data": "f"}, sources or {}, bound
    )


@pytest.mark.parametrize(
    "same",
    [
        {"used": {"painting.title": "y"}},
        {"used": {"painting.workers": 3}},
        {"used": {"painting.saved": [1, 2]}},
        {"used": {"painting.size": 4.0}},
        {"used": {"a.scope/painting.title": "y"}},
        {"sources": {"trained": "uuid"}},
        {"bound": ["painting.colour"]},
    ],
)
def test_what_does_not_tell_two_results_apart(same):
    assert identity(**same).digest == identity().digest


@pytest.mark.parametrize(
    "other",
    [
        {"used": {"painting.colour": "blue"}},
        {"used": {"painting.seed": 1}},
        {"used": {"painting.size": 4.5}},
        {"used": {"painting.colour": None}},
        {"used": {"plain.title": "y"}},
        {"used": {"step": 1}},
        {"stage": "draw"},
        {"version": 2},
        {"inputs": {"data": "g"}},
        {"inputs": {"data": "f", "train": "t"}},
    ],
)
def test_what_tells_two_results_apart(other):
    assert identity(**other).digest != identity().digest


def test_an_identity_has_each_parameter_in_its_place():
    made = identity(bound=["painting.colour", "painting.title", "sketching.lines"])
    assert made.parameters == USED
    assert made.recorded == BESIDE
    assert made.seeds == ("painting.seed",)
    assert made.bound == ("painting.colour",)
    assert re.fullmatch("[0-9a-f]{40}", made.digest)


def test_an_identity_comes_back_from_json():
    made = identity({"painting.colour": ["größe", {"k": None}]}, sources={"trained": "u"}, bound=["painting.size"])
    read = Identity.from_json(json.loads(json.dumps(made.to_json())))
    assert read == made
    assert read.digest == made.digest == made.to_json()["digest"]
    assert replace(read, parameters={}).digest != made.digest


def test_differences_are_sorted_pairs():
    before, now = {"b": 1, "a": 4, "c": [1.0, 2], "d": 0}, {"b": 2, "a": 4.0, "c": [1, 2], "e": None, "f": False}
    assert list(differences(before, now).items()) == [("b", (1, 2)), ("d", (0, None)), ("f", (None, False))]
    assert differences(before, now, ignored=["b", "f"]) == {"d": (0, None)}


def test_runs_of_one_hash_differ_in_the_seed_of_training_only():
    base = {"model.random_seed": 0, "noise.seed": 1, "model.name": "a"}
    assert run_hash(base) == run_hash({**base, "model.random_seed": 5, "model.name": "b"})
    assert run_hash(base) != run_hash({**base, "noise.seed": 2})
    assert config_hash(base) == config_hash({**base, "noise.seed": 2})


def test_seeds_are_those_that_are_declared():
    base = {"vae.beta": 4, "my.number": 1, "my.seed": 2}
    assert config_hash(base, ["my.number"]) == config_hash({**base, "my.number": 3}, ["my.number"])
    assert config_hash(base, ["my.number"]) != config_hash({**base, "my.seed": 3}, ["my.number"])
    assert without_seeds(base, ["my.number"]) == '{"my.seed": 2, "vae.beta": 4}'


def test_a_configuration_s_name():
    base = {"vae.beta": 4, "model.random_seed": 0, "model.name": "a"}
    same = {"vae.beta": 4.0, "model.random_seed": 9, "model.name": "b", "train/model.name": "c", "data.split_seed": 1}
    assert config_hash(base) == config_hash(same)
    assert re.fullmatch("[0-9a-f]{10}", config_hash(base))
    assert config_hash({**base, "dataset.name": "x"}) != config_hash(base)


def test_a_macro_that_only_holds_the_seed_does_not_count():
    def of(number, **more):
        return config_hash({"model.random_seed": "%s", "s": number, **more})

    assert of(1) == of(2)
    assert of(1, **{"vae.beta": "%s"}) != of(2, **{"vae.beta": "%s"})


def test_what_labels_and_paces_does_not_count():
    base = {"vae.beta": 4.0}
    for key in ("model.name", "model.log_every", "model.checkpoint_every", "train/model.name"):
        assert config_hash({**base, key: 3}) == config_hash(base), key
    for key in ("model.training_steps", "name", "model.seeds", "data.seed_of"):
        assert config_hash({**base, key: 3}) != config_hash(base), key


def test_parameters_that_earlier_versions_lacked_count_where_they_differ_from_what_these_did():
    base = {"vae.beta": 4.0}
    assert config_hash({**base, "model.loss_window": 100, "model.initial_weights": ""}) == config_hash(base)
    assert config_hash({**base, "model.loss_window": 50}) != config_hash(base)
    assert config_hash({**base, "model.initial_weights": "abc"}) != config_hash(base)
    assert config_hash({**base, "model.export_steps": [10]}) == config_hash(base)


def test_what_a_result_of_an_earlier_version_lacked_is_filled_in_for_the_functions_that_it_used():
    before = {"model.model": "@vae()", "encoder.encoder_fn": "@conv_encoder", "scope/control_vae.ki": -0.001}
    added = {"conv_encoder.initializer": "he_uniform", "scope/control_vae.beta_start": 0.0, "model.output_bias": "zero"}
    found = completed(before)
    assert added.items() <= found.items()
    assert not any(key.startswith(("deconv_decoder", "fc_", "factor_vae")) for key in found)
    now = {**before, "conv_encoder.initializer": "glorot_uniform"}
    assert completed(now)["conv_encoder.initializer"] == "glorot_uniform"
    assert config_hash(now) != config_hash(before) == config_hash({**before, "conv_encoder.initializer": "he_uniform"})


def test_a_study_trains_anew_what_starts_otherwise_than_in_earlier_versions():
    network = {"encoder.encoder_fn": "@conv_encoder"}
    assert run_hash(network) == run_hash({**network, "conv_encoder.initializer": "glorot_uniform"})
    assert run_hash({**network, "conv_encoder.initializer": "he_uniform"}) == config_hash(network)
    assert run_hash(network) != config_hash(network)  # the name that an earlier version gave its directory
    others = {"encoder.encoder_fn": "@burgess_encoder"}
    assert run_hash(others) == config_hash(others)


def test_a_number_of_steps_gives_the_configuration_of_earlier_versions_and_none_another():
    before = {"model.model": "@annealed_vae()", "annealed_vae.c_max": 25.0, "annealed_vae.iteration_threshold": 100_000}
    today = {**before, "annealed_vae.rise": 1 / 3}
    assert completed(before) == completed(today)
    assert config_hash(before) == config_hash(today) == run_hash(before) == run_hash(today)
    unbound = {"model.model": "@annealed_vae()"}  # 100,000 steps then, a third of the training today
    assert config_hash(unbound) != run_hash(unbound) == run_hash({**unbound, "annealed_vae.iteration_threshold": 0})
    assert run_hash({**before, "annealed_vae.rise": 0.5}) != run_hash(before)


def test_a_name_is_the_same_on_every_machine_and_in_every_version():
    config = {"vae.beta": 4.0, "model.model": "@vae()", "a/b.c": [1, 2.5, {"k": None}], "model.random_seed": 3}
    assert config_hash(config) == "e24bcff134"
    assert config_hash(dict(reversed(config.items()))) == "e24bcff134"


def test_parameters_without_their_seeds():
    given = {
        "num_train": 100.0,
        "seed": 1,
        "random_seed": 2,
        "mlp.random_seed": 3,
        "x/split_seed": 4,
        "größe": [1.0, True],
    }
    assert without_seeds(given) == '{"größe": [1, true], "num_train": 100}'
