"""tensorflow_gan without its __init__: nothing is left behind, its numbers stay, its authors' advice is kept back."""

import importlib.util
import logging
import sys
import types

import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.errors import UserError
from dlib_bvae.image_quality import tfgan
from dlib_bvae.image_quality.tfgan import classifier_metrics, loaded, no_advice, symmetric_root

FOUND = importlib.util.find_spec("tensorflow_gan")


def test_loading_leaves_no_hollow_package_behind():
    assert callable(classifier_metrics().trace_sqrt_product)
    assert not any(name.split(".")[0] == "tensorflow_gan" for name in sys.modules)


@pytest.mark.parametrize("rows", [5, 40])
def test_the_root_is_that_of_tensorflow_gan(rows):
    random = np.random.RandomState(rows)
    covariance = lambda: tf.constant(np.cov(random.randn(rows, 12) * np.logspace(2, -4, 12), rowvar=False))
    one, two, theirs, ours = covariance(), covariance(), loaded(), classifier_metrics()
    assert theirs._symmetric_matrix_square_root is not ours._symmetric_matrix_square_root
    for matrix in (one, tf.constant(np.diag([4.0, -9.0, 1e-12, 0.0]))):
        expected = theirs._symmetric_matrix_square_root(matrix).numpy()
        # Eigenvalues that are rounding alone have roots of a millionth.
        np.testing.assert_allclose(ours._symmetric_matrix_square_root(matrix), expected, atol=1e-5)
    found = float(ours.trace_sqrt_product(one, two))
    assert found == pytest.approx(float(theirs.trace_sqrt_product(one, two)), rel=1e-6)
    assert float(tf.function(ours.trace_sqrt_product)(one, two)) == pytest.approx(found, rel=1e-9)


def test_advice_to_the_authors_of_tensorflow_gan_is_kept_back_and_nothing_else(monkeypatch):
    heard = []
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", lambda record: heard.append(record.getMessage()))
    tf.get_logger().addHandler(handler)
    try:
        with no_advice():
            tf.get_logger().warning("calling %s is deprecated", "map_fn")
            tf.get_logger().warning("a GPU is lost")
        tf.get_logger().warning("dtype is deprecated")
    finally:
        tf.get_logger().removeHandler(handler)
    assert heard == ["a GPU is lost", "dtype is deprecated"]


@pytest.fixture
def anew():
    """tensorflow_gan's module is loaded again in this test and after it."""
    classifier_metrics.cache_clear()
    yield
    classifier_metrics.cache_clear()


def test_another_version_of_tensorflow_gan_or_none_is_refused(anew, monkeypatch):
    monkeypatch.setattr(tfgan, "loaded", lambda: types.ModuleType("other"))
    with pytest.raises(UserError, match="this version of tensorflow-gan is not known here; install it: pip install"):
        classifier_metrics()
    monkeypatch.undo()
    for spec in (None, types.SimpleNamespace(submodule_search_locations=None)):
        monkeypatch.setattr(tfgan.importlib.util, "find_spec", lambda name, spec=spec: spec)
        with pytest.raises(UserError, match="the package tensorflow-gan is missing; install it: pip install"):
            loaded()


def test_an_import_of_tensorflow_gan_by_the_user_stays(monkeypatch):
    theirs = types.ModuleType("tensorflow_gan")
    monkeypatch.setitem(sys.modules, "tensorflow_gan", theirs)
    monkeypatch.setattr(tfgan.importlib.util, "find_spec", lambda name: FOUND)
    loaded()
    assert sys.modules["tensorflow_gan"] is theirs
    assert not any(name.startswith("tensorflow_gan.") for name in sys.modules)


def test_the_root_takes_small_singular_values_as_they_are_and_keeps_signs():
    matrix = tf.constant(np.diag([9.0, -4.0, 5e-11, 0.0]))
    assert symmetric_root(matrix).numpy() == pytest.approx(np.diag([3.0, -2.0, 5e-11, 0.0]), abs=1e-13)
