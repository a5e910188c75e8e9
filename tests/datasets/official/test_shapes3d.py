"""shapes3d.py: the official file in any chunks; what is refused although its checksum is right."""

import numpy as np
import pytest
from support import writers
from support.writers import again, refused


@pytest.mark.parametrize("chunks", [None, (1, 64, 64, 3), (5, 64, 64, 3), (7, 16, 16, 1), (48, 64, 64, 3)])
def test_shapes3d_is_read_in_any_chunks_from_any_row(tmp_path, chunks, monkeypatch):
    monkeypatch.setattr("dlib_bvae.datasets.official.shapes3d._BLOCK_ROWS", 11)
    data, images = writers.tiny_shapes3d(tmp_path, chunks)
    np.testing.assert_array_equal(data.images_at(np.arange(48)), images)
    for first in (0, 1, 10, 47, 48):
        rows = list(data.read(tmp_path, first))
        assert first == 48 or all(len(block) for block in rows)
        rows = [np.zeros((0, 64, 64, 3), np.uint8), *rows]
        np.testing.assert_array_equal(np.concatenate(rows), images[first:])


def test_shapes3d_out_of_order_is_refused(tmp_path):
    labels = np.stack(np.unravel_index(np.arange(48), (2, 2, 1, 3, 2, 2)), axis=1).astype(float)
    refused(writers.tiny_shapes3d(tmp_path, labels=labels[::-1])[0], "official order: see the labels of floor_hue")
    refused(writers.tiny_shapes3d(tmp_path, labels=labels * np.nan)[0], "official order")
    refused(writers.tiny_shapes3d(tmp_path, labels=labels[:-1])[0], r"'labels' is float64 \(47, 6\) instead of")
    refused(writers.tiny_shapes3d(tmp_path, labels=labels.astype("f4"))[0], "'labels' is float32")


def test_shapes3d_without_images_or_with_a_group_is_refused(tmp_path):
    import h5py

    data, _ = writers.tiny_shapes3d(tmp_path)
    with h5py.File(tmp_path / "3dshapes.h5", "a") as file:
        del file["images"]
    refused(again(data, tmp_path), "'images' is missing instead of uint8")
    with h5py.File(tmp_path / "3dshapes.h5", "a") as file:
        file.create_group("images")
    refused(again(data, tmp_path), "'images' is missing instead of uint8")
