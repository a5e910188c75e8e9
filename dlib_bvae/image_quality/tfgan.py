"""tensorflow_gan's classifier_metrics, on TensorFlow versions on which `import tensorflow_gan` fails.

Its packages' __init__ files import an estimator that TensorFlow 2.16 dropped; the modules below do not need them.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
import types

from dlib_bvae.errors import UserError

_PACKAGES = ("tensorflow_gan", "tensorflow_gan.python", "tensorflow_gan.python.eval")


@functools.cache
def classifier_metrics() -> types.ModuleType:
    """tensorflow_gan.python.eval.classifier_metrics, loaded without the three __init__ files above it.

    sys.modules is left as it was, so that an `import tensorflow_gan` of the user's own does what it would have done.
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
