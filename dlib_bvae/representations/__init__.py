"""Representations: a data set's whole grid encoded once, as codes on disk."""
