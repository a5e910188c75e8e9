"""Statistics of many runs: cells of a board with their intervals, comparisons of methods, agreement of scores."""

from dlib_bvae.analysis.agreement import across_datasets, agreement, agreements, score_matrix
from dlib_bvae.analysis.cells import (
    BOARD,
    COLUMNS,
    cells,
    higher_is_better,
    methods,
    missing_references,
    normalised_runs,
    over_datasets,
    references,
)
from dlib_bvae.analysis.intervals import (
    intervals,
    performance_profile,
    pooled,
    probability_of_improvement,
    ranks,
    trimmed,
)
from dlib_bvae.analysis.selection import RULES, select, selections
from dlib_bvae.analysis.variance import nested_squares, variance_shares

__all__ = [
    "BOARD",
    "COLUMNS",
    "RULES",
    "across_datasets",
    "agreement",
    "agreements",
    "cells",
    "higher_is_better",
    "intervals",
    "methods",
    "missing_references",
    "nested_squares",
    "normalised_runs",
    "over_datasets",
    "performance_profile",
    "pooled",
    "probability_of_improvement",
    "ranks",
    "references",
    "score_matrix",
    "select",
    "selections",
    "trimmed",
    "variance_shares",
]
