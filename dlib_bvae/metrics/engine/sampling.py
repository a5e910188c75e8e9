"""Takes data and codes; hands on what a metric scores: codes and factor values of images drawn uniformly."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from dlib_bvae.datasets.ground_truth import RandomState, as_rng, draw, grid_strides
from dlib_bvae.errors import NotApplicable, UserError, check_integer, unknown, warn_once
from dlib_bvae.metrics.engine.bounds import MOST_IMAGES
from dlib_bvae.metrics.engine.codes import CodeReader, Codes, MetricData, factor_sizes
from dlib_bvae.metrics.engine.factors import FactorValues
from dlib_bvae.metrics.engine.screening import most_informative, number_kept, said, screening_images
from dlib_bvae.metrics.score_info import Result

DISJOINT, WITH_REPLACEMENT = SAMPLINGS = ("disjoint", "with_replacement")
_REFERENCE = "_dlib"  # how a metric ends that is disentanglement_lib's very number


class Drawn(NamedTuple):
    """How samples are drawn, and {parameter: number of images} for those that are smaller than their parameter says."""

    sampling: str
    numbers: dict[str, int]

    def said(self) -> dict[str, Any]:
        """What a result says of it: images_drawn, where a sample is smaller than its parameter says."""
        return {"images_drawn": dict(self.numbers)} if self.numbers else {}


_open: contextvars.ContextVar[Drawn] = contextvars.ContextVar("drawn")


def _drawn() -> Drawn:
    return _open.get(Drawn(DISJOINT, {}))


@contextlib.contextmanager
def sampled(sampling: str) -> Iterator[Drawn]:
    """In the block samples are drawn "disjoint" or "with_replacement"; what is yielded says how they came out.

    "disjoint" (also outside of any block): a sample has an image at most once, and no test image is a training image.
    "with_replacement": every sample is drawn independently with replacement, as disentanglement_lib draws.
    Raises UnknownName for another word.
    """
    if sampling not in SAMPLINGS:
        raise unknown("sampling", str(sampling), SAMPLINGS)
    drawn = Drawn(sampling, {})
    token = _open.set(drawn)
    try:
        yield drawn
    finally:
        _open.reset(token)


def sampling_of(name: str) -> str:
    """How the metric `name` draws: the reference's own numbers (…_dlib) with replacement, others as sampled() says."""
    return WITH_REPLACEMENT if name.endswith(_REFERENCE) else _drawn().sampling


def draw_rows(name: str, rng: np.random.Generator, images: int, num: int) -> np.ndarray:
    """int64 (num,) of 0 … images - 1, as sampling_of(name) says: different ones, all where there are fewer."""
    if sampling_of(name) == WITH_REPLACEMENT:
        return rng.integers(images, size=num)
    return rng.choice(images, size=min(num, images), replace=False)


class Sample(NamedTuple):
    """Codes float64 (images, latents) and factor values int64 (images, factors) of the same images.

    Values are those that metrics count: bins of continuous factors, −1 where an image has none. numbers: the values as numbers,
    float64 (images, factors), NaN where missing; None in samples that a metric composes.
    """

    codes: np.ndarray
    factors: np.ndarray
    numbers: np.ndarray | None = None

    def having(self, factor: int) -> tuple[np.ndarray, np.ndarray]:
        """The codes and the values of a factor (its column), of the images that have one."""
        values = self.factors[:, factor]
        known = values >= 0
        return (self.codes, values) if known.all() else (self.codes[known], values[known])

    def numbers_of(self, factor: int) -> tuple[np.ndarray, np.ndarray]:
        """The codes and the numbers of a factor (its column), of the images that have one."""
        values = self.factors[:, factor] if self.numbers is None else self.numbers[:, factor]
        known = self.factors[:, factor] >= 0
        if known.all():
            return self.codes, values.astype(np.float64)
        return self.codes[known], values[known].astype(np.float64)

    def numbers_in(self, columns: Sequence[int]) -> np.ndarray:
        """The numbers of several factors (their columns), float64 (images, columns), NaN where an image has none."""
        values = self.factors if self.numbers is None else self.numbers
        return np.where(self.factors < 0, np.nan, values)[:, columns].astype(np.float64)


