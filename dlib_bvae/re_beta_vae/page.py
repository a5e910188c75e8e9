"""The report as one HTML page and as Markdown."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dlib_bvae.analysis.frame import RUN
from dlib_bvae.artifacts.outputs import check_outputs, write_outputs
from dlib_bvae.re_beta_vae import figures, paper, tables
from dlib_bvae.re_beta_vae.claims import FAILS, HOLDS, TOO_FEW, of_claims
from dlib_bvae.re_beta_vae.evidence import Evidence, of_study
from dlib_bvae.re_beta_vae.figures import Figure, Gallery, without_folders
from dlib_bvae.re_beta_vae.rows import read
from dlib_bvae.re_beta_vae.tables import Table

if TYPE_CHECKING:
    import pandas as pd

TITLE = "The [Re] β-VAE study, beside the paper"
_HERE = Path(__file__).parent
_FILES, _FLAG = ("report.html", "report.md"), "--output"
_CLASSES = {HOLDS: "holds", FAILS: "fails", TOO_FEW: "few"}


class Section(NamedTuple):
    """anchor: its address in the page; text: paragraphs."""

    anchor: str
    heading: str
    text: list[str]
    tables: list[Table]
    figures: list[Figure]


def write(results: Sequence[Path], output: Path, draw: bool) -> list[Path]:
    """See dlib_bvae.re_beta_vae.write."""
    check_outputs(output, _FILES, _FLAG)
    gallery = Gallery(output / "figures", draw)
    found, problems = read(results)
    kept, others = of_study(found)
    evidence = Evidence(kept)
    context = {
        "title": TITLE,
        "summary": _summary(found, kept),
        "claims": of_claims(evidence),
        "sections": _sections(evidence, gallery),
        "defects": paper.DEFECTS,
        "left_out": [*others, *map(without_folders, problems)],
        "style": (_HERE / "style.css").read_text(encoding="utf-8"),
        "classes": _CLASSES,
    }
    return write_outputs(output, {name: _render(name, context, output) for name in _FILES}, _FLAG)


def _render(name: str, context: dict[str, Any], output: Path) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    if name.endswith(".html"):
        environment.finalize = lambda each: each.replace(" %", "\N{NO-BREAK SPACE}%") if isinstance(each, str) else each
    environment.filters["plain"] = _markdown
    environment.filters["from_output"] = lambda path: Path(os.path.relpath(path, output)).as_posix()
    text = environment.get_template(name).render(context)
    return "\n".join(line.rstrip() for line in text.split("\n"))


def _markdown(text: object) -> str:
    """Text of a page of Markdown: one line in which nothing is markup."""
    return re.sub(r"([\\`*_\[\]|~])", r"\\\1", " ".join(str(text).split())).replace("&", "&amp;").replace("<", "&lt;")


def _summary(found: pd.DataFrame, kept: pd.DataFrame) -> list[str]:
    rendered = sorted({name for name in kept["dataset"] if name.endswith("_rendered")})
    texts = [
        f"{kept['run'].nunique()} trainings with {len(kept)} evaluations stand in this report "
        f"({found[RUN].nunique()} with {len(found)} were found; what was left out is named at the end). "
        "A cell without runs says “not run”."
    ]
    if rendered:
        texts.append(
            f"{', '.join(rendered)}: the pixels are rendered by this package on the official factor grids. They are not the "
            "official files, so these numbers stand beside the paper's, not in their place."
        )
    return [
        *texts,
        "Trainings may be far shorter than the paper's, which does not say how long it trained: see the steps in each table.",
    ]


def _sections(evidence: Evidence, gallery: Gallery) -> list[Section]:
    missing = _not_run(evidence)
    return [
        Section("trained", "What was trained", [], [tables.trained(evidence), tables.fitted(evidence)], []),
        Section("figure-1", "Figure 1: data sets with factors", [], [], figures.samples(gallery, paper.WITH_FACTORS)),
        Section("figure-2", "Figure 2: CIFAR", [], [], figures.samples(gallery, ("CIFAR-10", "CIFAR-100"))),
        Section("table-1", "Table 1: disentanglement on 2Dshapes", [], tables.table_1(evidence), []),
        Section("selection", "Which seeds count", [_SELECTION, *missing], tables.selection(evidence), []),
        Section(
            "figure-3",
            "Figure 3: score by β",
            ["The paper prints this figure without numbers."],
            [tables.figure_3(evidence)],
            [figures.scores_by_beta(gallery, evidence)],
        ),
        Section("figure-4", "Figure 4: latent traversals", [_TRAVERSALS], [], figures.traversals(gallery, evidence)),
        Section(
            "figure-5", "Figure 5: ground-truth traversals in the latents", [], [], figures.walks(gallery, evidence)
        ),
        Section(
            "figure-6",
            "Figure 6: sensitivity to L",
            [_PAIRS, *missing],
            tables.figure_6(evidence),
            [figures.scores_by_pairs(gallery, evidence)],
        ),
        Section("table-2", "Table 2: classifiers", [], [tables.table_2(evidence)], []),
        Section("table-3", "Table 3: image quality", [], tables.table_3(evidence), []),
        Section("figure-7", "Figure 7: distance during training", [], [], figures.distances(gallery, evidence)),
        Section("figure-8", "Figure 8: reconstruction loss during training", [], [], figures.losses(gallery, evidence)),
        Section(
            "figures-9-10", "Figures 9 and 10: reconstructions", [], [], figures.reconstructions(gallery, evidence)
        ),
    ]


def _not_run(evidence: Evidence) -> list[str]:
    missing = [str(each) for each in evidence.subjects(*paper.WITH_FACTORS) if not evidence.has_runs(each)]
    return [f"Not run: {'; '.join(missing)}."] if missing else []


_SELECTION = (
    "Higgins et al. 2016 drop the worse half of their seeds, and the paper reports medians. Here are the same scores under each "
    "rule: all seeds and the better half (n / 2 rounded up) as mean ± standard deviation, the best seed, and the median of all."
)
_TRAVERSALS = (
    "Each picture is of one run, named below it. Rows: latents by their KL, the largest first; columns: from −2 to 2."
)
_PAIRS = "L is the number of pairs that are averaged into one point of the metric (Algorithm 1 of the paper)."
