"""A cache and data directory of a test."""

import pytest


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The cache directory, with an empty folder for weights in its data directory."""
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("DLIB_BVAE_DATA_DIR", raising=False)
    (tmp_path / "data" / "weights").mkdir(parents=True)
    return tmp_path
