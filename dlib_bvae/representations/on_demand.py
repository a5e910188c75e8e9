"""Images of a data set and an encoder → codes of which a row is encoded when a metric first reads it, and kept on disk."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from dlib_bvae.artifacts import write_atomic
from dlib_bvae.datasets import ImageData
from dlib_bvae.progress_line import progress
from dlib_bvae.representations.codes import BATCH, ON_DEMAND, Encode, check_finite, codes_digest

_DIGESTED = 1_024  # images that tell codes from others
Encoder: TypeAlias = Callable[[], tuple[Encode, ImageData]]


class CodesOnDemand:
    """Posterior means float32 (images, latents), by index; as an array, all of them.

    encoder: makes the function that encodes and the data it is for, when the first row is asked for. directory: has the
    codes that are there, rows int64 (n,) and codes float32 (n, latents); save() adds those that came. An image is always
    encoded in a batch of one size, so that its code does not depend on what else was asked for.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, encoder: Encoder, shape: tuple[int, int], directory: Path):
        self._encoder = encoder
        self._opened: tuple[Encode, ImageData] | None = None
        self.shape, self._path = shape, directory / ON_DEMAND
        self._place = np.full(shape[0], -1, np.int64)  # of an image's code among those that are there
        self._codes = np.empty((0, shape[1]), np.float32)
        self._saved = 0
        self._add(*self._kept())
        self._saved = len(self._codes)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, places: np.ndarray | tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """Codes of images, or of images and columns that broadcast."""
        rows = np.asarray(places[0] if isinstance(places, tuple) else places)
        self._encode(np.unique(rows[self._place[rows] < 0]))
        at = self._place[rows]
        return self._codes[at, places[1]] if isinstance(places, tuple) else self._codes[at]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[np.arange(len(self))], dtype)

    @property
    def number(self) -> int:
        """How many images have been encoded."""
        return len(self._codes)

    def save(self) -> None:
        """Writes the codes that are there, where some came since."""
        if self._saved == len(self._codes):
            return
        rows = np.flatnonzero(self._place >= 0)
        file = io.BytesIO()
        np.savez(file, rows=rows, codes=self._codes[self._place[rows]])
        write_atomic(self._path, file.getvalue())
        self._saved = len(self._codes)

    def digest(self) -> str:
        """The same for equal codes, by as many images as suffice, evenly spaced; none that codes_digest gives."""
        rows = np.unique(np.linspace(0, len(self) - 1, min(_DIGESTED, len(self))).astype(np.int64))
        return f"{len(rows)} of {len(self)}: {codes_digest(self[rows])}"

    def _kept(self) -> tuple[np.ndarray, np.ndarray]:
        """The rows and codes on disk; none where the file is missing or damaged, which only costs time."""
        try:
            with np.load(self._path, allow_pickle=False) as file:
                rows, codes = file["rows"], file["codes"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return np.empty(0, np.int64), self._codes
        whole = rows.dtype == np.int64 and codes.dtype == self.dtype and codes.shape == (len(rows), self.shape[1])
        if not whole or (len(rows) and not 0 <= rows.min() <= rows.max() < len(self)):
            return np.empty(0, np.int64), self._codes
        return rows, codes

    def _add(self, rows: np.ndarray, codes: np.ndarray) -> None:
        self._place[rows] = len(self._codes) + np.arange(len(rows))
        self._codes = np.concatenate([self._codes, codes])

    def _encode(self, rows: np.ndarray) -> None:
        if not len(rows):
            return
        self._opened = self._opened or self._encoder()
        encode, data = self._opened
        parts = []
        with progress(f"encoding {data.name}", -(-len(rows) // BATCH)) as advance:
            for start in range(0, len(rows), BATCH):
                part = rows[start : start + BATCH]
                observations = data.observations_at(part)
                filled = np.concatenate([observations, np.repeat(observations[-1:], BATCH - len(part), axis=0)])
                parts.append(np.asarray(encode(filled)[0][: len(part)], np.float32))
                check_finite(parts[-1], f"{part[0]} … {part[-1]}")
                advance()
        self._add(rows, np.concatenate(parts))
