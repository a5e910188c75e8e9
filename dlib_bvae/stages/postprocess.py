"""The postprocessing stage: a trained model's codes of a data set's whole grid, of a probe of it, or as metrics ask for them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dlib_bvae.artifacts import Stage, Work, describe, device, is_done, peak_memory_mib, read_identity
from dlib_bvae.artifacts.permissions import check_readable
from dlib_bvae.artifacts.record import results_standing
from dlib_bvae.artifacts.trust import trusting
from dlib_bvae.config import configuration, say_unused
from dlib_bvae.datasets import GroundTruthData, ImageData
from dlib_bvae.datasets.derived.subsets import Subsample
from dlib_bvae.errors import UserError, check_integer, pluralize, unknown
from dlib_bvae.registry import configurable
from dlib_bvae.representations.codes import (
    CODES_FILES,
    ENCODE_AGAIN,
    REPRESENTATIONS,
    Reduction,
    check_width,
    codes_digest,
    codes_sha256,
    encode_all,
    mean_representation,
    read_codes,
)
from dlib_bvae.representations.on_demand import CodesOnDemand, Encoder
from dlib_bvae.runtime import say
from dlib_bvae.stages.inputs import Encode, TrainedRun, opened_run

POSTPROCESS = Stage("postprocess", again="encoding again", continues=True)
ALL, NEEDED = IMAGES = ("all", "needed")
_ON_DEMAND = "-needed"  # at the end of a directory's name


def run(
    gin_config: Sequence[str] = (),
    gin_bindings: Sequence[str] = (),
    model_dir: Path | None = None,
    overwrite: bool = False,
    step: int | None = None,
    output_dir: Path | None = None,
) -> Path:
    """Encodes the grid of `model_dir`'s data set into <model_dir>/mean (or sampled) and returns that directory.

    A finished stage says so and does nothing; an interrupted one continues; codes of an earlier training are encoded again.
    step: of a model that training kept (model.export_steps), into <model_dir>/mean-step<step>; None: the last. output_dir: writes
    there instead of in the run directory, which is only read.
    """
    with (
        trusting(gin_config, gin_bindings),
        opened_run(model_dir, output_dir, step) as trained,
        configuration(gin_config, gin_bindings, [REPRESENTATIONS]) as configured,
    ):
        work = encode_once(trained, overwrite)[0]
        say_unused(configured.typed, work.used())
    return work.directory


class Settings(NamedTuple):
    """What postprocessing() says."""

    reduction: Reduction
    random_seed: int
    max_images: int
    images: str


@configurable("postprocess", seeds=["random_seed"])
def postprocessing(
    postprocess_fn: Callable = mean_representation,
    random_seed: int = 0,
    max_images: int = 2_000_000,
    images: str = ALL,
) -> Settings:
    """The reduction of a posterior to a code, the seed of its samples, and which images are encoded.

    max_images: of a grid at most. images: "all", or "needed": those that a metric reads, when it reads them, which gives the
    same scores; their null is of matchings among these images. Raises UserError for max_images out of range, an unknown
    `images`, and "needed" with a reduction other than mean_representation, whose random numbers go by blocks of all images.
    """
    check_integer("postprocess.random_seed", random_seed, 0)
    check_integer("postprocess.max_images", max_images, 2)
    if images not in IMAGES:
        raise unknown("choice of images (postprocess.images)", str(images), IMAGES)
    if images == NEEDED and postprocess_fn is not mean_representation:
        raise UserError(
            'postprocess.images = "needed" encodes posterior means only; set postprocess.images = "all", or '
            "postprocess.postprocess_fn = @mean_representation"
        )
    return Settings(postprocess_fn, random_seed, max_images, images)


def encoded_part(data: ImageData) -> ImageData:
    """What of `data` is encoded: all; of a grid of more images than postprocess.max_images a Subsample of as many.

    It is drawn by postprocess.random_seed, and is the same for every model of the data set.
    """
    _, seed, most, _ = postprocessing()
    if not isinstance(data, GroundTruthData) or data.num_images <= most:
        return data
    say(f"{data.name} has {data.num_images:,} images; a probe of {most:,} stands for them (postprocess.max_images)")
    return Subsample(data, images=most, seed=seed)


def encode_once(trained: TrainedRun, overwrite: bool = False) -> tuple[Work, ImageData]:
    """Encodes `encoded_part` of the run's data set by its model as the open configuration says, once; see codes_in.

    Returns the work, whose directory has the codes, and the data that its rows are the codes of. Codes that stand in the run
    directory are used where the same are asked for, wherever the run writes. The results record the data's name as "probe".
    """
    part = encoded_part(trained.data)
    probe = part.name if part is not trained.data else None
    what: dict[str, Any] = {
        "given": {} if trained.step is None else {"step": trained.step},
        "inputs": {"train": trained.identity.digest, "data": part.fingerprint},
        "sources": {"trained": trained.results["uuid"], "probe": probe},
        "unused": unused(),
    }
    name = stage_name(trained.step)
    if trained.output != trained.directory and not overwrite:
        theirs = Work(POSTPROCESS, trained.directory / name, **what)
        stands = is_done(theirs.directory, POSTPROCESS.name)
        if stands and not theirs.differ(read_identity(theirs.directory, POSTPROCESS.name)):
            say(f"{theirs.directory}: encoded already")
            check_readable(theirs.directory / "results")
            return theirs, part
    work = Work(POSTPROCESS, trained.output / name, **what)
    results = {"trained": trained.results["uuid"], "probe": probe, "step": trained.step}
    encode(work, lambda: trained.encoder(part), results, overwrite, earlier=trained.directory / "train")
    return work, part


def stage_name(step: int | None = None) -> str:
    """The directory of the codes that the open configuration asks for."""
    settings = postprocessing()
    name = settings.reduction.__name__.removesuffix("_representation")
    name = name if step is None else f"{name}-step{step}"
    return f"{name}{_ON_DEMAND}" if settings.images == NEEDED else name


def codes_in(work: Work, encoder: Encoder, advice: str = ENCODE_AGAIN) -> np.ndarray | CodesOnDemand:
    """The codes of a finished `work`. encoder: see CodesOnDemand.

    Raises UserError, which ends with `advice`, where they are damaged.
    """
    found = work.results()
    if found.get("images", ALL) == ALL:
        return read_codes(work.directory, advice)
    return CodesOnDemand(encoder, (found["num_images"], found["num_latents"]), work.directory)


def unused() -> Callable[[str], bool]:
    """Which parameters change nothing about the codes: what is encoded stands among the inputs, and means need no seed."""
    keys = {"postprocess.max_images"}
    if postprocessing().images == ALL:
        keys.add("postprocess.images")
    if postprocessing().reduction is mean_representation:
        keys.add("postprocess.random_seed")
    return keys.__contains__


def encode(
    work: Work,
    encoder: Callable[[], tuple[Encode, Any]],
    recorded: Mapping[str, Any],
    overwrite: bool = False,
    earlier: Path | None = None,
) -> None:
    """Encodes a data set as `work`, once.

    encoder: called when there is something to encode, gives what encode_all takes: a function, and the data it is for.
    recorded: what else stands in the results. earlier: the directory of the stage before, None where there is none.
    """
    if work.done(overwrite):
        say(f"{work.directory}: encoded already")
        check_readable(work.directory / "results")  # of which later stages copy, after hours of work
        return
    began = time.monotonic()
    reduction, seed, _, images = postprocessing()
    if images == NEEDED:
        _on_demand(work, encoder, recorded, earlier)
        return
    before = encoding_standing(work.directory)
    encode_images, data = encoder()
    part = work.begin()
    reduction(*encode_images(data.observations_at(np.arange(1))), np.random.default_rng(seed))  # calls all that it uses
    work.begun()
    description = encode_all(encode_images, data, reduction, part, seed)
    seconds = time.monotonic() - began
    num_images, num_latents = description["shape"]
    results = {
        **recorded,
        "representation": work.directory.name,
        "num_images": num_images,
        "num_latents": num_latents,
        "codes_digest": codes_digest(np.load(part / "codes.npy", mmap_mode="r", allow_pickle=False)),
        "seed": seed,
        "elapsed_time": seconds,
        "images_per_second": num_images / seconds,
        "device": device(),
        "peak_memory_mib": peak_memory_mib(),
        "environment": describe(),
    }
    equal = before.pop("sha256", None) == description["sha256"]
    if equal and finish_equal(work, before, results, earlier):
        say(
            f"{work.directory}: encoded {pluralize(num_images, 'image')} in {seconds:,.0f} s; the codes are equal to those before"
        )
        return
    say_dropped(work.directory)
    work.finish(results, earlier)
    say(f"{work.directory}: encoded {pluralize(num_images, 'image')} in {seconds:,.0f} s")


def _on_demand(work: Work, encoder: Encoder, recorded: Mapping[str, Any], earlier: Path | None) -> None:
    """Writes what stands for codes that are encoded when a metric asks for them: how many there are, and a digest of some."""
    began = time.monotonic()
    encode_images, data = encoder()
    part = work.begin()
    latents = encode_images(data.observations_at(np.arange(1)))[0].shape[1]
    check_width(latents)
    codes = CodesOnDemand(lambda: (encode_images, data), (data.num_images, latents), part)
    digest = codes.digest()
    codes.save()
    work.begun()
    results = {
        **recorded,
        "representation": work.directory.name.removesuffix(_ON_DEMAND),
        "images": NEEDED,
        "num_images": len(codes),
        "num_latents": latents,
        "codes_digest": digest,
        "elapsed_time": time.monotonic() - began,
        "device": device(),
        "peak_memory_mib": peak_memory_mib(),
        "environment": describe(),
    }
    say_dropped(work.directory)
    work.finish(results, earlier)
    say(f"{work.directory}: {len(codes):,} images are encoded when a metric asks for them; {codes.number:,} are")


def encoding_standing(directory: Path) -> dict[str, Any]:
    """What the results of the encoding in `directory` say, and the "sha256" of its codes, whole or damaged; {} for none.

    Raises UserError where a file cannot be read.
    """
    found = results_standing(directory, POSTPROCESS.name)
    return {**found, "sha256": codes_sha256(directory)} if found else {}


def finish_equal(work: Work, before: Mapping[str, Any], results: Mapping[str, Any], earlier: Path | None) -> bool:
    """Finishes the encoding `work`, whose codes are equal to those that stand, over these; whether it is the same result.

    before: what encoding_standing said. What was made from the codes stays, as their uuid does.
    """
    same = {"identity": work.identity().digest, "trained": results["trained"]}
    if "uuid" not in before or any(before.get(key) != value for key, value in same.items()):
        return False
    for name in CODES_FILES:
        if (work.part / name).exists():
            os.replace(work.part / name, work.directory / name)
    work.finish({**results, "uuid": before["uuid"]}, earlier, over=True)
    return True


def say_dropped(directory: Path) -> None:
    """Says how many results go with the codes in `directory`, where others take their place."""
    made = sum(path.parents[2] != directory for path in directory.rglob("results/json/*_results.json"))
    if made:
        results = pluralize(made, "result")
        say(f"{directory}: the codes differ from those before; what was computed from those goes with them ({results})")