class Sampler:
    """Draws samples for the metric `name`, each from a separate random stream; all streams come from `random_state`.

    data, codes, random_state: see dlib_bvae.metrics.score. Factors with one value say nothing and are left out.
    least_factors: how many factors must vary; with 0 the data may have none, and none are read. most_codes: refuses more
    latents, where they would take forever. full_grid: the metric needs images with chosen factors (moved), so every
    combination. screens: of wide codes only those are scored that inform of the factors most (screening.number_kept), found
    on other images than those that are drawn later; not of a full grid.
    kept: indices of the factors that vary; factor_names, sizes: theirs; factors: what is counted and regressed on of them.
    with_replacement: how it draws (sampling_of). images: those that there are to draw. screening: what the result says of it.
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
        screens: bool = False,
    ):
        self.name = name
        self.with_replacement = sampling_of(name) == WITH_REPLACEMENT
        self.source = CodeReader(data, codes, needs_factors=least_factors > 0)
        if full_grid:
            self.source.check_full_grid(name)
        self._most_codes = most_codes
        self._rng = as_rng(random_state)
        names = factor_names(data) if self.source.sizes else []
        self.kept = [k for k, size in enumerate(self.source.sizes) if size > 1] if least_factors else []
        self.factor_names = [names[k] for k in self.kept]
        self.factors = FactorValues(self.source, self.kept, self.factor_names, as_they_are=full_grid)
        self.sizes = self.factors.sizes
        if len(self.kept) < least_factors:
            raise NotApplicable(
                f"{name} needs at least {least_factors} factors with more than one value; this data set has "
                f"{self.factor_names or 'none'}"
            )
        if self.source.latents is not None:
            self._check_width(self.source.latents)  # before any is read
        self.images = self.source.images
        self._cells = self.source.num_images
        self._passed = np.empty(0, np.int64)  # images, or cells, that others are drawn between
        self.screening: Result = {}
        if screens:
            self._screen()

    def _screen(self) -> None:
        """Keeps the codes that inform of the factors most, by images that no sample has from now on; all, unless wide."""
        latents = self.source.width()
        number = number_kept(latents)
        if number == latents:
            return
        there = self._cells if self.with_replacement else self.images
        chosen = np.sort(self.different(there, screening_images(there)))
        sample = self.at(chosen) if self.with_replacement else self._sample(chosen)
        kept = most_informative(sample.codes, sample.factors, self.sizes, number)
        self.source.columns = kept
        self._passed = chosen - np.arange(len(chosen))
        self._cells = self.images = there - len(chosen)
        self.screening = said(latents, kept, len(chosen))

    def _between(self, rows: np.ndarray) -> np.ndarray:
        """Numbers of 0 … images - 1 (cells with replacement) → indices of images that did not screen."""
        return rows + np.searchsorted(self._passed, rows, side="right")

    def columns(self, codes: np.ndarray) -> list[int]:
        """Places among the codes of a sample (n,) → their places among all codes."""
        kept = self.source.columns
        return (codes if kept is None else kept[codes]).tolist()

    def _check_width(self, latents: int) -> None:
        if self._most_codes is not None and latents > self._most_codes:
            raise NotApplicable(
                f"{self.name} takes at most {self._most_codes} codes per image, as its cost grows too fast with them; "
                f"got {latents}; give fewer, for instance their principal components"
            )

    def seed(self) -> int:
        """A new seed, for whatever else the metric draws."""
        return int(draw(self._rng, 2**31 - 1, 1)[0])

    def draw(self, parameter: str, num: Any, least: int = 1) -> Sample:
        """`num` images, each at most once, all where there are fewer; `parameter` is the name of `num` in messages.

        With replacement: `num` images, whatever came before. Two calls may draw the same image; see train_and_test.
        """
        if self.with_replacement:
            return self.at(self.draw_rows(parameter, num, least))
        self._check(parameter, num, least)
        found = self.different(self.images, num)
        self.note(parameter, num, len(found), least)
        return self._sample(self._between(found))

    def train_and_test(
        self, num_train: Any, num_test: Any, varied: bool = True, least: int = 1, least_test: int = 1
    ) -> tuple[Sample, Sample]:
        """A sample to fit to and one to test on, of different images.

        Where there are fewer images than both, at most two thirds of them train and at most the others test, which one
        line on standard error says. With replacement: two independent samples. varied: of training images as in draw_varied.
        Raises UserError for numbers out of range, NotApplicable for data with too few images.
        """
        least = max(2, least) if varied else least
        self._check("num_train", num_train, least)
        self._check("num_test", num_test, least_test)
        if self.with_replacement:
            train = self.draw("num_train", num_train, least)
            if varied:
                self.check_varied("num_train", num_train, train)
            return train, self.draw("num_test", num_test, least_test)
        train_size, test_size = self.parts(num_train, num_test)
        if train_size + test_size < num_train + num_test:
            warn_once(
                f"{self.name}: num_train + num_test = {num_train + num_test:,} are more than the {self.images:,} "
                f"images; it is fitted to {train_size:,} of them and tested on {test_size:,} others"
            )
        self.note("num_train", num_train, train_size, least)
        self.note("num_test", num_test, test_size, least_test)
        rows = self._between(self.different(self.images, train_size + test_size))
        train, test = self._sample(rows[:train_size]), self._sample(rows[train_size:])
        if varied:
            self.check_varied("num_train", train_size, train)
        return train, test

    def parts(self, num_train: int, num_test: int) -> tuple[int, int]:
        """How many images train and test: as many as asked for, or at most two thirds and one third of those that there are."""
        if num_train + num_test <= self.images:
            return num_train, num_test
        most = 2 * self.images // 3
        return min(num_train, most), min(num_test, self.images - most)

    def fitting(self, sizes: Sequence[int], num_test: Any, most: int | None = None) -> list[int]:
        """Those of the numbers of training images `sizes` that there are, with images left to test on, and at most `most`.

        One line on standard error names the others. With replacement: all. Raises NotApplicable when none is left.
        """
        self._check("num_test", num_test, 1)
        if self.with_replacement:
            return list(sizes)
        images = self.images
        largest = min(most or images, max(images - num_test, 2 * images // 3))
        fit = [size for size in sizes if size <= largest]
        if not fit:
            raise NotApplicable(
                f"{self.name} finds no {min(sizes):,} different images to train on; give a num_train of at most {largest:,}"
            )
        if len(fit) < len(sizes):
            left_out = ", ".join(f"{size:,}" for size in sizes if size not in fit)
            warn_once(
                f"{self.name}: left out num_train = {left_out}; there are {largest:,} different images to train on"
            )
        return fit

    def draw_rows(self, parameter: str, num: Any, least: int = 1) -> np.ndarray:
        """Grid indices int64 (num,), drawn with replacement."""
        self._check(parameter, num, least)
        return self._between(np.random.default_rng(self.seed()).integers(self._cells, size=num))

    def different(self, among: int, num: int) -> np.ndarray:
        """At most `num` different numbers of 0 … among - 1, int64, in random order."""
        return np.random.default_rng(self.seed()).choice(among, size=min(num, among), replace=False)

    def note(self, parameter: str, asked: int, found: int, least: int = 1) -> None:
        """Has the result say that a sample is smaller than its parameter; NotApplicable when smaller than `least`."""
        if found < least:
            raise NotApplicable(
                f"{self.name}.{parameter} must be at least {least}, and the {self.images:,} images of this data set "
                f"leave {found}"
            )
        if found < asked:
            _drawn().numbers[parameter] = found

    def at(self, rows: np.ndarray) -> Sample:
        """The sample at grid indices (n,)."""
        return self._with_factors(self.source.at(rows, np.random.RandomState(self.seed())), rows)

    def of(self, images: np.ndarray) -> Sample:
        """The sample of the images (n,), by their indices in the data set."""
        return self._sample(images)

    def _sample(self, images: np.ndarray) -> Sample:
        """The sample of the images (n,), of which a cell of the grid may have several."""
        codes = self.source.of_images(images, np.random.RandomState(self.seed()))
        several = self.source.images_per_cell
        return self._with_factors(codes, images // several if several > 1 else images)

    def _with_factors(self, codes: np.ndarray, rows: np.ndarray) -> Sample:
        self._check_width(codes.shape[1])
        if not self.kept:
            return Sample(codes, np.empty((len(rows), 0), np.int64))
        values = self.source.factors_at(rows)[:, self.kept]
        lacking = np.flatnonzero((values < 0).all(axis=0))
        if len(lacking):
            raise UserError(
                f"none of the {len(rows)} images that {self.name} draws has a value of "
                f"{self.factor_names[lacking[0]]!r}; draw more"
            )
        return Sample(codes, self.factors.counted(values), self.factors.numbers(values))

    def _check(self, parameter: str, num: Any, least: int) -> None:
        check_integer(f"{self.name}.{parameter}", num, least, MOST_IMAGES)

    def draw_varied(self, parameter: str, num: Any, least: int = 2) -> Sample:
        """The same as draw; raises UserError when by chance a factor has one value only in the sample."""
        sample = self.draw(parameter, num, least)
        self.check_varied(parameter, num, sample)
        return sample

    def check_varied(self, parameter: str, num: int, sample: Sample) -> None:
        """Raises UserError when by chance a factor has one value only in the sample."""
        values = np.where(sample.factors < 0, sample.factors.max(axis=0), sample.factors)
        constant = np.flatnonzero((values == values[0]).all(axis=0))
        if len(constant):
            raise UserError(
                f"{self.name}.{parameter} = {num} images show one value of {self.factor_names[constant[0]]!r} only "
                "by chance; use more"
            )

    def moved(self, rows: np.ndarray, factor: int | np.ndarray, value: int | np.ndarray) -> np.ndarray:
        """Grid indices with a factor (its place among those that vary) set to `value`, all else the same; they broadcast."""
        stride = grid_strides(self.source.sizes)[self.kept][factor]
        return rows + (value - self.values(rows, factor)) * stride

    def values(self, rows: np.ndarray, factor: int | np.ndarray) -> np.ndarray:
        """The values of a factor (its place among those that vary) at grid indices."""
        return rows // grid_strides(self.source.sizes)[self.kept][factor] % np.asarray(self.sizes)[factor]

    def num_lines(self, factor: int) -> int:
        """How many lines the grid has along a factor (its place among those that vary): images that differ in it only."""
        return self.source.num_images // self.sizes[factor]

    def on_lines(self, lines: np.ndarray, factor: int, value: int | np.ndarray) -> np.ndarray:
        """Grid indices of the images with `value` of the factor on `lines`, numbers 0 … num_lines(factor) - 1; they broadcast."""
        stride = grid_strides(self.source.sizes)[self.kept][factor]
        return lines // stride * stride * self.sizes[factor] + lines % stride + value * stride

    def by_factor(self, values: Sequence[float] | np.ndarray) -> dict[str, float]:
        """One value a factor → {factor name: value}."""
        return {name: float(value) for name, value in zip(self.factor_names, values, strict=True)}


def factor_names(data: MetricData) -> list[str]:
    """The data set's factor names; factor_0, factor_1, … where it has none."""
    names = getattr(data, "factor_names", None)
    count = len(factor_sizes(data))
    return [str(name) for name in names] if names is not None else [f"factor_{k}" for k in range(count)]
