"""The report's figures: charts of the rows and pictures of one run a β, and the captions that say what they are of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dlib_bvae import datasets
from dlib_bvae.datasets.official.base import OfficialData
from dlib_bvae.errors import UserError
from dlib_bvae.re_beta_vae import charts, models, paper
from dlib_bvae.re_beta_vae.evidence import Evidence, Subject, counted
from dlib_bvae.re_beta_vae.gallery import SWITCHED_OFF, Gallery, Picture, reason

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NATS = "reconstruction loss, nats per image"
_SINCE = 0.25  # of the training: Figure 8 shows what is after it
_BAND = "line: median over seeds, band: minimum … maximum"


class Shown(NamedTuple):
    """The run that stands for a cell: its folder, seed and the id of its training; chosen: how it was chosen, for the caption."""

    folder: Path
    seed: int
    run: str
    chosen: str


def shown(evidence: Evidence, subject: Subject, model: str) -> Shown | None:
    """Of the cell's runs whose directory is here, the one whose score is nearest to the median over all seeds of the cell.

    Of two that are as near, the lower score counts, then the least seed; where none is scored, the least seed. Runs without
    their model count only where no run has one, as pictures of them may have been drawn before.
    """
    places = _places(evidence, subject, model)
    places = _with(places, "train/saved_model") or _with(places, "train")
    if not places:
        return None
    scores = evidence.score_by_seed(subject, model)
    scored = [seed for seed in places if seed in scores]
    if not scored:
        seed = min(places)
        chosen = f"seed {seed} of {len(places)}"
    else:
        middle = float(np.median([*scores.values()]))
        seed = min(scored, key=lambda each: (round(abs(scores[each] - middle), 9), scores[each], each))
        of = f"the median ({middle:.1f} %) of {counted(len(scores), 'seed')}"
        chosen = f"seed {seed}: {scores[seed]:.1f} %, nearest to {of}"
    return Shown(places[seed][0], seed, places[seed][1], chosen)


def _places(evidence: Evidence, subject: Subject, model: str) -> dict[int, tuple[Path, str]]:
    """Seed → directory and id of the training, of the cell's runs whose directory is known."""
    part = evidence.cell(subject, model)
    part = part[part["folder"].notna()] if "folder" in part else part.iloc[:0]
    return {int(row["seed"]): (Path(row["folder"]), row["run"]) for row in part.to_dict("records")}


def _with(places: dict[int, tuple[Path, str]], part: str) -> dict[int, tuple[Path, str]]:
    return {seed: place for seed, place in places.items() if (place[0] / part).is_dir()}


def _why_none(evidence: Evidence, subject: Subject, model: str) -> str:
    return "not run" if evidence.cell(subject, model).empty else "the run's directory is not here"


def _why_no_runs(evidence: Evidence, subject: Subject) -> str:
    reasons = [_why_none(evidence, subject, model) for model in paper.VAES]
    return next((why for why in reasons if why != "not run"), "not run")


def samples(gallery: Gallery, families: tuple[str, ...]) -> list[Picture]:
    """Figures 1 and 2, of every data set by each of its names."""
    return [_sample(gallery, name) for family in families for name in paper.DATA_SETS[family]]


def _sample(gallery: Gallery, name: str) -> Picture:
    source, why, label = (None, SWITCHED_OFF, name) if not gallery.draw else _found(name)
    caption = f"{paper.described(label)}: images chosen at random"
    make = lambda: charts.tiles(models.samples(datasets.load(name)))
    return gallery.picture(f"samples_{name}", caption, caption, source, make, why)


def _found(name: str) -> tuple[str | None, str, str]:
    """A data set's fingerprint where it is on this machine or rendered here, otherwise None and why; its label."""
    try:
        data = datasets.load(name)
        if isinstance(data, OfficialData) and not data.cache_path.exists() and data.found() is None:
            return None, "its files are not on this machine", name
        return str(data.fingerprint), "", paper.labelled(name, data.origin)
    except UserError as error:
        return None, reason(error), name


