"""Representations: every image of a data set encoded once, as codes on disk."""
