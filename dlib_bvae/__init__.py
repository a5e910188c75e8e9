"""Benchmark suite for β-VAE disentanglement: named data sets, methods and metrics, chosen in gin, run in stages.

From Python: `from dlib_bvae import datasets, metrics, models, runs, board`. Public are the names in `__all__` of these five, and
whatever a registry takes from plug-ins; a public name that goes stays for one minor version and says so when it is used.
"""

from __future__ import annotations

import importlib
from types import ModuleType

__version__ = "0.1.0"
_DOORS = ("board", "datasets", "metrics", "models", "runs")


def __getattr__(name: str) -> ModuleType:
    """The doors are imported when they are asked for."""
    if name in _DOORS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_DOORS])