def scores_by_beta(gallery: Gallery, evidence: Evidence) -> Picture:
    """Figure 3, of every data set and network that has runs."""
    panels = {}
    for each in evidence.subjects(*paper.WITH_FACTORS):
        values = [evidence.scores(each, model) for model in paper.VAES]
        if any(len(scores) for scores in values):
            lines = {name: evidence.scores(each, name) for name in ("PCA", "ICA")}
            panels[f"{each}"] = charts.ByBeta(paper.BETAS, values, lines, paper.chance(each.dataset))
    caption = (
        "Figure 3: score by β, all factors: the line joins medians over seeds, dots are seeds; PCA and ICA at their medians, "
        "bands from minimum to maximum; dotted: chance (1 / number of factors)"
    )
    alt = "Charts of the β-VAE metric against β; the table below has the numbers"
    if not panels:
        return Picture(caption, alt, (), "not run")
    return gallery.chart("figure_3", caption, alt, charts.scores_by_beta(panels))


def scores_by_pairs(gallery: Gallery, evidence: Evidence) -> Picture:
    """Figure 6, of every data set and network that has runs."""
    panels = {}
    for each in evidence.subjects(*paper.WITH_FACTORS):
        curves = {}
        for model in paper.MODELS:
            found = {pairs: evidence.scores(each, model, pairs=pairs) for pairs in paper.PAIRS}
            there = {pairs: values for pairs, values in found.items() if len(values)}
            if there:
                curves[model] = there
        if any(name in paper.VAES for name in curves):
            panels[f"{each}"] = charts.ByPairs(curves, paper.chance(each.dataset))
    caption = (
        "Figure 6: score by L, all factors: medians over seeds, vertical lines from minimum to maximum; dotted: chance "
        "(1 / number of factors)"
    )
    alt = "Charts of the β-VAE metric against the number L of pairs per point; the tables below have the numbers"
    if not panels:
        return Picture(caption, alt, (), "not run")
    return gallery.chart("figure_6", caption, alt, charts.scores_by_pairs(panels))


def _of_one_run(
    gallery: Gallery,
    evidence: Evidence,
    cell: tuple[Subject, str],
    names: tuple[str, str, str],
    make: Callable[[Path], charts.Tiles],
) -> Picture:
    """A picture of the run that stands for a cell. names: of the file, the figure and what it shows."""
    subject, model = cell
    stem, figure, what = names
    run = shown(evidence, subject, model)
    caption, alt = f"{figure}: {subject}, {model}", f"{what} {subject}, {model}"
    file = f"{stem}_{subject.slug}_{model}"
    if run is None:
        return gallery.picture(file, caption, alt, None, _nothing, _why_none(evidence, subject, model))
    return gallery.picture(file, f"{caption} ({run.chosen})", alt, run.run, lambda: charts.tiles(make(run.folder)))


def _nothing() -> Figure:
    raise AssertionError("there is nothing to draw")


def traversals(gallery: Gallery, evidence: Evidence) -> list[Picture]:
    """Figure 4: one run a β of 2Dshapes."""
    names = ("figure_4", "Figure 4", "Latent traversals, one latent a row, the encoded image framed:")
    cells = [(each, model) for each in evidence.subjects("2Dshapes") for model in paper.VAES]
    return [_of_one_run(gallery, evidence, cell, names, models.traversal) for cell in cells]


def reconstructions(gallery: Gallery, evidence: Evidence) -> list[Picture]:
    """Figures 9 and 10: the least and the largest β on CIFAR-100, and on what else has runs of both or one."""
    found = []
    for subject in reversed(evidence.subjects(*paper.DATA_SETS)):
        for figure, model in (("9", paper.VAES[0]), ("10", paper.VAES[-1])):
            if subject.family == "CIFAR-100" or not evidence.cell(subject, model).empty:
                names = (f"figure_{figure}", _named(figure, subject), "Images above their reconstructions:")
                found.append(_of_one_run(gallery, evidence, (subject, model), names, models.reconstructions))
    return found


def _named(figure: str, subject: Subject) -> str:
    """Figures 7 to 10 are of CIFAR-100 in the paper; of other data sets there are figures like them."""
    return f"Figure {figure}" if subject.family == "CIFAR-100" else f"As Figure {figure}"


def walks(gallery: Gallery, evidence: Evidence) -> list[Picture]:
    """Figure 5: one panel a β."""
    found = []
    for each in evidence.subjects("2Dshapes"):
        runs = {model: shown(evidence, each, model) for model in paper.VAES}
        seeds = "; ".join(f"{model}, {run.chosen}" for model, run in runs.items() if run)
        caption = (
            f"Figure 5: {each}: posterior means while each factor is varied and the others are held fixed, in the first two "
            f"principal components of {models.SAMPLE:,} images"
        )
        caption += f"; {seeds}" if seeds else ""
        alt = f"Lines of posterior means along each factor of {each}, one panel a β, equal axes"
        make = lambda runs=runs: charts.walks({model: _walk(run) for model, run in runs.items()})
        why = _why_no_runs(evidence, each)
        found.append(gallery.picture(f"figure_5_{each.slug}", caption, alt, _sources(runs), make, why))
    return found


