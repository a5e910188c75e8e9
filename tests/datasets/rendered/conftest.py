"""The rendered dSprites, once for all tests; and images as they were rendered when this package was written."""

import functools
from pathlib import Path

import numpy as np
import pytest

from dlib_bvae.datasets.rendered.dsprites import DSpritesRendered
from dlib_bvae.datasets.rendered.shapes3d import Painter


@pytest.fixture(scope="session")
def dsprites(tmp_path_factory):
    """dsprites_rendered in a separate cache folder; tests must not change the file."""
    data = DSpritesRendered(tmp_path_factory.mktemp("cache"))
    data.packed()
    return data


@pytest.fixture(scope="session")
def painted():
    """Layers of geometries of shapes3d, rendered once: (scale, shape, orientation) → int16 (LAYERS, 64, 64)."""
    painter = Painter()
    return functools.cache(lambda *geometry: painter.render(*geometry))


@pytest.fixture(scope="session")
def known():
    """known(name) → factors int64 (n, factors) and images of that set, as they have always been: the pixels must not change.

    Of mpi3d_toy and shapes3d the images are uint8 (n, 64, 64, 3), of dsprites packed, uint8 (n, 512).
    """
    with np.load(Path(__file__).parent / "images.npz") as file:
        arrays = dict(file)
    return lambda name: (arrays[f"{name}_factors"].astype(np.int64), arrays[name])


@pytest.fixture(scope="session")
def unchanged():
    """unchanged(images, expected): equal but for what another machine's rounding can do, one byte in 2000."""

    def check(images, expected):
        assert (images.shape, images.dtype) == (expected.shape, expected.dtype)
        assert np.mean(images != expected) <= 1 / 2000

    return check
