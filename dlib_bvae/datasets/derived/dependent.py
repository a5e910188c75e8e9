"""redundant, causal: images drawn from a stated joint distribution in which factors depend on each other."""

from __future__ import annotations

import abc
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import gin
import numpy as np
from numpy.typing import ArrayLike

from dlib_bvae.datasets import DataLike, as_factor_dataset
from dlib_bvae.datasets.derived.base import DerivedImages, factor_index
from dlib_bvae.datasets.ground_truth import GroundTruthData, LabelledImages, as_rng, draw
from dlib_bvae.errors import UserError, check_integer, check_number, check_positive
from dlib_bvae.registry import configurable

_MOST_IMAGES = 2**24
_MOST_NUMBERS = 2**26  # of a table p(factor | parents)

Graph = dict[int, list[int]]  # factor → its parents, ascending


class Dependent(DerivedImages, LabelledImages):
    """`images` images of a grid, drawn independently and with repetition from p(factors) = Π p(factor | its parents).

    Factors without parents are uniform. All that is shown, encoded and scored are these images; not every combination occurs:
    metrics that choose factors need a grid, and refuse. parents: of each factor that has some. The attribute `rows` has the
    indices in `data`, int64 (images,).
    """

    data: GroundTruthData

    def __init__(self, data: GroundTruthData, kind: str, parents: Graph, parameters: Mapping[str, Any], draws: Any):
        images, seed = draws
        check_integer(f"{kind}.images", images, 2, _MOST_IMAGES)
        check_integer(f"{kind}.seed", seed, 0)
        super().__init__(data, kind, {**parameters, "images": int(images), "seed": int(seed)})
        self.name = f"{kind}({data.name}, {images} images, seed {seed})"
        self.parents, self._draws = parents, (int(images), int(seed))
        self.factor_names, self.factor_sizes = data.factor_names, data.factor_sizes
        self.factor_kinds, self.factor_values = data.factor_kinds, data.factor_values
        for child, of in parents.items():
            numbers = np.prod([self.factor_sizes[k] for k in (*of, child)], dtype=float)
            if numbers > _MOST_NUMBERS:
                raise UserError(
                    f"{kind}: {self.factor_names[child]!r} has {numbers:,.0f} combinations of values with its causes, "
                    f"more than {_MOST_NUMBERS:,}; give it fewer causes"
                )

    @abc.abstractmethod
    def table(self, child: int) -> np.ndarray:
        """p(child | parents), float64 (sizes of its parents in their order …, its own size); the last axis sums to 1."""

    @functools.cached_property
    def _tables(self) -> dict[int, np.ndarray]:
        return {child: self.table(child) for child in self.parents}

    def probability_of(self, factors: ArrayLike) -> np.ndarray:
        """Factor values (n, factors) → the probability of that combination in a draw, float64 (n,)."""
        values = np.asarray(factors)
        found = np.ones(len(values))
        for k, size in enumerate(self.factor_sizes):
            if k in self.parents:
                found *= self._tables[k][tuple(values[:, [*self.parents[k], k]].T)]
            else:
                found /= size
        return found

    @functools.cached_property
    def rows(self) -> np.ndarray:
        """The indices in `data`, int64 (images,), in the order of the draws."""
        images, seed = self._draws
        rng = as_rng(seed)
        values = np.stack([draw(rng, size, images) for size in self.factor_sizes], axis=1)
        for child in ordered(self.parents):
            edges = np.cumsum(self._tables[child][tuple(values[:, self.parents[child]].T)], axis=1)
            edges[:, -1] = 1.0  # whatever the sum was rounded to
            values[:, child] = (rng.random((images, 1)) >= edges).sum(axis=1)
        rows = self.data.index_of(values)
        return rows if self.data.images_per_cell == 1 else rows + draw(rng, self.data.images_per_cell, images)

    @property
    def num_images(self) -> int:
        """Number of images drawn."""
        return self._draws[0]

    def images_at(self, indices: ArrayLike) -> np.ndarray:
        """Indices (n,) → images uint8 (n, height, width, channels)."""
        return self.data.images_at(self.rows[self.check_indices(indices)])

    def factors_at(self, indices: ArrayLike) -> np.ndarray:
        """Indices (n,) → factor values int64 (n, factors)."""
        return self.data.factors_at(self.rows[self.check_indices(indices)])

    def packed(self) -> np.ndarray | None:
        """The bits that `data` has of these images, copied; None where it has none."""
        bits = self.data.packed()
        return None if bits is None else bits[self.rows]

    def labels(self) -> np.ndarray | None:
        """The classes of these images, where `data` has some."""
        inner = self.data.labels()
        return None if inner is None else inner[self.rows]


@configurable("redundant", seeds=["seed"])
class Redundant(Dependent):
    """Images in which a factor repeats another: p(factor | source) = (1 − noise) [factor = f(source)] + noise / size.

    All other factors are uniform and independent, and so is the source. data: a name or a data set with factors.
    factor, source: two of its factors. function: f, the value of `factor` for each value of `source`; None: the nearest on the
    same scale, f(s) = round(s · (size of factor − 1) / (size of source − 1)), halves up. noise: in 0 … 1; 0: a function of the
    source alone, 1: independent. images: how many, drawn with repetition. seed: of the draw.
    Raises UserError for unknown factors, a function that does not fit and numbers out of range.
    """

    def __init__(
        self,
        data: DataLike = gin.REQUIRED,
        factor: str = gin.REQUIRED,
        source: str = gin.REQUIRED,
        function: Sequence[int] | None = None,
        noise: float = 0.0,
        images: int = 100_000,
        seed: int = 0,
    ):
        whole = _whole_grid(data, "redundant")
        child, parent = factor_index(whole, factor), factor_index(whole, source)
        if child == parent:
            raise UserError(f"redundant.factor and redundant.source must be two factors; both are {factor!r}")
        sizes = whole.factor_sizes[parent], whole.factor_sizes[child]
        self.function = _nearest(*sizes) if function is None else _checked_function(function, *sizes)
        self.noise = check_number("redundant.noise", noise, 0, 1)
        parameters = {"factor": child, "source": parent, "function": self.function, "noise": self.noise}
        super().__init__(whole, "redundant", {child: [parent]}, parameters, (images, seed))

    def table(self, child: int) -> np.ndarray:
        """p(factor | source), float64 (size of source, size of factor)."""
        size = self.factor_sizes[child]
        return (1 - self.noise) * np.eye(size)[self.function] + self.noise / size


