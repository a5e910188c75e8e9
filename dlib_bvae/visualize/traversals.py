"""Latent traversals: codes that differ from a start in one latent, and the sections of a run's page that show them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dlib_bvae.artifacts import write_atomic
from dlib_bvae.errors import NotApplicable
from dlib_bvae.models.decoding import traverse
from dlib_bvae.visualize import sheet
from dlib_bvae.visualize.latents import short
from dlib_bvae.visualize.pictures import gif, labelled, panels, png, there_and_back
from dlib_bvae.visualize.sections import Drawn, Picture, Run

_WIDTHS = 2.0  # standard deviations
_STARTS = 3  # pictures that start from real images
_MILLISECONDS = 90  # a frame of the animation
_FRAMED = "Framed: the value that is nearest to the image's own."
THUMBNAIL = "thumbnail.png"


def normal_quantiles(num: int, coverage: float) -> np.ndarray:
    """`num` quantiles of N(0, 1) at evenly spaced probabilities, which span the central `coverage`: float64 (num,).

    coverage: in (0, 1); with 0.95 they go from -1.96 to 1.96.
    """
    from scipy.special import ndtri

    return ndtri(probabilities(num, coverage))


def code_quantiles(codes: np.ndarray, num: int, coverage: float) -> np.ndarray:
    """The same of the codes (images, k) themselves, latent by latent: float64 (k, num)."""
    at = probabilities(num, coverage)
    return np.stack([np.quantile(column.astype(np.float64), at) for column in codes.T])


def code_extremes(codes: np.ndarray, num: int) -> np.ndarray:
    """Even steps from the least to the largest of the codes (images, k), latent by latent: float64 (k, num)."""
    return np.linspace(codes.min(axis=0).astype(np.float64), codes.max(axis=0).astype(np.float64), num, axis=1)


def around(center: np.ndarray, deviation: np.ndarray, num: int, widths: float = 2.0) -> np.ndarray:
    """Even steps over center ± widths · deviation, a standard deviation: (k,) and (k,) → float64 (k, num)."""
    return center[:, None] + np.linspace(-widths, widths, num) * deviation[:, None]


def probabilities(num: int, coverage: float) -> np.ndarray:
    """`num` evenly spaced probabilities that span the central `coverage`: float64 (num,)."""
    tail = (1 - coverage) / 2
    return np.linspace(tail, 1 - tail, num)


class Range(NamedTuple):
    """Where latents go: values (k, num), a text a column, and in words."""

    values: np.ndarray
    above: list[str]
    words: str


def overview(run: Run) -> Drawn:
    """The sheet of the run and its thumbnail."""
    latents, start = run.latents, run.codes[run.examples[0]]
    values = code_extremes(run.columns, sheet.COLUMNS)
    traversed = run.images(traverse(start, run.shown, values))
    amounts = np.where(latents.with_variance, latents.kl, latents.explained)[run.shown]
    lengths = amounts / max(float(amounts.max()), np.finfo(float).tiny)
    rows = [
        sheet.Row(
            f"z{latent}",
            latents.amount(latent),
            latents.carried(latent),
            _ends(along),
            float(length),
            latents.is_active(latent),
            images,
            _nearest(along, start[latent]),
        )
        for latent, along, length, images in zip(run.shown, values, lengths, traversed, strict=True)
    ]
    first = run.examples[: sheet.COLUMNS]
    originals, decoded = run.data.observations_at(first), run.images(run.codes[first])
    drawn = sheet.Sheet(run.title, run.facts, originals, decoded, rows, run.foot)
    text = (
        "The run in one picture: originals, reconstructions, and a traversal of each latent over the range of its codes, with "
        "what it carries. The framed image of a row has the value that is nearest to the encoded image's."
    )
    picture = run.save(
        "sheet.png", png(sheet.draw_sheet(drawn)), "originals, reconstructions and traversals of each latent"
    )
    write_atomic(run.directory / THUMBNAIL, sheet.thumbnail(drawn))
    return Drawn(text, [picture])


def _nearest(values: np.ndarray, own: float) -> int:
    """The place of the value that is nearest to an image's own."""
    return int(np.abs(values - own).argmin())


def over_prior(run: Run) -> Drawn:
    """The latents that have a prior, over its range."""
    shown = np.array([latent for latent in run.shown if run.latents.with_variance[latent]], np.int64)
    if not len(shown):
        raise NotApplicable(
            "the encoder gives no posterior variance, and with it no KL to a prior whose range could be shown"
        )
    settings = run.settings
    if settings.prior_range == "quantiles":
        values = normal_quantiles(settings.num_values, settings.coverage)
        words = f"quantiles of N(0, 1), evenly spaced in the central {100 * settings.coverage:.4g} %"
    else:
        values = np.linspace(-_WIDTHS, _WIDTHS, settings.num_values)
        words = f"even steps over ±{_WIDTHS:g}, standard deviations of the prior N(0, 1)"
    start = run.codes[run.examples[0]].copy()
    start[run.latents.with_variance] = 0.0
    codes = traverse(start, shown, np.tile(values, (len(shown), 1)))
    labels = [run.latents.label(latent) for latent in shown]
    picture = labelled(list(run.images(codes)), labels, [_number(value) for value in values])
    text = f"From the prior's mean, z = 0, one latent a row: {words}."
    return Drawn(text, [_saved(run, "traversals_prior.png", picture)])


