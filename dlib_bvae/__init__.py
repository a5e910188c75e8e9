"""Benchmark suite for β-VAE disentanglement: named data sets, methods and metrics, chosen in gin, run in stages."""

__version__ = "0.1.0"
