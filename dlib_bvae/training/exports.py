"""Models kept while a training goes on: its directory and a step → saved_model-<step>, as it would be exported at that step."""

from __future__ import annotations

import shutil
from pathlib import Path

from dlib_bvae.models.saved_model import Model, export

_STEM, _PART = "saved_model-", ".part"


def exported_model(directory: Path, step: int) -> Path:
    """Where the training in `directory` keeps the SavedModel of `step`."""
    return directory / f"{_STEM}{step}"


def exported_steps(directory: Path) -> list[int]:
    """The steps whose SavedModels the training in `directory` has, smallest first; none where there is no directory."""
    names = [path.name.removeprefix(_STEM) for path in directory.glob(f"{_STEM}*")]
    return sorted(int(name) for name in names if name.isdecimal())


def export_step(network: Model, directory: Path, step: int) -> None:
    """Writes `network` as the SavedModel of `step`, in place of an earlier one, under its name only when it is complete."""
    final = exported_model(directory, step)
    part = final.with_name(final.name + _PART)
    export(network, part)
    shutil.rmtree(final, ignore_errors=True)
    part.rename(final)


def remove_unfinished(directory: Path) -> None:
    """Removes what a training left that was killed while it exported."""
    for part in directory.glob(f"{_STEM}*{_PART}"):
        shutil.rmtree(part)
