"""For every registered gin parameter: another value makes another result, or it is declared to be no part of one."""

from dataclasses import replace

import pytest
from support import identity_table as table

from dlib_bvae.artifacts import Work
from dlib_bvae.config import configuration, default
from dlib_bvae.registry import SEED, kind_of
from dlib_bvae.stages import ensemble, train
from dlib_bvae.stages.ensemble import ensemble as members_of

# Parameters that stand in no identity by their names; how they change one is tried by the test that is named.
INDIRECT = {
    "ensemble.seeds": "test_an_ensemble_is_the_parameters_of_its_members",
    "ensemble.each": "test_an_ensemble_is_the_parameters_of_its_members",
    "ensemble.way": "test_an_ensemble_is_the_parameters_of_its_members",
    "postprocess.max_images": "test_the_most_images_count_by_the_images_that_are_encoded",
    "postprocess.images": "test_codes_on_demand_are_others_than_codes_of_all_images",
}
LEAST = 320  # parameters that the table had when it was written
MEANS = ("postprocess.postprocess_fn = @mean_representation",)
OFF = {
    "validation": ("every_steps", "seed", "keep", "patience"),
    "frechet_curve": ("num_images", "extractor", "seed"),
    "divergence": ("windows",),
}
# A result of each stage, of which parameters of functions that it did not choose change nothing.
RESULTS = {
    "a training": table.of_training(use=(table.built,)),
    "a fit": table.of_training("model.model = @pca()", use=(table.datasets.load, table.TrainingSettings)),
    "an evaluation": table.evaluation_of("mig"),
    "a ranking": table.evaluation_of("udr", run_set="0" * 10),
    "means": table.encoding(),
    "samples": table.encoding("postprocess.postprocess_fn = @sampled_representation"),
    "a sensitivity study": table.choice_of("sensitivity"),
    "pictures": table.choice_of("visualize"),
}


@pytest.fixture(autouse=True)
def empty(tmp_path, monkeypatch):
    """A working directory without data and weights."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLIB_BVAE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path / "cache"))


def problem(choice, before, key):
    """What is wrong with how a changed value of `key` is seen; None when nothing is."""
    known = {**before.parameters, **before.recorded}
    if key not in known:
        return "a result that chose its function does not record it"
    now, differ = choice.identity(f"{key} = {table.another(known[key])}", before=before)
    if kind_of(key) in (None, SEED):
        if list(differ) != [key]:
            return f"what differs is said to be {differ}"
        if now.digest == before.digest or now.parameters.get(key) == before.parameters[key]:
            return "the digest is the same"
        return None if (key in now.seeds) == (kind_of(key) == SEED) else "it is among the seeds, or is not, wrongly"
    if differ or now.digest != before.digest:
        return f"it is declared {kind_of(key)} and makes another result"
    return None if now.recorded[key] != before.recorded[key] else "its value is not recorded"


def test_another_value_of_every_parameter_makes_another_result_unless_it_is_declared():
    known = {f"{name}.{each}" for name, names in table.parameters().items() for each in names}
    tried, problems = set(), {}
    for name, names in table.parameters().items():
        keys = [f"{name}.{each}" for each in names if f"{name}.{each}" not in INDIRECT]
        if keys and (choice := table.choice_of(name)) is not None:
            before, _ = choice.identity()
            again, differ = choice.identity(before=before)
            assert (differ, again.digest) == ({}, before.digest), name
            problems |= {key: said for key in keys if (said := problem(choice, before, key))}
            tried |= set(keys)
    assert problems == {}
    assert known - tried - INDIRECT.keys() == set()  # a new function: say in support/identity_table.py how it is chosen
    assert INDIRECT.keys() <= known
    assert all(test in globals() for test in INDIRECT.values())
    assert len(tried) >= LEAST
    print(f"{len(tried)} parameters of {len(known)}")


def others(used):
    """Bindings to other values of all parameters of functions that are not among those of the parameters `used`."""
    chosen = {key.rpartition(".")[0] for key in used}
    with configuration([], [], table.REGISTRIES):
        return [
            f"{name}.{each} = {table.another(default(f'{name}.{each}'))}"
            for name, names in table.parameters().items()
            if name not in chosen
            for each in names
        ]


@pytest.mark.parametrize("name", RESULTS)
def test_parameters_of_functions_that_were_not_chosen_change_nothing(name):
    choice = RESULTS[name]
    before, _ = choice.identity()
    bindings = others({**before.parameters, **before.recorded})
    assert len(bindings) > 200
    now, differ = choice.identity(*bindings, before=before)
    assert (differ, now.parameters) == ({}, before.parameters)
    assert now.digest == before.digest


@pytest.mark.parametrize(("name", "parameter"), [(name, each) for name, names in OFF.items() for each in names])
def test_parameters_of_what_is_turned_off_change_nothing(name, parameter):
    choice = table.of_training(use=(lambda: table.call(name),))
    key = f"{name}.{parameter}"
    before, _ = choice.identity()
    now, differ = choice.identity(f"{key} = {table.another(before.recorded[key])}", before=before)
    assert (differ, now.digest) == ({}, before.digest)
    assert now.recorded[key] != before.recorded[key]


def test_every_parameter_of_what_can_be_turned_off_is_tried_off():
    names = table.parameters()
    assert {name: {*OFF[name], *train._TURNED_ON_BY[name]} for name in OFF} == {
        name: set(names[name]) for name in train._TURNED_ON_BY
    }


def test_the_seed_of_an_encoding_changes_samples_and_means_of_a_probe_only():
    seven = "postprocess.random_seed = 7"
    means, _ = table.encoding(*MEANS).identity()
    same, differ = table.encoding(*MEANS).identity(seven, before=means)
    assert (differ, same.digest) == ({}, means.digest)
    probe, _ = table.encoding(*MEANS, "postprocess.max_images = 100").identity()
    other, differ = table.encoding(*MEANS, "postprocess.max_images = 100").identity(seven, before=probe)
    assert list(differ) == ["data"]
    assert other.digest != probe.digest


def test_the_most_images_count_by_the_images_that_are_encoded():
    whole, _ = table.encoding().identity()
    same, differ = table.encoding("postprocess.max_images = 512").identity(before=whole)
    assert (differ, same.digest) == ({}, whole.digest)
    probe, differ = table.encoding("postprocess.max_images = 511").identity(before=whole)
    assert list(differ) == ["data"]
    assert probe.digest != whole.digest


def test_codes_on_demand_are_others_than_codes_of_all_images():
    whole, _ = table.encoding(*MEANS).identity()
    same, differ = table.encoding(*MEANS, 'postprocess.images = "all"').identity(before=whole)
    assert (differ, same.digest) == ({}, whole.digest)
    needed, differ = table.encoding(*MEANS, 'postprocess.images = "needed"').identity(before=whole)
    assert list(differ) == ["postprocess.images"]
    assert needed.digest != whole.digest


def test_a_fit_does_not_even_record_parameters_of_training_steps():
    before, _ = RESULTS["a fit"].identity()
    steps = [f"model.{each}" for each in table.parameters()["model"] if each not in train._OF_FITS]
    assert len(steps) > 10
    assert not {*before.parameters, *before.recorded} & {*steps}
    trained, _ = RESULTS["a training"].identity()
    known = {**trained.parameters, **trained.recorded}
    now, differ = RESULTS["a fit"].identity(*(f"{key} = {table.another(known[key])}" for key in steps), before=before)
    assert (differ, now.digest) == ({}, before.digest)


def member(*bindings):
    """What ensemble() says, and the identity of the first member's training under these bindings."""
    with configuration([], [*table.SMALL, *bindings], train.REGISTRIES):
        members, way = members_of()
    choice = table.of_training(use=(table.TrainingSettings,))
    return choice.identity(*bindings, *members[0].bindings)[0], way


