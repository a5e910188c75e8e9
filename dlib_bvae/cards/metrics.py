"""The cards of metrics, from what each metric's file says; and their table."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from dlib_bvae.cards import changes, code, description, papers, parameters, sections, table, value_text
from dlib_bvae.metrics import METRICS, OF_IMAGES, PAGES, caution, run_sets, validity
from dlib_bvae.metrics.run_sets import RUN_SET_METRICS
from dlib_bvae.metrics.score_info import HIGH, UNJUDGED, About, Score, said_by
from dlib_bvae.registry import FIRST, Registry

HEAD = ("name", "what it measures", "range", "better", "parameters", "cost", "paper")
GRIDS = {"dsprites": "dSprites", "shapes3d": "Shapes3D", "cars3d": "Cars3D"}
_ARROWS = {True: "↑", False: "↓", None: "–"}
_GIVEN = ("data", "codes", "random_state", "members", "decode", "model")
_SETS, _IMAGES = "set of runs", "images"

Noise = Mapping[str, Mapping[str, Any]]  # {grid: {metric: {score: [mean, standard deviation]}}}


class Metric(NamedTuple):
    """A metric of this package and what its file says."""

    name: str
    kind: str
    function: Any
    about: About
    scores: Mapping[str, Score]
    costly: bool = False
    versions: Mapping[int, str] = MappingProxyType({1: FIRST})

    @property
    def cost(self) -> str:
        """CPU time in words, and whether it is costly."""
        return f"{self.about.cost}, costly" if self.costly else self.about.cost


def all_metrics() -> list[Metric]:
    """In the order of PAGES, then of sets of runs, then of images. Metrics of other packages are not among them."""
    of_codes: list[tuple[Registry, str, str]] = [(METRICS, "", name) for names in PAGES.values() for name in names]
    of_sets = [(RUN_SET_METRICS, _SETS, name) for name in run_sets.PAGES]
    every = [*of_codes, *of_sets, *((METRICS, _IMAGES, name) for name in OF_IMAGES)]
    return [
        Metric(
            name,
            kind,
            registry.get(name),
            said_by(registry, name, "ABOUT", {})[name],
            said_by(registry, name, "SCORES", {}),
            said_by(registry, name, "COSTS", {}).get(name) == HIGH,
            registry.versions(name),
        )
        for registry, kind, name in every
    ]


def pages(bibliography: Path, noise: Path) -> dict[str, str]:
    """{file: text} of all cards, of README.md, their table, and of cautions.md. noise: the file of benchmarks/noise_scores.py."""
    entries = papers.read(bibliography)
    measured = json.loads(noise.read_text(encoding="utf-8"))
    found = {
        f"{each.name}.md": card(each, papers.cited(each.name, each.about.paper, entries), measured)
        for each in all_metrics()
    }
    return {"README.md": _INTRODUCTION + table(HEAD, map(row, all_metrics())), "cautions.md": cautions(), **found}


_INTRODUCTION = """# Metrics

The scores to look at first, with their range and what is better (↑ more, ↓ less), the parameters to change in addition to
`num_train` and `num_test`, and CPU time on cached codes of dSprites ("costly": may have fewer matchings in a null,
`evaluation.costly_null`).
A name leads to its card: all scores, what noise scores, all parameters, the definition, known defects. How images are drawn, and
what is assumed of factors and codes: [metrics](../../metrics.md).

"""


def cautions() -> str:
    """A page with when each metric of codes misleads, in one table."""
    rows = [(f"[`{each.name}`]({each.name}.md)", said) for each in all_metrics() if (said := caution(each.name))]
    first = "What metrics give for codes that by theory identify the factors to a known extent ([validity](../../validity.md)).\n"
    return f"# When metrics mislead\n\n{first}\n" + table(("metric", "when it misleads"), rows)


def row(metric: Metric) -> tuple[str, ...]:
    """A metric's line in the table."""
    about, scores = metric.about, metric.scores
    ranges: dict[str, list[str]] = {}
    for key in about.scores:
        ranges.setdefault(range_text(scores[key]), []).append(f"`{key}`")
    defaults = {name: each.default for name, each in _signature(metric).items()}
    return (
        f"[`{metric.name}`]({metric.name}.md)",
        about.measures,
        "; ".join(f"{', '.join(keys)} {text}" for text, keys in ranges.items()),
        "/".join(dict.fromkeys(_ARROWS[scores[key].higher_is_better] for key in about.scores)),
        ", ".join(f"`{key}={value_text(defaults[key]).strip('`')}`" for key in about.parameters),
        metric.cost,
        about.paper,
    )


