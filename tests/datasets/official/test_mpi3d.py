"""mpi3d.py: the sizes of the official sets, and files stored or compressed."""

import numpy as np
import pytest
from support import writers

from dlib_bvae import datasets
from dlib_bvae.datasets.official.mpi3d import MPI3DToy


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("split", [True, False])
def test_mpi3d_is_read_stored_or_compressed_flat_or_as_a_grid(tmp_path, compressed, split):
    data, images = writers.tiny_mpi3d(tmp_path, MPI3DToy, compressed, split)
    np.testing.assert_array_equal(data.images_at(np.arange(48)), images)
    np.testing.assert_array_equal(np.concatenate(list(data.read(tmp_path, 17))), images[17:])


def test_the_sizes_are_the_official_ones():
    sizes = {name: datasets.load(name).num_images for name in ("dsprites_full", "shapes3d", "mpi3d_toy")}
    assert sizes == {"dsprites_full": 737_280, "shapes3d": 480_000, "mpi3d_toy": 1_036_800}
    assert datasets.load("mpi3d_real").factor_sizes == datasets.load("mpi3d_realistic").factor_sizes
    assert datasets.load("mpi3d_real_complex").num_images == 460_800
