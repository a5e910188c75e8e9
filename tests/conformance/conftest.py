"""Small trained runs, once for all tests of this folder; each test has copies."""

import shutil

import pytest
from support import tiny_runs


@pytest.fixture(autouse=True)
def figures(png_alone):
    """Pages of pictures have their figures as PNG alone."""


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A folder with runs on dummy_data that are trained and nothing else; tests must not change it."""
    folder = tmp_path_factory.mktemp("trained")
    for name, lines in tiny_runs.FITS.items():
        tiny_runs.train(folder / name, *tiny_runs.DATA, *lines)
    return folder


@pytest.fixture(scope="session")
def vae(tmp_path_factory):
    """The run directory of a VAE of four steps; tests must not change it."""
    folder = tmp_path_factory.mktemp("vae")
    tiny_runs.train(folder / "vae", *tiny_runs.VAE)
    return folder / "vae"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The working directory, empty, without data and caches of others."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLIB_BVAE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def copied(place, trained):
    """copied("oracle") → a copy of that run in the working directory."""

    def copy(name):
        return shutil.copytree(trained / name, place / name)

    return copy
