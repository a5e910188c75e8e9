"""Columns of labels, one entry an image → factors: values, what kind they are, and which of them each image has."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from dlib_bvae.datasets.external.tables import matrix, of_frame
from dlib_bvae.datasets.ground_truth import CATEGORICAL, KINDS, GroundTruthData, LabelledImages
from dlib_bvae.datasets.images import ImageData
from dlib_bvae.errors import NotApplicable, UserError, unknown

if TYPE_CHECKING:
    from typing_extensions import Self

_MANY_VALUES, _MANY_SHARE = 100, 0.2  # more values, of more of the images, and a factor's kind must be declared
_SAME = 1e-6  # of the range of a factor: values that are nearer are one


class Factors(NamedTuple):
    """What labels say of images.

    names: one a factor. kinds: of KINDS, None where not declared. values: of each factor, ascending, float64 or texts; None where
    they are not known. ranks: the place of each image's value among them, int64 (images, factors), −1 where it is missing.
    """

    names: tuple[str, ...]
    kinds: tuple[str | None, ...]
    values: tuple[np.ndarray, ...]
    ranks: np.ndarray

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many values each factor has."""
        return tuple(len(values) for values in self.values)


class Labelled(LabelledImages):
    """Labelled images; to be mixed with a class that has the images."""

    def label(self, factors: Factors, parameter: str) -> Self:
        """Gives the images their factors, and returns them; parameter: where they come from."""
        del parameter
        self.factor_names, self.factor_sizes, self.factor_kinds = factors.names, factors.sizes, factors.kinds
        self.factor_values, self._ranks = factors.values, factors.ranks
        return self

    def factors_at(self, indices: ArrayLike) -> np.ndarray:
        """Indices (n,) → factor values int64 (n, factors), ranks among the values that occur; −1 where one is missing."""
        return self._ranks[self.check_indices(indices)]


class LabelledGrid(GroundTruthData):
    """Images with every combination of their factors' values once, in any order; to be mixed with a class that has them."""

    _image_of_cell: np.ndarray | None = None

    def label(self, factors: Factors, parameter: str) -> Self:
        """Gives the images their factors, and returns them. Raises UserError as grid_of."""
        table = grid_of(factors, parameter)
        self._image_of_cell = None if np.array_equal(table, np.arange(len(table))) else table
        self.factor_names, self.factor_sizes, self.factor_kinds = factors.names, factors.sizes, factors.kinds
        self.factor_values = factors.values
        return self

    @property
    def image_of_cell(self) -> np.ndarray | None:
        """The index of the image in each cell of the grid, int64 (cells,); None where images are in the order of the cells."""
        return self._image_of_cell


def factors_of(columns: Sequence[np.ndarray], names: Sequence[str], kinds: Any, parameter: str) -> Factors:
    """Columns (images,), of numbers or of texts (dtype object), one a factor → the factors.

    NaN and None are missing values. Numbers within 1e-6 of their range are one value. kinds: one of KINDS a factor, or
    {factor name: kind} of some; None where none is declared. Texts are categorical.
    Raises UserError, which names `parameter`, for infinite numbers, a factor without any value, kinds that are none, and
    factors of more than 100 values, of more than a fifth of the images that have one, whose kind is not declared.
    """
    declared = checked_kinds(kinds, names, parameter)
    values, ranks, found = [], [], []
    for name, kind, column in zip(names, declared, columns, strict=True):
        known, places, kind = _ranked(column, name, kind, parameter)
        values.append(known)
        ranks.append(places)
        found.append(kind)
    return Factors(tuple(names), tuple(found), tuple(values), np.stack(ranks, axis=1))


def grid_of(factors: Factors, parameter: str) -> np.ndarray:
    """The image of each cell of the grid of all factors' values, int64 (cells,).

    Raises UserError, which names `parameter`, for factors that do not have every combination of values exactly once.
    """
    sizes, images = factors.sizes, len(factors.ranks)
    place = sibling(parameter, "full_grid")
    refusal = f"expected a full grid, each combination once; set {place} = False to keep them as they are"
    if (factors.ranks < 0).any():
        row, k = np.argwhere(factors.ranks < 0)[0]
        raise UserError(f"{parameter} lack the value of {factors.names[k]!r} in row {row}; {refusal}")
    if math.prod(sizes) != images:
        raise UserError(
            f"{parameter} have {' × '.join(map(str, sizes))} = {math.prod(sizes)} combinations for {images} images; {refusal}"
        )
    cells = np.ravel_multi_index(tuple(factors.ranks.T), sizes)
    counts = np.bincount(cells, minlength=images)
    if (counts != 1).any():
        twice = int(np.flatnonzero(counts > 1)[0])
        values = [known[k].item() for known, k in zip(factors.values, np.unravel_index(twice, sizes), strict=True)]
        raise UserError(
            f"{parameter} name {int((counts > 1).sum())} combinations more than once (the first: {values}) and "
            f"{int((counts == 0).sum())} never; {refusal}"
        )
    return np.argsort(cells).astype(np.int64)


def checked_names(names: Any, found: Sequence[str | None], parameter: str) -> tuple[str, ...]:
    """Names of factors as the user gives them in `parameter`; by default those that were `found`, or factor_0, ….

    Raises UserError unless they are as many different texts.
    """
    if names is None:
        names = [f"factor_{k}" if name is None else name for k, name in enumerate(found)]
    listed = [] if isinstance(names, str) or not isinstance(names, Sequence) else list(names)
    different = {name for name in listed if isinstance(name, str)}
    if len(listed) != len(found) or len(different) != len(found):
        raise UserError(f"{parameter} must be {len(found)} different names; got {names!r}")
    return tuple(listed)


