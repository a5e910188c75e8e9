"""A small data set and runs on it that are rotations of one another: what metrics of sets of runs are tested on."""

import json

import numpy as np

from dlib_bvae.metrics.run_sets import RUN_SET_METRICS, Member

LATENTS = 4


class Images:
    """A data set whose observations are 4 independent numbers, as pictures of 2 × 2 pixels."""

    num_images = 4000
    name = "images"

    def __init__(self):
        self.numbers = np.random.default_rng(0).normal(size=(self.num_images, LATENTS))

    def observations_at(self, rows):
        return self.numbers[rows].reshape(-1, 2, 2, 1).astype(np.float32)


DATA = Images()


def member(mixing, dead=()):
    """A run that encodes by a matrix (4, 4) whose inverse decodes; `dead` latents have mean 0 and variance 1."""
    mixing, alive = np.asarray(mixing, float), np.isin(np.arange(LATENTS), dead, invert=True)
    inverse = np.linalg.pinv(mixing * alive)

    def encode(pictures):
        mean = (pictures.reshape(-1, LATENTS) @ mixing) * alive
        return mean.astype(np.float32), np.where(alive, -4.0, 0.0) * np.ones_like(mean)

    def decode(latents):
        return (latents @ inverse).reshape(-1, 2, 2, 1).astype(np.float32)

    return Member(encode(DATA.observations_at(np.arange(DATA.num_images)))[0], encode, decode)


def turned(seed):
    return member(np.linalg.qr(np.random.default_rng(seed).normal(size=(LATENTS, LATENTS)))[0])


STRAIGHT = member(np.eye(LATENTS))
SHUFFLED = member(np.eye(LATENTS)[[2, 0, 3, 1]] * [1, -1, 1, -1])
EVEN = member(np.kron([[1, 1], [1, -1]], [[1, 1], [1, -1]]) / 2)  # a rotation in which no code stands out
HALF = member(np.eye(LATENTS), dead=[1, 3])
FEW = {
    "udr": {"num_train": 1500},
    "model_centrality": {"num_votes": 240, "batch_size": 30, "num_variance_estimate": 1000},
}


def scores(name, members, seed=0, **parameters):
    results = RUN_SET_METRICS.get(name)(DATA, members, seed, **{**FEW[name], **parameters})
    assert json.loads(json.dumps(results, allow_nan=False)) == results
    return [result[name] for result in results]
