"""Inception from the user's files: that of December 2015, whose pooled features FID is defined by, and Keras'."""

from __future__ import annotations

import shutil
import tarfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from dlib_bvae.artifacts.permissions import check_readable, damage_is_said
from dlib_bvae.datasets.cache import sha256_of
from dlib_bvae.datasets.formats.archives import tar_members
from dlib_bvae.datasets.official.files import OfficialFile, Source, data_dir
from dlib_bvae.datasets.official.files import download as download_files
from dlib_bvae.errors import UserError
from dlib_bvae.image_quality import Extractor
from dlib_bvae.models.literal_paths import literal_path

_GRAPH = "classify_image_graph_def.pb"
_ARCHIVE = "http://download.tensorflow.org/models/image/imagenet/inception-2015-12-05.tgz"
_MODULE = "https://tfhub.dev/tensorflow/tfgan/eval/inception/1?tf-hub-format=compressed"
_KERAS = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"
_KERAS_MD5 = "bcbd6486424b2319ff4ef7d526e38f63"
_KERAS_PAGE = "https://github.com/fchollet/deep-learning-models/releases/tag/v0.5"
# In the graph: the batch of images before its own resizing, and the pooled features.
_INPUT, _POOL = "ExpandDims:0", "pool_3:0"
_SIZE = 299
_LARGEST = 2**30  # bytes of a file of the module


def inception_2015(path: str) -> Extractor:
    """The frozen graph of 2015, 2048 features.

    Images are resized as the protocol says, to 299 pixels, where the graph's own resizing does nothing; it subtracts 128
    and divides by 128 itself. path: the file; default: in `weights` of the data directory. Raises UserError where it is
    missing or another graph.
    """
    found = Path(path) if path else data_dir() / "weights" / _GRAPH
    if not found.is_file():
        raise UserError(
            f"the Inception graph of 2015 is missing; get {_ARCHIVE}, and put its {_GRAPH} in {found.parent} "
            "(no sha256 is published; the result records that of the file)"
        )
    features = _frozen(found)
    return Extractor("inception_2015", features, 2048, _SIZE, f"sha256:{sha256_of(found)}", is_inception_2015=True)


def _frozen(path: Path) -> Any:
    """The graph as a function of a batch; it was frozen for one image, but only its shapes say so."""
    graph = tf.compat.v1.GraphDef()
    try:
        graph.ParseFromString(path.read_bytes())

        def call(images: tf.Tensor) -> tf.Tensor:
            fed = {_INPUT: images}
            (pool,) = tf.graph_util.import_graph_def(graph, input_map=fed, return_elements=[_POOL], name="")
            return tf.reshape(pool, [tf.shape(images)[0], 2048])

        function = tf.function(call, input_signature=[tf.TensorSpec([None, _SIZE, _SIZE, 3])], autograph=False)
        concrete = function.get_concrete_function()
    except Exception as error:  # protobuf's, TensorFlow's and its own kinds differ between versions
        raise UserError(
            f"{path} is not the Inception graph of 2015 (tensors {_INPUT} and {_POOL}): {_first_line(error)}"
        ) from error
    return concrete


def inception_tfgan(path: str, download: bool) -> Extractor:
    """The same weights as TF-GAN's module of TensorFlow Hub, 2048 features; it wants images in [-1, 1].

    path: the module's folder; default: `tfgan_inception_1` in `weights` of the data directory. download: get it from
    TensorFlow Hub where it is missing. Raises UserError where it is missing, or does not answer as such a module does.
    """
    folder = Path(path) if path else data_dir() / "weights" / "tfgan_inception_1"
    if not (folder / "saved_model.pb").is_file():
        if not download:
            raise UserError(
                f"TF-GAN's Inception module is missing; get {_MODULE} and unpack it in {folder}, or set "
                "inception_tfgan.download = True (no sha256 is published; the result records that of the file)"
            )
        _fetch(folder)
    check_readable(folder)
    damaged = lambda error: UserError(
        f"{folder} is not TF-GAN's Inception module: it gives no pool_3 for images: {_first_line(error)}"
    )
    with damage_is_said(damaged, TypeError, KeyError, ValueError, OSError, tf.errors.OpError):
        with literal_path(folder) as place:
            module = tf.saved_model.load(place)
        features = tf.function(lambda images: _pooled(module(images / 127.5 - 1.0)), autograph=False)
        shape = tuple(features(tf.zeros([2, _SIZE, _SIZE, 3])).shape)
    if shape != (2, 2048):
        raise UserError(f"{folder} is not TF-GAN's Inception module: its pool_3 is {shape} instead of (2, 2048)")
    return Extractor(
        "inception_tfgan", features, 2048, _SIZE, f"sha256:{sha256_of(_variables(folder))}", is_inception_2015=True
    )


def inception_keras(path: str) -> Extractor:
    """Keras' Inception v3, 2048 features: another network than that of 2015, with other numbers.

    path: the weights' file; default: in `weights` of the data directory. Raises UserError where it is missing or does not fit.
    """
    found = Path(path) if path else data_dir() / "weights" / _KERAS
    if not found.is_file():
        raise UserError(
            f"the weights of inception_keras are missing; get {_KERAS} from {_KERAS_PAGE} and put it in {found.parent} "
            f"(md5 {_KERAS_MD5} says Keras; no sha256 is published; the result records that of the file)"
        )
    check_readable(found)
    try:
        network = tf.keras.applications.InceptionV3(include_top=False, weights=str(found), pooling="avg")
    except (ValueError, OSError, KeyError) as error:
        raise UserError(
            f"{found} does not hold the weights of Keras' InceptionV3 without its top; get it again"
        ) from error
    call = lambda images: network(images / 127.5 - 1.0, training=False)
    return Extractor(
        "inception_keras",
        tf.function(call, autograph=False, reduce_retracing=True),
        2048,
        299,
        f"sha256:{sha256_of(found)}",
    )


def _fetch(folder: Path) -> None:
    """The module's archive, unpacked in `folder`: nothing in it may leave that folder."""
    archive = OfficialFile("tfgan_inception_1.tar.gz", urls=(_MODULE,))
    (file,) = download_files(
        Source("https://tfhub.dev/tensorflow/tfgan/eval/inception/1", "Apache 2.0", (archive,)), folder.parent
    )
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        # Not extractall, whose filter Python has from 3.10.12, 3.11.4 and 3.12 on; links are left out.
        for name, content in tar_members(file, lambda name: True, _LARGEST):
            path = part / name
            if not path.resolve().is_relative_to(part.resolve()):
                raise tarfile.TarError(f"its file {name!r} would leave the folder")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        shutil.rmtree(part, ignore_errors=True)
        raise UserError(
            f"{file} is damaged or no archive of the module: {error}; delete it and get it again"
        ) from error
    part.replace(folder)


def _pooled(output: Any) -> tf.Tensor:
    pool = output["pool_3"]
    return tf.reshape(pool, [tf.shape(pool)[0], int(np.prod(pool.shape[1:]))])


def _variables(folder: Path) -> Path:
    """The file that has the weights: the variables' or, of a module of constants, the graph's."""
    found = sorted(folder.glob("variables/variables.data-*"))
    return found[0] if found else folder / "saved_model.pb"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
