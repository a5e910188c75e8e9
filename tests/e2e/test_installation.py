"""The package as pip installs it, not as a checkout: commands, configurations, nothing else needed."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

import dlib_bvae

CHECKOUT = Path(dlib_bvae.__file__).parents[1]
PARTS = ("dlib_bvae", "gin", "bin", "setup.py", "pyproject.toml", "README.md")


INSTALL = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
needs_checkout = pytest.mark.skipif(
    not (CHECKOUT / "setup.py").exists(), reason="the package was not imported from a checkout"
)


def copied(source):
    """The parts of the checkout that an installation needs, in the new directory `source`."""
    source.mkdir(parents=True)
    for part in PARTS:
        copy = shutil.copytree if (CHECKOUT / part).is_dir() else shutil.copy
        copy(CHECKOUT / part, source / part)
    return source


@needs_checkout
def test_an_installed_package_trains_away_from_the_checkout(tmp_path):
    source, site = copied(tmp_path / "source"), tmp_path / "site"
    entry = Path("dlib_bvae", "models", "zoo", "tiny")
    files = {"card.json": b"{}", "train.gin": b"", "weights.npz": b"PK"}
    (source / entry).mkdir(parents=True)
    for name, content in files.items():
        (source / entry / name).write_bytes(content)
    subprocess.run([sys.executable, *INSTALL, "--target", site, source], check=True)
    shutil.rmtree(source)
    work = tmp_path / "work"
    work.mkdir()
    commands = sorted(path.name for path in (CHECKOUT / "bin").glob("dlib_bvae*"))
    assert sorted(path.name for path in (site / "bin").glob("dlib_bvae*")) == commands
    (installed,) = [
        each for each in distributions(path=[str(site)]) if each.metadata["Name"].replace("-", "_") == "dlib_bvae"
    ]
    points = installed.entry_points.select(group="console_scripts")
    assert sorted(point.name for point in points) == commands
    assert all(callable(point.load()) for point in points)
    installed = sorted(path.relative_to(site / "dlib_bvae") for path in (site / "dlib_bvae/gin").rglob("*.gin"))
    assert installed == sorted(path.relative_to(CHECKOUT) for path in (CHECKOUT / "gin").rglob("*.gin"))
    assert {path.name: path.read_bytes() for path in (site / entry).iterdir()} == files
    flags = ["--gin_config=gin/beta4_dsprites.gin", "--gin_bindings=dataset.name = 'dummy_data'"]
    flags += ["--gin_bindings=model.training_steps = 2", "--gin_bindings=model.batch_size = 4"]
    environment = {**os.environ, "PYTHONPATH": str(site)}
    command = [sys.executable, site / "bin" / "dlib_bvae_train", *flags]
    done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (work / "runs/beta4_dsprites/train/results/json/train_results.json").exists()


@pytest.mark.slow
@needs_checkout
def test_every_command_starts_in_an_environment_whose_path_has_a_space(tmp_path):
    environment = tmp_path / "my files" / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    (site,) = environment.glob("lib/python3*/site-packages")
    libraries = [path for path in sys.path if path.endswith("site-packages")]
    (site / "libraries.pth").write_text("\n".join(libraries), encoding="utf-8")
    python = environment / "bin" / "python"
    subprocess.run([python, *INSTALL, "--ignore-installed", copied(tmp_path / "my files" / "source")], check=True)
    commands = sorted((environment / "bin").glob("dlib_bvae*"))
    assert len(commands) == len(list((CHECKOUT / "bin").glob("dlib_bvae*")))
    for each in commands:
        done = subprocess.run([each, "--version"], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, f"dlib_bvae {dlib_bvae.__version__}\n"), done.stderr
