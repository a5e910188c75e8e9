"""Methods that make their network at once, without training steps: what they are, and their names."""

from __future__ import annotations

import abc
from typing import Any

from dlib_bvae.datasets.images import ImageData
from dlib_bvae.registry import Registry

BASELINES = Registry(
    "fitted model",
    "dlib_bvae.fitted_models",
    {
        "pca": "dlib_bvae.models.baselines.linear:pca",
        "fast_ica": "dlib_bvae.models.baselines.linear:fast_ica",
        "random_encoder": "dlib_bvae.models.baselines.random_encoder:random_encoder",
        "oracle": "dlib_bvae.models.baselines.oracle:oracle",
    },
)


class Baseline(abc.ABC):
    """A method that is fitted to a data set instead of trained on batches; model.model takes it like an objective.

    unused: gin names that it does not read; a configuration that binds one is refused.
    """

    unused: tuple[str, ...] = (
        "encoder",
        "decoder",
        "reconstruction_loss",
        "feed",
        "validation",
        "divergence",
        "frechet_curve",
    )

    @abc.abstractmethod
    def fit(self, data: ImageData, seed: int) -> tuple[Any, dict[str, Any]]:
        """Returns the network that is exported (see models.saved_model.export), and what the results tell of the fit.

        The network is None where no encoder can make the codes (see models.oracle).
        """
