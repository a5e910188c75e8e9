"""stages/sensitivity.py: runs of ten steps, their tables and picture."""

import pandas as pd
import pytest
from PIL import Image
from support.results import write

from dlib_bvae.artifacts import Work, read_results
from dlib_bvae.errors import UserError
from dlib_bvae.stages import sensitivity
from dlib_bvae.stages.evaluate import of_standing
from dlib_bvae.stages.sensitivity import model_labels, summary

FEW = [
    "beta_vae_sensitivity.batch_sizes = [4, 16]",
    "beta_vae_sensitivity.classifiers = ['logistic_regression', 'random_forest']",
    "beta_vae_sensitivity.without = ['row']",
    "beta_vae_sensitivity.num_train = 200",
    "beta_vae_sensitivity.num_eval = 100",
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory, ten_steps):
    """Two runs of β = 4 and one of β = 1."""
    folder = tmp_path_factory.mktemp("runs")
    for name, more in {"a": [], "b": ["model.random_seed = 1"], "c": ["vae.beta = 1.0"]}.items():
        ten_steps(folder / name, *more)
    return [folder / name for name in "abc"]


def test_one_command_scores_all_cells_and_draws_them(runs, tmp_path, capsys):
    paths = sensitivity.run(runs, [], FEW, tmp_path / "out")
    table = pd.read_csv(paths[0])
    assert len(table) == 3 * 2 * 2 * 2
    assert sorted(set(table["model"])) == ["beta4 (vae.beta = 1.0)", "beta4 (vae.beta = 4.0)"]
    assert table["eval_accuracy"].between(0, 1).all()
    text = paths[1].read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if line.startswith("| without row | 16 |"))
    expected = (
        100
        * table[(table["factors"] == "without row") & (table["batch_size"] == 16)]
        .groupby("classifier")["eval_accuracy"]
        .mean()
    )
    assert float(row.split("|")[3].split("±")[0]) == pytest.approx(expected["logistic_regression"], abs=0.006)
    assert "| L = 4 | L = 16 |" in text
    with Image.open(paths[2]) as picture:
        assert picture.width > 500
    capsys.readouterr()
    again = sensitivity.run(runs[::-1], [], FEW, tmp_path / "out")
    assert capsys.readouterr().out.count("scored already") == 3
    keys = ["run", "factors", "classifier", "batch_size"]
    first, second = (each.sort_values(keys, ignore_index=True) for each in (table, pd.read_csv(again[0])))
    assert first.equals(second)


def test_another_configuration_is_scored_again(runs, tmp_path):
    sensitivity.run(runs[:1], [], FEW, tmp_path)
    first = read_results(runs[0] / "mean" / "sensitivity", "sensitivity")
    sensitivity.run(runs[:1], [], [*FEW, "sensitivity.random_seed = 3"], tmp_path)
    second = read_results(runs[0] / "mean" / "sensitivity", "sensitivity")
    assert first["random_seed"] == 0
    assert second["random_seed"] == 3
    assert first["cells"] != second["cells"]


def test_runs_are_labelled_by_what_differs():
    configs = [{"vae.beta": 4.0, "model.random_seed": 0}, {"vae.beta": 4.0, "model.random_seed": 1}]
    assert model_labels(configs, ["vae", "vae"]) == ["vae", "vae"]
    more = [*configs, {"vae.beta": 1.0, "model.random_seed": 0, "model.name": "x"}, {"model.random_seed": 0}]
    assert model_labels(more, ["vae", "vae", "vae", "pca"]) == [
        "vae (vae.beta = 4.0)",
        "vae (vae.beta = 4.0)",
        "vae (vae.beta = 1.0)",
        "pca",
    ]


def test_means_and_deviations_are_over_runs():
    cells = [("a", 0.5), ("b", 0.7)]
    frame = pd.DataFrame(
        [
            {
                "run": run,
                "dataset": "d",
                "factors": "all",
                "model": "vae",
                "classifier": "mlp",
                "batch_size": 64,
                "eval_accuracy": each,
            }
            for run, each in cells
        ]
    )
    assert summary(frame).count("60.00 ± 14.14") == 2


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="there is no run directory"):
        sensitivity.run([tmp_path / "none"], output_dir=tmp_path)


def test_a_file_of_the_user_is_refused_before_a_run_is_looked_at(tmp_path):
    (tmp_path / "sensitivity.csv").write_text("mine")
    with pytest.raises(UserError, match="sensitivity.csv is not as this package wrote it, or another's"):
        sensitivity.run([tmp_path / "no-such-run"], output_dir=tmp_path)
    assert (tmp_path / "sensitivity.csv").read_text() == "mine"


CELL = {"factors": "all", "classifier": "mlp", "batch_size": 4, "train_accuracy": 0.5, "eval_accuracy": 0.5}


@pytest.mark.parametrize("cells", [[], [{}], [1], None, [{**CELL, "eval_accuracy": "x"}], [{**CELL, "factors": None}]])
def test_cells_that_are_none_are_damage(cells, tmp_path):
    results = {"elapsed_time": 1.0, "run": "r", "random_seed": 0, "cells": [CELL]}
    write(tmp_path / "sensitivity", "sensitivity", results)
    work = Work(sensitivity.SENSITIVITY, tmp_path / "sensitivity")
    assert of_standing(work, sensitivity._with_cells) == {"run": "r", "random_seed": 0, "cells": [CELL]}
    write(tmp_path / "sensitivity", "sensitivity", {**results, "cells": cells})
    with pytest.raises(UserError, match=r"sensitivity_results\.json is damaged"):
        of_standing(work, sensitivity._with_cells)
