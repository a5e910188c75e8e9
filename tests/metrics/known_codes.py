"""Grids and codes whose scores are known."""

import numpy as np


class Grid:
    """disentanglement_lib's duck type and nothing else; an observation is its factors."""

    def __init__(self, *sizes):
        self.factors_num_values = list(sizes)
        self.num_factors = len(sizes)
        self.observation_shape = (1, len(sizes), 1)

    def sample_observations_from_factors(self, factors, random_state):
        assert isinstance(random_state, np.random.RandomState)
        return np.asarray(factors, np.float32).reshape(-1, 1, self.num_factors, 1)

    def factors(self):
        """The whole grid, int64 (images, factors)."""
        return np.array(list(np.ndindex(*self.factors_num_values)))

    def identity(self):
        """A code for each factor, from -1 to 1."""
        return 2 * self.factors() / np.maximum(np.array(self.factors_num_values) - 1, 1) - 1

    def noise(self, latents=4, seed=0):
        """Codes that know nothing, as long as images are many."""
        return np.random.default_rng(seed).normal(size=(len(self.factors()), latents))

    def rotated(self):
        """The factors' codes, each mixed into all by a rotation that favours none; for 4 factors."""
        pair = np.array([[1, 1], [1, -1]])
        return self.identity() @ np.kron(pair, pair) / 2


GRID = Grid(3, 4, 6, 5)
LARGE = Grid(5, 15, 20, 8)  # noise repeats hardly any image in a sample


def mixed(grid, seed=0, latents=5):
    """Codes that know the factors in part: mixed, bent, with noise."""
    rng = np.random.default_rng(seed)
    factors = grid.identity()
    codes = np.tanh(factors @ rng.normal(size=(grid.num_factors, latents)))
    return codes + 0.3 * rng.normal(size=codes.shape)
