"""The report's figures: charts of the rows and pictures of one run a β, kept on disk with the runs they are of."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from dlib_bvae import datasets
from dlib_bvae.artifacts.outputs import check_outputs, write_outputs
from dlib_bvae.datasets.official.base import OfficialData
from dlib_bvae.errors import UserError
from dlib_bvae.re_beta_vae import charts, models, paper
from dlib_bvae.re_beta_vae.evidence import ALL, Evidence, Subject, median

_SWITCHED_OFF = "pictures are switched off"
_NATS = "reconstruction loss, nats"
_INDEX, _FLAG = "figures.json", "--output"
_TYPES = {".png": "image/png", ".svg": "image/svg+xml"}


class Shown(NamedTuple):
    """The run that stands for a cell: its folder, seed and the id of its training; chosen: how it was chosen, for the caption."""

    folder: Path
    seed: int
    run: str
    chosen: str


def shown(evidence: Evidence, subject: Subject, model: str) -> Shown | None:
    """Of the cell's runs whose directory is here: the one that scores highest, where none is scored that of the least seed.

    Runs without their model count only where no run has one, as pictures of them may have been drawn before.
    """
    part = evidence.cell(subject, model)
    part = part[part["folder"].notna()] if "folder" in part else part.iloc[:0]
    places = {int(row["seed"]): (Path(row["folder"]), row["run"]) for row in part.to_dict("records")}
    places = _with(places, "train/saved_model") or _with(places, "train")
    if not places:
        return None
    scores = evidence.score_by_seed(subject, model, ALL)
    seed = min(places, key=lambda each: (-scores.get(each, -1.0), each))
    chosen = f"seed {seed}, one of {len(places)}"
    if seed in scores:
        chosen = f"seed {seed}: {scores[seed]:.1f} %, the highest score of {len(places)}"
    return Shown(places[seed][0], seed, places[seed][1], chosen)


def _with(places: dict[int, tuple[Path, str]], part: str) -> dict[int, tuple[Path, str]]:
    return {seed: place for seed, place in places.items() if (place[0] / part).is_dir()}


def _why_none(evidence: Evidence, subject: Subject, model: str) -> str:
    return "not run" if evidence.cell(subject, model).empty else "the run's directory is not here"


def _why_no_runs(evidence: Evidence, subject: Subject) -> str:
    reasons = [_why_none(evidence, subject, model) for model in paper.VAES]
    return next((why for why in reasons if why != "not run"), "not run")


def samples(gallery: Gallery, families: tuple[str, ...]) -> list[Figure]:
    """Figures 1 and 2, of every data set by each of its names."""
    return [_sample(gallery, name) for family in families for name in paper.DATA_SETS[family]]


def _sample(gallery: Gallery, name: str) -> Figure:
    source, why = (None, _SWITCHED_OFF) if not gallery.draw else _fingerprint(name)
    caption = f"{paper.described(name)}: images chosen at random"
    file = f"samples_{name}.png"
    return gallery.picture(file, caption, caption, source, lambda: models.samples(datasets.load(name)), why)


def _fingerprint(name: str) -> tuple[str | None, str]:
    """A data set's fingerprint where it is on this machine or rendered here, otherwise None and why."""
    try:
        data = datasets.load(name)
        if isinstance(data, OfficialData) and not data.cache_path.exists() and data.found() is None:
            return None, "its files are not on this machine"
        return str(data.fingerprint), ""
    except UserError as error:
        return None, reason(error)


def scores_by_beta(gallery: Gallery, evidence: Evidence) -> Figure:
    """Figure 3, of every data set and network that has runs."""
    panels = {}
    for each in evidence.subjects(*paper.WITH_FACTORS):
        values = [evidence.scores(each, model) for model in paper.VAES]
        if any(len(scores) for scores in values):
            lines = {name: evidence.scores(each, name) for name in ("PCA", "ICA")}
            panels[str(each)] = (paper.BETAS, values, lines)
    caption = "Figure 3: score by β, all factors: the line joins medians over seeds, dots are seeds, PCA and ICA at their medians"
    alt = "Charts of the β-VAE metric against β; the table below has the numbers"
    if not panels:
        return Figure(caption, alt, None, "not run")
    return gallery.chart("figure_3", caption, alt, charts.scores_by_beta(panels))


def scores_by_pairs(gallery: Gallery, evidence: Evidence) -> Figure:
    """Figure 6, of every data set and network that has runs."""
    panels = {}
    for each in evidence.subjects(*paper.WITH_FACTORS):
        lines = {}
        for model in paper.MODELS:
            found = {pairs: median(evidence.scores(each, model, pairs=pairs)) for pairs in paper.PAIRS}
            there = {pairs: value for pairs, value in found.items() if value is not None}
            if there:
                lines[model] = (list(there), list(there.values()))
        if any(name in paper.VAES for name in lines):
            panels[str(each)] = lines
    caption = "Figure 6: median score by L, all factors"
    alt = "Charts of the β-VAE metric against the number L of pairs a point; the tables below have the numbers"
    if not panels:
        return Figure(caption, alt, None, "not run")
    return gallery.chart("figure_6", caption, alt, charts.scores_by_pairs(panels))


