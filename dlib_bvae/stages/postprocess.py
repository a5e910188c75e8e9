"""The postprocessing stage: a trained model's codes of its data set's whole grid, or of a probe of one that is too large."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import gin
import numpy as np

from dlib_bvae.artifacts import config_dict, describe, device, peak_memory_mib, read_results, run_lock, write_stage
from dlib_bvae.artifacts.lifecycle import commit, recover, start, work_dir
from dlib_bvae.config import configuration
from dlib_bvae.datasets import GroundTruthData, ImageData
from dlib_bvae.datasets.derived.subsets import Subsample
from dlib_bvae.errors import check_integer
from dlib_bvae.registry import configurable
from dlib_bvae.representations.codes import REPRESENTATIONS, encode_all, mean_representation
from dlib_bvae.runtime import load_tensorflow
from dlib_bvae.stages.inputs import same_data, trained_run

if TYPE_CHECKING:
    from dlib_bvae.models.signatures import SavedModel


def run(
    gin_config: Sequence[str] = (),
    gin_bindings: Sequence[str] = (),
    model_dir: Path | None = None,
    overwrite: bool = False,
) -> Path:
    """Encodes the grid of `model_dir`'s data set into <model_dir>/mean (or sampled) and returns that directory.

    A finished stage says so and does nothing; an interrupted one continues; codes of an earlier training are encoded again.
    """
    model_dir = trained_run(model_dir)
    with run_lock(model_dir):
        data = same_data(model_dir)
        with configuration(gin_config, gin_bindings, [REPRESENTATIONS]):
            return encode_once(model_dir, data, overwrite)[0]


class Settings(NamedTuple):
    """What postprocessing() says."""

    reduction: Callable
    random_seed: int
    max_images: int


@configurable("postprocess", seeds=["random_seed"])
def postprocessing(
    postprocess_fn: Callable = mean_representation, random_seed: int = 0, max_images: int = 2_000_000
) -> Settings:
    """The reduction of a posterior to a code, the seed of its samples, and how many images of a grid are encoded at most.

    Raises UserError for max_images out of range.
    """
    check_integer("postprocess.max_images", max_images, 2)
    return Settings(postprocess_fn, random_seed, max_images)


def encoded_part(data: ImageData) -> ImageData:
    """What of `data` is encoded: all; of a grid of more images than postprocess.max_images a Probe of as many.

    The probe is drawn by postprocess.random_seed, and is the same for every model of the data set.
    """
    _, seed, most = postprocessing()
    if not isinstance(data, GroundTruthData) or data.num_images <= most:
        return data
    print(f"{data.name} has {data.num_images:,} images; a probe of {most:,} stands for them (postprocess.max_images)")
    return Subsample(data, images=most, seed=seed)


def encode_once(model_dir: Path, data: ImageData, overwrite: bool = False) -> tuple[Path, ImageData]:
    """Encodes `encoded_part` of `data` by the model of `model_dir` as the open configuration says, once.

    Returns the codes' directory, and the data that its rows are the codes of. The results record its name as "probe".
    """
    train, part = model_dir / "train", encoded_part(data)
    identity = {"trained": read_results(train, "train")["uuid"], "probe": part.name if part is not data else None}
    directory = encode_by(lambda: _encoder_of(model_dir, part), identity, model_dir, overwrite, earlier=train)
    return directory, part


def stage_of(model_dir: Path, reduction: Callable) -> Path:
    """Where the codes that `reduction` makes are put."""
    return model_dir / reduction.__name__.removesuffix("_representation")


def encode_by(
    encoder: Callable[[], tuple[Callable, Any]],
    identity: dict[str, Any],
    model_dir: Path,
    overwrite: bool = False,
    earlier: Path | None = None,
    recorded: Mapping[str, Any] | None = None,
) -> Path:
    """Encodes a data set into a directory below `model_dir`, once; returns that directory.

    encoder: called when there is something to encode, gives what encode_all takes: a function, and the data it is for.
    identity: what tells these codes from others, and stands in the results; its "trained" names the model's weights, its
    "probe" what is encoded where that is not the whole data set.
    earlier: the directory of the stage before, None where there is none. recorded: what else stands in the results.
    """
    reduction, seed, _ = postprocessing()
    final = stage_of(model_dir, reduction)
    if recover(final, "postprocess") and not overwrite:
        before = read_results(final, "postprocess")
        if all(before.get(key) == value for key, value in identity.items()):
            print(f"{final}: encoded already")
            return final
        print(f"{final}: holds codes of an earlier training or of other images; encoding again")
    began = time.monotonic()
    mark = f"{identity['trained']} {identity['probe']}" if identity.get("probe") else identity["trained"]
    stale = _begun_for(work_dir(final)) not in (None, mark)
    part = start(final, gin.config_str(), overwrite or stale)
    (part / "trained").write_text(mark, encoding="utf-8")
    description = encode_all(*encoder(), reduction, part, seed)
    seconds = time.monotonic() - began
    num_images, num_latents = description["shape"]
    results = {
        **identity,
        **(recorded or {}),
        "representation": final.name,
        "num_images": num_images,
        "num_latents": num_latents,
        "seed": seed,
        "elapsed_time": seconds,
        "images_per_second": num_images / seconds,
        "device": device(),
        "peak_memory_mib": peak_memory_mib(),
        "environment": describe(),
    }
    text = gin.operative_config_str()
    write_stage(part, "postprocess", results=results, config=config_dict(text), gin_text=text, earlier=earlier)
    commit(final)
    print(f"{final}: encoded {num_images:,} images in {seconds:,.0f} s")
    return final


def _begun_for(part: Path) -> str | None:
    path = part / "trained"
    return path.read_text(encoding="utf-8") if path.exists() else None


def _encoder_of(model_dir: Path, data: Any) -> tuple[Callable, Any]:
    """How a run encodes, and what it encodes: the images, or of a method without an encoder what has its codes."""
    if codes := codes_of(model_dir):
        coded = _coded_data(codes, data)
        return coded.encode, coded
    return load_encoder(model_dir / "train" / "saved_model"), data


def decoder_of(model_dir: Path, data: Any) -> Callable[[np.ndarray], np.ndarray] | None:
    """The decoder of a run on `data`, see `decoder`."""
    codes = codes_of(model_dir)
    return _coded_data(codes, data).decode if codes else decoder(model_dir / "train" / "saved_model")


def model_of(model_dir: Path) -> SavedModel | None:
    """What the SavedModel of a run can do, see saved_model; None of a method without an encoder, which has none."""
    return None if codes_of(model_dir) else saved_model(model_dir / "train" / "saved_model")


def codes_of(model_dir: Path) -> str | None:
    """What the codes of a run are where no encoder makes them (see Baseline.codes): "factors"; None for all others."""
    return read_results(model_dir / "train", "train").get("codes")


def _coded_data(codes: str, data: Any) -> Any:
    from dlib_bvae.models.baselines import coded_data

    return coded_data(codes, data)


def load_encoder(directory: Path) -> Callable:
    """The SavedModel's encode as a numpy function: observations → (mean, log_variance or None)."""
    load_tensorflow()
    from dlib_bvae.models.signatures import encoder

    return encoder(directory)


def decoder(directory: Path) -> Callable[[np.ndarray], np.ndarray] | None:
    """The SavedModel's decode: latents float32 (n, latents) → images (n, H, W, C) in [0, 1]; None where it has none."""
    load_tensorflow()
    from dlib_bvae.models import signatures

    return signatures.decoder(directory)


def saved_model(directory: Path) -> SavedModel:
    """All functions of a SavedModel on numpy arrays."""
    load_tensorflow()
    from dlib_bvae.models import signatures

    return signatures.model(directory)