def test_an_ensemble_is_the_parameters_of_its_members():
    assert ensemble.__name__.endswith("ensemble")
    first, way = member("ensemble.seeds = [1, 2]")
    assert way == "auto"
    alone, _ = table.of_training(use=(table.TrainingSettings,)).identity("model.random_seed = 1")
    assert first.digest == alone.digest
    assert member("ensemble.seeds = [1, 3]")[0].digest == first.digest
    assert member("ensemble.seeds = [2, 3]")[0].digest != first.digest
    assert member("ensemble.seeds = [1, 2]", "ensemble.each = {'vae.beta': [4.0, 4.0]}")[0].digest != first.digest
    other, way = member("ensemble.seeds = [1, 2]", "ensemble.way = 'loop'")
    assert (other.digest, way) == (first.digest, "loop")


def test_a_training_calls_every_function_that_the_table_calls_by_itself():
    identity, _ = RESULTS["a training"].identity()
    used = {key.partition(".")[0] for key in {**identity.parameters, **identity.recorded}}
    doors = {"dataset", "model", "encoder", "decoder", "reconstruction_loss", "feed", "validation", "divergence"}
    assert doors | {"frechet_curve", "vae", "adam", "bernoulli_loss"} <= used


def test_other_inputs_and_another_version_of_a_stage_make_another_result():
    choice = RESULTS["pictures"]
    before, _ = choice.identity()
    other = replace(choice, work=lambda: Work(table.visualize.VISUALIZE, table.PLACE, inputs={"codes": "1" * 40}))
    now, differ = other.identity(before=before)
    assert list(differ) == ["codes"]
    assert now.digest != before.digest
    newer = replace(table.visualize.VISUALIZE, version=table.visualize.VISUALIZE.version + 1)
    later = replace(choice, work=lambda: Work(newer, table.PLACE, inputs=table.INPUTS))
    now, differ = later.identity(before=before)
    assert list(differ) == ["the version of the stage"]
    assert now.digest != before.digest
