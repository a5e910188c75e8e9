"""What several end-to-end tests look at: a run trained and drawn by the installed commands, and a board in a browser."""

import shutil

import pytest
from support.leaderboard_reader import fill

from dlib_bvae import leaderboard


@pytest.fixture(scope="session")
def encoded(finished, command, tmp_path_factory):
    """A folder with the run and its codes, so that a command that scores need not encode first; tests must not change it."""
    folder = tmp_path_factory.mktemp("encoded")
    shutil.copytree(finished / "runs", folder / "runs")
    done = command(folder, "dlib_bvae_postprocess")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def few():
    """Flags of dlib_bvae_visualize: small pictures of few images."""
    return [f"--gin_bindings=visualize.{each}" for each in ("num_values = 3", "num_frames = 3", "num_images = 200")]


@pytest.fixture(scope="session")
def drawn(finished, few, command, tmp_path_factory):
    """A folder with a trained run, the visualize directory in it, and what the command said; tests must not change it."""
    folder = tmp_path_factory.mktemp("drawn") / "copy"
    shutil.copytree(finished, folder)
    done = command(folder, "dlib_bvae_visualize", *few, started=True)
    assert done.returncode == 0, done.stderr
    return folder, folder / "runs/beta4_dsprites/visualize", done.stdout


@pytest.fixture(scope="session")
def board(tmp_path_factory):
    """The page of a board of the runs of support.leaderboard_reader; tests must not change it."""
    folder = tmp_path_factory.mktemp("board")
    fill(folder / "runs")
    (path,) = (path for path in leaderboard.run(folder / "runs", folder / "board") if path.suffix == ".html")
    return path
