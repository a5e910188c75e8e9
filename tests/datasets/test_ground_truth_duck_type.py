"""FromDuckType: a disentanglement_lib object becomes a grid of images."""

import numpy as np
import pytest

from dlib_bvae import datasets
from dlib_bvae.datasets import FromDuckType
from dlib_bvae.datasets.derived.subsets import Subset
from dlib_bvae.errors import UserError


class Squares:
    """As a user of disentanglement_lib writes it: 3 rows, 4 columns, 2 × 2 pixels of one gray each."""

    factors_num_values = [3, 4]
    num_factors = 2
    observation_shape = [2, 2, 1]
    noise = 0.0

    def sample_factors(self, num, random_state):
        return np.stack([random_state.randint(size, size=num) for size in self.factors_num_values], axis=1)

    def sample_observations_from_factors(self, factors, random_state):
        gray = (factors[:, 0] * 4 + factors[:, 1]) / 15
        pixels = np.broadcast_to(gray[:, None, None, None], (len(factors), 2, 2, 1)).astype(np.float32)
        return pixels + np.float32(self.noise) * random_state.uniform(0, 0.2, pixels.shape).astype(np.float32)


class Noisy(Squares):
    noise = 1.0


def test_images_are_those_of_the_object_at_every_grid_index():
    data = FromDuckType(Squares())
    assert data.factor_sizes == (3, 4)
    assert data.factor_names == ("factor_0", "factor_1")
    assert data.observation_shape == (2, 2, 1)
    assert data.images_at(np.arange(12))[:, 0, 0, 0].tolist() == [17 * k for k in range(12)]
    assert data.images_at([]).shape == (0, 2, 2, 1)
    with pytest.raises(ValueError, match="0 … 11 for Squares"):
        data.images_at([12])


def test_random_observations_belong_to_their_index():
    data = FromDuckType(Noisy())
    together = data.images_at(np.arange(12))
    assert np.array_equal(data.images_at([7, 3]), together[[7, 3]])
    assert len(np.unique(together[0])) > 1
    assert data.images_at([]).shape == (0, 2, 2, 1)


def test_the_fingerprint_tells_names_grids_and_pixels_apart():
    class Other(Squares):
        factors_num_values = [4, 3]

    made = [
        FromDuckType(Squares()),
        FromDuckType(Noisy(), name="Squares"),
        FromDuckType(Squares(), name="other"),
        FromDuckType(Squares(), factor_names=("row", "column")),
        FromDuckType(Other(), name="Squares"),
    ]
    assert len({data.fingerprint for data in made}) == 5
    assert FromDuckType(Squares()).fingerprint == made[0].fingerprint


def test_it_is_made_wherever_a_data_set_is_expected():
    assert isinstance(datasets.load(Squares()), FromDuckType)
    assert Subset(Squares(), {"factor_0": [2]}).images_at([0])[0, 0, 0, 0] == 8 * 17
    names = FromDuckType(datasets.load("dummy_data")).factor_names
    assert names == ("orientation", "length", "row", "column")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"observation_shape": [2, 2]}, "observation_shape"),
        ({"observation_shape": [2, 3, 1]}, r"observations \(8, 2, 3, 1\); got"),
        ({"factor_names": ["row"]}, "as many factor names"),
        ({"noise": 10.0}, r"in \[0, 1\]; got values"),
        ({"noise": np.nan}, r"in \[0, 1\]"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    data = Squares()
    for name, value in change.items():
        setattr(data, name, value)
    with pytest.raises(UserError, match=message):
        FromDuckType(data).images_at([11])


@pytest.mark.parametrize("data", [3, None, Squares, object()])
def test_what_is_no_data_set_is_refused(data):
    with pytest.raises(UserError, match="dataset.name must be a data set"):
        datasets.load(data)
    with pytest.raises(UserError, match="needs an object with factors_num_values"):
        FromDuckType(data)
