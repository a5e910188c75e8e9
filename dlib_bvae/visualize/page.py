"""A run's page: its pictures, what they show, and what was left out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dlib_bvae.visualize.latents import Latents
from dlib_bvae.visualize.sections import Drawn

_TEMPLATE = Path(__file__).parent / "templates" / "run.html"


class Section(NamedTuple):
    """A title, its anchor in the page, and what was drawn; `left_out` says why nothing was."""

    title: str
    anchor: str
    drawn: Drawn | None
    left_out: str


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
        with Image.open(directory / picture.file, formats=("PNG", "GIF")) as image:
            sizes[picture.file] = image.size
            if "dpi" in image.info:  # diagrams carry their resolution, and have 100 of the page's pixels an inch
                sizes[picture.file] = tuple(round(side * 100 / image.info["dpi"][0]) for side in image.size)
                diagrams.add(picture.file)
    template = Environment(autoescape=True).from_string(_TEMPLATE.read_text(encoding="utf-8"))
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
