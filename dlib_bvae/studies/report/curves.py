"""Curves of training: from the results where they stand there, from TensorBoard's events otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dlib_bvae.errors import UserError
from dlib_bvae.studies.report.rows import value

Curve = tuple[list[int], list[float]]  # steps and values

_STEM = "train_results.fid_curve."


def of_results(record: Mapping[str, Any]) -> dict[str, Curve]:
    """Name → curve of a row's train_results.fid_curve: lists `steps` and, as long, one of each measure."""
    lists = {key.removeprefix(_STEM): value(entry) for key, entry in record.items() if key.startswith(_STEM)}
    steps = lists.pop("steps", None)
    if not isinstance(steps, list):
        return {}
    return {
        name: (steps, [float(each) for each in values])
        for name, values in lists.items()
        if isinstance(values, list) and len(values) == len(steps)
    }


def of_events(train: Path, tag: str) -> Curve:
    """The scalar `tag` of the event files in `train`, each step once, in order. Raises UserError where there is none."""
    from dlib_bvae.cli import load_tensorflow

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
