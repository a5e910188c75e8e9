"""Studies: which runs a gin file means, and what names them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.study_runs import finish

from dlib_bvae.errors import UserError
from dlib_bvae.studies import study
from dlib_bvae.studies.study import Run, resolved

TINY = """
study.name = "tiny"
study.parts = [@conv/part(), @again/part()]
conv/part.configs = ["gin/beta4_dsprites.gin"]
conv/part.grid = {"vae.beta": [1.0, 4.0], "model.random_seed": [0, 1]}
again/part.configs = ["gin/beta4_dsprites.gin"]
again/part.metrics = ["mig", {"metric": "beta_vae", "grid": {"beta_vae.batch_size": [16, 64]}}]
"""


def loaded(tmp_path: Path, text: str = TINY) -> study.Study:
    file = tmp_path / "tiny.gin"
    file.write_text(text, encoding="utf-8")
    return study.load([str(file)])


def test_a_grid_is_every_combination_and_a_training_is_there_once(tmp_path):
    runs = loaded(tmp_path).runs
    assert [(run.config["vae.beta"], run.seed) for run in runs] == [(1.0, 0), (1.0, 1), (4.0, 0), (4.0, 1)]
    assert [each.metric for each in runs[2].evaluations] == ["beta_vae", "mig", "beta_vae", "beta_vae"]
    assert [each.metric for each in runs[0].evaluations] == ["beta_vae"]


def test_a_macro_stands_among_other_metrics(tmp_path):
    text = "FEW = ['mig', 'dci']\nagain/part.metrics = [%FEW, 'mig', 'sap']\n"
    runs = loaded(tmp_path, TINY + text).runs
    assert [each.metric for each in runs[2].evaluations] == ["beta_vae", "mig", "dci", "sap"]
    with pytest.raises(UserError, match="a study's metrics are names"):
        loaded(tmp_path, TINY + "again/part.metrics = [['mig', 3]]\n")


def test_all_metrics_have_the_null_of_the_study_but_those_that_say_another(tmp_path):
    (tmp_path / "five.gin").write_text("evaluation.null = 5\n")
    said = {"metric": "sap", "gin_bindings": ["evaluation.null = 3"]}, {"metric": "dci", "gin_config": ["five.gin"]}
    text = f"again/part.metrics = ['mig', {str(said)[1:-1]}]\nstudy.null = 20\n".replace("five", str(tmp_path / "five"))
    runs = loaded(tmp_path, TINY + text).runs
    asked = {each.metric: resolved(each.gin_config, each.gin_bindings) for each in runs[2].evaluations}
    assert {name: each["evaluation.null"] for name, each in asked.items()} == {
        "beta_vae": 20,
        "mig": 20,
        "sap": 3,
        "dci": 5,
    }
    assert {each["evaluation.costly_null"] for each in asked.values()} == {5}
    assert Run.from_json(json.loads(json.dumps(runs[2].to_json()))) == runs[2]
    with pytest.raises(UserError, match=r"study\.null must be an integer >= 0; got -1"):
        loaded(tmp_path, TINY + "study.null = -1\n")


def test_the_studies_of_boards_have_the_null_of_every_score():
    by_study = {name: study.load([f"gin/studies/{name}.gin"]).runs for name in ("re_beta_vae", "unsupervised_study_v1")}
    for runs in by_study.values():
        asked = {each for run in runs[::50] for each in run.evaluations}
        numbers = {resolved(each.gin_config, each.gin_bindings)["evaluation.null"] for each in asked}
        assert numbers <= {20, 5}
        assert 20 in numbers
    small = study.load(["gin/studies/re_beta_vae_small.gin"], ["study.null = 20"]).runs
    assert all("evaluation.null = 20" in each.gin_bindings for each in small[0].evaluations)


@pytest.mark.parametrize(
    ("name", "budgets"),
    [
        ("board_v1", {(10_000, 64, "float32"), (300_000, 64, "mixed_bfloat16")}),
        ("board_v1_gpu", {(300_000, 256, "mixed_bfloat16")}),
    ],
)
def test_a_board_trains_by_one_recipe_in_the_budgets_that_it_names(name, budgets):
    configs = [run.config for run in study.load([f"gin/studies/{name}.gin"]).runs]
    trained = [config for config in configs if "model.training_steps" in config]
    keys = "model.training_steps", "model.batch_size", "model.precision"
    assert {tuple(config.get(key, "float32") for key in keys) for config in trained} == budgets
    rates = {config.get("adam.learning_rate", config.get("adamw.learning_rate")) for config in trained}
    schedules = {(str(config["model.schedule"]), config["warm_up.steps"]) for config in trained}
    assert len(rates) == len(schedules) == 1
    otherwise = {config["model.name"] for config in trained if config["model.output_bias"] != "data_mean"}
    assert otherwise <= {"lejepa_pairs"}  # an encoder alone
    assert {"noise", "constant_codes", "random_encoder", "pca", "oracle"} <= {each["model.name"] for each in configs}


def test_evaluations_know_the_directory_of_their_codes(tmp_path):
    (run,) = loaded(tmp_path).runs[2:3]
    assert [each.representation() for each in run.evaluations] == ["mean"] * 4
    sampled = study.evaluations(
        [{"metric": "mig", "gin_bindings": ["postprocess.postprocess_fn = @sampled_representation"]}]
    )
    assert [each.representation() for each in sampled] == ["sampled"]


def test_a_digest_is_of_what_is_trained_and_of_nothing_else():
    def digest(*bindings: str) -> str:
        files = ("gin/beta4_dsprites.gin",)
        return Run("", files, bindings, (), resolved(files, bindings)).digest

    same = digest()
    assert digest("model.name = 'other'", "model.log_every = 7") == same
    assert digest("vae.beta = 4") == same
    assert len({same, digest("vae.beta = 1.0"), digest("model.random_seed = 1"), digest("model.batch_size = 8")}) == 4


def test_an_included_file_and_a_later_statement(tmp_path):
    assert resolved(["gin/beta4_dsprites.gin"], [])["adam.learning_rate"] == 5e-4
    assert resolved(["gin/beta4_dsprites.gin"], ["adam.learning_rate = 1.0"])["adam.learning_rate"] == 1.0


def test_a_run_survives_json(tmp_path):
    for run in loaded(tmp_path).runs:
        assert Run.from_json(json.loads(json.dumps(run.to_json()))) == run


@pytest.mark.parametrize("name", study.installed())
def test_installed_studies_load(name):
    loaded_study = study.load([name])
    assert loaded_study.runs
    assert len({run.digest for run in loaded_study.runs}) == len(loaded_study.runs)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("study.name = 'a'\nstudy.parts = [1]", "study.parts must be a list"),
        (TINY + "\nstudy.metrics = [3]", "a study's metrics are names"),
        (TINY + "\nconv/part.grid = {'vae.beta': 3}", "must be a list of values"),
        (TINY + "\nconv/part.configs = ['gin/none.gin']", "there is no gin file gin/none.gin"),
        (TINY + "\nconv/part.bindings = ['vae.beta = 2.0', 3]", "part.bindings must be a list of texts; got 3 in it"),
        (
            TINY + "\nconv/part.bindings = 'vae.beta = 2.0'",
            "part.bindings must be a list of texts; got 'vae.beta = 2.0'",
        ),
        (TINY + "\nstudy.pictures = 1", "study.pictures must be True or False; got 1"),
        (
            TINY + "\nstudy.metrics = [{'metric': 'mig', 'steps': 5}]",
            "steps of a study's metric must be a list of steps",
        ),
        (
            TINY + "\nstudy.metrics = [{'metric': 'mig', 'steps': [0]}]",
            "a step of a study's metric must be an integer >= 1",
        ),
        (TINY + "\nstudy.attempts = 0", "study.attempts"),
        ("study.name = 'a'", "the configuration does not say study.parts"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, said):
    with pytest.raises(UserError, match=said):
        loaded(tmp_path, text)


def test_no_study_is_refused():
    with pytest.raises(UserError, match="no study"):
        study.load([])


def test_a_training_that_another_study_calls_otherwise_is_found(tmp_path):
    run = loaded(tmp_path).runs[0]
    store = tmp_path / "store"
    usual = run.directory(store)
    assert usual == store / f"beta4_dsprites_rendered-{run.digest}"
    for name in ("zeta", "alpha"):
        (store / f"{name}-{run.digest}").mkdir(parents=True)
    assert run.directory(store) == store / f"alpha-{run.digest}"
    usual.mkdir()
    assert run.directory(store) == usual


def test_a_directory_s_name_has_plain_letters_only(tmp_path):
    config = {"model.name": "a b/ä", "dataset.name": "noisy(x)", "model.random_seed": 7}
    run = Run("", (), (), (), config)
    assert run.directory(tmp_path).name == f"a_b__noisy_x_-{run.digest}"
    assert run.digest.endswith("-seed7")
    assert Run("", (), (), (), {}).directory(tmp_path).name.startswith("run_data-")
    assert Run("", (), (), (), {}).seed == 0


def test_what_is_missing_of_a_run(tmp_path):
    run = loaded(tmp_path).runs[2]
    assert (run.is_trained(tmp_path), run.missing(tmp_path)) == (False, list(run.evaluations))
    finish(run, tmp_path)
    assert run.is_trained(tmp_path)
    assert [
        (each.metric, each.gin_bindings) for each in run.missing(tmp_path)
    ] == [  # a batch_size of 64 is the default
        ("mig", ()),
        ("beta_vae", ("beta_vae.batch_size = 16",)),
    ]


def test_evaluations_of_a_grid_and_of_files():
    given = {
        "metric": "dci",
        "gin_config": ["gin/metrics/dci.gin"],
        "gin_bindings": ["a.b = 1"],
        "grid": {"c.d": [2, "x"]},
    }
    files = ("gin/metrics/dci.gin",)
    found = [(each.metric, each.gin_config, each.gin_bindings) for each in study.evaluations(["mig", given, "mig"])]
    assert found == [
        ("mig", (), ()),
        ("dci", files, ("a.b = 1", "c.d = 2")),
        ("dci", files, ("a.b = 1", "c.d = 'x'")),
    ]


@pytest.mark.parametrize("wrong", [3, {"metric": 3}, {"gin_config": []}, {"metric": "mig", "seed": 1}, None])
def test_what_is_no_evaluation_is_refused_with_its_value(wrong):
    with pytest.raises(UserError, match=f"a study's metrics are names, .*got {re.escape(repr(wrong))}"):
        study.evaluations([wrong])


@pytest.mark.parametrize(
    ("binding", "said"),
    [
        ("study.cpus = 0", "study.cpus must be an integer >= 1; got 0"),
        ("study.attempts = 0", "study.attempts must be an integer >= 1; got 0"),
        ("study.gpus = -1", "study.gpus must be a finite number >= 0; got -1; or 'auto'"),
        ("study.gpus = 'all'", "study.gpus must be a finite number >= 0; got 'all'; or 'auto'"),
        ("study.timeout = -1", "study.timeout must be a finite number >= 0; got -1"),
        ("study.parts = @conv/part()", "study.parts must be a list"),
        ("conv/part.grid = {'vae.beta': []}", r"part.grid\['vae.beta'\] must be a list of values; got \[\]"),
    ],
)
def test_values_out_of_range(tmp_path, binding, said):
    with pytest.raises(UserError, match=said):
        loaded(tmp_path, f"{TINY}\n{binding}\n")


def test_the_least_values_are_taken(tmp_path):
    found = loaded(tmp_path, TINY + "\nstudy.cpus = 1\nstudy.attempts = 1\nstudy.gpus = 0\nstudy.timeout = 0\n")
    assert (found.cpus, found.attempts, found.gpus, found.timeout) == (1, 1, 0, 0)
    default = loaded(tmp_path)
    assert (default.cpus, default.attempts, default.gpus, default.timeout) == (1, 1, "auto", 0)


def test_the_installed_studies_are_named_as_they_are_typed():
    assert "gin/studies/re_beta_vae_small.gin" in study.installed()
    assert len(study.installed()) == len(set(study.installed()))


def test_a_grid_over_a_macro_is_a_grid_over_what_it_stands_for(tmp_path):
    (tmp_path / "one.gin").write_text('include "gin/beta4_dsprites.gin"\nSEED = 3\nmodel.random_seed = %SEED\n')
    lines = [f"vae/part.configs = ['{tmp_path}/one.gin']", "vae/part.grid = {'SEED': [4, 5], 'vae.beta': [1.0]}"]
    runs = _loaded(tmp_path, lines)
    assert [run.seed for run in runs] == [4, 5]
    assert len({run.digest for run in runs}) == 2
    assert all(run.config["vae.beta"] == 1.0 and "SEED" not in run.config for run in runs)


def test_a_macro_stands_for_several_statements(tmp_path):
    lines = ["MORE = ['vae.beta = 2.0', 'model.batch_size = 8']", "vae/part.configs = ['gin/beta4_dsprites.gin']"]
    (run,) = _loaded(tmp_path, [*lines, "vae/part.bindings = [%MORE, 'model.training_steps = 3']"])
    assert [run.config[key] for key in ("vae.beta", "model.batch_size", "model.training_steps")] == [2.0, 8, 3]


def test_every_seed_of_a_grid_makes_a_run(tmp_path):
    grid = "{'noisy_dsprites_rendered.seed': [0, 1, 2], 'validation.seed': [0, 1]}"
    runs = _loaded(tmp_path, ["vae/part.configs = ['gin/beta4_dsprites.gin']", f"vae/part.grid = {grid}"])
    assert len({run.digest for run in runs}) == len(runs) == 6
    assert len({run.directory(tmp_path) for run in runs}) == 6


def _loaded(folder, lines):
    (folder / "study.gin").write_text("\n".join(["study.name = 'x'", "study.parts = [@vae/part()]", *lines]) + "\n")
    return study.load([str(folder / "study.gin")]).runs


@pytest.mark.parametrize("name", ["..", ".", "", "../elsewhere", "/elsewhere", "a\\b", "a\nb", "\x1b[31m", "x" * 256])
def test_a_study_s_name_names_a_folder(tmp_path, name):
    with pytest.raises(UserError, match="study.name must be a name for a folder"):
        loaded(tmp_path, TINY + f"study.name = {name!r}\n")


def test_a_directory_s_name_is_never_too_long(tmp_path):
    names = ["a" * 300, "a" * 299 + "b"]
    first, second = (
        study.Run("", (), (), (), {"model.name": name, "model.random_seed": 3}).directory(tmp_path) for name in names
    )
    assert len(first.name) == 255
    assert first.name.endswith("-seed3")
    assert first != second
    first.mkdir()
    assert list(study.directories(tmp_path).values()) == [first]
