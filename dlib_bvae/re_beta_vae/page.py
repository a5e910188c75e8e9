"""The report as one HTML page and as Markdown, with its figures and tables as files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from dlib_bvae import __version__
from dlib_bvae.analysis.frame import RUN
from dlib_bvae.artifacts.outputs import check_outputs, write_outputs
from dlib_bvae.re_beta_vae import cite, exports, figures, paper, tables
from dlib_bvae.re_beta_vae.claims import FAILS, HOLDS, METHOD, OPEN
from dlib_bvae.re_beta_vae.evidence import Evidence, counted, of_study
from dlib_bvae.re_beta_vae.findings import Claim, Matrix, matrix, of_claims
from dlib_bvae.re_beta_vae.gallery import Gallery, Picture, without_folders
from dlib_bvae.re_beta_vae.rows import read
from dlib_bvae.re_beta_vae.tables import Table

if TYPE_CHECKING:
    import pandas as pd

TITLE = "The [Re] β-VAE study next to the paper"
_HERE = Path(__file__).parent
_FILES, _FLAG = ("report.html", "report.md"), "--output"
_CLASSES = {HOLDS: "holds", FAILS: "fails", OPEN: "open"}
_LABELS = {"4a": "reconstruction", "4b": "distance and loss"}  # of rules that share a cell of the table of verdicts


class Section(NamedTuple):
    """anchor: its address in the page; text: paragraphs."""

    anchor: str
    heading: str
    text: list[str]
    tables: list[Table]
    figures: list[Picture]


def write(results: Sequence[Path], output: Path, draw: bool) -> list[Path]:
    """See dlib_bvae.re_beta_vae.write."""
    check_outputs(output, _FILES, _FLAG)
    gallery = Gallery(output / "figures", draw)
    found, problems = read(results)
    kept, others = of_study(found)
    evidence = Evidence(kept)
    claims = of_claims(evidence)
    verdicts = matrix(evidence, claims)
    sections = _sections(evidence, gallery)
    every = [_verdict_table(verdicts), *(each for section in sections for each in section.tables)]
    contents = {name: content for each in every for name, content in exports.files(each).items()}
    check_outputs(output / "tables", contents, _FLAG)
    context = {
        "title": TITLE,
        "answer": _answer(claims),
        "matrix": verdicts,
        "verdict_table": every[0],
        "summary": _summary(found, kept),
        "method": METHOD,
        "claims": claims,
        "sections": sections,
        "defects": paper.DEFECTS,
        "excluded": [*others, *map(without_folders, problems)],
        "cite": cite.of_rows(kept),
        "version": __version__,
        "style": (_HERE / "style.css").read_text(encoding="utf-8"),
        "script": (_HERE / "copy.js").read_text(encoding="utf-8"),
        "classes": _CLASSES,
        "labels": _LABELS,
        "kinds": exports.KINDS,
    }
    write_outputs(output / "tables", contents, _FLAG)
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
    environment.filters["plain"] = exports.plain
    environment.filters["markdown"] = exports.markdown
    environment.filters["from_output"] = lambda path: quote(Path(os.path.relpath(path, output)).as_posix())
    text = environment.get_template(name).render(context)
    return "\n".join(line.rstrip() for line in text.split("\n"))


def _answer(claims: list[Claim]) -> str:
    """How many verdicts say what, in one sentence."""
    verdicts = [each.verdict for claim in claims for _, found in claim.findings for each in found]
    ran = [each for each in verdicts if each.short != "not run"]
    by_status = {status: sum(each.status == status for each in ran) for status in _CLASSES}
    few = sum(each.short.startswith("fewer") for each in ran)
    undecided = f"{by_status[OPEN]}" + (f" ({few} for want of seeds)" if few else "")
    text = (
        f"Verdicts on the paper's six claims, by data set: holds {by_status[HOLDS]}, does not hold {by_status[FAILS]}, "
    )
    lacking = len(verdicts) - len(ran)
    return f"{text}not decidable {undecided}" + (f"; {lacking} not run." if lacking else ".")


def _verdict_table(verdicts: Matrix) -> Table:
    rows = []
    for place, (text, cells) in enumerate(verdicts.rows, start=1):
        row = [f"{place}. {text}"]
        for found in cells:
            parts = [
                f"{f'{_LABELS[each.rule]}: ' if each.rule in _LABELS else ''}{each.verdict.status} ({each.verdict.short})"
                for each in found
            ]
            row.append("; ".join(parts) or tables.NONE)
        rows.append(row)
    header = ["claim", *(f"{each}" for each in verdicts.subjects)]
    return Table(
        "verdicts", "Verdicts by claim and data set", header, rows, [f"{tables.NONE}: the claim is not about it."]
    )


def _summary(found: pd.DataFrame, kept: pd.DataFrame) -> list[str]:
    labels = sorted({*kept["dataset"]})
    rendered = [name for name in labels if name.endswith("_rendered")]
    unofficial = [name for name in labels if name.endswith(")")]
    runs, excluded = kept["run"].nunique(), len(found) - len(kept)
    text = f"This report covers {counted(runs, 'training run')} and {counted(len(kept), 'evaluation')}. "
    if excluded:
        others = counted(found[RUN].nunique() - runs, "other run")
        text += f"Excluded: {counted(excluded, 'evaluation')} of {others}, see the end. "
    texts = [text + "A cell without runs says “not run”."]
    if rendered:
        texts.append(
            f"{', '.join(rendered)}: the pixels are rendered by this package on the official factor grids. They are not the "
            "official files, so these numbers stand next to the paper's, not in their place."
        )
    if unofficial:
        texts.append(
            f"{', '.join(unofficial)}: the files are not known to be the official ones, so these numbers do not compare with "
            "published ones."
        )
    return [
        *texts,
        "Training may be far shorter than the paper's, which does not say how long it trained: see the steps in each table.",
    ]


def _sections(evidence: Evidence, gallery: Gallery) -> list[Section]:
    missing = _not_run(evidence)
    return [
        Section("training", "Training set-up", [], [tables.trained(evidence), tables.fitted(evidence)], []),
        Section("figure-1", "Figure 1: data sets with factors", [], [], figures.samples(gallery, paper.WITH_FACTORS)),
        Section("figure-2", "Figure 2: CIFAR", [], [], figures.samples(gallery, ("CIFAR-10", "CIFAR-100"))),
        Section("table-1", "Table 1: disentanglement on 2Dshapes", [], tables.table_1(evidence), []),
        Section("selection", "Effect of seed selection", [_SELECTION, *missing], tables.selection(evidence), []),
        Section(
            "figure-3",
            "Figure 3: score by β",
            ["The paper prints this figure without numbers."],
            [tables.figure_3(evidence)],
            [figures.scores_by_beta(gallery, evidence)],
        ),
        Section("figure-4", "Figure 4: latent traversals", [_TRAVERSALS], [], figures.traversals(gallery, evidence)),
        Section("figure-5", "Figure 5: factor paths in PCA space", [_PATHS], [], figures.walks(gallery, evidence)),
        Section(
            "figure-6",
            "Figure 6: sensitivity to L",
            [_PAIRS, *missing],
            tables.figure_6(evidence),
            [figures.scores_by_pairs(gallery, evidence)],
        ),
        Section("table-2", "Table 2: classifiers", [], [tables.table_2(evidence)], []),
        Section("table-3", "Table 3: image quality", [], tables.table_3(evidence), []),
        Section("figure-7", "Figure 7: Fréchet distance during training", [], [], figures.distances(gallery, evidence)),
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
    "Each picture is of the run named below it. First row: an image and its reconstruction. Then one latent a row, by KL, the "
    "largest first, from the least to the largest posterior mean of the images (its range stands at the left) while the others "
    "stay as encoded. Framed: the encoded image's own code. Pictures drawn by an earlier version say nothing of this: they go "
    "from −2 to 2 and have no frame."
)
_PATHS = "Each factor is varied, the others held fixed. All panels have the same axes, so a denser code is seen as one."
_PAIRS = "L is the number of pairs that are averaged into one point of the metric (Algorithm 1 of the paper)."
