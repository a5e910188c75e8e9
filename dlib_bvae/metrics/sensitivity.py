"""How much the β-VAE metric depends on its settings: pairs a point, classifier, factors that are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gin
import numpy as np

from dlib_bvae.datasets.ground_truth import RandomState, as_rng, draw
from dlib_bvae.errors import UserError, check_integer, unknown
from dlib_bvae.metrics import CLASSIFIERS
from dlib_bvae.metrics.beta_vae import asked_factors, fit_and_score, points_of_sizes
from dlib_bvae.metrics.engine.bounds import MOST_IMAGES, MOST_IN_BATCH
from dlib_bvae.metrics.engine.codes import CodeReader, Codes, MetricData
from dlib_bvae.metrics.engine.sampling import factor_names
from dlib_bvae.metrics.score_info import Result
from dlib_bvae.progress_line import progress

_SHAPE = "shape"  # the factor that Higgins et al. 2017 leave out


@gin.configurable(denylist=["data", "codes", "random_state"])
def beta_vae_sensitivity(
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    *,
    batch_sizes: Sequence[int] = (16, 64, 128, 256),
    classifiers: Sequence[str] = ("linear", "mlp", "random_forest", "logistic_regression"),
    without: Sequence[str] | None = None,
    num_train: int = 10_000,
    num_eval: int = 5_000,
) -> list[Result]:
    """The β-VAE metric for every size L of `batch_sizes`, every classifier and every choice of factors.

    The [Re] β-VAE report, Figure 6 and Table 2. The choices are all factors, and all without each factor of `without`
    (None: without shape, where the data have it), which still varies. The points of one choice are drawn once, with the
    most pairs; for smaller L a point takes the first of them. Each cell is so the metric as beta_vae defines it, the cell of
    the largest L its very number for the same seed, and the differences between cells are less noisy than between
    separate draws.

    data, codes, random_state: see dlib_bvae.metrics.score. Returns one dictionary a cell: factors, classifier,
    batch_size, train_accuracy, eval_accuracy, eval_accuracy_per_factor and classifier_converged.
    Raises UserError for unknown names and numbers out of range.
    """
    source = CodeReader(data, codes)
    source.check_full_grid("beta_vae_sensitivity")
    names = factor_names(data)
    sizes = _checked("batch_sizes", batch_sizes)
    for size in sizes:
        check_integer("every entry of beta_vae_sensitivity.batch_sizes", size, 1, MOST_IN_BATCH)
    used = _checked("classifiers", classifiers)
    for classifier in used:
        CLASSIFIERS.get(classifier)
    choices = _choices(data, names, without)
    for name, value, least in (("num_train", num_train, max(map(len, choices.values()))), ("num_eval", num_eval, 1)):
        check_integer(f"beta_vae_sensitivity.{name}", value, least, MOST_IMAGES)
    seeds = [int(seed) for seed in draw(as_rng(random_state), 2**31 - 1, 3)]
    cells = []
    with progress("cells", len(choices) * len(used) * len(sizes)) as advance:
        for choice, asked in choices.items():
            train, evaluated = (
                points_of_sizes(source, asked, num, sizes, seed)
                for num, seed in zip((num_train, num_eval), seeds[:2], strict=True)
            )
            if len(np.unique(train[1])) < 2:
                raise UserError(
                    f"beta_vae_sensitivity.num_train = {num_train} points ask for one factor only; use more"
                )
            for classifier in used:
                for size in sizes:
                    fitted, scored = (train[0][size], train[1]), (evaluated[0][size], evaluated[1])
                    scores, _ = fit_and_score(classifier, fitted, scored, seeds[2], names)
                    cells.append({"factors": choice, "classifier": classifier, "batch_size": size, **scores})
                    advance()
    return cells


def _choices(data: MetricData, names: list[str], without: Sequence[str] | None) -> dict[str, list[int]]:
    """What a choice is called → the factors that may be asked for."""
    if without is None:
        without = [_SHAPE] if _SHAPE in names else []
    elif isinstance(without, str) or not isinstance(without, Sequence):
        raise UserError(f"beta_vae_sensitivity.without must be a list of factor names; got {without!r}")
    every = asked_factors(data, None)
    choices = {"all": every}
    for factor in without:
        if factor not in names:
            raise unknown("factor", str(factor), names)
        kept = [names[k] for k in every if names[k] != factor]
        choices[f"without {factor}"] = asked_factors(data, kept)
    return choices


def _checked(parameter: str, values: object) -> list[Any]:
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        raise UserError(f"beta_vae_sensitivity.{parameter} must be a list; got {values!r}")
    return list(dict.fromkeys(values))
