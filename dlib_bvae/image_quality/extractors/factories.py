"""The extractors as gin knows them; TensorFlow is imported when one is made."""

from __future__ import annotations

from typing import Any

import gin

from dlib_bvae.image_quality.extractors.base import Extractor


@gin.configurable(denylist=["data"])
def efficientnet_lite0(data: Any, path: str = "") -> Extractor:
    """See imagenet.efficientnet_lite0."""
    from dlib_bvae.image_quality.extractors import imagenet

    del data
    return imagenet.efficientnet_lite0(path)


@gin.configurable(denylist=["data"])
def inception_keras(data: Any, path: str = "") -> Extractor:
    """See imagenet.inception_keras."""
    from dlib_bvae.image_quality.extractors import imagenet

    del data
    return imagenet.inception_keras(path)


@gin.configurable(denylist=["data"])
def inception_2015(data: Any, path: str = "") -> Extractor:
    """See inception.inception_2015."""
    from dlib_bvae.image_quality.extractors import inception

    del data
    return inception.inception_2015(path)


@gin.configurable(denylist=["data"])
def inception_tfgan(data: Any, path: str = "", download: bool = False) -> Extractor:
    """See inception.inception_tfgan."""
    from dlib_bvae.image_quality.extractors import inception

    del data
    return inception.inception_tfgan(path, download)


@gin.configurable(denylist=["data"])
def factor_cnn(data: Any, training_steps: int = 2_000, learning_rate: float = 1e-3, seed: int = 0) -> Extractor:
    """See factor_cnn.factor_cnn."""
    with gin.unlock_config():  # its imports make things known to gin
        from dlib_bvae.image_quality.extractors import factor_cnn

    return factor_cnn.factor_cnn(data, training_steps, learning_rate, seed)
