"""The drawn dSprites, once for all tests."""

import pytest

from dlib_bvae.datasets.rendered.dsprites import DSpritesRendered


@pytest.fixture(scope="session")
def dsprites(tmp_path_factory):
    """dsprites_rendered in a cache folder of its own; tests must not change the file."""
    data = DSpritesRendered(tmp_path_factory.mktemp("cache"))
    data.packed()
    return data
