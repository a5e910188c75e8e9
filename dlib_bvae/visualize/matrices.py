"""Pictures of the matrices in a metric's result: factors from top to bottom, codes from left to right."""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dlib_bvae.metrics.engine.codes import MetricData, factor_sizes
from dlib_bvae.metrics.engine.sampling import factor_names
from dlib_bvae.metrics.engine.screening import SCREENING
from dlib_bvae.metrics.score_info import Matrix
from dlib_bvae.visualize.figures import MAP, figure_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CELL = 0.55  # inches
_MOST_INCHES = 12.0
_MOST_TEXTS = int(
    _MOST_INCHES / _CELL
)  # rows or columns with a number in each cell: beyond, the cells become too small
_LETTER = 0.09  # inches
_MOST_LETTERS = 60  # of a factor's name
_UNSAFE = r"[^\w.,=+-]+"  # letters of all alphabets are kept
_LONGEST_NAME = 100  # bytes


def save_matrices(
    directory: Path, results: Mapping[str, Any], known: Mapping[str, Matrix], data: MetricData, of: str = ""
) -> list[Path]:
    """Writes <key>.png into `directory` for every matrix in `results`, a list of equally long lists of numbers.

    What a file name should not have becomes "_"; keys whose names would be the same, and long ones, end in a digest.
    known: what is known of them, see dlib_bvae.metrics.matrices; rows and columns of another matrix are called so.
    data: names the factors. of: which metric and model they are of, a second line of the titles. Returns the paths; imports
    matplotlib only when there is a matrix.
    """
    paths = []
    found = {key: values for key, value in results.items() if (values := _as_matrix(value)) is not None}
    for (key, values), name in zip(found.items(), _file_names(found), strict=True):
        title = key.replace("_", " ")
        matrix = known.get(key, Matrix("row", "column", title))
        figure = draw_matrix(title if not of else f"{title}\n{of}", values, matrix, results, data)
        path = directory / f"{name}.png"
        path.write_bytes(figure_png(figure))
        paths.append(path)
    return paths


def draw_matrix(title: str, values: np.ndarray, matrix: Matrix, results: Mapping[str, Any], data: MetricData) -> Figure:
    """A heat map of values (rows, columns), NaN where there is none: factors from top to bottom, codes from left to right.

    matrix: what it is. results: has what its axes list, see Matrix. data: names the factors.
    """
    from matplotlib.figure import Figure

    labels = [_labels(axis, size, results, data) for axis, size in zip(matrix[:2], values.shape, strict=True)]
    axes_names = [matrix.row_label or _called(matrix.rows), matrix.column_label or _called(matrix.columns)]
    if matrix.shares:
        sums = values.sum(axis=1, keepdims=True)
        values = np.divide(values, sums, out=np.zeros(values.shape), where=sums > 0)
    upright = matrix.columns == "factor"  # names of factors have no room otherwise
    if upright and matrix.rows != "factor":  # their names are read more easily from left to right
        values, axes_names, labels, upright = values.T, axes_names[::-1], labels[::-1], False
    figure = Figure(figsize=_inches(values.shape, labels, upright, title), layout="constrained")
    axes = figure.add_subplot()
    low, high = _limits(values, matrix)
    image = axes.imshow(values, cmap=MAP, vmin=low, vmax=high, aspect="auto")
    _label(axes.yaxis, axes_names[0], labels[0], letters=2)
    _label(axes.xaxis, axes_names[1], labels[1], letters=2 if upright else 2 + max(map(len, labels[1])))
    axes.tick_params("x", rotation=90 if upright else 0)
    axes.set_title(title, fontsize=10, parse_math=False)
    figure.colorbar(image, label=matrix.of)
    if max(values.shape) <= _MOST_TEXTS:
        _write_numbers(axes, image, values)
    return figure


def _limits(values: np.ndarray, matrix: Matrix) -> tuple[float, float]:
    """The range of the colours."""
    least, largest = (float(each(values)) for each in (np.nanmin, np.nanmax))
    low = least if matrix.low is None else min(least, matrix.low)
    high = 1.0 if matrix.shares else largest if matrix.high is None else max(largest, matrix.high)
    return low, high if high > low else low + 1


