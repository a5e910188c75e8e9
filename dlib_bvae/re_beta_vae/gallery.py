"""The folder of the report's figures: each as SVG, PDF and PNG; what was drawn of the same runs before is not drawn again."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dlib_bvae.artifacts.outputs import check_outputs, write_outputs
from dlib_bvae.errors import UserError
from dlib_bvae.visualize.figures import FORMATS, figure_files

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SWITCHED_OFF = "pictures are switched off"
_INDEX, _FLAG = "figures.json", "--output"
_TYPES = {".png": "image/png", ".svg": "image/svg+xml"}
_SUFFIXES = tuple(f".{kind}" for kind in FORMATS)
_DRAWING = "2"  # counted up when the same runs are drawn otherwise: earlier pictures keep their captions


class Picture(NamedTuple):
    """caption, alt: text. files: of the picture, none where there is none; missing: then why."""

    caption: str
    alt: str
    files: tuple[Path, ...]
    missing: str = ""

    @property
    def path(self) -> Path | None:
        """The file that a page shows, None where there is no picture."""
        return next((path for path in self.files if path.suffix in _TYPES), None)

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
        pictures = [path.name for path in folder.iterdir() if path.suffix in _SUFFIXES] if folder.is_dir() else []
        check_outputs(folder, [*sorted(pictures), _INDEX], _FLAG)
        self._known: dict[str, dict[str, str]] = _read(folder / _INDEX)

    def chart(self, name: str, caption: str, alt: str, figure: Figure) -> Picture:
        """A chart of the rows, which is drawn every time."""
        return Picture(caption, alt, tuple(write_outputs(self._folder, figure_files(name, figure), _FLAG)))

    def picture(
        self, name: str, caption: str, alt: str, source: str | None, make: Callable[[], Figure], none: str = "not run"
    ) -> Picture:
        """The picture called `name` (without an ending) of `source`, which says of which runs; drawn where it has to be.

        source: None where there is nothing to draw it from now, and `none` says why. One that was drawn before of other runs,
        or by an earlier version, is shown as what it is where this one cannot be drawn.
        """
        source = None if source is None else f"{source} drawing {_DRAWING}"
        why, files = none, self._files(name)
        known = self._known.get(name) if files else None
        if source is not None and (known is None or known["source"] != source or len(files) < len(_SUFFIXES)):
            why = SWITCHED_OFF
            if self.draw:
                try:
                    contents = figure_files(name, make())
                except Exception as error:  # whatever is wrong with one run, the report has the others
                    why = reason(error)
                else:
                    self._known[name] = known = {"caption": caption, "alt": alt, "source": source}
                    index = json.dumps(self._known, indent=1, ensure_ascii=False) + "\n"
                    write_outputs(self._folder, {**contents, _INDEX: index}, _FLAG)
                    files = self._files(name)
        if known is None:
            return Picture(caption, alt, (), why)
        if known["source"] == source:
            return Picture(caption, alt, files)
        return Picture(known["caption"], known["alt"], files)

    def _files(self, name: str) -> tuple[Path, ...]:
        """Those of a picture's files that are there; an earlier version drew one alone."""
        paths = (self._folder / f"{name}{suffix}" for suffix in _SUFFIXES)
        return tuple(path for path in paths if path.is_file())


def reason(error: BaseException) -> str:
    """The error in one line; its kind where it is no sentence for users."""
    text = without_folders((str(error).splitlines() or [""])[0])
    return text if isinstance(error, UserError) else f"{type(error).__name__}: {text}"


def without_folders(text: str) -> str:
    """`text` with the last part only of absolute paths, which mean nothing on another machine."""
    return re.sub(r"(?<!\S)/(?:[^\s/:;,]+/)+", "…/", text)


def _read(path: Path) -> dict[str, Any]:
    """What the index at `path`, which is this package's, says of the pictures; nothing where there is none.

    An earlier version's names have the ending of the one file.
    """
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {name.removesuffix(".png").removesuffix(".svg"): entry for name, entry in found.items()}
