"""tensorflow_gan's classifier_metrics, on TensorFlow versions on which `import tensorflow_gan` fails.

Its packages' __init__ files import an estimator that TensorFlow 2.16 dropped; the modules below do not need them.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import sys
import types
from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from scipy import linalg
from threadpoolctl import threadpool_limits

from dlib_bvae.errors import UserError

_PACKAGES = ("tensorflow_gan", "tensorflow_gan.python", "tensorflow_gan.python.eval")
_ROOT = "_symmetric_matrix_square_root"  # trace_sqrt_product takes it twice


@functools.cache
def classifier_metrics() -> types.ModuleType:
    """tensorflow_gan's classifier_metrics, in which the root of a symmetric matrix is LAPACK's instead of TensorFlow's.

    At 2048 features a singular value decomposition of TensorFlow's takes several times as long as the eigenvalues that give
    the same root. Raises UserError when tensorflow-gan is not installed, or is of another version without that function.
    """
    module = loaded()
    if not hasattr(module, _ROOT):
        raise UserError(
            "this version of tensorflow-gan is not known here; install it: pip install tensorflow-gan==2.1.0"
        )
    setattr(module, _ROOT, symmetric_root)
    return module


@contextlib.contextmanager
def no_advice() -> Iterator[None]:
    """Keeps back TensorFlow's advice on what tensorflow_gan's code calls, which is for its authors."""
    logger, apart = tf.get_logger(), lambda record: "deprecat" not in record.getMessage()
    logger.addFilter(apart)
    try:
        yield
    finally:
        logger.removeFilter(apart)


def symmetric_root(matrix: tf.Tensor, eps: float = 1e-10) -> tf.Tensor:
    """The root (d, d) of a symmetric matrix (d, d), as tensorflow_gan defines it by singular values.

    Singular values below eps are left as they are instead of taking their root; a negative eigenvalue's root is negative.
    """

    values, vectors = tf.numpy_function(_eigen, [matrix], [matrix.dtype, matrix.dtype])
    sizes = tf.abs(values)
    roots = tf.sign(values) * tf.where(sizes < eps, sizes, tf.sqrt(sizes))
    return tf.ensure_shape(tf.matmul(vectors * roots, vectors, transpose_b=True), matrix.shape)


def _eigen(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues and eigenvectors on one thread: LAPACK's threads spend many times that on waiting where cores are shared."""
    with threadpool_limits(1):
        return linalg.eigh(matrix, driver="evd")  # evr takes six times as long where the spectrum falls off steeply


def loaded() -> types.ModuleType:
    """tensorflow_gan.python.eval.classifier_metrics as it is, loaded without the three __init__ files above it.

    sys.modules is left as it was, so that an `import tensorflow_gan` of the user's does what it would have done.
    Raises UserError when tensorflow-gan is not installed.
    """
    spec = importlib.util.find_spec("tensorflow_gan")
    if spec is None or not spec.submodule_search_locations:
        raise UserError("the package tensorflow-gan is missing; install it: pip install tensorflow-gan==2.1.0")
    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "tensorflow_gan"}
    for name in before:
        del sys.modules[name]
    try:
        for name in _PACKAGES:
            package = types.ModuleType(name)
            below = name.split(".")[1:]
            package.__path__ = ["/".join([folder, *below]) for folder in spec.submodule_search_locations]
            sys.modules[name] = package
        return importlib.import_module("tensorflow_gan.python.eval.classifier_metrics")
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "tensorflow_gan"]:
            del sys.modules[name]
        sys.modules.update(before)
