"""Feature extractors by name: a factory takes the data set and returns an Extractor."""

from __future__ import annotations

from dlib_bvae.registry import Registry

EXTRACTORS = Registry(
    "extractor",
    "dlib_bvae.extractors",
    {
        name: f"dlib_bvae.image_quality.extractors.factories:{name}"
        for name in ("efficientnet_lite0", "factor_cnn", "inception_2015", "inception_keras", "inception_tfgan")
    },
)
