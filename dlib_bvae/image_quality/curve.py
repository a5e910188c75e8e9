"""The Fréchet distance of reconstructions while a model is trained: few images, to be compared with itself only."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import tensorflow as tf

from dlib_bvae.datasets.images import ImageData
from dlib_bvae.errors import UserError, check_integer
from dlib_bvae.image_quality.distances import Moments, bias_warning, frechet_distance
from dlib_bvae.image_quality.extractors import EXTRACTORS
from dlib_bvae.image_quality.features import BATCH, Protocol, features_of, moments_of, reference_features
from dlib_bvae.models.saved_model import decodes
from dlib_bvae.models.vae import GaussianVAE
from dlib_bvae.registry import configurable
from dlib_bvae.training.callbacks.frechet_curve import Curve


class FewImages:
    """`num_images` images of `data` (all, where there are fewer), chosen by `seed`, against their reconstructions.

    The distance has another name than that of image_quality: it ends in "small" and the number of images.
    """

    def __init__(self, data: ImageData, num_images: int, extractor: str, seed: int):
        rows = np.sort(np.random.RandomState(seed).permutation(data.num_images)[:num_images])
        self._extractor = EXTRACTORS.get(extractor)(data)
        self._protocol = Protocol.of(self._extractor, "bicubic", True)
        features = reference_features(data, rows, self._extractor, self._protocol)
        self._reference = moments_of(features)
        # Held in memory: the data set may be read by another thread while training runs.
        self._images, self._max_pixel = data.images_at(rows), np.float32(data.max_pixel)
        name = f"{self._extractor.label('frechet')}_reconstruction_small_{len(rows)}"
        self.tags = {"values": name, "reconstruction_loss": f"reconstruction_loss_small_{len(rows)}"}
        self.about: dict[str, Any] = {"name": name, "num_images": len(rows), "seed": seed}
        self.about["protocol"] = asdict(self._protocol)
        if warning := bias_warning(self._extractor.num_features, len(rows)):
            self.about["warning"] = warning

    def __call__(self, network: GaussianVAE) -> dict[str, float]:
        """values: the distance of the images from what `network` makes of their posterior means.

        reconstruction_loss: the negative log-likelihood of an image given that mean, nats, averaged over the images.
        """
        moments, losses = Moments(self._extractor.num_features), []
        for start in range(0, len(self._images), BATCH):
            seen = tf.constant(self._images[start : start + BATCH].astype(np.float32) / self._max_pixel)
            logits = network.decode_logits(network.encode(seen)[0])
            losses.append(network.compare(seen, logits)[0].numpy())
            decoded = network.likelihood.mean_image(logits).numpy()
            moments.add(features_of(decoded, self._extractor, self._protocol))
        distance, loss = frechet_distance(self._reference, moments), float(np.concatenate(losses).mean())
        return {"values": distance, "reconstruction_loss": loss}


@configurable("frechet_curve", denylist=["data", "network"], seeds=["seed"])
def frechet_curve(
    data: ImageData,
    network: GaussianVAE,
    every_steps: int = 0,
    num_images: int = 500,
    extractor: str = "factor_cnn",
    seed: int = 0,
) -> Curve | None:
    """The distance and the loss of a few reconstructions along a training (Figures 7 and 8 of the report).

    every_steps: between two measurements; 0: none, and None is returned. num_images, seed: see FewImages. extractor: a name
    in EXTRACTORS. The images' own features are computed once for a data set, and kept in the cache directory.
    Raises UserError for values out of range, for a network without a decoder, and where the extractor's weights are missing.
    """
    check_integer("frechet_curve.every_steps", every_steps, 0)
    check_integer("frechet_curve.num_images", num_images, 2)
    check_integer("frechet_curve.seed", seed, 0)
    if not every_steps:
        return None
    if not decodes(network):
        raise UserError(
            "frechet_curve compares images with their reconstructions, and this model.network has no decoder; set "
            "frechet_curve.every_steps = 0"
        )
    return Curve(FewImages(data, num_images, extractor, seed), every_steps)
