"""random_words.py: SplitMix64 by its published numbers, and uniform numbers."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dlib_bvae.datasets.random_words import random_bytes, uniforms, words


def splitmix64(state, count):
    """The reference in Python's own integers."""
    out, mask = [], 2**64 - 1
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        out.append(z ^ (z >> 31))
    return out


def test_splitmix64_gives_its_published_numbers():
    # The first outputs from state 1234567, as in the test vectors of several libraries.
    assert splitmix64(1234567, 2) == [6457827717110365317, 3203168211198807973]


@given(st.integers(0, 2**40), st.lists(st.integers(0, 2**40), min_size=1, max_size=4))
def test_words_are_splitmix64_of_a_state_that_depends_on_seed_and_index(seed, indices):
    mix = lambda value: splitmix64((value - 0x9E3779B97F4A7C15) % 2**64, 1)[0]
    got = words(seed, np.array(indices), 3)
    for row, index in zip(got, indices, strict=True):
        state = mix((mix(seed) + (index + 1) * 0x9E3779B97F4A7C15) % 2**64)
        assert row.tolist() == splitmix64(state, 3)


def test_bytes_are_uniform_and_neighbours_independent():
    drawn = random_bytes(0, np.arange(2000), 61).astype(float)
    assert drawn.shape == (2000, 61)
    counts = np.bincount(drawn.astype(int).ravel(), minlength=256)
    assert ((counts - counts.mean()) ** 2).sum() / counts.mean() < 255 + 5 * np.sqrt(2 * 255)
    for shifted in (drawn[1:, :], np.roll(drawn, 1, axis=1)[1:], random_bytes(1, np.arange(1, 2000), 61)):
        assert abs(np.corrcoef(drawn[:-1].ravel(), shifted.ravel().astype(float))[0, 1]) < 0.015


def test_uniform_numbers_are_the_words_as_fractions():
    found, expected = uniforms(5, np.arange(1000), 4), words(5, np.arange(1000), 4).astype(np.float64) / 2.0**64
    np.testing.assert_allclose(found, expected, atol=2.0**-51)
    assert found.min() > 0
    assert found.max() < 1
