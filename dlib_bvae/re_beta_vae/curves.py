"""Curves of training: from the results where they stand there, from TensorBoard's events otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from dlib_bvae.errors import UserError
from dlib_bvae.re_beta_vae.rows import value

Curve = tuple[list[int], list[float]]  # steps and values

_STEMS = ("train_results.frechet_curve.", "train_results.fid_curve.")  # the second: as results were written before 0.2


class DistanceCurve(NamedTuple):
    """name: of the distance, with extractor and number of images; loss: reconstruction loss of the same images in nats."""

    name: str
    distance: Curve
    loss: Curve


def of_results(record: Mapping[str, Any]) -> DistanceCurve | None:
    """The curve that a training with frechet_curve.every_steps keeps in its results; None where a row has none."""
    for stem in _STEMS:
        name, steps, distances, losses = (
            value(record.get(f"{stem}{key}")) for key in ("name", "steps", "values", "reconstruction_loss")
        )
        if name is not None and steps and distances and losses:
            return DistanceCurve(name, (steps, distances), (steps, losses))
    return None


def of_events(train: Path, tag: str) -> Curve:
    """The scalar `tag` of the event files in `train`, each step once, in order. Raises UserError where there is none."""
    from dlib_bvae.runtime import load_tensorflow

    load_tensorflow()  # the loader below imports it, with all its start-up lines
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.util.tensor_util import make_ndarray

    found: dict[int, float] = {}
    for path in sorted(train.glob("events.out.tfevents.*")):
        for event in EventFileLoader(str(path)).Load():
            for each in event.summary.value:
                if each.tag == tag:
                    found[int(event.step)] = float(make_ndarray(each.tensor))
    if not found:
        raise UserError(f"{train} has no events with {tag}")
    steps = sorted(found)
    return steps, [found[step] for step in steps]