def checked_kinds(kinds: Any, names: Sequence[str], parameter: str) -> tuple[str | None, ...]:
    """The kind of each factor in `names`, None where none is declared. Raises UserError, which names `parameter`'s function."""
    given = sibling(parameter, "factor_kinds")
    if kinds is None:
        return (None,) * len(names)
    if isinstance(kinds, Mapping):
        for name in kinds:
            if name not in names:
                raise unknown(f"factor ({given})", str(name), names)
        kinds = [kinds.get(name) for name in names]
    if isinstance(kinds, str) or not isinstance(kinds, Sequence) or len(kinds) != len(names):
        raise UserError(f"{given} must give {len(names)} factors one of {', '.join(KINDS)} each; got {kinds!r}")
    for kind in kinds:
        if kind is not None and kind not in KINDS:
            raise unknown(f"kind of a factor ({given})", str(kind), KINDS)
    return tuple(kinds)


def sibling(parameter: str, name: str) -> str:
    """What another parameter is called where one is called `parameter`: from_file.labels → from_file.<name>."""
    return f"{parameter.rpartition('.')[0]}.{name}".lstrip(".")


def _ranked(
    column: np.ndarray, name: str, kind: str | None, parameter: str
) -> tuple[np.ndarray, np.ndarray, str | None]:
    """The values of a column, the place of each entry among them, and their kind."""
    texts = column.dtype == object
    if texts:
        missing = np.array([entry is None for entry in column], bool)
        if kind not in (None, CATEGORICAL):
            raise UserError(
                f"{parameter}: {name!r} has texts, which are categorical; got the kind {kind!r}; give numbers"
            )
    else:
        column = np.asarray(column, np.float64)
        missing = np.isnan(column)
        if np.isinf(column).any():
            raise UserError(
                f"{parameter} must be finite; {name!r} is infinite in row {int(np.argmax(np.isinf(column)))}"
            )
    if missing.all():
        raise UserError(f"{parameter}: no image has a value of {name!r}; leave that column out")
    present = column[~missing]
    values = np.unique(present.astype(str)) if texts else distinct(present)
    ranks = np.full(len(column), -1, np.int64)
    ranks[~missing] = np.searchsorted(values, present.astype(str) if texts else present, side="right") - 1
    if kind is None and len(values) > max(_MANY_VALUES, _MANY_SHARE * len(present)):
        raise UserError(
            f"{parameter}: {name!r} has {len(values):,} values in {len(present):,} images and no kind; set "
            f"{sibling(parameter, 'factor_kinds')} = {{{name!r}: …}} to one of {', '.join(KINDS)}"
        )
    return values, ranks, CATEGORICAL if texts else kind


def distinct(numbers: np.ndarray) -> np.ndarray:
    """Finite numbers (n,) → their values, float64 ascending; one that is within 1e-6 of the range of a lesser one is that one."""
    found = np.unique(numbers)
    tolerance = _SAME * found[-1] - _SAME * found[0]  # the range itself may be too large for a float
    if (np.diff(found) > tolerance).all():
        return found
    firsts = np.flatnonzero(np.append(True, np.diff(found) > tolerance))
    ends = np.append(firsts[1:], len(found))
    long = found[ends - 1] > found[firsts] + tolerance
    starts = firsts[~long].tolist()
    for place, end in zip(
        firsts[long].tolist(), ends[long].tolist(), strict=True
    ):  # stretches without a gap are walked
        while place < end:
            starts.append(place)
            place = max(place + 1, int(np.searchsorted(found, found[place] + tolerance, side="right")))
    return found[np.sort(starts)]


class _NoImages(ImageData):
    """Images of which labels alone are known, by their number."""

    name, observation_shape = "arrays", (1, 1, 1)

    def __init__(self, number: int):
        self._number = number

    @property
    def fingerprint(self) -> str:
        """Changes with the factors."""
        factors = self.factors_at(np.arange(self._number))  # type: ignore[attr-defined]
        return hashlib.sha256(factors.tobytes()).hexdigest()[:16]

    @property
    def num_images(self) -> int:
        """Number of images."""
        return self._number

    def images_at(self, indices: ArrayLike) -> np.ndarray:
        """Raises NotApplicable."""
        raise NotApplicable(
            "only factors and codes were given, no images, so codes must be an array; give a data set to read images"
        )


class _Arrays(_NoImages, Labelled):
    """Labels of images in any combinations."""


class _ArrayGrid(_NoImages, LabelledGrid):
    """Labels of images that are a full grid."""


def of_arrays(factors: Any, names: Any = None, kinds: Any = None) -> ImageData:
    """A data set without images: `factors` of each, numbers (images, factors) with NaN where missing, or a pandas frame.

    names, kinds: as of from_file.factor_names and factor_kinds. Where every combination occurs once, it is a full grid.
    Raises UserError for what factors_of refuses.
    """
    if hasattr(factors, "columns"):
        columns = of_frame(factors, "factors")
        if not columns.names:
            raise UserError("factors must have a column for each factor; the frame has none")
    else:
        try:
            table = np.asarray(factors)
        except ValueError:  # rows of different lengths
            table = np.empty(0, object)
        if table.ndim != 2 or table.dtype.kind not in "biuf" or 0 in table.shape:
            raise UserError(f"factors must be numbers (images, factors); got {table.dtype} {table.shape}")
        columns = matrix(table)
    found = factors_of(columns.entries, checked_names(names, columns.names, "factor_names"), kinds, "factors")
    images = len(found.ranks)
    if math.prod(found.sizes) == images and len(np.unique(found.ranks, axis=0)) == images and (found.ranks >= 0).all():
        return _ArrayGrid(images).label(found, "factors")
    return _Arrays(images).label(found, "factors")
