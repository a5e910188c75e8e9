"""dsprites_full.py: the official file, its order and its range; what is refused although its checksum is right."""

import pickle

import numpy as np
import pytest
from support import writers
from support.writers import again, refused

from dlib_bvae import datasets


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


@pytest.mark.parametrize("compressed", [True, False])
def test_dsprites_are_packed(tmp_path, compressed):
    data, images = writers.tiny_dsprites(tmp_path, compressed)
    np.testing.assert_array_equal(data.packed(), np.packbits(images.reshape(144, -1), axis=1))
    np.testing.assert_array_equal(data.images_at([0, 143]), images[[0, 143]])


def test_dsprites_have_the_rendered_grid():
    full, rendered = datasets.load("dsprites_full"), datasets.load("dsprites_rendered")
    assert full.factor_names == rendered.factor_names
    assert full.factor_sizes == rendered.factor_sizes
    assert full.max_pixel == rendered.max_pixel
    assert full.fingerprint != rendered.fingerprint


def test_the_metadata_pickle_is_not_loaded(tmp_path):
    data, images = writers.tiny_dsprites(tmp_path)
    bomb = np.array(Bomb(), object)
    path = tmp_path / data.source.files[0].name
    writers.repack(path, lambda name, content: writers.npy(bomb) if name == "metadata.npy" else content)
    np.testing.assert_array_equal(again(data, tmp_path).images_at([7]), images[7:8])
    with pytest.raises(BaseException, match="a pickle was loaded"):
        pickle.loads(pickle.dumps(Bomb()))


def test_dsprites_out_of_order_or_range_are_refused(tmp_path):
    order = np.zeros((144, 6), int)
    refused(writers.tiny_dsprites(tmp_path, classes=order)[0], "images 0 … 143 are not in the official order")
    refused(writers.tiny_dsprites(tmp_path, high=3)[0], "a pixel of value 2 instead of 0 or 1")
