"""Grids and codes whose scores are known."""

import numpy as np

from dlib_bvae.metrics.constructed import FactorGrid


class Grid(FactorGrid):
    """A grid that insists on the random state of disentanglement_lib's data sets."""

    def sample_observations_from_factors(self, factors, random_state):
        assert isinstance(random_state, np.random.RandomState)
        return super().sample_observations_from_factors(factors, random_state)


GRID = Grid(3, 4, 6, 5)
LARGE = Grid(5, 15, 20, 8)  # noise repeats hardly any image in a sample


def mixed(grid, seed=0, latents=5):
    """Codes that know the factors in part: mixed, bent, with noise."""
    rng = np.random.default_rng(seed)
    factors = grid.identity()
    codes = np.tanh(factors @ rng.normal(size=(grid.num_factors, latents)))
    return codes + 0.3 * rng.normal(size=codes.shape)
