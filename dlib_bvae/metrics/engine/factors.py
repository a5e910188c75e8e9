"""Takes the factor values of a data set; hands on what a metric counts (bins of continuous factors) or regresses on (numbers)."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

from dlib_bvae.datasets.ground_truth import CATEGORICAL, CONTINUOUS, CYCLIC
from dlib_bvae.errors import NotApplicable, UserError, check_integer, unknown
from dlib_bvae.metrics.engine.bounds import MOST_BINS
from dlib_bvae.metrics.engine.codes import CodeReader
from dlib_bvae.metrics.engine.information import interval_edges

FACTOR_BINS = 10
_MOST_CYCLIC = 100  # values of a cyclic factor that are counted as they are
_open: contextvars.ContextVar[tuple[int, dict[str, Any]]] = contextvars.ContextVar("bins")


@contextlib.contextmanager
def binned(factor_bins: int) -> Iterator[dict[str, Any]]:
    """In the block, continuous factors are counted in at most `factor_bins` bins of equally many images; outside in 10.

    Yields what results record of it, filled in the block: {"factor_bins": {factor: number of bins}}, empty where no factor
    was binned. Raises UserError for a number out of range.
    """
    check_integer("factor_bins", factor_bins, 2, MOST_BINS)
    record: dict[str, Any] = {}
    token = _open.set((int(factor_bins), record))
    try:
        yield record
    finally:
        _open.reset(token)


class FactorValues:
    """The factors of a data set that vary, as metrics need them.

    source: the data. kept: which of its factors; names: theirs. as_they_are: the metric sets factors to their values, so that
    none is binned. sizes: how many values, or bins, are counted of each.

    Binned are continuous factors, and cyclic ones of more than 100 values, over all images of the data set: each bin has as many
    as equal values allow. Missing values are −1 throughout.
    """

    def __init__(self, source: CodeReader, kept: Sequence[int], names: Sequence[str], as_they_are: bool = False):
        kinds = getattr(source.data, "factor_kinds", None)
        values = getattr(source.data, "factor_values", None)
        self.names = list(names)
        self.kinds = [kinds[k] if kinds else None for k in kept]
        self.sizes = [source.sizes[k] for k in kept]
        self._values = [
            values[k] if values and kind == CONTINUOUS else None for k, kind in zip(kept, self.kinds, strict=True)
        ]
        self._bins: list[np.ndarray | None] = [None] * len(self.sizes)  # the bin of each value
        bins, record = _open.get((FACTOR_BINS, {}))
        wide = [] if as_they_are else [k for k, size in enumerate(self.sizes) if size > bins and self._is_wide(k)]
        if wide:
            ranks = source.factors_at(np.arange(source.num_images))
            for k in wide:
                present = ranks[:, kept[k]][ranks[:, kept[k]] >= 0]
                edges = interval_edges(present, bins)
                self._bins[k], self.sizes[k] = np.searchsorted(edges, np.arange(self.sizes[k])), len(edges) + 1
            record["factor_bins"] = {self.names[k]: self.sizes[k] for k in wide}

    def _is_wide(self, k: int) -> bool:
        return self.kinds[k] == CONTINUOUS or (self.kinds[k] == CYCLIC and self.sizes[k] > _MOST_CYCLIC)

    def counted(self, values: np.ndarray) -> np.ndarray:
        """Factor values int (n, factors) → int64 (n, factors) in 0 … size - 1: bins of those that are binned."""
        found = values.astype(np.int64)
        for k, bins in enumerate(self._bins):
            if bins is not None:
                found[:, k] = np.where(values[:, k] < 0, -1, bins[values[:, k]])
        return found

    def numbers(self, values: np.ndarray) -> np.ndarray:
        """Factor values int (n, factors) → float64 (n, factors): of continuous factors what they stand for; NaN where missing."""
        found = np.where(values < 0, np.nan, values)
        for k, known in enumerate(self._values):
            if known is not None:
                found[:, k] = np.where(values[:, k] < 0, np.nan, known[values[:, k]])
        return found

    @property
    def continuous(self) -> list[str]:
        """The names of the factors that are declared continuous."""
        return [name for name, kind in zip(self.names, self.kinds, strict=True) if kind == CONTINUOUS]

    def check_numbers(self, metric: str, among: Collection[str]) -> None:
        """Raises NotApplicable when `metric` cannot take one of the factors `among` for a number."""
        for name, kind in self._no_numbers().items():
            if name in among:
                raise NotApplicable(
                    f"{metric} takes factors for numbers, and {name!r} is {kind}; take a metric that counts, such as mig"
                )

    def numeric(self, metric: str, leave_out: Sequence[str]) -> tuple[list[int], dict[str, str]]:
        """The columns of the factors that are numbers and not named in leave_out; {factor that is left out: why}.

        Raises UserError for what is no list of factors that vary, NotApplicable where no factor is left.
        """
        if isinstance(leave_out, str) or not isinstance(leave_out, Sequence):
            raise UserError(f"{metric}.leave_out must be a list of factor names; got {leave_out!r}")
        for name in leave_out:
            if name not in self.names:
                raise unknown("factor that varies", str(name), self.names)
        left_out = dict.fromkeys(leave_out, "named in leave_out") | self._no_numbers()
        columns = [k for k, name in enumerate(self.names) if name not in left_out]
        if not columns:
            raise NotApplicable(
                f"{metric} takes factors for numbers, and none of {self.names} is left as one; take a metric that counts, "
                "such as mig"
            )
        return columns, {name: left_out[name] for name in self.names if name in left_out}

    def _no_numbers(self) -> dict[str, str]:
        """{factor: its kind} of those that are no numbers; two categories are, up to their sign."""
        known = zip(self.names, self.kinds, self.sizes, strict=True)
        return {name: kind for name, kind, size in known if kind == CYCLIC or (kind == CATEGORICAL and size > 2)}
