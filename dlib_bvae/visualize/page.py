"""A run's page: its pictures, what they show, and what was left out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dlib_bvae.visualize.latents import Latents
from dlib_bvae.visualize.sections import Drawn


class Section(NamedTuple):
    """A title, its anchor in the page, and what was drawn; `left_out` says why nothing was."""

    title: str
    anchor: str
    drawn: Drawn | None
    left_out: str


_TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; color: #111; background: #fff; max-width: 64rem; margin: 0 auto; padding: 1rem;
         overflow-wrap: anywhere; }
  h1 { font-size: 1.5rem; line-height: 1.2; }
  h2 { font-size: 1.15rem; margin: 2rem 0 .25rem; }
  p { margin: .25rem 0 .75rem; max-width: 46rem; }
  nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; }
  a { color: #0072b2; }
  .wide { overflow-x: auto; margin: 0 0 1rem; }
  .wide img { display: block; max-width: none; }
  .wide img.diagram { max-width: max(100%, 30rem); height: auto; }
  table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
  th, td { text-align: left; padding: .15rem .75rem .15rem 0; border-bottom: 1px solid #ddd; overflow-wrap: normal; }
  td.number, th.number { text-align: right; }
  td.whole { white-space: nowrap; }
  .left-out { color: #555; }
</style>
</head>
<body>
<h1>{{ title }}</h1>
<p>{% for name, value in facts %}{{ name }} {{ value }}{{ "" if loop.last else " · " }}{% endfor %}</p>
<nav aria-label="pictures">
{%- for section in sections if section.drawn %}
  <a href="#{{ section.anchor }}">{{ section.title }}</a>
{%- endfor %}
</nav>
{%- for section in sections if section.drawn %}
<section id="{{ section.anchor }}">
<h2>{{ section.title }}</h2>
<p>{{ section.drawn.text }}</p>
{%- for picture in section.drawn.pictures %}
<div class="wide" tabindex="0" role="group" aria-label="{{ picture.alt }}">
<img src="{{ picture.file }}" alt="{{ picture.alt }}" width="{{ sizes[picture.file][0] }}" height="{{ sizes[picture.file][1] }}"
{{- " class=diagram" if picture.file in diagrams }}>
</div>
{%- endfor %}
{%- if section.anchor == table_in %}
<div class="wide" tabindex="0" role="group" aria-label="table of latents">
<table>
<thead><tr><th>latent</th><th>carries</th><th>most informative factor</th><th class="number">nats</th></tr></thead>
<tbody>
{%- for row in rows %}
<tr><td>z{{ row.latent }}</td><td class="whole">{{ row.amount }}</td>
<td>{{ row.factor }}</td><td class="number">{{ row.nats }}</td></tr>
{%- endfor %}
</tbody>
</table>
</div>
{%- endif %}
</section>
{%- endfor %}
{%- if sections | rejectattr("drawn") | list %}
<section id="left-out">
<h2>Left out</h2>
<ul class="left-out">
{%- for section in sections if not section.drawn %}
  <li>{{ section.title }}: {{ section.left_out }}</li>
{%- endfor %}
</ul>
</section>
{%- endif %}
</body>
</html>
"""


def page(
    title: str,
    facts: Sequence[tuple[str, Any]],
    sections: Sequence[Section],
    latents: Latents,
    directory: Path,
    table_in: str,
) -> str:
    """The page as HTML, all names escaped; it needs no network, only the pictures in `directory`, where it is to be put.

    facts: shown under the title, name and value. latents: listed in the section whose anchor is `table_in`.
    """
    from jinja2 import Environment
    from PIL import Image

    sizes, diagrams = {}, set()
    for picture in (each for section in sections if section.drawn for each in section.drawn.pictures):
        with Image.open(directory / picture.file) as image:
            sizes[picture.file] = image.size
            if "dpi" in image.info:  # diagrams tell their resolution, and have 100 of the page's pixels an inch
                sizes[picture.file] = tuple(round(side * 100 / image.info["dpi"][0]) for side in image.size)
                diagrams.add(picture.file)
    template = Environment(autoescape=True).from_string(_TEMPLATE)
    rows = [_row(latents, int(latent)) for latent in latents.order()]
    return template.render(
        title=title, facts=facts, sections=sections, sizes=sizes, diagrams=diagrams, rows=rows, table_in=table_in
    )


def _row(latents: Latents, latent: int) -> dict[str, Any]:
    """A row of the table of latents."""
    best = latents.best(latent)
    nothing = "unknown" if latents.information is None else "none"
    factor, nats = (nothing, "") if best is None else (best[0], f"{best[1]:.2f}")
    return {"latent": latent, "amount": latents.amount(latent), "factor": factor, "nats": nats}
