"""Metrics by name: score("beta_vae", data, codes) takes the codes of a data set's images and hands on scores."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dlib_bvae.dlib_names import ONLY_THEIRS, said
from dlib_bvae.errors import UserError, check_integer, unknown
from dlib_bvae.metrics.score_info import HIGH, Matrix, Sampling, Score, Validity, said_by
from dlib_bvae.metrics.scores import Scores
from dlib_bvae.registry import Registry
from dlib_bvae.runtime import interruptible

if TYPE_CHECKING:  # names alone import no data sets
    from dlib_bvae.datasets.ground_truth import RandomState
    from dlib_bvae.metrics.engine.codes import Codes, MetricData

__all__ = [
    "CLASSIFIERS",
    "METRICS",
    "Scores",
    "caution",
    "identified",
    "installed",
    "is_costly",
    "is_ours",
    "matrices",
    "names",
    "nulls_of",
    "score",
    "scores_of",
    "split",
    "small_parameters",
    "validity",
    "version",
    "versions",
]

PAGES = {  # module → the metrics on its page, in the order of the table of metrics
    "beta_vae": ["beta_vae"],
    "factor_vae_score": ["factor_vae_score", "factor_vae_score_dlib"],
    "mig": ["mig"],
    "mig_sup": ["mig_sup"],
    "dcimig": ["dcimig"],
    "jemmig": ["jemmig"],
    "med": ["med"],
    "infomec": ["infomec"],
    "dci": ["dci", "dci_random_forest", "dci_lasso"],
    "dci_es": ["dci_es"],
    "snc": ["snc"],
    "sap": ["sap", "sap_dlib"],
    "mcc": ["mcc"],
    "linear_identifiability": ["linear_identifiability"],
    "modularity_explicitness": ["modularity_explicitness", "modularity_explicitness_dlib"],
    "irs": ["irs", "irs_dlib"],
    "omes": ["omes"],
    "t_mex": ["t_mex"],
    "unified_scores": ["unified_scores"],
    "downstream_task": ["downstream_task"],
    "reduced_downstream_task": ["reduced_downstream_task"],
    "strong_downstream_task": ["strong_downstream_task"],
    "fairness": ["fairness"],
    "fos": ["fos"],
    "unsupervised": ["unsupervised"],
    "active": ["active_units"],
    "reconstruction_error": ["reconstruction_error"],
}

# Asked for by name only: they score a model's images, and may take minutes or weights from elsewhere.
OF_IMAGES = {
    "elbo": "dlib_bvae.image_quality.elbo:elbo",
    "image_quality": "dlib_bvae.image_quality.scores:image_quality",
}

METRICS = Registry(
    "metric",
    "dlib_bvae.metrics",
    {name: f"dlib_bvae.metrics.{module}:{name}" for module, names in PAGES.items() for name in names} | OF_IMAGES,
    # gin has the objective factor_vae, and disentanglement_lib calls the metric so too
    aliases={"factor_vae": "factor_vae_score"},
    hints={name: said(name) for name in ONLY_THEIRS},
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
    return [name for name in METRICS.names() if name not in OF_IMAGES]


def installed() -> list[str]:
    """names() without plug-ins that cannot be imported, which one line on standard error names; imports them."""
    return [name for name in METRICS.import_all() if name not in OF_IMAGES]


def split(text: str, registry: Registry = METRICS) -> list[str]:
    """The names in `text`, with commas between, each once, as `registry` calls them, whether or not it has them.

    Raises UserError where there is none.
    """
    found = [registry.canonical(each.strip()) for each in text.split(",") if each.strip()]
    if not found:
        raise UserError(
            "--metric is empty; give names with commas between, such as mig,dci, or all (dlib_bvae list metrics)"
        )
    return list(dict.fromkeys(found))


def score(
    name: str,
    data: MetricData | None = None,
    codes: Codes | None = None,
    random_state: RandomState = 0,
    *,
    factors: Any = None,
    factor_names: Sequence[str] | None = None,
    factor_kinds: Any = None,
    factor_bins: int = 10,
    sampling: str = "disjoint",
    screened_codes: int = 0,
    null: int = 0,
    **parameters: Any,
) -> Scores:
    """Scores `codes` by the metric `name`: score("mig", data, codes), or score("mig", factors=F, codes=Z) of two arrays alone.

    data: a GroundTruthData or LabelledImages, or any object with disentanglement_lib's duck type. codes: array (images,
    latents), one row per image in index order, or a function observations → codes. random_state: int, numpy RandomState or
    Generator. factors: without data, the factors of the same images, numbers (images, factors) with NaN where one is missing, or
    a pandas frame; with data, the metric's parameter of that name. factor_names, factor_kinds: of such an array, as of from_file.
    factor_bins: continuous factors are counted in as many bins of equally many images; factor_bins in the result says of which.
    sampling: "disjoint" (an image at most once in a sample, no test image in training) or "with_replacement", as
    disentanglement_lib draws; metrics called …_dlib always do so.
    screened_codes: metrics that fit probes to all codes keep as many of wider ones, by information on other images than those
    scored, and say which in the result's screening; 0: 100 of 1,000 codes and more.
    null: how many random matchings of the codes to images are scored, too, with the same random_state: the result then has
    `null`, {score: {n, mean, std, q95, z, p, adjusted}} (see engine.null.statistics), and their values, `null_scores`. A
    function is then encoded once, for all images. Returns scores (numbers) and whatever else the metric
    reports, as JSON values; scores_of says what they are; and images_drawn, {parameter: number}, where a sample has fewer
    images than the parameter says because there are no more.
    Raises UnknownName for an unknown metric or parameter, UserError for values out of range; KeyboardInterrupt after Ctrl-C, also
    where a library swallows it and goes on with what is fitted by halves.
    """
    metric = METRICS.get(name)
    if data is None:
        data = _of_arrays(factors, codes, factor_names, factor_kinds)
    else:
        given = {"factors": factors, "factor_names": factor_names, "factor_kinds": factor_kinds}
        parameters |= {key: value for key, value in given.items() if value is not None}
    accepted = inspect.signature(metric).parameters
    for parameter in parameters:
        if parameter not in accepted:
            raise unknown(f"parameter of {name}", parameter, [key for key in accepted if key not in _GIVEN])
    from dlib_bvae.metrics.engine.factors import binned
    from dlib_bvae.metrics.engine.null import MOST, has_null
    from dlib_bvae.metrics.engine.sampling import sampled
    from dlib_bvae.metrics.engine.screening import screened

    check_integer("null", null, 0, MOST)
    bound = functools.partial(metric, **parameters)
    with interruptible(), sampled(sampling) as drawn, binned(factor_bins) as bins, screened(screened_codes):
        if null and has_null(scores_of(name)):
            result = _with_null(name, bound, data, codes, random_state, null)
        else:
            result = bound(data, codes, random_state)
        return Scores({**result, **drawn.said(), **bins})


def _with_null(name: str, metric: Any, data: Any, codes: Any, random_state: Any, number: int) -> Any:
    from dlib_bvae.metrics.engine.null import against, as_array, compared, seed_of, values_of

    known, before, codes = scores_of(name), copy.deepcopy(random_state), as_array(data, codes)
    result = metric(data, codes, random_state)
    again = lambda matched: metric(data, matched, copy.deepcopy(before))
    values = values_of(compared(result, known), again, codes, number, seed_of(before), nulls=nulls_of(name))
    return {**result, **against(result, values, known)}


def _of_arrays(factors: Any, codes: Any, names: Any, kinds: Any) -> Any:
    from dlib_bvae.datasets.external.labels import of_arrays

    if factors is None or codes is None:
        raise UserError("score needs a data set and codes, or factors and codes: score(name, factors=F, codes=Z)")
    return of_arrays(factors, names, kinds)


def scores_of(name: str) -> dict[str, Score]:
    """What is known of the scores of the metric `name`: {result key or pattern of keys: Score}.

    Empty for a plug-in whose module has no SCORES. Raises UnknownName for an unknown metric.
    """
    return dict(said_by(METRICS, name, "SCORES", {}))


def nulls_of(name: str) -> Any:
    """How the metric `name` scores the same codes in several orders: `nulls` of its file (see engine.null), where it has one."""
    from dlib_bvae.metrics.engine.null import by_index, one_by_one

    return said_by(METRICS, name, "nulls", by_index if is_ours(name) else one_by_one)


def is_ours(name: str) -> bool:
    """Whether the metric `name` is one of this package, whose metrics read codes by engine.codes.CodeReader only."""
    return str(METRICS.get(name).__module__).startswith("dlib_bvae.")


def is_costly(name: str) -> bool:
    """Whether the file of the metric `name` says in COSTS that its default takes half a minute or more on dSprites."""
    return bool(said_by(METRICS, name, "COSTS", {}).get(name) == HIGH)


def versions(name: str) -> dict[int, str]:
    """{version: a dated line of what changed} of the metric `name`, of one run or a set; the last is today's.

    The version is raised when the same parameters give other scores. Raises UnknownName; UserError as Registry.versions.
    """
    from dlib_bvae.metrics.run_sets import RUN_SET_METRICS

    return (METRICS if name in METRICS else RUN_SET_METRICS).versions(name)


def version(name: str) -> int:
    """The version of the metric `name` today, from 1."""
    return max(versions(name))


def identified(name: str) -> dict[str, str | int]:
    """What tells results of the metric `name` from others in their identity: its name and, from 2 on, its version.

    The version is called "definition" there, as in all results from before it had its name: a result keeps its digest.
    """
    number = version(name)
    return {"metric": name} if number == 1 else {"metric": name, "definition": number}


def matrices(name: str) -> dict[str, Matrix]:
    """What the matrices in the results of the metric `name` are: {result key: Matrix}; empty where it does not say."""
    return dict(said_by(METRICS, name, "MATRICES", {}))


def validity(name: str) -> Validity | None:
    """What the scores of the metric `name` claim, and when they mislead; None where its file does not say."""
    said: dict[str, Validity] = said_by(METRICS, name, "VALIDITY", {})
    return said.get(name)


def caution(name: str) -> str:
    """When the metric `name` misleads, in two sentences; "" for one that no known codes are scored by (docs/validity.md)."""
    found = validity(name) if name in METRICS else None
    return found.caution if found else ""


def small_parameters(name: str, images: int, fits: int) -> dict[str, Any]:
    """{parameter: value} with which the metric `name` draws at most `images` images and fits at most `fits` trees or times.

    They are the parameters that its file names in SAMPLING; none where it does not.
    """
    defaults = {key: each.default for key, each in inspect.signature(METRICS.get(name)).parameters.items()}
    sampling: Sampling = said_by(METRICS, name, "SAMPLING", Sampling())
    return sampling.small(defaults, images, fits)


_GIVEN = ("data", "codes", "random_state")
