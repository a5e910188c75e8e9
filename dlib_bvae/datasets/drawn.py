"""DrawnImages: continuous factors without end; a fixed sample of images to evaluate on, all others for training."""

from __future__ import annotations

import abc
import functools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from dlib_bvae.datasets.cache import cache_dir as usual_cache_dir
from dlib_bvae.datasets.cache import open_or_write
from dlib_bvae.datasets.derived.base import combined
from dlib_bvae.datasets.external.labels import Factors, Labelled
from dlib_bvae.datasets.factor_distribution import Factor, FactorDistribution
from dlib_bvae.datasets.images import (
    ALL_FACTORS,
    DRAWS,
    RENDERED,
    ImageData,
    changed_of,
    check_changed,
    partner_code,
)
from dlib_bvae.errors import check_integer

_MOST_IMAGES = 2**24
_BLOCK = 256
_CHECKED_ROWS, _TOLERANCE = 16, 1 / 200  # floating point: the last bit of a pixel depends on the machine


class DrawnImages(Labelled):
    """Images of factors that are drawn from a distribution (see FactorDistribution), each a pure function of seed and index.

    Indices 0 … images − 1 are the evaluation sample: all that is encoded and scored, written once to the cache folder. Training
    draws other images, each once, for ever: indices from there to 2^48. The second image of a pair follows from the first one's
    index and from how many factors change (see images.DRAWS and partner_code). The values 0 … size − 1 of factors_at are places
    of a number among those of the evaluation sample (factor_values); values_at has the numbers themselves, of every index.

    factors: what is drawn, in the order of columns.
    images: size of the evaluation sample, 2 … 2^24. seed: of every draw. distribution: "uniform", or "gaussian", truncated to the
    range, for the factors that are no categories. std: of "gaussian", in half ranges. correlation: of the numbers' normal
    scores: one number, or [(factor, factor, number), …]. fixed: {factor: value} of those that do not vary. rho: of pairs and
    sequences, how much of a factor that changes stays (0: it is drawn anew). Raises UserError for what is out of range.
    """

    origin = RENDERED
    drawn = True
    factors: tuple[Factor, ...]

    def __init__(
        self,
        images: int = 20_000,
        seed: int = 0,
        distribution: str = "uniform",
        std: float = 1 / 3,
        correlation: float | Sequence[tuple[str, str, float]] = 0.0,
        fixed: Mapping[str, float] | None = None,
        rho: float = 0.0,
        cache_dir: str | Path | None = None,
    ):
        check_integer(f"{self.name}.images", images, 2, _MOST_IMAGES)
        self._images, self._cache_dir = int(images), cache_dir
        self.distribution = FactorDistribution(
            self.name, self.factors, seed, distribution, std, correlation, fixed, rho
        )
        columns = self.values_at(np.arange(self._images)).T
        values, ranks = zip(*(np.unique(column, return_inverse=True) for column in columns), strict=True)
        names, kinds = zip(*((factor.name, factor.kind) for factor in self.factors), strict=True)
        self.label(Factors(names, kinds, values, np.stack(ranks, axis=1)), self.name)

    @property
    @abc.abstractmethod
    def renderer(self) -> str:
        """A text that changes whenever the same factors give other pixels."""

    @abc.abstractmethod
    def images_of(self, values: ArrayLike) -> np.ndarray:
        """Factor values in their units (n, factors) → images uint8 (n, height, width, channels).

        Raises ValueError for values off their range.
        """

    @property
    def num_images(self) -> int:
        """Size of the evaluation sample."""
        return self._images

    @functools.cached_property
    def fingerprint(self) -> str:
        """Changes with the renderer and with what decides the evaluation sample; not with rho, which decides pairs only."""
        described = {"images": self._images, **self.distribution.described()}
        return combined(self.name, self.renderer, json.dumps(described, sort_keys=True))

    @property
    def cache_path(self) -> Path:
        """Where the images of the evaluation sample lie; the name carries the fingerprint."""
        return Path(self._cache_dir or usual_cache_dir()) / f"{self.name}-{self.fingerprint}.npy"

    def values_at(self, indices: ArrayLike) -> np.ndarray:
        """Indices (n,), also of training and of second images → factor values float64 (n, factors), in their units."""
        return self.distribution.values_of(self._scores_at(self.check_indices(indices)))

    def _scores_at(self, rows: np.ndarray) -> np.ndarray:
        codes, draws = np.divmod(rows, DRAWS)
        scores = self.distribution.scores(draws)
        for code in np.unique(codes[codes > 0]):
            part = np.flatnonzero(codes == code)
            scores[part] = self._frame(scores[part], rows[part], int(code), 1)
        return scores

    def _frame(self, scores: np.ndarray, numbers: np.ndarray, code: int, frame: int) -> np.ndarray:
        """The scores of frame − 1 → those of `frame`, of the sequences that begin with the pair `numbers`."""
        changed = changed_of(code)
        chosen = None if changed == ALL_FACTORS else self.distribution.chosen(numbers, changed)
        return self.distribution.moved(scores, numbers, chosen, frame)

    def sequences_at(self, indices: ArrayLike, length: int, changed: int = 1) -> np.ndarray:
        """Indices (n,) of first images → factor values float64 (n, length, factors) of sequences: images_of gives their frames.

        The same `changed` factors (-1: 1 … factors − 1; ALL_FACTORS: all) drift from frame to frame, by steps that keep rho of
        them; the others are held. The first two frames are a pair of training. A category that drifts is another one each time.
        """
        rows = self.check_indices(indices)
        check_integer("length", length, 1)
        self.check_changed(changed)
        numbers = rows % DRAWS + partner_code(changed) * DRAWS
        frames = [self.distribution.scores(rows % DRAWS)]
        for frame in range(1, length):
            frames.append(self._frame(frames[-1], numbers, partner_code(changed), frame))
        return self.distribution.values_of(np.stack(frames, axis=1))

    def check_changed(self, changed: int) -> None:
        """Raises UserError unless the images of a pair can differ in `changed` factors."""
        check_changed(self.name, changed, len(self.distribution.free))

    def check_indices(self, indices: ArrayLike) -> np.ndarray:
        """Returns `indices` as int64 (n,). Raises ValueError for what is neither an image of the sample nor one that is drawn."""
        rows = np.asarray(indices)
        if rows.ndim != 1 or rows.dtype.kind not in "iu" or not rows.size or rows.max() < self._images:
            return super().check_indices(indices)
        if rows.min() < 0 or rows.max() >= DRAWS << 8:
            raise ValueError(f"indices of {self.name} must be in 0 … 2^56 - 1; got {rows.min()} … {rows.max()}")
        rows = rows.astype(np.int64)
        for changed in np.unique(rows // DRAWS):
            if changed:
                self.check_changed(changed_of(int(changed)))
        return rows

    def factors_at(self, indices: ArrayLike) -> np.ndarray:
        """Indices (n,) of the evaluation sample → places int64 (n, factors) of their values among those of the sample."""
        return self._ranks[ImageData.check_indices(self, indices)]

    def images_at(self, indices: ArrayLike) -> np.ndarray:
        """Indices (n,) → images uint8 (n, height, width, channels), values 0 … max_pixel; drawn ones are rendered now."""
        rows = self.check_indices(indices)
        if len(rows) and rows.max() < self._images:
            return self._unpacked(self._rows[rows])
        return self.images_of(self.values_at(rows))

    @functools.cached_property
    def _rows(self) -> np.ndarray:
        """The evaluation sample, memory-mapped uint8 (images, bytes); binary images bit by bit."""
        size = math.prod(self.observation_shape)
        shape = (self._images, size // 8 if self.max_pixel == 1 else size)
        row = lambda index: self._packed(np.array([index]))[0]
        return open_or_write(self.cache_path, shape, self._blocks, row, checked=_CHECKED_ROWS, tolerance=_TOLERANCE)

    def _blocks(self) -> Iterator[np.ndarray]:
        for start in range(0, self._images, _BLOCK):
            yield self._packed(np.arange(start, min(start + _BLOCK, self._images)))

    def _packed(self, rows: np.ndarray) -> np.ndarray:
        flat = self.images_of(self.values_at(rows)).reshape(len(rows), -1)
        return np.packbits(flat, axis=1) if self.max_pixel == 1 else flat

    def _unpacked(self, rows: np.ndarray) -> np.ndarray:
        flat = np.unpackbits(rows, axis=1) if self.max_pixel == 1 else rows
        return flat.reshape(len(flat), *self.observation_shape)

    def check_values(self, values: ArrayLike) -> np.ndarray:
        """Returns factor values as float64 (n, factors). Raises ValueError for another shape and values off their range."""
        found = np.asarray(values, np.float64)
        if found.ndim != 2 or found.shape[1] != len(self.factors):
            raise ValueError(f"factor values must be numbers (n, {len(self.factors)}); got shape {found.shape}")
        for column, factor in zip(found.T, self.factors, strict=True):
            whole = not factor.categories or (column == np.rint(column)).all()
            if not whole or not ((column >= factor.low) & (column <= factor.high)).all():
                raise ValueError(f"{factor.name} of {self.name} must be in {factor.low:g} … {factor.high:g}")
        return found
