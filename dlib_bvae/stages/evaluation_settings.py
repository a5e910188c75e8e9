"""What one evaluation is: the parameters `evaluation.…` of gin, checked, which only commands that score know."""

from __future__ import annotations

from typing import NamedTuple

from dlib_bvae.datasets import ImageData
from dlib_bvae.datasets.derived.subsets import Subset
from dlib_bvae.datasets.derived.training_distribution import SPLITS
from dlib_bvae.datasets.derived.training_distribution import split as split_of
from dlib_bvae.errors import UserError, check_integer
from dlib_bvae.metrics import is_costly
from dlib_bvae.metrics.engine.bounds import MOST_BINS
from dlib_bvae.metrics.engine.factors import FACTOR_BINS
from dlib_bvae.metrics.engine.null import MOST
from dlib_bvae.metrics.engine.sampling import DISJOINT, SAMPLINGS
from dlib_bvae.metrics.engine.screening import WIDE
from dlib_bvae.registry import configurable


class Settings(NamedTuple):
    """What evaluation() says."""

    random_seed: int
    split: str
    repeats: int
    sampling: str
    factor_bins: int
    null: int
    screened_codes: int
    costly_null: int | None

    def null_of(self, metric: str) -> int:
        """How many matchings of the codes the metric of that name is to score."""
        if self.costly_null is None or not is_costly(metric):
            return self.null
        return min(self.null, self.costly_null)


@configurable("evaluation", seeds=["random_seed"], additions=["null", "costly_null"])
def evaluation(
    random_seed: int = 0,
    split: str = "all",
    repeats: int = 1,
    sampling: str = DISJOINT,
    factor_bins: int = FACTOR_BINS,
    null: int = 0,
    screened_codes: int = 0,
    costly_null: int | None = None,
) -> Settings:
    """The seed of the metrics, and what they are scored on: "all" images, or of a data set with held-out combinations
    the images "in" training or left "out" (dlib_bvae.datasets.derived.training_distribution.split).

    repeats: score with as many seeds, random_seed and those that follow it; see dlib_bvae.metrics.engine.repeats.
    sampling: "disjoint" or "with_replacement"; see dlib_bvae.metrics.engine.sampling.sampled.
    factor_bins: in how many bins continuous factors are counted; see dlib_bvae.metrics.engine.factors.binned.
    null: how many random matchings of the codes to images are scored, too; see dlib_bvae.metrics.engine.null.statistics.
    screened_codes: how many of wider codes are kept by metrics that fit probes to all; see
    dlib_bvae.metrics.engine.screening.screened.
    costly_null: at most so many of metrics that are costly (dlib_bvae.metrics.is_costly); None: as many as of the others.
    """
    check_integer("evaluation.random_seed", random_seed, 0)
    check_integer("evaluation.repeats", repeats, 1)
    check_integer("evaluation.factor_bins", factor_bins, 2, MOST_BINS)
    check_integer("evaluation.null", null, 0, MOST)
    check_integer("evaluation.screened_codes", screened_codes, 0, WIDE)
    if costly_null is not None:
        check_integer("evaluation.costly_null", costly_null, 0, MOST)
    if split not in ("all", *SPLITS):
        raise UserError(f"evaluation.split must be one of all, {', '.join(SPLITS)}; got {split!r}")
    if sampling not in SAMPLINGS:
        raise UserError(f"evaluation.sampling must be one of {', '.join(SAMPLINGS)}; got {sampling!r}")
    return Settings(random_seed, split, repeats, sampling, factor_bins, null, screened_codes, costly_null)


def split_subset(data: ImageData, split: str) -> Subset | None:
    """The images of a split that are scored; None for "all"."""
    return None if split == "all" else split_of(data, split)
