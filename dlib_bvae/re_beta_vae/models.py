"""A run's directory → what the report's figures show of its network, and its curves of training."""

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
from dlib_bvae.re_beta_vae import charts
from dlib_bvae.re_beta_vae.rows import value
from dlib_bvae.visualize import diagrams, latents, traversals

LATENTS, VALUES = 8, 9  # of a traversal
SAMPLE = 2_000
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


def traversal(folder: Path) -> charts.Tiles:
    """Figure 4: the image with median factors and its reconstruction, then the LATENTS latents with the largest KL, one a row.

    A latent goes in even steps from the least to the largest posterior mean of images as training shows them, the others stay
    as encoded. At the step nearest to the image's own code stands that code: the column is marked, its tile is the
    reconstruction. Labels: the latent, its KL in nats over the same images, and its range.
    """
    data, model = _opened(folder)
    mean, log_variance = model.encode(data.observations_at(_rows(data)))
    if log_variance is None:
        raise UserError(f"the SavedModel of {folder} gives no log variance, so its latents have no KL")
    kl = latents.kl_per_latent(mean, log_variance)
    image = data.observations_at(_median(data))
    (start,) = model.encode(image)[0]
    shown = np.argsort(-kl, kind="stable")[:LATENTS]
    values = traversals.code_extremes(mean[:, shown], VALUES)
    ends = values[:, [0, -1]].copy()
    marked = np.abs(values - start[shown, None]).argmin(axis=1)
    values[np.arange(len(shown)), marked] = start[shown]
    rows = decoding.decoded(model.decode, decoding.traverse(start, shown, values))
    first = np.concatenate([image, model.decode(start[None].astype(np.float32))])
    labels = [f"z{latent}, {kl[latent]:.2f} nats\n{_range(*each)}" for latent, each in zip(shown, ends, strict=True)]
    return charts.Tiles([first, *rows], ["image, reconstruction", *labels], [None, *map(int, marked)])


def _range(low: float, high: float) -> str:
    return f"{low:.1f} … {high:.1f}".replace("-", "\N{MINUS SIGN}")


def walk(folder: Path) -> charts.Walk:
    """Figure 5: codes while each factor goes through its values from the median factors, in the first two principal components.

    The components are those of the posterior means of images as training shows them, which are the cloud.
    """
    data, model = _opened(folder)
    if not isinstance(data, GroundTruthData):
        raise UserError(f"{data.name} has no factors to walk through")
    cloud = model.encode(data.observations_at(_rows(data)))[0]
    paths = [
        (name, model.encode(data.observations_at(rows))[0], start) for name, rows, start in diagrams.median_paths(data)
    ]
    return charts.Walk(diagrams.plane_of(cloud), cloud, paths)


def reconstructions(folder: Path) -> charts.Tiles:
    """Figures 9 and 10: images above what the run makes of their posterior means."""
    data, model = _opened(folder)
    images = data.observations_at(np.sort(training_sample(data, _SHOWN, seed=0)))
    return charts.Tiles([images, model.decode(model.encode(images)[0])], ["image", "reconstruction"])


def samples(data: ImageData) -> charts.Tiles:
    """Figures 1 and 2: images of a data set, chosen at random by seed 0."""
    images = data.observations_at(training_sample(data, 2 * _SHOWN, seed=0))
    return charts.Tiles([images[:_SHOWN], images[_SHOWN:]] if len(images) > _SHOWN else [images])


def _rows(data: ImageData) -> np.ndarray:
    return np.sort(training_sample(data, SAMPLE, seed=0))


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
