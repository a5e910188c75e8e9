"""Codes and encoders of any framework: a representation without a training of this package."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dlib_bvae import config, datasets
from dlib_bvae.artifacts import Stage, Work, describe, is_done, read_identity, read_results, standing
from dlib_bvae.artifacts.names import check_name
from dlib_bvae.artifacts.permissions import check_readable
from dlib_bvae.artifacts.record import results_standing
from dlib_bvae.datasets import ImageData
from dlib_bvae.datasets.cache import content_sha256
from dlib_bvae.datasets.external.arrays import open_array
from dlib_bvae.errors import Damaged, UserError, check_integer, check_memory
from dlib_bvae.metrics.engine.codes import check_codes_shape, unusable
from dlib_bvae.representations.codes import codes_digest, read_codes
from dlib_bvae.runtime import RUNS
from dlib_bvae.stages.inputs import Representation, load_decoder, load_encoder, load_model
from dlib_bvae.stages.postprocess import (
    NEEDED,
    POSTPROCESS,
    codes_in,
    encode,
    encoded_part,
    finish_equal,
    say_dropped,
    stage_name,
    unused,
)

_WAY_OUT = "choose another --name or --output_dir, or --overwrite to replace the codes and their scores"
_CODES = Stage("postprocess", way_out=_WAY_OUT)
_SAVED_MODEL = replace(POSTPROCESS, way_out=_WAY_OUT)
_HDF5_BYTES = 2**33  # of codes that are read whole
_BLOCK_VALUES = 2**22  # of the codes that are looked at in one go


class ExternalCodes(NamedTuple):
    """What to score: a file of codes, or a SavedModel that makes them; see external_codes."""

    name: str
    output_dir: Path
    codes: Path | None
    codes_key: str | None
    saved_model: Path | None
    dataset: str | None
    training_seed: int

    def bindings(self, given: Sequence[str]) -> list[str]:
        """The gin bindings with the data set's name among them."""
        return [*given, *([] if self.dataset is None else [f"dataset.name = {self.dataset!r}"])]


def external_codes(
    codes: Path | None = None,
    codes_key: str | None = None,
    saved_model: Path | None = None,
    dataset: str | None = None,
    name: str | None = None,
    output_dir: Path | None = None,
    training_seed: int | None = None,
    model_dir: Path | None = None,
    step: int | None = None,
) -> ExternalCodes | None:
    """What the flags of dlib_bvae_evaluate ask for; None: a trained run.

    Raises UserError for flags that do not go together and for files that are not there.
    """
    source = codes or saved_model
    if source is None:
        flags = {"codes_key": codes_key, "dataset": dataset, "name": name}
        if given := [flag for flag, value in {**flags, "training_seed": training_seed}.items() if value is not None]:
            raise UserError(f"--{given[0]} goes with --codes or --saved_model; a trained run knows it")
        return None
    if step is not None:
        raise UserError("--step chooses a model that the training of a run kept; leave it out for codes from elsewhere")
    if codes is not None and saved_model is not None or model_dir is not None:
        raise UserError("give one of --codes, --saved_model and --model_dir: each says what to score")
    if saved_model is not None and codes_key is not None:
        raise UserError("--codes_key names an array of a --codes file; a SavedModel has none")
    if saved_model is not None and not (saved_model / "saved_model.pb").is_file():
        raise UserError(f"{saved_model} is no SavedModel: it must be a folder with saved_model.pb in it")
    name = source.stem if name is None else name
    check_name("--name", name)
    check_integer("--training_seed", seed := training_seed or 0, 0)
    place = output_dir or RUNS / name
    if (place / "train").exists() or standing(place / "train", "train"):
        raise UserError(f"{place} is a run of dlib_bvae_train; choose another --name or --output_dir for these codes")
    return ExternalCodes(name, place, codes, codes_key, saved_model, dataset, seed)


def opened(source: ExternalCodes) -> tuple[ImageData, np.ndarray | None]:
    """The data set that the open configuration names, and the codes of a file, checked: memory-mapped (HDF5: read).

    Raises UserError for what is no data set, no codes of all its images, and values out of range; nothing is ever unpickled.
    """
    if not any(key.rpartition("/")[2] == "dataset.name" for key in config.bound()):
        raise UserError(
            f"{source.codes or source.saved_model} does not say which images it is for; name the data set by --dataset, e.g. "
            "--dataset=dsprites_rendered (all: dlib_bvae list datasets)"
        )
    data = datasets.load()
    if source.codes is None:
        return data, None
    return data, codes_of_file(source.codes.expanduser(), source.codes_key, data.num_images, "--codes")


