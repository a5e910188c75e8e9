"""A run's directory → pictures of what its network does, and its curves of training."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.datasets.images import ImageData, training_sample
from dlib_bvae.errors import UserError
from dlib_bvae.models import decoding
from dlib_bvae.re_beta_vae.rows import value
from dlib_bvae.visualize import diagrams, latents, pictures

LATENTS, VALUES, RANGE = 8, 9, 2.0  # of a traversal; it goes from −RANGE to RANGE
_SAMPLE = 2_000
_SHOWN = 10
Curve = tuple[list[int], list[float]]  # steps and values
_STEMS = ("train_results.frechet_curve.", "train_results.fid_curve.")  # the second: as results were written before 0.2


@functools.lru_cache(maxsize=8)
def _opened(folder: Path) -> tuple[ImageData, Any]:
    if not (folder / "train" / "saved_model").is_dir():
        raise UserError("its SavedModel is not here")
    from dlib_bvae.runtime import load_tensorflow

    load_tensorflow()
    from dlib_bvae.models.signatures import model
    from dlib_bvae.stages.inputs import same_data

    found = model(folder / "train" / "saved_model")
    if found.decode is None:
        raise UserError(f"the SavedModel of {folder} has no decoder")
    return same_data(folder), found


def traversal(folder: Path) -> bytes:
    """Figure 4: PNG of the LATENTS latents with the largest KL, one a row; the others are those of the image with median factors.

    Columns: values of the latent from −RANGE to RANGE. Labels: the latent and its KL in nats, over images as training shows them.
    """
    data, model = _opened(folder)
    mean, log_variance = model.encode(data.observations_at(_rows(data)))
    if log_variance is None:
        raise UserError(f"the SavedModel of {folder} gives no log variance, so its latents have no KL")
    kl = latents.kl_per_latent(mean, log_variance)
    (start,) = model.encode(data.observations_at(_median(data)))[0]
    shown = np.argsort(-kl, kind="stable")[:LATENTS]
    values = np.tile(np.linspace(-RANGE, RANGE, VALUES), (len(shown), 1))
    rows = decoding.decoded(model.decode, decoding.traverse(start, shown, values))
    return pictures.png(pictures.labelled(list(rows), [f"z{latent}, {kl[latent]:.2f} nats" for latent in shown]))


def walk(folder: Path) -> list[tuple[str, np.ndarray]]:
    """Figure 5: factor → posterior means (values, 2) while it goes through its values from the median factors, in two components.

    The components are the first two principal ones of the means of images as training shows them, in the latents' unit.
    """
    data, model = _opened(folder)
    if not isinstance(data, GroundTruthData):
        raise UserError(f"{data.name} has no factors to walk through")
    plane = diagrams.plane_of(model.encode(data.observations_at(_rows(data)))[0])
    paths = diagrams.median_paths(data)
    return [(name, plane.project(model.encode(data.observations_at(rows))[0])) for name, rows, _ in paths]


def reconstructions(folder: Path) -> bytes:
    """Figures 9 and 10: PNG of images above what the run makes of their posterior means."""
    data, model = _opened(folder)
    images = data.observations_at(np.sort(training_sample(data, _SHOWN, seed=0)))
    return pictures.png(pictures.labelled([images, model.decode(model.encode(images)[0])], ["images", "decoded"]))


def samples(data: ImageData) -> bytes:
    """Figures 1 and 2: PNG of images of a data set, chosen at random by seed 0."""
    images = data.observations_at(training_sample(data, 2 * _SHOWN, seed=0))
    return pictures.png(pictures.labelled([images[:_SHOWN], images[_SHOWN:]] if len(images) > _SHOWN else [images]))


def _rows(data: ImageData) -> np.ndarray:
    return np.sort(training_sample(data, _SAMPLE, seed=0))


def _median(data: ImageData) -> np.ndarray:
    """The image with median factors, of a set without factors its first."""
    if not isinstance(data, GroundTruthData):
        return np.array([0])
    return data.index_of([[size // 2 for size in data.factor_sizes]])


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
    found = diagrams.scalars(train).get(tag)
    if not found:
        raise UserError(f"{train} has no events with {tag}")
    return list(found), list(found.values())
