"""Tables from what each metric's file says: `python -m dlib_bvae.metrics.table README.md docs/validity.md` writes them anew."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dlib_bvae.metrics import METRICS, OF_IMAGES, PAGES, run_sets, validity
from dlib_bvae.metrics.run_sets import RUN_SET_METRICS
from dlib_bvae.metrics.score_info import UNJUDGED, About, Score, said_by

HEAD = "| name | what it measures | range | better | parameters | cost | paper |\n|---|---|---|---|---|---|---|\n"
CAUTIONS_HEAD = "| metric | its scores claim | when it misleads |\n|---|---|---|\n"
_ARROWS = {True: "↑", False: "↓", None: "–"}
_LONG = 4  # a longer sequence is shown by its first two entries


def table() -> str:
    """The table in Markdown: a row a metric of this package, in the order of PAGES, then of sets of runs, then of images.

    Metrics of other packages are not in it.
    """
    of_codes = [(METRICS, name) for names in PAGES.values() for name in names]
    of_sets = [(RUN_SET_METRICS, name) for name in run_sets.PAGES]
    return HEAD + "".join(
        row(
            name,
            said_by(registry, name, "ABOUT", {})[name],
            said_by(registry, name, "SCORES", {}),
            defaults(registry.get(name)),
        )
        for registry, name in [*of_codes, *of_sets, *((METRICS, name) for name in OF_IMAGES)]
    )


def cautions() -> str:
    """The table in Markdown of what the scores of each metric of codes claim, and when they mislead; see docs/validity.md."""
    found = {name: validity(name) for names in PAGES.values() for name in names}
    lines = []
    for name, each in found.items():
        if each is not None:
            claims: dict[str, list[str]] = {}
            for key, claim in each.claims.items():
                claims.setdefault(claim, []).append(f"`{key}`")
            said = "; ".join(f"{', '.join(keys)}: {claim}" for claim, keys in claims.items() if claim != UNJUDGED)
            lines.append(f"| `{name}` | {said or 'nothing of codes and factors'} | {each.caution} |\n")
    return CAUTIONS_HEAD + "".join(lines)


def row(name: str, about: About, scores: Mapping[str, Score], parameters: Mapping[str, Any]) -> str:
    """A metric's line. scores: what its file says; parameters: {name: default}."""
    ranges: dict[str, list[str]] = {}
    for key in about.scores:
        ranges.setdefault(range_text(scores[key].low, scores[key].high), []).append(f"`{key}`")
    better = "/".join(dict.fromkeys(_ARROWS[scores[key].higher_is_better] for key in about.scores))
    shown = ", ".join(f"`{key}={value_text(parameters[key])}`" for key in about.parameters)
    cells = [
        f"`{name}`",
        about.measures,
        "; ".join(f"{', '.join(keys)} {text}" for text, keys in ranges.items()),
        better,
        shown,
        about.cost,
        about.paper,
    ]
    return f"| {' | '.join(cells)} |\n"


def range_text(low: float | None, high: float | None) -> str:
    """The range of a score in words: "0 … 1", "≥ 0", "any"."""
    least, most = (None if bound is None else f"{bound:g}".replace("-", "−") for bound in (low, high))
    if least is None or most is None:
        return f"≥ {least}" if least else f"≤ {most}" if most else "any"
    return f"{least} … {most}"


def value_text(default: Any) -> str:
    """A default as gin takes it; of a long sequence the first two entries."""
    if not isinstance(default, (tuple, list)):
        return repr(default)
    if len(default) > _LONG:
        return f"[{', '.join(map(repr, default[:2]))}, …]"
    return repr(list(default))


def defaults(metric: Any) -> dict[str, Any]:
    """{parameter: default} of a metric."""
    return {name: each.default for name, each in inspect.signature(metric).parameters.items()}


def in_text(text: str, found: str) -> str:
    """`text`, such as README's, with its table of the same head replaced by `found`. Raises ValueError where it has none."""
    pattern = re.escape(found.splitlines()[0]) + r"\n(?:\|.*\n)*"
    if not re.search(pattern, text):
        raise ValueError("there is no table of metrics in this text")
    return re.sub(pattern, lambda _: found, text, count=1)


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        text = path.read_text(encoding="utf-8")
        path.write_text(in_text(text, cautions() if CAUTIONS_HEAD in text else table()), encoding="utf-8")
