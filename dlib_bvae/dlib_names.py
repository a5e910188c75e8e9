"""disentanglement_lib's gin names: what each is here, in a line; data only, by which dlib_gin.py translates statements."""

from __future__ import annotations

from typing import NamedTuple

TWIN = "_dlib"  # how a metric ends that is disentanglement_lib's very number, and always draws with replacement
WITH_REPLACEMENT = "with_replacement"  # how its metrics draw images (evaluation.sampling)

# Its metrics (evaluation.evaluation_fn) → ours.
METRICS = {
    "beta_vae_sklearn": "beta_vae",
    "factor_vae_score": "factor_vae_score_dlib",
    "mig": "mig",
    "dci": "dci",
    "sap_score": "sap_dlib",
    "modularity_explicitness": "modularity_explicitness_dlib",
    "irs": "irs_dlib",
    "unsupervised_metrics": "unsupervised",
    "downstream_task": "downstream_task",
    "reduced_downstream_task": "reduced_downstream_task",
    "strong_downstream_task": "strong_downstream_task",
    "fairness": "fairness",
    "unified_scores": "unified_scores",
}
# Those of which no metric of ours has the name: they are read wherever they stand.
ONLY_THEIRS = {name: METRICS[name] for name in ("beta_vae_sklearn", "sap_score", "unsupervised_metrics")}
# Those whose batch_size means something, not how many images were encoded at a time.
BATCHED = ("beta_vae_sklearn", "factor_vae_score")

ADAM = {"learning_rate": 0.001, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}  # TensorFlow 1's defaults
DISCRIMINATOR = {"beta1": 0.5, "beta2": 0.9, "epsilon": 1e-8}  # what the discriminator's Adam has here
PRUNE_THRESHOLD = 0.0  # of its FactorVAE metric, where none is bound

# Parameters of its that several metrics share → the metrics here that have each, and the name there.
SHARED = {
    "discretizer.num_bins": (
        "num_bins",
        (
            "mig",
            "modularity_explicitness",
            "modularity_explicitness_dlib",
            "irs_dlib",
            "unsupervised",
            "unified_scores",
        ),
    ),
    "predictor.predictor_fn": (
        "predictor",
        ("downstream_task", "reduced_downstream_task", "strong_downstream_task", "fairness"),
    ),
    "prune_dims.threshold": ("prune_threshold", ("factor_vae_score", "factor_vae_score_dlib")),
}


def draws(metric: str) -> str:
    """The binding, as gin, that has a metric of ours draw images as there; "" for one that always does."""
    return "" if metric.endswith(TWIN) else f"evaluation.sampling = {WITH_REPLACEMENT!r}"


class Alias(NamedTuple):
    """ours: what it is here. more: what else has to be known of it."""

    ours: str
    more: str = ""


ALIASES = {
    "AdamOptimizer": Alias("adam", "its learning rate is TensorFlow 1's 0.001 where none is bound"),
    "vae_optimizer.optimizer_fn": Alias("model.optimizer", "what is bound in its scope is so without one"),
    "vae_optimizer.learning_rate": Alias("adam.learning_rate"),
    "discriminator_optimizer.optimizer_fn": Alias(
        "factor_vae.discriminator_learning_rate",
        "its Adam has beta1 0.5, beta2 0.9 and epsilon 1e-8; other methods have no discriminator",
    ),
    "discriminator_optimizer.learning_rate": Alias("factor_vae.discriminator_learning_rate"),
    "discriminator.discriminator_fn": Alias(
        "factor_vae.initializer = 'glorot_uniform'", "@fc_discriminator is the network of factor_vae"
    ),
    "discretizer.num_bins": Alias("mig.num_bins", "or num_bins of another metric"),
    "predictor.predictor_fn": Alias("downstream_task.predictor", "or predictor of another metric; a name in quotes"),
    "prune_dims.threshold": Alias("factor_vae_score_dlib.prune_threshold", "or that of factor_vae_score"),
    "unified_scores.matrix_fns": Alias("unified_scores.matrices", "names in quotes"),
    "reduced_representation.correlation_measure": Alias(
        "reduced_downstream_task.importance", "@factorwise_dci is 'gradient_boosting_classifier'"
    ),
    **{
        theirs: Alias(ours, draws(ours) and f"--metric={theirs} also binds {draws(ours)}")
        for theirs, ours in ONLY_THEIRS.items()
    },
}


class Ignored(NamedTuple):
    """why: what makes it needless. only: the one value, as gin writes it, that is; others are refused. "": any."""

    why: str
    only: str = ""