def _of_one_run(
    gallery: Gallery,
    evidence: Evidence,
    cell: tuple[Subject, str],
    names: tuple[str, str, str],
    make: Callable[[Path], bytes],
) -> Figure:
    """A picture of the run that stands for a cell. names: of the file, the figure and what it shows."""
    subject, model = cell
    stem, figure, what = names
    run = shown(evidence, subject, model)
    caption, alt = f"{figure}: {subject}, {model}", f"{what} {subject}, {model}"
    file = f"{stem}_{subject.dataset}_{subject.architecture}_{model}.png"
    if run is None:
        return gallery.picture(file, caption, alt, None, bytes, _why_none(evidence, subject, model))
    return gallery.picture(file, f"{caption} ({run.chosen})", alt, run.run, lambda: make(run.folder))


def traversals(gallery: Gallery, evidence: Evidence) -> list[Figure]:
    """Figure 4: one run a β of 2Dshapes."""
    names = ("figure_4", "Figure 4", "Latent traversals, one latent a row:")
    cells = [(each, model) for each in evidence.subjects("2Dshapes") for model in paper.VAES]
    return [_of_one_run(gallery, evidence, cell, names, models.traversal) for cell in cells]


def reconstructions(gallery: Gallery, evidence: Evidence) -> list[Figure]:
    """Figures 9 and 10: the least and the largest β on CIFAR-100, and on what else has runs of both or one."""
    found = []
    for subject in reversed(evidence.subjects(*paper.DATA_SETS)):
        for figure, model in (("9", paper.VAES[0]), ("10", paper.VAES[-1])):
            if subject.family == "CIFAR-100" or not evidence.cell(subject, model).empty:
                name = f"Figure {figure}" if subject.family == "CIFAR-100" else f"As Figure {figure}"
                names = (f"figure_{figure}", name, "Images above their reconstructions:")
                found.append(_of_one_run(gallery, evidence, (subject, model), names, models.reconstructions))
    return found


def walks(gallery: Gallery, evidence: Evidence) -> list[Figure]:
    """Figure 5: one panel a β."""
    found = []
    for each in evidence.subjects("2Dshapes"):
        runs = {model: shown(evidence, each, model) for model in paper.VAES}
        seeds = "; ".join(f"{model}, {run.chosen}" for model, run in runs.items() if run)
        caption = f"Figure 5: {each}: posterior means along ground-truth factors in two principal components"
        caption += f"; {seeds}" if seeds else ""
        alt = f"Lines of posterior means along each factor of {each}, one panel a β, equal axes"
        make = lambda runs=runs: charts.walks({model: _walk(run) for model, run in runs.items()})
        name = f"figure_5_{each.dataset}_{each.architecture}.png"
        found.append(gallery.picture(name, caption, alt, _sources(runs), make, _why_no_runs(evidence, each)))
    return found


def _walk(run: Shown | None) -> Any:
    """Points of a panel, or why there are none."""
    if run is None:
        return "missing: not run"
    try:
        return models.walk(run.folder)
    except Exception as error:  # one broken run leaves the other panels
        return f"missing: {reason(error)}"


def _sources(runs: dict[str, Shown | None]) -> str | None:
    return " ".join(run.run for run in runs.values() if run) or None


def losses(gallery: Gallery, evidence: Evidence) -> list[Figure]:
    """Figure 8: reconstruction loss during training, on CIFAR-100 and on what else has runs.

    From the results where they hold a curve, otherwise from TensorBoard's events.
    """
    found = []
    for each in reversed(evidence.subjects(*paper.DATA_SETS)):
        if each.family != "CIFAR-100" and all(evidence.cell(each, model).empty for model in paper.VAES):
            continue
        name = "Figure 8" if each.family == "CIFAR-100" else "As Figure 8"
        caption = f"{name}: {each}: reconstruction loss during training, one run a β"
        stem = f"figure_8_{each.dataset}_{each.architecture}"
        if kept := {model: curve.loss for model, curve in _kept(evidence, each).items()}:
            content = charts.training_curves({str(each): kept}, _NATS)
            found.append(gallery.chart(stem, f"{caption}, of the images of Figure 7", caption, content))
            continue
        runs = {model: shown(evidence, each, model) for model in paper.VAES}
        make = lambda runs=runs, each=each: charts.training_curves({str(each): _curves(runs)}, _NATS)
        why = _why_no_runs(evidence, each)
        found.append(gallery.picture(f"{stem}.svg", caption, caption, _sources(runs), make, why))
    return found