def _walk(run: Shown | None) -> charts.Walk | str:
    """What a panel shows, or why it shows nothing."""
    if run is None:
        return "missing: not run"
    try:
        return models.walk(run.folder)
    except Exception as error:  # one broken run leaves the other panels
        return f"missing: {reason(error)}"


def _sources(runs: dict[str, Shown | None]) -> str | None:
    return " ".join(run.run for run in runs.values() if run) or None


def losses(gallery: Gallery, evidence: Evidence) -> list[Picture]:
    """Figure 8: reconstruction loss during training, on CIFAR-100 and on what else has runs.

    From the results where they hold a curve, otherwise from TensorBoard's events.
    """
    found = []
    for each in reversed(evidence.subjects(*paper.DATA_SETS)):
        if each.family != "CIFAR-100" and all(evidence.cell(each, model).empty for model in paper.VAES):
            continue
        caption = f"{_named('8', each)}: {each}: reconstruction loss after the first quarter of training; {_BAND}"
        stem = f"figure_8_{each.slug}"
        if kept := _kept(evidence, each):
            curves = {model: [curve.loss for curve in seeds] for model, seeds in kept.items()}
            figure = charts.training_curves({f"{each}": curves}, _NATS, _SINCE)
            found.append(gallery.chart(stem, f"{caption}; the images of Figure 7", caption, figure))
            continue
        places = {model: _with(_places(evidence, each, model), "train") for model in paper.VAES}
        source = " ".join(run for by_seed in places.values() for _, run in by_seed.values()) or None
        make = lambda places=places, each=each: charts.training_curves({f"{each}": _curves(places)}, _NATS, _SINCE)
        found.append(gallery.picture(stem, caption, caption, source, make, _why_no_runs(evidence, each)))
    return found


def _curves(places: dict[str, dict[int, tuple[Path, str]]]) -> dict[str, Sequence[models.Curve]]:
    """Label → curves of its seeds; a model whose every run lacks one is named so."""
    found: dict[str, Sequence[models.Curve]] = {}
    for model, by_seed in places.items():
        curves = []
        for folder, _ in by_seed.values():
            try:
                curves.append(models.of_events(folder / "train", "reconstruction"))
            except Exception:  # one broken run leaves the other curves
                continue
        if by_seed:
            lacking = len(by_seed) - len(curves)
            found[f"{model} ({counted(lacking, 'seed')} missing)" if lacking else model] = curves
    return found


def _kept(evidence: Evidence, subject: Subject) -> dict[str, list[models.DistanceCurve]]:
    """Model → the curves in the results of its seeds, by seed."""
    found: dict[str, list[models.DistanceCurve]] = {}
    for model in paper.VAES:
        by_seed: dict[int, models.DistanceCurve] = {}
        for record in evidence.cell(subject, model).to_dict("records"):
            if (curve := models.of_results(record)) is not None:
                by_seed.setdefault(int(record["seed"]), curve)
        if by_seed:
            found[model] = [by_seed[seed] for seed in sorted(by_seed)]
    return found


def distances(gallery: Gallery, evidence: Evidence) -> list[Picture]:
    """Figure 7: distances during training, each under its name; runs without such a curve have none."""
    found = []
    for each in evidence.subjects("CIFAR-100", "CIFAR-10"):
        panels: dict[str, dict[str, list[Any]]] = {}
        for model, curves in _kept(evidence, each).items():
            for curve in curves:
                panels.setdefault(curve.name, {}).setdefault(model, []).append(curve.distance)
        caption = f"{_named('7', each)}: {each}: Fréchet distance during training; {_BAND}"
        if panels:
            figure = charts.training_curves(panels, "Fréchet distance")
            found.append(gallery.chart(f"figure_7_{each.slug}", caption, caption, figure))
        else:
            why = "no run has a curve of distances (frechet_curve.every_steps)"
            found.append(Picture(caption, caption, (), why))
    return found
