"""tensorflow_gan without its __init__: nothing is left behind, its numbers stay, its authors' advice is kept back."""

import logging
import sys

import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.image_quality.tfgan import classifier_metrics, loaded, no_advice


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
