"""Fixtures of all tests: the commands as installed, a quiet TensorFlow."""

import gc
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import hypothesis
import pytest
from support.forked import Forks

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
_STATE = tempfile.TemporaryDirectory(prefix="dlib_bvae_state_")  # the key of marks, else made in the user's home
os.environ["XDG_STATE_HOME"] = _STATE.name

hypothesis.settings.register_profile("fixed", derandomize=True, deadline=None)
hypothesis.settings.load_profile("fixed")

SHORT = [
    "--gin_config=gin/beta4_dsprites.gin",
    "--gin_bindings=dataset.name = 'dummy_data'",
    "--gin_bindings=model.batch_size = 16",
    "--gin_bindings=model.log_every = 10",
    "--gin_bindings=model.loss_window = 10",
    "--gin_bindings=model.checkpoint_every = 10",
]


@pytest.fixture(autouse=True, scope="module")
def _collected():
    """Before each file: garbage goes; what stays is looked at no more, as looking at TensorFlow's graphs takes seconds."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def forks(tmp_path_factory):
    """The process that has the libraries loaded and that others are forked from (support.forked)."""
    found = Forks(tmp_path_factory.mktemp("forks"))
    yield found
    found.close()


@pytest.fixture(scope="session")
def command(forks):
    """Runs an installed command in a folder: command(folder, "dlib_bvae_train", flags…) → CompletedProcess.

    Each is a process of its own, forked from one that has loaded the libraries; started=True starts a new one, as a user does.
    """

    def run(folder: Path, name: str, *flags: str, started: bool = False, **options) -> subprocess.CompletedProcess:
        path = Path(sys.executable).parent / name
        if started or options:
            return subprocess.run([path, *flags], cwd=folder, capture_output=True, text=True, check=False, **options)
        return forks.run(folder, path, *flags)

    return run


@pytest.fixture
def png_alone(monkeypatch):
    """Figures are written as PNG, not as SVG and PDF too, which takes most of the time of a page of pictures."""
    from dlib_bvae.visualize import figures

    monkeypatch.setattr(figures, "FORMATS", ("png",))


@pytest.fixture(scope="session")
def short():
    """Flags of a tiny training: 16×16 bars, batch 16; add model.training_steps."""
    return SHORT


@pytest.fixture(scope="session")
def finished(tmp_path_factory, command, short):
    """A folder with runs/beta4_dsprites trained for 30 steps; tests must not change it."""
    folder = tmp_path_factory.mktemp("finished")
    done = command(folder, "dlib_bvae_train", *short, "--gin_bindings=model.training_steps = 30", started=True)
    assert done.returncode == 0, done.stderr
    return folder
