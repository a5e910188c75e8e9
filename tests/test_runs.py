"""runs.py: what the commands do, from Python: paths as texts, values back, no lines."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import dlib_bvae
from dlib_bvae import board, datasets, runs
from dlib_bvae.errors import UserError

BINDINGS = [
    "dataset.name = 'dummy_data'",
    "model.batch_size = 16",
    "model.loss_window = 10",
    "model.training_steps = 10",
]
MIG = "mig.num_train = 200"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return runs.train("gin/beta4_dsprites.gin", BINDINGS, str(folder / "one"))


@pytest.fixture(scope="module")
def scored(trained):
    return runs.evaluate(trained, "mig", bindings=MIG, null=2)


def test_a_run_says_what_it_is(trained):
    text = repr(trained)
    assert f"{trained.results['loss']:.2f} nats" in text
    assert "on dummy_data, seed 0, 10 steps" in text
    assert trained._repr_png_().startswith(b"\x89PNG")
    assert repr(runs.Run(str(trained.directory))) == text


def test_what_is_done_is_not_done_again(trained):
    again = runs.train(["gin/beta4_dsprites.gin"], BINDINGS, trained.directory)
    assert again.results == trained.results


def test_codes_are_those_of_the_model(trained):
    codes = runs.encode(trained.directory)
    assert codes.shape == (512, 10)
    images = datasets.load("dummy_data").observations_at(np.arange(8))
    np.testing.assert_allclose(trained.model().encode(images), codes[:8], atol=1e-5)


def test_scores_of_one_and_of_several_metrics(trained, scored):
    assert len(scored["null_scores"]["discrete_mig"]) == 2
    found = runs.evaluate(str(trained.directory), ["mig", "active_units"], bindings=[MIG], null=2)
    assert found["mig"] == scored
    assert list(found) == ["mig", "active_units"]
    assert "chance" in repr(scored)


def test_a_table_has_a_row_a_score_and_the_settings(trained, scored):
    other = runs.evaluate(trained, "mig", bindings="mig.num_train = 100")
    table = runs.table(trained.directory.parent)
    rows = table[(table.metric == "mig") & (table.score == "discrete_mig")].set_index("mig.num_train")
    assert rows.value.to_dict() == {200: scored["discrete_mig"], 100: other["discrete_mig"]}
    assert rows.null_mean[200] == scored["null"]["discrete_mig"]["mean"]
    assert pd.isna(rows.null_mean[100])
    assert set(rows.seed) == {0}


def test_a_board_is_written_and_read(trained, scored, tmp_path):
    paths = board.write(trained.directory.parent, str(tmp_path / "board"))
    assert (tmp_path / "board" / "index.html") in paths
    assert "discrete_mig" in set(board.table(tmp_path / "board").score)
    with pytest.raises(UserError, match="no board"):
        board.table(tmp_path)


def test_a_run_is_submitted(trained, scored, tmp_path):
    folder = board.submit([trained], "mine", tmp_path, paper="a title")
    meta = json.loads((folder / "meta.json").read_text())
    assert folder == tmp_path / "mine"
    assert (meta["paper"], meta["supervision"], len(meta["entries"])) == ("a title", "none", 1)
    claims = {each["metric"]: each["scores"] for each in meta["entries"][0]["claims"]}
    assert claims["mig"]["discrete_mig"] == scored["discrete_mig"]
    with pytest.raises(UserError, match="mine is there already; choose another --name"):
        board.submit([trained.directory], "mine", tmp_path)


def test_nothing_is_printed(trained, scored, tmp_path, capfd):
    runs.evaluate(trained, "mig", bindings=MIG, null=2)
    runs.encode(trained, overwrite=True)
    runs.visualize(trained, bindings=["visualize.num_codes = 100", "visualize.num_images = 20"])
    board.write(trained.directory.parent, tmp_path / "board")
    board.submit([trained], "mine", tmp_path)
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("metric", ["", "all", "mig,sap", [], ["mig", "all"]])
def test_metrics_are_named_one_by_one(trained, metric):
    with pytest.raises(UserError, match="metric must be a name"):
        runs.evaluate(trained, metric)


def test_what_is_no_run(tmp_path):
    with pytest.raises(UserError, match="no run directory"):
        runs.Run(tmp_path / "none")


def test_the_doors_open_when_they_are_asked_for():
    code = (
        "import dlib_bvae, sys; before = 'dlib_bvae.runs' in sys.modules; "
        "print(before, dlib_bvae.runs.table.__name__, 'tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "table", "False"]
    assert "board" in dir(dlib_bvae)
