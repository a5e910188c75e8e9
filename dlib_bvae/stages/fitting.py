"""What the training stage does with a method that is fitted at once."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gin

from dlib_bvae.artifacts import config_dict
from dlib_bvae.datasets import ImageData
from dlib_bvae.errors import UserError
from dlib_bvae.models.baselines.base import Baseline

_READ = ("model", "name", "random_seed")  # of the settings of `model`
_TRAINING = re.compile(rf"^model\.(?!(?:{'|'.join(_READ)}) )\w+ = .*\n(?:    .*\n)*", re.MULTILINE)


def prepare(data: ImageData, settings: dict[str, Any]) -> Callable[[Path], tuple[Any, dict[str, Any]]]:
    """Returns the fit: the part of its run → (network or None, results with the seconds it took).

    An interrupted fit starts anew, and one that is refused leaves no part behind. Raises UserError when the configuration
    binds what a fitted model does not read.
    """
    model: Baseline = settings["model"]
    _check_bindings(model)

    def fit(part: Path) -> tuple[Any, dict[str, Any]]:
        began = time.monotonic()
        try:
            network, measured = model.fit(data, settings["random_seed"])
        except UserError:
            shutil.rmtree(part)
            raise
        variables = () if network is None else network.trainable_variables
        size = sum(int(variable.shape.num_elements()) for variable in variables)
        return network, {"num_parameters": size, **measured, "seconds": time.monotonic() - began}

    return fit


def _check_bindings(model: Baseline) -> None:
    name = type(model).__name__
    for key in config_dict(gin.config_str()):
        selector, _, parameter = key.split("/")[-1].partition(".")
        if selector in model.unused or (selector == "model" and parameter not in _READ):
            raise UserError(f"{key} changes nothing about {name}, which is fitted without training steps; leave it out")


def operative_config() -> str:
    """gin's operative configuration without the settings of training steps, whose defaults it would list as in force."""
    return _TRAINING.sub("", gin.operative_config_str())