def codes_of_file(path: Path, key: str | None, num_images: int, what: str) -> np.ndarray:
    """The codes (num_images, latents) of a .npy, .npz or HDF5 file, checked: memory-mapped (HDF5: read).

    key: of the array in the file, None for the only one. Raises UserError, which names `what` or the file, where they are none.
    """
    check = lambda shape, dtype: check_codes_shape(shape, dtype, num_images)
    found = open_array(path, key, (2,), what, check)
    if not isinstance(found, np.ndarray):
        size = found.dtype.itemsize * math.prod(found.shape)
        check_memory(f"{path}: an HDF5 file's codes", size, _HDF5_BYTES, "save them as .npy, which is not read whole")
    codes = np.asanyarray(found)
    check_values(codes, path)
    return codes


def represent(
    source: ExternalCodes, data: ImageData, codes: np.ndarray | None, overwrite: bool
) -> tuple[Representation, Work]:
    """Writes the stage of these codes, or encodes `data` (postprocess.encoded_part of it) by the SavedModel, once.

    Raises UserError when the folder holds another representation, unless `overwrite` is to replace it.
    """
    data = data if source.codes else encoded_part(data)
    paths = [source.codes] if source.codes else sorted(path for path in source.saved_model.rglob("*") if path.is_file())  # type: ignore[union-attr]
    sha256 = content_sha256([path for path in paths if path is not None])
    recorded = {
        "trained": sha256,
        "codes_key": source.codes_key,
        "model": source.name,
        "training_seed": source.training_seed,
        **datasets.recorded(data),
    }
    called = f"{source.name} on {data.name}"
    work = Work(
        _CODES if codes is not None else _SAVED_MODEL,
        source.output_dir / ("codes" if codes is not None else stage_name()),
        given={"codes_key": source.codes_key, "training_seed": source.training_seed},
        inputs={"sha256": sha256, "data": data.fingerprint},
        sources={"trained": sha256},
        unused=unused() if codes is None else lambda key: True,
    )
    if overwrite and _is_whole(work, read=codes is None):
        overwrite = False
    if codes is not None:
        if work.done(overwrite):
            check_readable(work.directory / "results")
            work.relabel({key: recorded[key] for key in ("model", "dataset")})
        else:
            _write(work, source, recorded, codes)
        return Representation(work.directory, work.directory, data, codes, lambda: None, lambda: None, called), work
    model: Path = source.saved_model  # type: ignore[assignment]
    encode(work, lambda: (load_encoder(model), data), {**recorded, "saved_model": model}, overwrite)
    work.relabel({key: recorded[key] for key in ("model", "dataset")})
    found = codes_in(work, lambda: (load_encoder(model), data), "run the same command again with --overwrite")
    functions = (lambda: load_decoder(model), lambda: load_model(model))
    return Representation(work.directory, work.directory, data, found, *functions, called), work


def _is_whole(work: Work, read: bool) -> bool:
    """Whether the encoding `work` is there, the same and not damaged. read: its codes too, which are not in the user's file."""
    try:
        same = is_done(work.directory, "postprocess") and not work.differ(read_identity(work.directory, "postprocess"))
        if same:
            on_demand = read_results(work.directory, "postprocess").get("images") == NEEDED
            return not read or on_demand or read_codes(work.directory) is not None
    except Damaged:
        pass
    return False


def check_values(codes: np.ndarray, path: Path) -> None:
    """Raises UserError, which names the first image, for codes (images, latents) that no metric can use."""
    step = max(1, _BLOCK_VALUES // codes.shape[1])
    for start_row in range(0, len(codes), step):
        if bad := unusable(codes[start_row : start_row + step]):
            raise UserError(f"{path}: the code of image {start_row + bad[0]} is {bad[1]}")


def _write(work: Work, source: ExternalCodes, recorded: dict[str, Any], codes: np.ndarray) -> None:
    began = time.monotonic()
    before = results_standing(work.directory, "postprocess")
    work.begin()
    results = {
        **recorded,
        "representation": work.directory.name,
        "source": source.codes,
        "num_images": len(codes),
        "num_latents": codes.shape[1],
        "dtype": str(codes.dtype),
        "codes_digest": codes_digest(codes),
        "elapsed_time": time.monotonic() - began,
        "environment": describe(),
    }
    if not finish_equal(work, before, results, None):
        say_dropped(work.directory)
        work.finish(results)