@configurable("causal", seeds=["seed"])
class Causal(Dependent):
    """Images whose factors follow a causal graph: p(factor | its causes) ∝ exp(−(c − m)² / (2 σ²)).

    c is the factor's value scaled to [0, 1], value / (size − 1), and m the mean of its causes' scaled values: a linear model with
    Gaussian noise on the grid, cut at its ends. Factors without causes are uniform and independent.

    data: a name or a data set with factors. graph: [(cause, effect), …], without a cycle; "chain": each factor causes the next.
    sigma: > 0, of all, or {effect: σ}, of each; the smaller, the stronger. images: how many, drawn with repetition. seed: of the
    draw.
    Raises UserError for unknown factors, a graph with a cycle or an edge twice and numbers out of range.
    """

    def __init__(
        self,
        data: DataLike = gin.REQUIRED,
        graph: str | Sequence[tuple[str, str]] = gin.REQUIRED,
        sigma: float | Mapping[str, float] = 0.2,
        images: int = 100_000,
        seed: int = 0,
    ):
        whole = _whole_grid(data, "causal")
        parents = _checked_graph(whole, graph)
        names = [whole.factor_names[k] for k in parents]
        given = dict(sigma) if isinstance(sigma, Mapping) else dict.fromkeys(names, sigma)
        if set(given) != set(names):
            raise UserError(
                f"causal.sigma must be one number, or one for each of the effects {', '.join(names)}; got {sigma!r}"
            )
        self.sigmas = {k: check_positive("causal.sigma", given[whole.factor_names[k]]) for k in parents}
        edges = [[cause, effect] for effect, causes in parents.items() for cause in causes]
        super().__init__(
            whole, "causal", parents, {"graph": edges, "sigma": list(self.sigmas.values())}, (images, seed)
        )

    def table(self, child: int) -> np.ndarray:
        """p(effect | causes), float64 (sizes of the causes …, size of the effect)."""
        causes = self.parents[child]
        scaled = [np.arange(self.factor_sizes[k]) / (self.factor_sizes[k] - 1) for k in (*causes, child)]
        *of_causes, own = np.ix_(*scaled)
        mean = sum(of_causes) / len(causes)
        exponent = -((own - mean) ** 2) / (2 * self.sigmas[child] ** 2)
        density = np.exp(exponent - exponent.max(axis=-1, keepdims=True))
        return density / density.sum(axis=-1, keepdims=True)


def _whole_grid(data: DataLike, kind: str) -> GroundTruthData:
    whole = as_factor_dataset(data, f"{kind}.data")
    if whole.training_weights() is not None:
        raise UserError(
            f"{kind}.data must be a set that training shows evenly, as {kind} says how often each image is drawn; "
            f"{whole.name} has training weights of its own"
        )
    return whole


def _nearest(source: int, factor: int) -> list[int]:
    return np.floor(np.arange(source) * ((factor - 1) / max(source - 1, 1)) + 0.5).astype(int).tolist()


def _checked_function(function: Any, source: int, factor: int) -> list[int]:
    if isinstance(function, str) or not isinstance(function, Sequence) or len(function) != source:
        raise UserError(f"redundant.function must list a value for each of the source's {source}; got {function!r}")
    for value in function:
        check_integer("each value of redundant.function", value, 0, factor - 1)
    return [int(value) for value in function]


def _checked_graph(data: GroundTruthData, graph: Any) -> Graph:
    """The causes of each effect. Raises UserError for what is no acyclic graph of the factors of `data`."""
    names = data.factor_names
    if graph == "chain":
        graph = list(zip(names, names[1:], strict=False))
    if isinstance(graph, str) or not isinstance(graph, Sequence) or not graph:
        raise UserError(
            f"causal.graph must be 'chain' or list pairs (cause, effect), e.g. [('shape', 'scale')]; got {graph!r}"
        )
    parents: Graph = {}
    for edge in graph:
        if isinstance(edge, str) or not isinstance(edge, Sequence) or len(edge) != 2:
            raise UserError(f"an edge of causal.graph must be two factors, e.g. ('shape', 'scale'); got {edge!r}")
        cause, effect = (factor_index(data, name) for name in edge)
        if cause in parents.setdefault(effect, []):
            raise UserError(f"causal.graph has the edge {tuple(edge)!r} twice; give each once")
        for k in (cause, effect):
            if data.factor_sizes[k] < 2:
                raise UserError(f"causal cannot use {names[k]!r}: it has one value only in {data.name}")
        parents[effect].append(cause)
    found = {effect: sorted(parents[effect]) for effect in sorted(parents)}
    if len(ordered(found)) < len(found):
        raise UserError(f"causal.graph must have no cycle; got {graph!r}")
    return found


def ordered(parents: Graph) -> list[int]:
    """The factors that have parents, each after its parents; those on a cycle, and all after it, are left out."""
    done: list[int] = []
    while new := [k for k, of in parents.items() if k not in done and all(p in done or p not in parents for p in of)]:
        done += new
    return done
