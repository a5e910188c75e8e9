"""Feature extractors by name: a factory takes the data set and returns an Extractor; TensorFlow is imported when one is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gin

from dlib_bvae.image_quality import Extractor
from dlib_bvae.registry import Registry, configurable

if TYPE_CHECKING:
    from dlib_bvae.datasets import ImageData

EXTRACTORS = Registry(
    "extractor",
    "dlib_bvae.extractors",
    {
        name: f"dlib_bvae.image_quality.extractors:{name}"
        for name in ("efficientnet_lite0", "factor_cnn", "inception_2015", "inception_keras", "inception_tfgan")
    },
)


# The file is the one of a known sha256, wherever it lies; of the Inceptions none is published, so a path may mean other weights.
@configurable(denylist=["data"], labels=["path"])
def efficientnet_lite0(data: ImageData | None, path: str = "") -> Extractor:
    """See efficientnet.efficientnet_lite0."""
    from dlib_bvae.image_quality import efficientnet

    del data
    return efficientnet.efficientnet_lite0(path)


@gin.configurable(denylist=["data"])
def inception_keras(data: ImageData | None, path: str = "") -> Extractor:
    """See inception.inception_keras."""
    from dlib_bvae.image_quality import inception

    del data
    return inception.inception_keras(path)


@gin.configurable(denylist=["data"])
def inception_2015(data: ImageData | None, path: str = "") -> Extractor:
    """See inception.inception_2015."""
    from dlib_bvae.image_quality import inception

    del data
    return inception.inception_2015(path)


@configurable(denylist=["data"], execution=["download"])
def inception_tfgan(data: ImageData | None, path: str = "", download: bool = False) -> Extractor:
    """See inception.inception_tfgan."""
    from dlib_bvae.image_quality import inception

    del data
    return inception.inception_tfgan(path, download)


@configurable(denylist=["data"], seeds=["seed"])
def factor_cnn(data: ImageData, training_steps: int = 2_000, learning_rate: float = 1e-3, seed: int = 0) -> Extractor:
    """See factor_cnn.factor_cnn."""
    with gin.unlock_config():  # its imports make things known to gin
        from dlib_bvae.image_quality import factor_cnn

    return factor_cnn.factor_cnn(data, training_steps, learning_rate, seed)
