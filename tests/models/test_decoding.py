"""decoding.py: codes are decoded in batches in their order, and a traversal changes one latent a row."""

import numpy as np
import pytest

from dlib_bvae.models.decoding import decoded, traverse


@pytest.mark.parametrize("batch", [1, 4, 100])
def test_codes_are_decoded_in_batches_and_keep_their_order(batch):
    codes, sizes = np.random.default_rng(0).normal(size=(3, 5, 2)), []

    def decode(latents):
        assert latents.dtype == np.float32
        sizes.append(len(latents))
        return latents[:, None, None, :1] + latents[:, None, None, 1:]

    images = decoded(decode, codes, batch)
    np.testing.assert_allclose(images[..., 0, 0, 0], codes.sum(axis=2), rtol=1e-6, atol=1e-6)
    assert max(sizes) <= batch
    assert sum(sizes) == 15


@pytest.mark.parametrize("values", [[[7.0, 8.0, 9.0], [-1.0, -2.0, -3.0]], [7.0, 8.0, 9.0]])
def test_a_traversal_changes_one_latent_a_row(values):
    start, latents = np.arange(4.0), np.array([3, 1])
    codes = traverse(start, latents, np.array(values))
    assert codes.dtype == np.float32
    first, second = values if np.ndim(values) == 2 else (values, values)
    assert codes.tolist() == [[[0, 1, 2, each] for each in first], [[0, each, 2, 3] for each in second]]
    np.testing.assert_array_equal(start, np.arange(4.0))
