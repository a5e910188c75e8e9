"""identity.py: which configurations are one."""

import re

from dlib_bvae.artifacts.identity import config_hash, without_seeds


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