def _called(axis: str) -> str:
    """What an axis is called: nothing where its ticks are names of factors, a latent where they are codes."""
    names = {"factor": "", "code": "latent", "active code": "active latent"}
    return names.get(axis, axis.removesuffix("s"))


def _file_names(keys: Iterable[str]) -> list[str]:
    """A name for each key, no two the same on any file system: some do not tell upper case, or composed letters, apart."""
    names = {key: re.sub(_UNSAFE, "_", key) for key in keys}
    same = {key: unicodedata.normalize("NFC", name).casefold() for key, name in names.items()}
    times = Counter(same.values())
    for key, name in names.items():
        if times[same[key]] > 1 or len(name.encode()) > _LONGEST_NAME:
            digest = hashlib.sha256(key.encode()).hexdigest()[:10]
            names[key] = f"{name.encode()[: _LONGEST_NAME - 11].decode(errors='ignore')}-{digest}"
    return list(names.values())


def _as_matrix(value: Any) -> np.ndarray | None:
    """`value` as floats (rows, columns), None when it is no list of equally long lists of finite numbers."""
    if not isinstance(value, list) or not value or not all(isinstance(row, list) for row in value):
        return None
    if len({len(row) for row in value}) != 1:
        return None
    array = np.asarray(value)
    fits = array.ndim == 2 and array.size and array.dtype.kind in "fiu" and np.isfinite(array).all()
    return array.astype(float) if fits else None


def _labels(axis: str, size: int, results: Mapping[str, Any], data: MetricData) -> list[str]:
    """The labels of the rows or columns of an axis."""
    names: list[Any]
    if axis == "factor":
        names = [name for name, values in zip(factor_names(data), factor_sizes(data), strict=True) if values > 1]
    else:
        listed = results.get("active_codes" if axis == "active code" else axis)
        if axis == "code":
            listed = results.get(SCREENING, {}).get("kept")  # of wide codes there are only some
        names = listed if isinstance(listed, list) and len(listed) == size else list(range(size))
    texts = [f"z{name}" if axis in ("code", "active code") else str(name) for name in names]
    return [text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 1]}…" for text in texts]


def _label(axis: Any, name: str, texts: list[str], letters: int) -> None:
    """Labels one axis; letters: how much room a text needs, so that of many only some are written."""
    step = math.ceil(len(texts) * letters * _LETTER / min(_CELL * len(texts), _MOST_INCHES))
    axis.set_ticks(range(0, len(texts), step), texts[::step], parse_math=False)
    axis.set_label_text(name, parse_math=False)


def _inches(shape: tuple[int, ...], labels: list[list[str]], upright: bool, title: str) -> tuple[float, float]:
    """Width and height that leave room for labels, title and colour bar."""
    rows, columns = (min(_CELL * size, _MOST_INCHES) for size in shape)
    margin = _LETTER * max(map(len, labels[0])) + 1.7
    below = _LETTER * max(map(len, labels[1])) if upright else 0.2
    lines = title.split("\n")
    return max(columns + margin, 0.09 * max(map(len, lines)) + margin), max(rows, 1.6) + 0.75 + 0.18 * len(
        lines
    ) + below


def _write_numbers(axes: Any, image: Any, values: np.ndarray) -> None:
    """The value in each cell, black on bright and white on dark."""
    shown = values[np.isfinite(values)]
    largest = np.abs(shown).max()
    whole = (shown == np.rint(shown)).all() and largest < 1e5
    form = "{:.0f}" if whole else "{:.2f}" if 0.1 <= largest < 100 else "{:.2g}"
    bright = image.to_rgba(values)[..., :3] @ [0.2126, 0.7152, 0.0722] > 0.46
    for (row, column), value in np.ndenumerate(values):
        if not np.isfinite(value):
            continue
        text = form.format(value if abs(value) > 5e-3 or form == "{:.2g}" else 0.0)
        colour = "black" if bright[row, column] else "white"
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
