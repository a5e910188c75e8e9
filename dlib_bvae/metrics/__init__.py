"""Metrics by name: score("beta_vae", data, codes) from the codes of a data set's whole grid."""

from __future__ import annotations

import inspect
import sys
from typing import Any

from dlib_bvae.errors import unknown
from dlib_bvae.metrics.score_info import Matrix, Score
from dlib_bvae.registry import Registry

__all__ = ["CLASSIFIERS", "METRICS", "scores_of", "matrices", "names", "score"]

_PAGES = {  # module → the metrics on its page
    "active": ["active_units"],
    "beta_vae": ["beta_vae"],
    "dci": ["dci", "dci_lasso", "dci_random_forest"],
    "dci_es": ["dci_es"],
    "dcimig": ["dcimig"],
    "downstream_task": ["downstream_task"],
    "factor_vae_score": ["factor_vae_score", "factor_vae_score_dlib"],
    "fairness": ["fairness"],
    "fos": ["fos"],
    "infomec": ["infomec"],
    "irs": ["irs", "irs_dlib"],
    "jemmig": ["jemmig"],
    "med": ["med"],
    "mig": ["mig"],
    "mig_sup": ["mig_sup"],
    "modularity_explicitness": ["modularity_explicitness", "modularity_explicitness_dlib"],
    "reconstruction_error": ["reconstruction_error"],
    "reduced_downstream_task": ["reduced_downstream_task"],
    "sap": ["sap", "sap_dlib"],
    "snc": ["snc"],
    "strong_downstream_task": ["strong_downstream_task"],
    "unified_scores": ["unified_scores"],
    "unsupervised": ["unsupervised"],
}

# Asked for by name only: they score a model's images, and may take minutes or weights from elsewhere.
_OF_IMAGES = {
    "elbo": "dlib_bvae.image_quality.elbo:elbo",
    "image_quality": "dlib_bvae.image_quality.scores:image_quality",
}

METRICS = Registry(
    "metric",
    "dlib_bvae.metrics",
    {name: f"dlib_bvae.metrics.{module}:{name}" for module, names in _PAGES.items() for name in names} | _OF_IMAGES,
    # gin has the objective factor_vae, and disentanglement_lib calls the metric so too
    aliases={"factor_vae": "factor_vae_score"},
)

CLASSIFIERS = Registry(
    "classifier",
    "dlib_bvae.classifiers",
    {
        name: f"dlib_bvae.metrics.engine.probes:{name}"
        for name in (
            "gradient_boosting_classifier",
            "linear",
            "logistic_regression",
            "logistic_regression_cv",
            "mlp",
            "random_forest",
        )
    },
)


def names() -> list[str]:
    """The metrics of codes, which "all" stands for; score() also knows elbo and image_quality."""
    return [name for name in METRICS.names() if name not in _OF_IMAGES]


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


def scores_of(name: str) -> dict[str, Score]:
    """What is known of the scores of the metric `name`: {result key or pattern of keys: Score(low, high, higher_is_better)}.

    Empty for a plug-in whose module has no SCORES. Raises UnknownName for an unknown metric.
    """
    return dict(getattr(sys.modules[METRICS.get(name).__module__], "SCORES", {}))


def matrices(name: str) -> dict[str, Matrix]:
    """What the matrices in the results of the metric `name` are: {result key: Matrix}; empty where it does not say."""
    return dict(getattr(sys.modules[METRICS.get(name).__module__], "MATRICES", {}))


_GIVEN = ("data", "codes", "random_state")
