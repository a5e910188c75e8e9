"""Statistics of many runs: cells of a board with their intervals, comparisons of methods, agreement of scores."""

from dlib_bvae.results.statistics.agreement import across_datasets, agreement, agreements, score_matrix
from dlib_bvae.results.statistics.cells import COLUMNS, cells, higher_is_better
from dlib_bvae.results.statistics.comparison import performance_profile, pooled, probability_of_improvement, ranks
from dlib_bvae.results.statistics.intervals import intervals, trimmed
from dlib_bvae.results.statistics.over_datasets import normalised_runs, over_datasets
from dlib_bvae.results.statistics.references import BOARD, methods, missing_references, references
from dlib_bvae.results.statistics.selection import RULES, select, selections
from dlib_bvae.results.statistics.variance import nested_squares, variance_shares

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
