"""The board as one HTML page: its style, its script and its data stand in it, and it asks for nothing else."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import mimetypes
import os
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

from PIL import Image

_THUMBNAIL = "/visualize/thumbnail.png"
# Of page/vendor, in the order in which they need each other.
_LIBRARIES = ("tabulator.min.js", "d3.min.js", "plot.min.js")
_STYLES = ("vendor/tabulator.min.css", "board.css", "charts.css")
_VIEWS = ("cells.js", "summary.js", "all.js", "plots.js", "compare.js", "path.js", "pareto.js", "agreement.js")
_SCRIPTS = (
    "search.js",
    "data.js",
    "place.js",
    *_VIEWS,
    "copy.js",
    "details.js",
    "board.js",
)  # each uses what stands before it
_MOST_EMBEDDED = 64 * 1024  # bytes of one picture; larger ones are linked
_MOST_EMBEDDED_IN_ALL = 4 * 2**20
_MOST_PIXELS = 2**20  # of a thumbnail
_QUALITY = 60  # of thumbnails as WebP


def page(board: dict[str, Any], output: Path) -> str:
    """The page of a `board` (see board.build), whose folder is `output`.

    Small pictures are in it as data URIs, others are links. No name or value of the board becomes markup: the data is
    packed, and the script shows it as text. Its Content-Security-Policy lets no other script run.
    """
    parts = files(__package__) / "page"
    read = lambda name: (parts / name).read_text(encoding="utf-8")
    styles = [read(name) for name in _STYLES]
    libraries = [read(f"vendor/{name}") for name in _LIBRARIES]
    script = '"use strict";\n(async () => {\n' + "\n".join(map(read, _SCRIPTS)) + "})();\n"
    allowed = {"style": " ".join(map(_digest, styles)), "script": " ".join(map(_digest, [*libraries, script]))}
    slots = {
        "policy": f"default-src 'none'; img-src 'self' data: file:; style-src {allowed['style']}; script-src {allowed['script']}",
        "styles": "\n".join(f"<style>{style}</style>" for style in styles),
        "libraries": "\n".join(f"<script>{library}</script>" for library in libraries),
        "script": script,
        "data": packed({**board, "embedded": _embedded(board, output)}),
    }
    template = (parts / "board.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{ (\w+) \}\}", lambda slot: slots[slot[1]], template)  # once, so that data cannot name a slot


def packed(value: object) -> str:
    """`value` as gzipped JSON in base64: an eighth of its text, and nothing in it can end a script element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _embedded(board: dict[str, Any], output: Path) -> dict[str, str]:
    """Link → data URI of the small pictures, as many as fit; thumbnails as WebP, a third of their bytes."""
    left, found = _MOST_EMBEDDED_IN_ALL, {}
    links = dict.fromkeys(link for run in board["runs"] for link in run["pictures"])
    for link in sorted(links, key=lambda each: not each.endswith(_THUMBNAIL)):  # which stand in the table
        path = Path(os.path.normpath(output.resolve() / link))  # the folder may not be there yet
        try:
            size = path.stat().st_size
            content = path.read_bytes() if size <= min(left, _MOST_EMBEDDED) else None
        except OSError:  # what cannot be read here stays a link
            continue
        if content is not None:
            small = _webp(content) if link.endswith(_THUMBNAIL) else None
            kind = "image/webp" if small else mimetypes.guess_type(path.name)[0]
            found[link] = f"data:{kind};base64,{base64.b64encode(small or content).decode()}"
            left -= len(small or content)
    return found


def _webp(content: bytes) -> bytes | None:
    """A picture as WebP; None where that has no fewer bytes, or it is no picture of _MOST_PIXELS or fewer."""
    packed = io.BytesIO()
    try:
        with Image.open(io.BytesIO(content)) as picture:
            if picture.width * picture.height > _MOST_PIXELS:
                return None
            picture.convert("RGB").save(packed, "WEBP", quality=_QUALITY, method=6)
    except (OSError, ValueError, SyntaxError):  # what Pillow raises of a damaged file
        return None
    return packed.getvalue() if packed.tell() < len(content) else None
