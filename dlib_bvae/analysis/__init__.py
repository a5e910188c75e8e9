"""Statistics of many runs: cells of a board with their intervals, comparisons of methods, agreement of scores."""

from dlib_bvae.analysis.agreement import across_datasets, agreement, agreements, score_matrix
from dlib_bvae.analysis.cells import COLUMNS, cells, higher_is_better
from dlib_bvae.analysis.comparison import performance_profile, pooled, probability_of_improvement, ranks
from dlib_bvae.analysis.intervals import intervals, trimmed
from dlib_bvae.analysis.over_datasets import normalised_runs, over_datasets
from dlib_bvae.analysis.references import BOARD, methods, missing_references, references
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
