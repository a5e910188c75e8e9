"""No score depends on the order in which codes and factors are given, also where several are equally good.

What cannot hold exactly. Solvers that stop near an optimum (logistic regressions, lasso) are as far from it as their tolerance,
and an image on the border between two values may fall to either side: such scores agree within APPROXIMATE. Metrics that
choose factors at random, by their place, draw other images for another order of factors: for them codes alone are permuted.
Trees that choose at random among equally good splits are given codes in the order of their values (probes.fit_all).
"""

import inspect
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.known_codes import Grid

from dlib_bvae import metrics
from dlib_bvae.datasets.ground_truth import LabelledImages

GRID = Grid(3, 6, 4, 2)
FACTORS = GRID.factors()
NOISE = np.random.default_rng(0).normal(size=(len(FACTORS), 2)).round(1)
# Equally good codes: of f0 alone, with f1, twice; one of no factor, one that is constant.
CODES = np.column_stack(
    [FACTORS[:, 0], 6 * FACTORS[:, 0] + FACTORS[:, 1], FACTORS[:, 2], FACTORS[:, 2], NOISE[:, 0], 0 * NOISE[:, 0]]
).astype(float)
APPROXIMATE = {
    "beta_vae": 0.02,
    "dci_lasso": 0.01,
    "downstream_task": 0.02,
    "fairness": 0.02,
    "fos": 1e-4,  # float32
    "infomec": 0.01,
    "modularity_explicitness": 1e-3,
    "modularity_explicitness_dlib": 1e-3,
    "reduced_downstream_task": 0.02,
    "strong_downstream_task": 0.02,
    "unsupervised": 1e-6,  # roots of eigenvalues that are 0 but for rounding
}
BY_PLACE = ("beta_vae", "factor_vae_score", "factor_vae_score_dlib", "fairness", "omes", "strong_downstream_task")
OF_CODES = [name for name in metrics.names() if "decode" not in inspect.signature(metrics.METRICS.get(name)).parameters]

pytestmark = pytest.mark.filterwarnings("ignore:lbfgs failed to converge")


class Rows(LabelledImages):
    """The images of GRID with their factors in an order."""

    name, fingerprint, observation_shape, num_images = "rows", "rows", (1, 1, 1), len(FACTORS)

    def __init__(self, order):
        self.order, self.factor_names = list(order), tuple(f"factor {k}" for k in order)
        self.factor_sizes = tuple(GRID.factors_num_values[k] for k in order)

    def images_at(self, indices):
        return np.zeros((len(indices), 1, 1, 1), np.uint8)

    def factors_at(self, indices):
        return FACTORS[indices][:, self.order]


def scores(name, data, codes):
    """The scores of codes and factors together, without those of one factor, whose names have its place."""
    images = 20 if name == "strong_downstream_task" else 90
    found = metrics.score(name, data, codes, 1, **metrics.small_parameters(name, images=images, fits=2))
    return {key: value for key, value in found.items() if type(value) in (int, float) and not re.search(r"_\d", key)}


@pytest.mark.parametrize("name", OF_CODES)
def test_permuting_codes_or_factors_changes_no_score(name):
    data = GRID if name in BY_PLACE else Rows(range(4))
    plain = scores(name, data, CODES)
    assert plain

    @settings(max_examples=3, deadline=None, derandomize=True, database=None)
    @given(st.permutations(range(6)), st.permutations(range(4)))
    def is_the_same(codes, factors):
        data = GRID if name in BY_PLACE else Rows(factors)
        assert scores(name, data, CODES[:, codes]) == pytest.approx(plain, abs=APPROXIMATE.get(name, 1e-8))

    is_the_same()
