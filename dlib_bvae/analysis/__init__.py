"""Statistics of many runs: cells of a board with their intervals, comparisons of methods, agreement of scores, chance."""

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
from dlib_bvae.analysis.chance import above_chance, adjusted_random
from dlib_bvae.analysis.frame import with_versions
from dlib_bvae.analysis.intervals import (
    improvement,
    mean_intervals,
    performance_profile,
    pooled,
    probability_of_improvement,
    trimmed,
)
from dlib_bvae.analysis.orders import orders
from dlib_bvae.analysis.power import row_differences, seeds_needed, smallest_difference, spreads
from dlib_bvae.analysis.prediction import prediction_interval, predictions
from dlib_bvae.analysis.ranks import difference, ranges
from dlib_bvae.analysis.selection import RULES, select, selections
from dlib_bvae.analysis.variance import nested_squares, variance_shares

__all__ = [
    "BOARD",
    "COLUMNS",
    "RULES",
    "above_chance",
    "across_datasets",
    "adjusted_random",
    "agreement",
    "agreements",
    "cells",
    "difference",
    "higher_is_better",
    "improvement",
    "mean_intervals",
    "methods",
    "missing_references",
    "nested_squares",
    "normalised_runs",
    "orders",
    "over_datasets",
    "performance_profile",
    "pooled",
    "prediction_interval",
    "predictions",
    "probability_of_improvement",
    "ranges",
    "references",
    "row_differences",
    "score_matrix",
    "seeds_needed",
    "select",
    "selections",
    "smallest_difference",
    "spreads",
    "trimmed",
    "variance_shares",
    "with_versions",
]
