"""Takes data and codes; hands on what a metric scores: codes and factor values of images drawn uniformly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from dlib_bvae.datasets.ground_truth import RandomState, as_rng, draw, grid_strides
from dlib_bvae.errors import NotApplicable, UserError, check_integer
from dlib_bvae.metrics.engine.bounds import MOST_IMAGES
from dlib_bvae.metrics.engine.codes import CodeReader, Codes, MetricData, factor_sizes


class Sample(NamedTuple):
    """Codes float64 (images, latents) and factor values int64 (images, factors) of the same images."""

    codes: np.ndarray
    factors: np.ndarray


class Sampler:
    """Draws samples for the metric `name`, each from a separate random stream; all streams come from `random_state`.

    data, codes, random_state: see dlib_bvae.metrics.score. Factors with one value say nothing and are left out.
    least_factors: how many factors must vary; with 0 the data may have none. most_codes: refuses more latents, where
    they would take forever. full_grid: the metric needs images with chosen factors (moved), so every combination.
    kept: indices of the factors that vary; factor_names, sizes: theirs.
    Raises UserError for what CodeReader refuses, and NotApplicable when fewer factors vary or there are more latents.
    """

    def __init__(
        self,
        name: str,
        data: MetricData,
        codes: Codes,
        random_state: RandomState,
        least_factors: int = 1,
        most_codes: int | None = None,
        full_grid: bool = False,
    ):
        self.name = name
        self.source = CodeReader(data, codes, needs_factors=least_factors > 0)
        if full_grid:
            self.source.check_full_grid(name)
        self._most_codes = most_codes
        self._rng = as_rng(random_state)
        names = factor_names(data) if self.source.sizes else []
        self.kept = [k for k, size in enumerate(self.source.sizes) if size > 1]
        self.factor_names = [names[k] for k in self.kept]
        self.sizes = [self.source.sizes[k] for k in self.kept]
        if len(self.kept) < least_factors:
            raise NotApplicable(
                f"{name} needs at least {least_factors} factors with more than one value; this data set has "
                f"{self.factor_names or 'none'}"
            )
        if self.source.latents is not None:
            self._check_width(self.source.latents)  # before any is read

    def _check_width(self, latents: int) -> None:
        if self._most_codes is not None and latents > self._most_codes:
            raise NotApplicable(
                f"{self.name} takes at most {self._most_codes} codes an image, as its cost grows too fast with them; "
                f"got {latents}; give fewer, for instance their principal components"
            )

    def seed(self) -> int:
        """A new seed, for whatever else the metric draws."""
        return int(draw(self._rng, 2**31 - 1, 1)[0])

    def draw(self, parameter: str, num: Any, least: int = 1) -> Sample:
        """`num` images, drawn with replacement; `parameter` is the name of `num` in messages."""
        return self.at(self.draw_rows(parameter, num, least))

    def draw_rows(self, parameter: str, num: Any, least: int = 1) -> np.ndarray:
        """Grid indices int64 (num,), drawn with replacement."""
        check_integer(f"{self.name}.{parameter}", num, least, MOST_IMAGES)
        return np.random.default_rng(self.seed()).integers(self.source.num_images, size=num)

    def at(self, rows: np.ndarray) -> Sample:
        """The sample at grid indices (n,)."""
        codes = self.source.at(rows, np.random.RandomState(self.seed()))
        self._check_width(codes.shape[1])
        if not self.kept:
            return Sample(codes, np.empty((len(rows), 0), np.int64))
        return Sample(codes, self.source.factors_at(rows)[:, self.kept].astype(np.int64))

    def draw_varied(self, parameter: str, num: Any, least: int = 2) -> Sample:
        """The same; raises UserError when by chance a factor has one value only in the sample."""
        sample = self.draw(parameter, num, least)
        constant = np.flatnonzero((sample.factors == sample.factors[0]).all(axis=0))
        if len(constant):
            raise UserError(
                f"{self.name}.{parameter} = {num} images show one value of {self.factor_names[constant[0]]!r} only "
                "by chance; use more"
            )
        return sample

    def moved(self, rows: np.ndarray, factor: int | np.ndarray, value: int | np.ndarray) -> np.ndarray:
        """Grid indices with a factor (its place among those that vary) set to `value`, all else the same; they broadcast."""
        stride = grid_strides(self.source.sizes)[self.kept][factor]
        return rows + (value - self.values(rows, factor)) * stride

    def values(self, rows: np.ndarray, factor: int | np.ndarray) -> np.ndarray:
        """The values of a factor (its place among those that vary) at grid indices."""
        return rows // grid_strides(self.source.sizes)[self.kept][factor] % np.asarray(self.sizes)[factor]

    def by_factor(self, values: Sequence[float] | np.ndarray) -> dict[str, float]:
        """One value a factor → {factor name: value}."""
        return {name: float(value) for name, value in zip(self.factor_names, values, strict=True)}


def factor_names(data: MetricData) -> list[str]:
    """The data set's factor names; factor_0, factor_1, … where it has none."""
    names = getattr(data, "factor_names", None)
    count = len(factor_sizes(data))
    return [str(name) for name in names] if names is not None else [f"factor_{k}" for k in range(count)]
