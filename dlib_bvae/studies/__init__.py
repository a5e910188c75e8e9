"""Grids of runs: what a study trains and scores, one run's work, and its state as its results have it."""
