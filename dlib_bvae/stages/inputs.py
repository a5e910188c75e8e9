"""What a stage works on: a run directory, the data set it was trained on, a representation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dlib_bvae import datasets
from dlib_bvae.artifacts import read_results
from dlib_bvae.config import configuration
from dlib_bvae.datasets import ImageData
from dlib_bvae.errors import UserError
from dlib_bvae.runtime import RUNS

if TYPE_CHECKING:
    from dlib_bvae.models.signatures import SavedModel

_TRAINED = Path("train", "results", "json", "train_results.json")
_CONFIGURATION = Path("train", "results", "gin", "train.gin")


class Representation(NamedTuple):
    """Codes (images, latents) of `data` in index order; the directory of their stage.

    decoder: makes the function latents → images, or None where there is none. model: makes all that the model can do, or None.
    """

    directory: Path
    data: ImageData
    codes: np.ndarray
    decoder: Callable[[], Callable[[np.ndarray], np.ndarray] | None]
    model: Callable[[], SavedModel | None]


def trained_run(model_dir: Path | None) -> Path:
    """Checks that `model_dir` holds a trained model; None means the most recently trained run, and says which."""
    if model_dir is None:
        found = sorted(RUNS.glob(f"*/{_TRAINED}"), key=lambda path: path.stat().st_mtime)
        if not found:
            raise UserError(f"no trained run in {RUNS}/; train one with dlib_bvae_train, or give --model_dir")
        model_dir = found[-1].parents[3]
        print(f"run: {model_dir} (the most recent; --model_dir chooses another)")
    elif not model_dir.is_dir():
        raise UserError(f"there is no run directory {model_dir}; train it with dlib_bvae_train --model_dir={model_dir}")
    elif not (model_dir / _TRAINED).is_file():
        if (model_dir / "train.part").is_dir():
            raise UserError(f"the training in {model_dir} is not finished; run its dlib_bvae_train command again")
        raise UserError(f"{model_dir} is not a run directory of dlib_bvae_train: it lacks {_TRAINED}")
    return model_dir


def same_data(model_dir: Path) -> ImageData:
    """The data set of the training, as the run's configuration says.

    Raises UserError when this machine's has another fingerprint.
    """
    trained = read_results(model_dir / "train", "train")
    with configuration([str(model_dir / _CONFIGURATION)], [], [datasets.DATASETS], skip_unknown=True):
        data = datasets.load()
    if data.fingerprint != trained["fingerprint"]:
        raise UserError(
            f"{model_dir} was trained on {trained['dataset']} {trained['fingerprint']}, here that data set is "
            f"{data.fingerprint}; use the package version that trained it, or train again"
        )
    return data
