"""Grids and codes whose scores are known, and mutual information computed slowly."""

import numpy as np
from sklearn.metrics import mutual_info_score

from dlib_bvae.metrics.constructed import FactorGrid
from dlib_bvae.metrics.engine.sampling import Sampler


class Grid(FactorGrid):
    """A grid that insists on the random state of disentanglement_lib's data sets."""

    def sample_observations_from_factors(self, factors, random_state):
        assert isinstance(random_state, np.random.RandomState)
        return super().sample_observations_from_factors(factors, random_state)


GRID = Grid(3, 4, 6, 5)
LARGE = Grid(5, 15, 20, 8)  # noise repeats hardly any image in a sample
# Three codes of GRID's factors: the first is of two of them, the others of one each.
BOTH = np.stack([GRID.factors()[:, 0] * 4 + GRID.factors()[:, 1], *GRID.factors().T[2:]], axis=1)
# A code for each value of each factor of GRID.
ONE_HOT = np.hstack([np.eye(size)[column] for size, column in zip([3, 4, 6, 5], GRID.factors().T, strict=True)])


def mixed(grid, seed=0, latents=5):
    """Codes that know the factors in part: mixed, bent, with noise."""
    rng = np.random.default_rng(seed)
    factors = grid.identity()
    codes = np.tanh(factors @ rng.normal(size=(grid.num_factors, latents)))
    return codes + 0.3 * rng.normal(size=codes.shape)


def slow_information(codes, seed, num):
    """Mutual information (latents, factors) in nats, bins and factors of the images that a metric draws from GRID."""
    sample = Sampler("any", GRID, codes, seed).draw("num_train", num)
    bins = [np.digitize(code, np.histogram(code, 20)[1][:-1]) for code in sample.codes.T]
    return np.array([[mutual_info_score(b, f) for f in sample.factors.T] for b in bins]), bins, sample.factors.T


PICTURE_SIZES = (2, 4, 3)


class Pictures:
    """The factors as pictures of 64 × 64 pixels: 16 KiB each."""

    num_factors = 3
    factors_num_values = PICTURE_SIZES
    observation_shape = (64, 64, 1)

    def sample_observations_from_factors(self, factors, random_state):
        pictures = np.zeros((len(factors), 64, 64, 1), np.float32)
        pictures[:, 0, :3, 0] = factors
        return pictures


def factors_of(pictures):
    """The factors that Pictures shows."""
    return pictures[:, 0, :3, 0]


def encode(pictures):
    """Two codes of Pictures that know the factors in part."""
    x = factors_of(pictures).astype(np.float64)
    return np.stack([x @ [1, 0.9, 0.2], np.sin(7 * x @ [3, 1, 2])], axis=1)
