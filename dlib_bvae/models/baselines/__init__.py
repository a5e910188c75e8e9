"""Baselines: methods that make their network at once, without training steps; what they are, and their names."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import gin
import numpy as np

from dlib_bvae.datasets.images import ImageData
from dlib_bvae.errors import UserError
from dlib_bvae.registry import Registry

if TYPE_CHECKING:  # names alone import no TensorFlow
    from dlib_bvae.models.saved_model import Model

METHODS = {  # gin name → module, in the order of tables
    "pca": "linear",
    "fast_ica": "linear",
    "noise": "references",
    "constant_codes": "references",
    "random_encoder": "references",
    "oracle": "references",
}
BASELINES = Registry(
    "fitted model",
    "dlib_bvae.fitted_models",
    {name: f"dlib_bvae.models.baselines.{module}:{name}" for name, module in METHODS.items()},
)


class CodedData(Protocol):
    """A data set as a method without an encoder sees it: in place of observations it has codes, float32 (n, latents).

    `representations.encode_all` takes `encode` and this in place of a network's encode and the data set.
    """

    name: str
    num_images: int

    def observations_at(self, indices: np.ndarray) -> np.ndarray:
        """Indices (n,) → codes float32 (n, latents)."""

    def encode(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Codes → themselves and their log variance, float32 (n, latents) each."""

    @property
    def decode(self) -> Callable[[np.ndarray], np.ndarray] | None:
        """Codes (n, latents) → images float32 (n, H, W, C) in [0, 1]; None where codes say nothing of an image."""


class Baseline(abc.ABC):
    """A method that is fitted to a data set instead of trained on batches; model.model takes it like an objective.

    unused: gin names that it does not read; a configuration that binds one is refused. supervision: what it learns of the
    factors besides the images, as Wants.supervision. codes: what the codes are where no encoder of images makes them (see
    `coded`), as the results of training record it; None for all others. label: how boards name it, as Objective.label.
    summary, paper: its row in tables of methods.
    """

    label: str = ""
    summary: str = ""
    paper: str = ""
    unused: tuple[str, ...] = (
        "encoder",
        "decoder",
        "reconstruction_loss",
        "feed",
        "validation",
        "divergence",
        "frechet_curve",
    )
    supervision: str = "none"
    codes: str | None = None

    @abc.abstractmethod
    def fit(self, data: ImageData, seed: int) -> tuple[Model | None, dict[str, Any]]:
        """Returns the network that is exported (see models.saved_model.export), and what the results record of the fit.

        The network is None for a method that has `codes`.
        """

    @classmethod
    def coded(cls, data: ImageData, trained: Mapping[str, Any]) -> CodedData:
        """The codes of `data`, for a method that has `codes`. trained: the results of training, those of `fit` among them."""
        raise NotImplementedError(f"{cls.__name__} has an encoder")


def coded_data(codes: str, data: ImageData, trained: Mapping[str, Any]) -> CodedData:
    """`data` as the method sees it whose results `trained` record `codes`. Raises UserError when no installed one does."""
    for name in BASELINES.names():
        with gin.unlock_config():  # a configuration is open, and this may be the first import of the method
            method = BASELINES.get(name)
        if getattr(method, "codes", None) == codes:
            return method.coded(data, trained)
    raise UserError(
        f"no installed method has codes that are {codes!r}; install the package that the run was trained with"
    )