_TF1 = Ignored("TensorFlow 1 alone needs it")
_LABEL = Ignored("results are named by what produced them")
_WHOLE = Ignored("metrics read codes that are there, they encode no batches")
IGNORED = {
    "AdamOptimizer.name": _TF1,
    "AdamOptimizer.use_locking": _TF1,
    "dataset.name": Ignored("a stage takes the data set of its run", "'auto'"),
    "model.model_num": _LABEL,
    "model.eval_steps": Ignored("the losses of training are recorded"),
    "postprocess.name": _LABEL,
    "evaluation.name": _LABEL,
    "reconstruction_loss.activation": Ignored("decoders give logits", "'logits'"),
    "bernoulli_loss.subtract_true_image_entropy": Ignored("losses are whole", "False"),
    "discretizer.discretizer_fn": Ignored("codes go into bins of equal width", "@histogram_discretizer"),
    **{f"{metric}.batch_size": _WHOLE for metric in METRICS if metric not in BATCHED},
}

_SGD = "use model.optimizer = @sgd, which has sgd.momentum, or @adam or @adagrad"
_VALIDATION = "labelled images of yours are a data set here: use @from_file() or @image_folder() and the metric itself"
_UDR = "it compares a set of runs: use dlib_bvae_metrics rank --metric=udr, with udr.correlation and udr.kl_threshold"
_FEW_LABELS = "the semi-supervised objective is @s2_vae(), with s2_vae.num_labelled and s2_vae.supervision"
_PAIRS = "the weakly supervised objectives are @ada_gvae() and @ada_ml_vae(), on pairs"
# What has no equivalent: a function, or one parameter, and what to use.
REFUSED = {
    **dict.fromkeys(
        (f"{name}Optimizer" for name in ("GradientDescent", "Momentum", "RMSProp", "Adagrad", "Ftrl")), _SGD
    ),
    "l2_loss": "use @gaussian_loss with gaussian_loss.sigma = 0.70710678, whose gradients are the same",
    "test_encoder": "use @fc_encoder",
    "test_decoder": "use @fc_decoder",
    "udr_sklearn": _UDR,
    **dict.fromkeys((f"{name}_validation" for name in ("dci", "mig", "sap_score", "unified_score")), _VALIDATION),
    **dict.fromkeys((f"s2_{name}_vae" for name in ("factor", "dip", "beta_tc", "mine")), _FEW_LABELS),
    **dict.fromkeys((f"{name}_labeller" for name in ("perfect", "noisy", "bin", "partial", "permuted")), _FEW_LABELS),
    **dict.fromkeys((f"{name}vae{kind}" for name in ("group_", "ml") for kind in ("", "_labels", "_argmax")), _PAIRS),
    "supervised_loss": _FEW_LABELS,
    "weak_loss": _PAIRS,
}


def said(theirs: str) -> str:
    """The line of advice on one of ALIASES or IGNORED."""
    if theirs in IGNORED:
        value = IGNORED[theirs].only and f" = {IGNORED[theirs].only}"
        return f"disentanglement_lib's {theirs}{value} changes nothing here: {IGNORED[theirs].why}"
    return said_of(theirs, *ALIASES[theirs])


def said_of(theirs: str, ours: str, more: str = "") -> str:
    """The line of advice on a name of its that is `ours`, such as one of SHARED for a known metric."""
    return f"disentanglement_lib's {theirs} is {ours} here{more and f'; {more}'}"


def said_of_metric(theirs: str, more: list[str]) -> str:
    """The line of advice on evaluation.evaluation_fn. more: what it binds besides, as gin."""
    binds = f", with {' and '.join(more)}" if more else ""
    ours = METRICS.get(theirs, theirs)
    return f"disentanglement_lib's evaluation.evaluation_fn = @{theirs} is --metric={ours} here{binds}"


HEAD = "| disentanglement_lib | here | |\n|---|---|---|\n"


def table() -> str:
    """All names, in Markdown, for docs/disentanglement_lib.md; those of which the same is said share a row."""
    rows: dict[tuple[str, str], list[str]] = {}
    for theirs, ours in METRICS.items():
        rows[f"`--metric={ours}`", _code(draws(ours))] = [f"evaluation.evaluation_fn = @{theirs}"]
    for theirs, alias in ALIASES.items():
        if theirs not in METRICS:
            rows[_code(alias.ours), alias.more] = [theirs]
    for theirs, (why, only) in IGNORED.items():
        rows.setdefault(("nothing", why), []).append(theirs + (only and f" = {only}"))
    for theirs, use in REFUSED.items():
        rows.setdefault(("refused", use), []).append(theirs)
    lines = (f"| {', '.join(map(_code, names))} | {ours} | {note} |\n" for (ours, note), names in rows.items())
    return HEAD + "".join(lines)


def _code(text: str) -> str:
    return text and f"`{text}`"
