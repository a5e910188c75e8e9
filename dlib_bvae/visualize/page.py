"""A run's page: its facts and scores, its pictures and what they show, and what was left out."""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from dlib_bvae.visualize.latents import Latents
from dlib_bvae.visualize.sections import Drawn, Picture

_TEMPLATES = Path(__file__).parent / "templates"
_PIXELS = 100  # of the page, an inch of a figure


class Section(NamedTuple):
    """A title, its anchor in the page, and what was drawn; `left_out` says why nothing was.

    group: sections of one group that follow each other share a heading, and a switch shows one at a time.
    """

    title: str
    anchor: str
    drawn: Drawn | None
    left_out: str
    group: str = ""


class Shown(NamedTuple):
    """A score: its metric, its name, value and chance level as texts ("": not known), and the link of its result."""

    metric: str
    score: str
    value: str
    chance: str
    link: str


class Cite(NamedTuple):
    """How to cite a run: a sentence, and BibTeX of the package."""

    text: str
    bibtex: str


class Facts(NamedTuple):
    """What stands on top: title, (name, value) lines, scores, (name, relative link) of files, and how to cite it."""

    title: str
    lines: Sequence[tuple[str, str]]
    scores: Sequence[Shown]
    links: Sequence[tuple[str, str]]
    cite: Cite


class Choice(NamedTuple):
    """What a switch shows at a time, or all that a section without one has."""

    label: str
    anchor: str
    text: str
    pictures: list[Picture]


class Block(NamedTuple):
    """A heading of the page with its choices."""

    title: str
    anchor: str
    choices: list[Choice]


def page(facts: Facts, sections: Sequence[Section], latents: Latents, directory: Path, table_in: str) -> str:
    """The page as HTML, all names escaped; it needs no network, only the pictures in `directory`, where it is to be put.

    latents: listed in the section whose anchor is `table_in`. Its Content-Security-Policy lets no other script run.
    """
    from jinja2 import Environment

    blocks = blocks_of(sections)
    style, script = ((_TEMPLATES / name).read_text(encoding="utf-8") for name in ("run.css", "run.js"))
    most = max((len(block.choices) for block in blocks), default=0)
    style += "\n".join(
        f".switch > input:nth-of-type({k}):checked ~ .panel:nth-of-type({k}) {{ display: block; }}"
        for k in range(1, most + 1)
    )
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["link"] = lambda path: quote(path, safe="/")
    template = environment.from_string((_TEMPLATES / "run.html").read_text(encoding="utf-8"))
    return template.render(
        facts=facts,
        blocks=blocks,
        left_out=[(_titled(each), each.left_out) for each in sections if each.drawn is None],
        sizes={picture.file: size_of(directory / picture.file) for picture in pictures_of(sections)},
        rows=[_row(latents, int(latent)) for latent in latents.order()],
        table_in=table_in,
        latents=latents.counted(),
        style=style,
        script=script,
        policy=f"default-src 'none'; img-src 'self' data: file:; style-src {_digest(style)}; script-src {_digest(script)}",
    )


def blocks_of(sections: Sequence[Section]) -> list[Block]:
    """What was drawn, in blocks of sections of one group."""
    drawn = [each for each in sections if each.drawn is not None]
    blocks = []
    for group, members in itertools.groupby(drawn, key=lambda each: each.group or each.anchor):
        some = list(members)
        choices = [choice for each in some for choice in _choices(each)]
        title = some[0].group or some[0].title
        blocks.append(Block(title, f"group-{group.lower()}" if some[0].group else some[0].anchor, choices))
    return blocks


def _choices(section: Section) -> list[Choice]:
    """A choice, or one a picture where these have labels."""
    text, pictures = section.drawn or Drawn("", [])
    if not section.group or len(pictures) < 2:
        return [Choice(section.title, section.anchor, text, pictures)]
    anchors = [section.anchor, *(f"{section.anchor}-{k}" for k in range(1, len(pictures)))]
    return [
        Choice(each.label or section.title, anchor, text, [each])
        for each, anchor in zip(pictures, anchors, strict=True)
    ]


def pictures_of(sections: Sequence[Section]) -> list[Picture]:
    """All pictures of the page."""
    return [picture for section in sections if section.drawn for picture in section.drawn.pictures]


def size_of(path: Path) -> tuple[int, int]:
    """Width and height of a picture in the page's pixels: figures carry their resolution, and have 100 of these an inch."""
    from PIL import Image

    with Image.open(path, formats=("PNG", "GIF")) as image:
        dots = image.info.get("dpi", (_PIXELS,))[0]
        return round(image.width * _PIXELS / dots), round(image.height * _PIXELS / dots)


def _titled(section: Section) -> str:
    return f"{section.group}: {section.title}" if section.group else section.title


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _row(latents: Latents, latent: int) -> dict[str, Any]:
    """A row of the table of latents."""
    best, active = latents.best(latent), latents.is_active(latent)
    idle = latents.with_variance[latent] and not active
    nothing = "inactive" if idle else "unknown" if latents.information is None else "none"
    factor, nats = (nothing, "") if best is None else (best[0], f"{best[1]:.2f}")
    return {"latent": latent, "amount": latents.amount(latent), "factor": factor, "nats": nats, "active": active}
