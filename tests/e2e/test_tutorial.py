"""bin/tutorial: every command of it runs, and it ends with the table."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

SCRIPT = Path(__file__).parents[2] / "bin" / "tutorial"


@pytest.mark.slow
def test_the_tutorial_ends_with_a_table_of_its_three_models(tmp_path):
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "TUTORIAL_STEPS": "20",
        "TUTORIAL_DATA": "dataset.name = 'dummy_data'",
    }
    done = subprocess.run(
        ["bash", SCRIPT, "here"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    commands = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("$ ")]
    every = {"train": 3, "evaluate": 3, "visualize": 2, "evaluate again": 3, "aggregate": 1}
    wanted = [f"dlib_bvae_{each.split()[0]}" for each, times in every.items() for _ in range(times)]
    assert commands == [*wanted, "cat"]
    table = pd.read_csv(tmp_path / "here" / "results.csv")
    assert set(table["model"]) == {"beta1", "beta16", "pca"}
    assert set(table["metric"]) == {"reconstruction_error", "active_units", "beta_vae", "mig"}
    assert done.stdout.rstrip().splitlines()[-1].startswith("|")
    pages = [line.split(":")[0] for line in done.stdout.splitlines() if "index.html: " in line]
    assert pages == [f"here/{model}/visualize/index.html" for model in ("beta1", "beta16")]
    assert all((tmp_path / page).is_file() for page in pages)
