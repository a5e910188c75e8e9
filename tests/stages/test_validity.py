"""validity.py: files, what stands in them, and that metrics with known answers behave."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dlib_bvae.errors import UnknownName, UserError
from dlib_bvae.stages import validity
from dlib_bvae.stages.validity import run, summary

COMMAND = Path(__file__).parents[2] / "bin" / "dlib_bvae_validity"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("validity")
    paths = run("mig,mig_sup,irs", "noise,rotation,dead,duplicated", seeds=2, output_dir=folder)
    assert [path.name for path in paths] == ["validity.csv", "validity.md", "validity.png"]
    return folder


def means(table, metric, score, perturbation):
    part = table[(table["metric"] == metric) & (table["score"] == score) & (table["perturbation"] == perturbation)]
    return part.groupby("value")["result"].mean().tolist()


def test_the_table_has_a_row_for_each_score_value_and_seed(written):
    table = pd.read_csv(written / "validity.csv")
    assert table.columns.tolist() == validity.COLUMNS
    # mig and irs have one score that is good or bad, mig_sup has two; each perturbation has five values, and there are two seeds
    assert len(table) == 4 * 4 * 5 * 2
    assert not table.duplicated(validity.COLUMNS[:-1]).any()
    assert np.isfinite(table["result"]).all()


def test_scores_do_what_they_claim(written):
    table = pd.read_csv(written / "validity.csv")
    for perturbation in ("noise", "rotation"):
        for metric, score in (("mig", "discrete_mig"), ("irs", "IRS"), ("mig_sup", "mig_sup")):
            assert (np.diff(means(table, metric, score, perturbation)) < 0).all()
    assert means(table, "mig", "discrete_mig", "duplicated") == pytest.approx([0.98, 0.74, 0.49, 0.25, 0], abs=0.04)
    assert means(table, "mig_sup", "mig_sup", "duplicated") == pytest.approx([0.98] * 5, abs=0.03)
    assert means(table, "mig_sup", "mig_sup", "dead")[-1] < 0.5
    assert means(table, "mig_sup", "mig_sup_active", "dead")[-1] > 0.9


def test_the_summary_has_the_ends_of_each_knob(written):
    lines = (written / "validity.md").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "| metric | score | noise | rotation | dead | duplicated |"
    assert lines[2].startswith("| *ideal* |")
    row = next(line for line in lines if line.startswith("| mig |"))
    assert row.split("|")[3].strip().startswith("0.98 → 0.0")
    assert lines[-1].startswith("Noise: share of noise, 0 to 1; rotation: angle")


def test_the_picture_has_a_panel_for_each_metric_and_knob(written):
    with Image.open(written / "validity.png") as picture:
        pixels = np.asarray(picture.convert("RGB"))
    assert pixels.shape[1] > 900
    colours = {tuple(colour) for colour in np.unique(pixels.reshape(-1, 3), axis=0).tolist()}
    assert (0x00, 0x72, 0xB2) in colours
    assert (0xD5, 0x5E, 0x00) in colours  # mig_sup has a second curve


def test_a_configuration_says_otherwise_than_the_quick_numbers(tmp_path):
    results = []
    for bindings in ([], ["mig.num_train = 4000"], ["mig.num_bins = 5"]):
        paths = run("mig", "bent", output_dir=tmp_path, gin_bindings=bindings)
        results.append(pd.read_csv(paths[0])["result"].tolist())
    assert results[0] != results[1]
    assert results[2][0] < 0.9  # five bins do not tell twelve values apart


def test_what_a_metric_refuses_is_left_out_and_told(tmp_path, capsys):
    with pytest.raises(UserError, match="no metric could score any of these codes"):
        run("dci", "dead", output_dir=tmp_path, gin_bindings=["dci.num_train = 1"])
    assert "left out: dci of dead = 0: dci.num_train must be an integer" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"metric": "migg"}, "no metric is called 'migg'; did you mean mig"),
        ({"metric": "reconstruction_error"}, "reconstruction_error needs a model"),
        ({"perturbations": "rotations"}, "no perturbation is called 'rotations'; did you mean rotation"),
        ({"seeds": 0}, "--seeds must be an integer >= 1; got 0"),
    ],
)
def test_bad_flags_are_refused(flags, message, tmp_path):
    with pytest.raises((UserError, UnknownName), match=message):
        run(**{"metric": "mig", "output_dir": tmp_path, **flags})


def test_a_single_value_has_no_arrow_to_nowhere():
    frame = pd.DataFrame([["noise", 0.0, "mig", "discrete_mig", 0, 0.5]], columns=validity.COLUMNS)
    assert "| mig | discrete_mig | 0.50 → 0.50 |" in summary(frame)


def test_the_command_runs_without_tensorflow(tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('tensorflow was imported')", encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(COMMAND.parents[1])])}
    flags = ["--metric=mig", "--perturbations=dead", "--output_dir=there"]
    done = subprocess.run(
        [sys.executable, COMMAND, *flags], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "there" / "validity.png").is_file()


def test_a_file_of_the_user_is_refused_before_a_metric_runs(tmp_path, capsys):
    (tmp_path / "validity.md").write_text("mine")
    with pytest.raises(UserError, match="validity.md is not as this package wrote it, or another's"):
        validity.run("mig", "noise", output_dir=tmp_path)
    assert capsys.readouterr().out == ""
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("validity.md", "mine")]
