"""An ensemble through the commands: trained together, scored one by one, both in one row of the table."""

import json

import numpy as np
import pandas as pd
import pytest

NAME = "runs/beta4_dsprites"


@pytest.mark.slow  # by the stages in one process: tests/stages/test_ensemble.py
def test_members_of_an_ensemble_go_through_all_commands_as_runs(command, short, tmp_path):
    def run(name, *flags):
        done = command(tmp_path, name, *flags)
        assert done.returncode == 0, done.stderr
        return done.stdout

    bindings = ("--gin_bindings=ensemble.seeds = [3, 7]", "--gin_bindings=model.training_steps = 20")
    assert run("dlib_bvae_train", *short, *bindings).splitlines()[-2:] == [f"{NAME}-seed3", f"{NAME}-seed7"]
    small = ["--gin_bindings=beta_vae.num_train = 200", "--gin_bindings=beta_vae.num_eval = 100"]
    run("dlib_bvae_postprocess", f"--model_dir={NAME}-seed3")
    assert "encoded already" in run("dlib_bvae_evaluate", "--metric=beta_vae", f"--model_dir={NAME}-seed3", *small)
    run("dlib_bvae_evaluate", "--metric=beta_vae", f"--model_dir={NAME}-seed7", *small)
    run("dlib_bvae_aggregate")
    paths = [path for seed in (3, 7) for path in (tmp_path / f"{NAME}-seed{seed}").glob("mean/metrics/*/results/json")]
    results = [json.loads((path / "evaluation_results.json").read_text()) for path in paths]
    assert len(results) == 2
    table = pd.read_csv(tmp_path / "runs" / "results.csv").set_index("score")
    # Members are seeds of one row.
    assert table["seeds"].tolist() == table["runs"].tolist() == [2, 2]
    for score in ("train_accuracy", "eval_accuracy"):
        values = [result[score] for result in results]
        assert table.loc[score, "mean"] == pytest.approx(np.mean(values))
        assert [table.loc[score, "min"], table.loc[score, "max"]] == pytest.approx(sorted(values))
