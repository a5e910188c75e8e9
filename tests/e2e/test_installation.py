"""The package as pip installs it, not as a checkout: commands, configurations, nothing else needed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dlib_bvae

CHECKOUT = Path(dlib_bvae.__file__).parents[1]
PARTS = ("dlib_bvae", "gin", "bin", "setup.py", "pyproject.toml", "README.md")


@pytest.mark.skipif(not (CHECKOUT / "setup.py").exists(), reason="the package was not imported from a checkout")
def test_an_installed_package_trains_away_from_the_checkout(tmp_path):
    source, site = tmp_path / "source", tmp_path / "site"
    source.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (CHECKOUT / part).is_dir() else shutil.copy
        copy(CHECKOUT / part, source / part)
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([sys.executable, *install, "--target", site, source], check=True)
    shutil.rmtree(source)
    work = tmp_path / "work"
    work.mkdir()
    commands = sorted(path.name for path in (CHECKOUT / "bin").glob("dlib_bvae_*"))
    assert sorted(path.name for path in (site / "bin").glob("dlib_bvae_*")) == commands
    installed = sorted(path.relative_to(site / "dlib_bvae") for path in (site / "dlib_bvae/gin").rglob("*.gin"))
    assert installed == sorted(path.relative_to(CHECKOUT) for path in (CHECKOUT / "gin").rglob("*.gin"))
    flags = ["--gin_config=gin/beta4_dsprites.gin", "--gin_bindings=dataset.name = 'dummy_data'"]
    flags += ["--gin_bindings=model.training_steps = 2", "--gin_bindings=model.batch_size = 4"]
    environment = {**os.environ, "PYTHONPATH": str(site)}
    command = [sys.executable, site / "bin" / "dlib_bvae_train", *flags]
    done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (work / "runs/beta4_dsprites/train/results/json/train_results.json").exists()
