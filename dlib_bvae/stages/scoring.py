"""One metric on one representation as the open configuration says: codes in, the entries of a result out, with their null."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from dlib_bvae import metrics
from dlib_bvae.datasets import ImageData
from dlib_bvae.errors import UserError
from dlib_bvae.metrics.engine.boosting import recorded_trees
from dlib_bvae.metrics.engine.codes import IndexedCodes, NotedCodes, ReorderedCodes
from dlib_bvae.metrics.engine.factors import binned
from dlib_bvae.metrics.engine.null import VALUES, against, compared, has_null, number_in, values_of
from dlib_bvae.metrics.engine.repeats import combined
from dlib_bvae.metrics.engine.sampling import Drawn, sampled, sampling_of
from dlib_bvae.metrics.engine.screening import screened
from dlib_bvae.progress_line import progress
from dlib_bvae.representations.on_demand import CodesOnDemand
from dlib_bvae.stages.evaluation_settings import Settings, split_subset
from dlib_bvae.stages.inputs import Representation


class Scoring:
    """Scores by the metric `name` of a representation's codes.

    parameters: how images were drawn, factors counted and trees grown, once scored; scores of others are not pooled with these.
    read: "images_encoded", of how many images the codes were read, once scored, where they are encoded on demand.
    """

    def __init__(self, name: str, representation: Representation, settings: Settings):
        self.name, self.settings, self.parameters, self.read = name, settings, dict[str, Any](), dict[str, int]()
        self._representation = representation
        self._known = metrics.scores_of(name)
        self._number = settings.null_of(name)  # of matchings

    @functools.cached_property
    def _part(self) -> tuple[ImageData, IndexedCodes]:
        subset = split_subset(self._representation.data, self.settings.split)
        codes: IndexedCodes = self._representation.codes
        if isinstance(codes, CodesOnDemand):
            if not metrics.is_ours(self.name):  # it may read them in any way
                codes = np.asarray(codes)
            elif subset is not None:
                codes = ReorderedCodes(codes, subset.rows)
        elif subset is not None:
            codes = codes[subset.rows]
        return self._representation.data if subset is None else subset, codes

    @property
    def data(self) -> ImageData:
        """The images that are scored."""
        return self._part[0]

    def scores(self) -> dict[str, Any]:
        """What the metric returns, of several repeats what metrics.repeats makes of them, and the null."""
        with self._open() as drawn:
            result, read = self._noted()
            found = {**result, **drawn.said(), **self._null(result, {}, read)}
        self._save()
        self.read = {} if read is None else {"images_encoded": len(read)}
        return found

    def _noted(self) -> tuple[dict[str, Any], np.ndarray | None]:
        """What the metric returns, and of codes on demand the images that it read, int64."""
        codes = self._part[1]
        if isinstance(codes, np.ndarray):
            return self._of(codes), None
        noted = NotedCodes(codes)
        return self._of(noted), np.flatnonzero(noted.rows)

    def _save(self) -> None:
        if isinstance(self._representation.codes, CodesOnDemand):
            self._representation.codes.save()

    def lacks_null(self, results: Mapping[str, Any]) -> bool:
        """Whether `results`, of these codes, have fewer matchings than the configuration asks for.

        Raises ValueError, KeyError, TypeError or AttributeError where they are not as scores() gives them.
        """
        there = number_in(results, self._known)
        return there is not None and there < self._number

    def more_null(self, results: Mapping[str, Any]) -> dict[str, Any]:
        """The null of `results` with the matchings that they lack. Raises UserError where trees are now grown otherwise."""
        with self._open():
            read = None if isinstance(self._part[1], np.ndarray) else self._noted()[1]
            null = self._null(results, results.get(VALUES, {}), read)
        before = results["metric_parameters"]
        if self.parameters.get("trees") != before.get("trees"):
            raise UserError(
                f"the scores of {self.name} that stand are of other trees than this version of scikit-learn grows, so the "
                "null of both would be mixed; give --overwrite to score again"
            )
        return null

    @contextlib.contextmanager
    def _open(self) -> Iterator[Drawn]:
        with (
            recorded_trees() as trees,
            sampled(self.settings.sampling) as drawn,
            binned(self.settings.factor_bins) as bins,
            screened(self.settings.screened_codes) as kept,
        ):
            yield drawn
            sampling = drawn_so(self.name)
        self.parameters = {**sampling, **trees, **bins, **kept}

    def _null_names(self, result: Mapping[str, Any]) -> list[str]:
        """The scores in a result that have a null here."""
        return compared(result, self._known) if self._number and has_null(self._known) else []

    def _null(
        self, result: Mapping[str, Any], before: Mapping[str, list[float | None]], read: np.ndarray | None
    ) -> dict[str, Any]:
        """The entries of the null of a result; before: the values of the matchings that are there; read: see null.orders."""
        names, first = self._null_names(result), max(map(len, before.values()), default=0)
        codes, settings = self._part[1], self.settings
        number = self._number - first
        nulls = metrics.nulls_of(self.name)
        values = values_of(names, self._of, codes, number, settings.random_seed, first, nulls, read)
        return against(result, {name: [*before.get(name, []), *values[name]] for name in names}, self._known)

    @functools.cached_property
    def _wanted(self) -> dict[str, Any]:
        """The model's `decode`, or the whole `model`, for a metric that asks for it; else nothing, and no TensorFlow."""
        makers = {"decode": self._representation.decoder, "model": self._representation.model}
        asked = inspect.signature(metrics.METRICS.get(self.name)).parameters.keys() & makers.keys()
        functions = {key: makers[key]() for key in asked}
        return {key: value for key, value in functions.items() if value is not None}

    def _of(self, codes: IndexedCodes) -> dict[str, Any]:
        metric, first = metrics.METRICS.get(self.name), self.settings.random_seed
        seeds = range(first, first + self.settings.repeats)
        found = []
        with progress(f"{self.name}: repeats", len(seeds)) as advance:
            for seed in seeds:
                found.append(_checked(self.name, metric(self.data, codes, seed, **self._wanted)))
                advance()
        if len(found) == 1:
            return found[0]
        of_active = [key for key, matrix in metrics.matrices(self.name).items() if "active code" in matrix[:2]]
        return combined(found, list(seeds), of_active)


def drawn_so(name: str) -> dict[str, str]:
    """How the metric `name` draws images here: scores of other samplings are not pooled with its."""
    return {"evaluation.sampling": sampling_of(name)}


def _checked(name: str, result: object) -> dict[str, Any]:
    """What a metric returned, with Python's numbers for numpy's. Raises UserError where it is no {score name: value}."""
    if not isinstance(result, Mapping) or not all(isinstance(key, str) for key in result):
        raise UserError(
            f"the metric {name} must return its scores as a dictionary {{name: value}}; it returned {result!r:.100}"
        )
    return {key: value.item() if isinstance(value, np.generic) else value for key, value in result.items()}