def over_posterior(run: Run) -> Drawn:
    """From one image, over the range of the codes."""
    image = run.examples[0]
    found = posterior_range(run, run.codes[image], run.settings.num_values)
    picture = _from(run, run.codes[image], found)
    text = f"From the code of image {image}, one latent a row: {found.words}. {_FRAMED}"
    return Drawn(text, [_saved(run, "traversals_posterior.png", picture)])


def over_quantiles(run: Run) -> Drawn:
    """From one image, over quantiles of the aggregate posterior."""
    image, settings = run.examples[0], run.settings
    at = probabilities(settings.num_values, settings.coverage)
    values = code_quantiles(run.columns, settings.num_values, settings.coverage)
    found = Range(values, [f"{100 * each:.3g} %" for each in at], "")
    picture = _from(run, run.codes[image], found)
    text = (
        f"From the code of image {image}, one latent a row: quantiles of the posterior means of {run.of}, evenly spaced in the "
        f"central {100 * settings.coverage:.4g} %. {_FRAMED}"
    )
    return Drawn(text, [_saved(run, "traversals_quantiles.png", picture)])


def animation(run: Run) -> Drawn:
    """All latents moving at once, a panel each."""
    image = run.examples[0]
    found = posterior_range(run, run.codes[image], run.settings.num_frames)
    images = run.images(traverse(run.codes[image], run.shown, found.values))
    frames = panels(images, [_caption(run, latent) for latent in run.shown])[there_and_back(run.settings.num_frames)]
    text = f"From the code of image {image}, a panel a latent: {found.words}, there and back."
    alt = "animation: each panel changes one latent"
    return Drawn(text, [run.save("traversals.gif", gif(frames, _MILLISECONDS), alt)])


def reconstruct_traverse(run: Run) -> Drawn:
    """From several real images."""
    pictures = []
    for place, image in enumerate(run.examples[1 : 1 + _STARTS]):
        start = run.codes[image]
        found = posterior_range(run, start, run.settings.num_values)
        first = np.concatenate([run.data.observations_at([image]), run.images(start[None])])
        rows = [first, *run.images(traverse(start, run.shown, found.values))]
        labels = [f"image {image},\nreconstruction", *_labels(run, found)]
        picture = labelled(rows, labels, marked=[None, *_marked(run, start, found)])
        pictures.append(_saved(run, f"reconstruct_traverse_{place}.png", picture, f"from image {image}"))
    if not pictures:
        raise NotApplicable(
            "it starts from further images, and visualize.num_examples is 1 or the data set has one image"
        )
    text = f"From another image: itself and its reconstruction, then one latent a row: {found.words}. {_FRAMED}"
    return Drawn(text, pictures)


def posterior_range(run: Run, start: np.ndarray, num: int) -> Range:
    """`num` values for each of the latents that are shown, as the settings say: of all codes, or around `start` (latents,)."""
    if run.settings.posterior_range == "codes":
        values = code_extremes(run.columns, num)
        above = ["minimum", *[""] * (num - 2), "maximum"]
        return Range(values, above, f"even steps from the minimum to the maximum of the posterior means of {run.of}")
    deviation = np.sqrt(run.latents.variance[run.shown])
    values = around(start[run.shown].astype(np.float64), deviation, num, _WIDTHS)
    above = [f"{_number(each)} sd" for each in np.linspace(-_WIDTHS, _WIDTHS, num)]
    return Range(values, above, f"even steps over ±{_WIDTHS:g} standard deviations of the codes around the image's own")


def _from(run: Run, start: np.ndarray, found: Range) -> np.ndarray:
    rows = list(run.images(traverse(start, run.shown, found.values)))
    return labelled(rows, _labels(run, found), found.above, _marked(run, start, found))


def _marked(run: Run, start: np.ndarray, found: Range) -> list[int]:
    """Of each latent that is shown, the place of the value that is nearest to the start's (latents,)."""
    return [_nearest(values, start[latent]) for values, latent in zip(found.values, run.shown, strict=True)]


def _labels(run: Run, found: Range) -> list[str]:
    """The labels of the rows: the latent's label and its range."""
    ends = [_ends(values) for values in found.values]
    return [f"{run.latents.label(latent)}\n{each}" for latent, each in zip(run.shown, ends, strict=True)]


def _ends(values: np.ndarray) -> str:
    return f"{_number(values[0])} … {_number(values[-1])}"


def _caption(run: Run, latent: int) -> str:
    best = run.latents.best(latent)
    return f"z{latent}" if best is None else f"z{latent}  {short(best[0])}"


def _number(value: float) -> str:
    """Three digits, with a true minus sign; rounding's remains of a zero are zero."""
    return f"{round(float(value), 12):.3g}".replace("-", "\N{MINUS SIGN}")


def _saved(run: Run, name: str, picture: np.ndarray, label: str = "") -> Picture:
    return run.save(name, png(picture), "one latent a row, from its lowest value to its highest", label)
