"""The numbers of a submission's gin file → refused where training the model again would take too much time, memory or disk.

BOUNDS is the table in docs/submissions.md. An integer parameter of any other name, as of another package's model, may be at most
MOST. What is bounded is the value in the file: a parameter that it does not bind has its default.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from dlib_bvae.errors import UserError

MOST = 1_000_000  # steps of a schedule, and what no line of BOUNDS is about
MOST_LISTED = 64  # numbers in a list
MOST_IMAGES = 100_000_000  # that training sees: model.training_steps × model.batch_size


class Bound(NamedTuple):
    """The least and the most that a parameter may be, and what it changes."""

    least: float
    most: float
    changes: str


_STEPS, _MEMORY, _DISK = "the time of training", "memory and time of a step", "files and time for writing them"
_FIT, _VALIDATION = "memory and time of the fit", "time of the validation"
BOUNDS = {
    "model.training_steps": Bound(1, 1_000_000, _STEPS),
    "model.batch_size": Bound(1, 1_024, _MEMORY),
    "model.log_every": Bound(10, MOST, _DISK),
    "model.checkpoint_every": Bound(10, MOST, _DISK),
    "model.keep_checkpoints": Bound(0, 2, _DISK),
    "model.loss_window": Bound(1, 10_000, _MEMORY),
    "encoder.num_latent": Bound(1, 1_024, _MEMORY),
    "feed.max_mib": Bound(0, 4_096, "memory of the images"),
    "factor_vae.width": Bound(1, 2_048, _MEMORY),
    "factor_vae.depth": Bound(1, 12, _MEMORY),
    "factor_qvae.width": Bound(1, 2_048, _MEMORY),
    "factor_qvae.depth": Bound(1, 12, _MEMORY),
    "factor_d_vae.width": Bound(1, 2_048, _MEMORY),
    "factor_d_vae.depth": Bound(1, 12, _MEMORY),
    "quantized_autoencoder.num_values": Bound(2, 256, _MEMORY),
    "fsq_autoencoder.num_values": Bound(2, 256, _MEMORY),
    "vector_quantized_autoencoder.dim": Bound(1, 1_024, _MEMORY),
    "vector_quantized_autoencoder.num_vectors": Bound(2, 2_048, _MEMORY),
    "categorical_vae.categories": Bound(2, 256, _MEMORY),
    "discrete_vae.num_categories": Bound(2, 256, _MEMORY),
    "tripod.directions": Bound(2, 16, _MEMORY),
    "hfs.pairs": Bound(1, 100, _MEMORY),
    "orthogonal_jacobian.pairs": Bound(1, 10, _MEMORY),
    "lejepa_pairs.slices": Bound(1, 1_024, _MEMORY),
    "s2_vae.num_labelled": Bound(1, 100_000, "memory of the labelled images"),
    "spatial_broadcast_decoder.broadcast_size": Bound(0, 128, _MEMORY),
    "validation.fraction": Bound(0, 0.1, _VALIDATION),
    "validation.num_images": Bound(0, 10_000, _VALIDATION),
    "validation.every_steps": Bound(500, MOST, _VALIDATION),
    "divergence.windows": Bound(1, 10_000, "memory of the losses"),
    "pca.num_latent": Bound(1, 1_024, _FIT),
    "pca.num_samples": Bound(2, 100_000, _FIT),
    "fast_ica.num_latent": Bound(1, 1_024, _FIT),
    "fast_ica.num_samples": Bound(2, 100_000, _FIT),
    "fast_ica.max_iter": Bound(1, 10_000, "iterations of the fit"),
    "noise.num_latent": Bound(1, 1_024, "memory of the codes"),
    "constant_codes.num_latent": Bound(1, 1_024, "memory of the codes"),
}
_DEFAULTS = {"model.training_steps": 300_000, "model.batch_size": 64}
_SEEDS = ("model.random_seed", "validation.seed")
_MOST_LISTED = {"model.export_steps": 4}  # whole models that are kept


def check_costs(bound: Mapping[str, tuple[Any, str]], path: Path) -> None:
    """Checks parameters {"scope/model.batch_size": (value, place in the file)} of the gin file `path`.

    Raises UserError, which names parameter, value and bound, for a number out of BOUNDS, an integer beyond ±MOST, a list that is
    too long, and more than MOST_IMAGES that training sees.
    """
    known: dict[str, list[float]] = {name: [] for name in _DEFAULTS}
    for key, (value, place) in bound.items():
        name = ".".join(key.split("/")[-1].split(".")[-2:])
        numbers, longest = _numbers(value), max(map(len, _lists(value)), default=0)
        if longest > (most := _MOST_LISTED.get(name, MOST_LISTED)):
            raise UserError(f"{path} sets {name} to a list of {longest:,}; a submission may list at most {most}{place}")
        for number in numbers:
            if not _fits(name, number):
                raise UserError(f"{path} sets {name} = {number!s:.100}; {_allowed(name)}{place}")
        known.setdefault(name, []).extend(numbers)
    steps, batch = (max(known[name] or [default]) for name, default in _DEFAULTS.items())
    if steps * batch > MOST_IMAGES:
        raise UserError(
            f"{path} trains on model.training_steps = {steps:,} times model.batch_size = {batch:,} images; a submission may "
            f"train on at most {MOST_IMAGES:,} in all"
        )


def _fits(name: str, number: float) -> bool:
    if name in BOUNDS:
        return BOUNDS[name].least <= number <= BOUNDS[name].most
    return name in _SEEDS or isinstance(number, float) or abs(number) <= MOST


def _allowed(name: str) -> str:
    if name not in BOUNDS:
        return f"a submission may set integers in -{MOST:,} … {MOST:,}"
    least, most, changes = BOUNDS[name]
    return f"a submission may set {least:,} … {most:,}, as it changes {changes}"


def _lists(value: Any) -> Iterator[Any]:
    """All lists, tuples and dictionaries in a value, at any depth."""
    if isinstance(value, (list, tuple, dict)):
        yield value
        for each in value.values() if isinstance(value, dict) else value:
            yield from _lists(each)


def _numbers(value: Any) -> list[float]:
    """All numbers in a value, at any depth, but for truth values."""
    held = [each for found in _lists(value) for each in (found.values() if isinstance(found, dict) else found)]
    return [each for each in (value, *held) if isinstance(each, (int, float)) and not isinstance(each, bool)]
