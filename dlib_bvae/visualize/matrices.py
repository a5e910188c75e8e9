"""Pictures of the matrices in a metric's result: factors from top to bottom, codes from left to right."""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dlib_bvae.metrics.engine.codes import MetricData, factor_sizes
from dlib_bvae.metrics.engine.sampling import factor_names
from dlib_bvae.metrics.engine.screening import SCREENING
from dlib_bvae.metrics.score_info import Matrix

_COLOURS = "cividis"  # made for readers who confuse colours, and dark to bright for those who print in grey
_DPI = 150
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
    directory: Path, results: Mapping[str, Any], known: Mapping[str, Matrix], data: MetricData
) -> list[Path]:
    """Writes <key>.png into `directory` for every matrix in `results`, a list of equally long lists of numbers.

    What a file name should not have becomes "_"; keys whose names would be the same, and long ones, end in a digest.
    known: what is known of them, see dlib_bvae.metrics.matrices; rows and columns of another matrix are called so.
    data: names the factors. Returns the paths; imports matplotlib only when there is a matrix.
    """
    paths = []
    found = {key: values for key, value in results.items() if (values := _as_matrix(value)) is not None}
    for (key, values), name in zip(found.items(), _file_names(found), strict=True):
        title = key.replace("_", " ")
        matrix = known.get(key, Matrix("row", "column", title))
        labels = [_labels(axis, size, results, data) for axis, size in zip(matrix[:2], values.shape, strict=True)]
        paths.append(_save(directory / f"{name}.png", title, values, matrix, labels))
    return paths


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
    texts = [str(name) for name in names]
    return [text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 1]}…" for text in texts]


def _save(path: Path, title: str, values: np.ndarray, matrix: Matrix, labels: list[list[str]]) -> Path:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    axes_names, labels = list(matrix[:2]), list(labels)
    if matrix.columns == "factor" and matrix.rows != "factor":  # their names are read more easily from left to right
        values, axes_names, labels = values.T, axes_names[::-1], labels[::-1]
    figure = Figure(figsize=_inches(values.shape, labels, axes_names, title), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    low = min(values.min(), values.min() if matrix.low is None else matrix.low)
    high = max(values.max(), values.max() if matrix.high is None else matrix.high)
    image = axes.imshow(values, cmap=_COLOURS, vmin=low, vmax=high if high > low else low + 1, aspect="auto")
    upright = axes_names[1] == "factor"  # names of factors have no room otherwise
    _label(axes.yaxis, axes_names[0], labels[0], letters=2)
    _label(axes.xaxis, axes_names[1], labels[1], letters=2 if upright else 2 + max(map(len, labels[1])))
    axes.tick_params("x", rotation=90 if upright else 0)
    axes.set_title(title, parse_math=False)
    figure.colorbar(image, label=matrix.of)
    if max(values.shape) <= _MOST_TEXTS:
        _write_numbers(axes, image, values)
    figure.savefig(path, dpi=_DPI)
    return path


def _label(axis: Any, name: str, texts: list[str], letters: int) -> None:
    """Labels one axis; letters: how much room a text needs, so that of many only some are written."""
    step = math.ceil(len(texts) * letters * _LETTER / min(_CELL * len(texts), _MOST_INCHES))
    axis.set_ticks(range(0, len(texts), step), texts[::step], parse_math=False)
    axis.set_label_text("" if name == "factor" else name.removesuffix("s"), parse_math=False)


def _inches(shape: tuple[int, ...], labels: list[list[str]], axes_names: list[str], title: str) -> tuple[float, float]:
    """Width and height that leave room for labels, title and colour bar."""
    rows, columns = (min(_CELL * size, _MOST_INCHES) for size in shape)
    margin = _LETTER * max(map(len, labels[0])) + 1.7
    below = _LETTER * max(map(len, labels[1])) if axes_names[1] == "factor" else 0.2
    return max(columns + margin, 0.12 * len(title) + margin), max(rows, 1.6) + 0.9 + below


def _write_numbers(axes: Any, image: Any, values: np.ndarray) -> None:
    """The value in each cell, black on bright and white on dark."""
    largest = np.abs(values).max()
    if (values == np.rint(values)).all() and largest < 1e5:
        form = "{:.0f}"
    else:
        form = "{:.2f}" if 0.1 <= largest < 100 else "{:.2g}"
    bright = image.to_rgba(values)[..., :3] @ [0.2126, 0.7152, 0.0722] > 0.46
    for (row, column), value in np.ndenumerate(values):
        text = form.format(value if abs(value) > 5e-3 or form == "{:.2g}" else 0.0)
        colour = "black" if bright[row, column] else "white"
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