def card(metric: Metric, cited: list[str], noise: Noise) -> str:
    """A metric's page."""
    about = metric.about
    first = f"{about.measures[0].upper()}{about.measures[1:]}."
    facts = [("paper", about.paper), ("cost on cached codes of dSprites", metric.cost), ("takes", _takes(metric))]
    facts += [("version", str(max(metric.versions)))]
    return sections(
        f"`{metric.name}`",
        ("", f"{first}\n\n" + table(("", ""), facts)),
        ("Scores", _scores(metric, noise)),
        ("Parameters", parameters(metric.name, metric.function, _GIVEN)),
        ("Definition", description(metric.function)),
        ("Versions", changes(metric.versions)),
        ("Known defects", about.defects),
        ("When it misleads", _misleads(metric)),
        ("Example", _example(metric)),
        ("BibTeX", code("\n".join(cited), "bibtex") if cited else ""),
    )


def range_text(score: Score) -> str:
    """The range of a score in words: "0 … 1", "≥ 0", "any"."""
    least, most = (None if bound is None else f"{bound:g}".replace("-", "−") for bound in (score.low, score.high))
    if least is None or most is None:
        return f"≥ {least}" if least else f"≤ {most}" if most else "any"
    return f"{least} … {most}"


def _signature(metric: Metric) -> Mapping[str, Any]:
    return inspect.signature(metric.function).parameters


def _takes(metric: Metric) -> str:
    if metric.kind == _SETS:
        return "several runs on one data set, no factors (`dlib_bvae_metrics rank`)"
    if metric.kind == _IMAGES:
        return "a run with a decoder; asked for by name only, `--metric=all` leaves it out"
    if "decode" in _signature(metric):
        return "codes and a decoder, no factors"
    looked_at = [score for score in metric.scores.values() if score.null]
    return "codes and factors" if looked_at or metric.name == "fairness" else "codes, no factors"


def _scores(metric: Metric, noise: Noise) -> str:
    grids = {key: shown for key, shown in GRIDS.items() if isinstance(noise.get(key, {}).get(metric.name), dict)}
    grids = {key: shown for key, shown in grids.items() if noise[key][metric.name]}
    ordered = sorted(metric.scores, key=lambda key: key not in metric.about.scores)
    rows = []
    for key in ordered:
        score = metric.scores[key]
        of_noise = [_of_noise(noise[grid][metric.name].get(key)) for grid in grids]
        chance = "–" if score.chance is None else f"{score.chance:g}"
        null = "yes" if score.null else "no"
        shown = f"**`{key}`**" if key in metric.about.scores else f"`{key}`"
        rows.append((shown, range_text(score), _ARROWS[score.higher_is_better], chance, null, *of_noise))
    text = table(("score", "range", "better", "chance", "null", *(f"noise on {each}" for each in grids.values())), rows)
    return text + "\n" + _LEGEND + (_NOISE if grids else "")


def _misleads(metric: Metric) -> str:
    """What its scores claim of codes, and the sentences on when they are wrong."""
    said = validity(metric.name) if metric.name in METRICS else None
    if said is None:
        return ""
    claims = [f"`{key}`: {claim}" for key, claim in said.claims.items() if claim != UNJUDGED]
    claimed = (
        f"Its scores claim: {'; '.join(claims)}."
        if claims
        else "Its scores claim nothing of codes and factors together."
    )
    return f"{said.caution}\n\n{claimed} [How this was found](../../validity.md).\n"


def _of_noise(values: list[float] | None) -> str:
    if not values:
        return ""
    mean, deviation = values
    spread = f"{deviation:.2g}" if deviation else "< 0.0001"  # numbers are kept to four digits
    return f"{mean:.4g} ± {spread}".replace("-", "−") if mean or deviation else "0"


_LEGEND = """Those to look at first are bold. chance: what codes that are independent of the factors score in expectation, where
that is one number. null: whether `--null=20` scores permuted codes too
([the null of a score](../../metrics.md#the-null-of-a-score)).
"""
_NOISE = """noise: ten independent normal codes on the data set's grid, mean ± standard deviation of three draws
(`benchmarks/noise_scores.py`).
"""


def _example(metric: Metric) -> str:
    if metric.kind == _SETS:
        return code(f"dlib_bvae_metrics rank runs/a runs/b runs/c --metric={metric.name}")
    command = code(f"dlib_bvae_evaluate --metric={metric.name} --model_dir=runs/beta4_dsprites")
    if metric.kind == _IMAGES or "decode" in _signature(metric):
        return command
    call = f'from dlib_bvae import metrics\n\nmetrics.score("{metric.name}", data, codes, random_state=0)'
    return command + "\n" + code(call, "python")
