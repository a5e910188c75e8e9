"""extractors.py: names, defaults, and what a distance of their features is called."""

import inspect

import numpy as np
import pytest

from dlib_bvae.image_quality import Extractor
from dlib_bvae.image_quality.extractors import EXTRACTORS

DEFAULTS = {
    "efficientnet_lite0": {"path": ""},
    "factor_cnn": {"training_steps": 2000, "learning_rate": 1e-3, "seed": 0},
    "inception_2015": {"path": ""},
    "inception_keras": {"path": ""},
    "inception_tfgan": {"path": "", "download": False},
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_extractors_have_parameters_with_defaults(name):
    parameters = dict(inspect.signature(EXTRACTORS.get(name)).parameters)
    del parameters["data"]
    assert {key: each.default for key, each in parameters.items()} == DEFAULTS[name]
    assert name in EXTRACTORS.names()


def test_only_features_of_the_network_of_2015_give_fid_and_kid():
    other = Extractor("other", lambda images: 2 * images, 3, None, "none")
    assert [other.label(each) for each in ("frechet", "kernel")] == ["fd_other", "kd_other"]
    inception = Extractor("inception", other.features, 3, None, "none", is_inception_2015=True)
    assert [inception.label(each) for each in ("frechet", "kernel")] == ["fid", "kid"]
    features = other(np.array([[1, 2, 3]]))
    assert features.dtype == np.float32
    assert features.tolist() == [[2, 4, 6]]