def _curves(runs: dict[str, Shown | None]) -> dict[str, models.Curve]:
    """Label → curve; a run without one is named so."""
    found: dict[str, models.Curve] = {}
    for model, run in runs.items():
        try:
            if run is not None:
                found[model] = models.of_events(run.folder / "train", "reconstruction")
        except Exception:  # one broken run leaves the other curves
            found[f"{model} (missing)"] = ([], [])
    return found


def _kept(evidence: Evidence, subject: Subject) -> dict[str, models.DistanceCurve]:
    """Model → the curve in the results of its least seed that has one."""
    found: dict[str, models.DistanceCurve] = {}
    for model in paper.VAES:
        for record in evidence.cell(subject, model).sort_values("seed").to_dict("records"):
            if (curve := models.of_results(record)) is not None:
                found.setdefault(model, curve)
    return found


def distances(gallery: Gallery, evidence: Evidence) -> list[Figure]:
    """Figure 7: distances during training, each under its name; runs without such a curve have none."""
    found = []
    for each in evidence.subjects("CIFAR-100", "CIFAR-10"):
        panels: dict[str, dict[str, models.Curve]] = {}
        for model, curve in _kept(evidence, each).items():
            panels.setdefault(curve.name, {})[model] = curve.distance
        name = "Figure 7" if each.family == "CIFAR-100" else "As Figure 7"
        caption = f"{name}: {each}: Fréchet distance during training, one run a β"
        if panels:
            content = charts.training_curves(panels, "distance")
            found.append(gallery.chart(f"figure_7_{each.dataset}_{each.architecture}", caption, caption, content))
        else:
            found.append(Figure(caption, caption, None, "no run has a curve of distances (frechet_curve.every_steps)"))
    return found


class Figure(NamedTuple):
    """caption, alt: text. path: of the picture, None where there is none; missing: then why."""

    caption: str
    alt: str
    path: Path | None
    missing: str = ""

    @property
    def data_uri(self) -> str:
        """The picture as an address that needs no other file."""
        if self.path is None:
            raise ValueError(f"{self.caption}: no picture")
        content = base64.b64encode(self.path.read_bytes()).decode("ascii")
        return f"data:{_TYPES[self.path.suffix]};base64,{content}"


class Gallery:
    """Pictures below `folder`; what was drawn of the same runs before is not drawn again.

    draw: whether pictures that need models, images or events are drawn; otherwise only those drawn before are shown. Raises
    UserError where a picture in `folder` is not one of this package.
    """

    def __init__(self, folder: Path, draw: bool):
        self._folder, self.draw = folder, draw
        pictures = [path.name for path in folder.iterdir() if path.suffix in _TYPES] if folder.is_dir() else []
        check_outputs(folder, [*sorted(pictures), _INDEX], _FLAG)
        self._known: dict[str, dict[str, str]] = _read(folder / _INDEX)

    def chart(self, name: str, caption: str, alt: str, content: bytes) -> Figure:
        """A chart of the rows, which is drawn every time."""
        (path,) = write_outputs(self._folder, {f"{name}.svg": content}, _FLAG)
        return Figure(caption, alt, path)

    def picture(
        self, name: str, caption: str, alt: str, source: str | None, make: Callable[[], bytes], none: str = "not run"
    ) -> Figure:
        """The picture called `name` (with its ending) of `source`, which says of which runs; drawn where it has to be.

        source: None where there is nothing to draw it from now, and `none` says why. One that was drawn before of other runs
        is shown as what it is where this one cannot be drawn.
        """
        path, why = self._folder / name, none
        known = self._known.get(name) if path.is_file() else None
        if source is not None and (known is None or known["source"] != source):
            why = "pictures are switched off"
            if self.draw:
                try:
                    content = make()
                except Exception as error:  # whatever is wrong with one run, the report has the others
                    why = reason(error)
                else:
                    self._known[name] = known = {"caption": caption, "alt": alt, "source": source}
                    index = json.dumps(self._known, indent=1, ensure_ascii=False) + "\n"
                    write_outputs(self._folder, {name: content, _INDEX: index}, _FLAG)
        if known is None:
            return Figure(caption, alt, None, why)
        if known["source"] == source:
            return Figure(caption, alt, path)
        return Figure(known["caption"], known["alt"], path)


def reason(error: BaseException) -> str:
    """The error in one line; its kind where it is no sentence for users."""
    text = without_folders((str(error).splitlines() or [""])[0])
    return text if isinstance(error, UserError) else f"{type(error).__name__}: {text}"


def without_folders(text: str) -> str:
    """`text` with the last part only of absolute paths, which mean nothing on another machine."""
    return re.sub(r"(?<!\S)/(?:[^\s/:;,]+/)+", "…/", text)


def _read(path: Path) -> dict[str, Any]:
    """What the index at `path`, which is this package's, says of the pictures; nothing where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
