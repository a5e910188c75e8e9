"""Metrics by name: score("beta_vae", data, codes) from the codes of a data set's whole grid."""

from __future__ import annotations

import inspect
from typing import Any

from dlib_bvae.errors import unknown
from dlib_bvae.registry import Registry

__all__ = ["CLASSIFIERS", "METRICS", "names", "score"]

METRICS = Registry(
    "metric",
    "dlib_bvae.metrics",
    {
        "beta_vae": "dlib_bvae.metrics.beta_vae:beta_vae",
        "reconstruction_error": "dlib_bvae.metrics.reconstruction_error:reconstruction_error",
    },
)

CLASSIFIERS = Registry(
    "classifier",
    "dlib_bvae.classifiers",
    {
        name: f"dlib_bvae.metrics.classifiers:{name}"
        for name in ("logistic_regression", "linear", "mlp", "random_forest")
    },
)


def names() -> list[str]:
    """The names that score() knows."""
    return METRICS.names()


def score(name: str, data: Any, codes: Any, random_state: Any = 0, **parameters: Any) -> dict[str, Any]:
    """Scores `codes` by the metric `name`.

    data: a GroundTruthData, or any object with disentanglement_lib's duck type. codes: array (images, latents) of the
    whole grid in index order, or a function observations → codes. random_state: int, numpy RandomState or Generator.
    Raises UnknownName for an unknown metric or parameter, UserError for values out of range.
    """
    metric = METRICS.get(name)
    accepted = inspect.signature(metric).parameters
    for parameter in parameters:
        if parameter not in accepted:
            raise unknown(f"parameter of {name}", parameter, [key for key in accepted if key not in _GIVEN])
    return metric(data, codes, random_state, **parameters)


_GIVEN = ("data", "codes", "random_state")
